"""The console as a browser sees it: over https, by name, with cookies. Only what a proof needs."""

import http.client
import http.cookies
import re
import socket
import ssl
from dataclasses import dataclass
from urllib.parse import urlencode

_PATIENCE = 120.0  # seconds for a page of a machine whose processor is emulated
_REDIRECTS = 5


@dataclass(frozen=True)
class Page:
    """What was answered, after all redirects."""

    status: int
    path: str
    text: str


class Console:
    """One visitor. The certificate is taken as it is; it is looked at elsewhere."""

    def __init__(self, name: str, port: int) -> None:
        """Visit the host of a name, which a port of 127.0.0.1 leads to."""
        self._name = name
        self._port = port
        self.cookies: http.cookies.SimpleCookie = http.cookies.SimpleCookie()
        self._tls = ssl.create_default_context()
        self._tls.check_hostname = False
        self._tls.verify_mode = ssl.CERT_NONE

    def get(self, path: str) -> Page:
        """Ask for a page."""
        return self._follow("GET", path, None)

    def post(self, path: str, **fields: str) -> Page:
        """Send a form that stands on a page, with the token that the page gave."""
        found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', self.get(path).text)
        token = {"csrfmiddlewaretoken": found[1]} if found else {}
        return self._follow("POST", path, urlencode({**token, **fields}))

    def sign_in(self, user: str, password: str) -> Page:
        """Sign in by the form that an unknown visitor is led to; gives the page after that."""
        return self.post(self.get("/").path, username=user, password=password, next="/")

    def _follow(self, method: str, path: str, body: str | None) -> Page:
        for _ in range(_REDIRECTS):
            page, onward = self._ask(method, path, body)
            if not onward:
                return page
            method, path, body = "GET", onward.removeprefix(f"https://{self._name}"), None
        return page

    def _ask(self, method: str, path: str, body: str | None) -> tuple[Page, str]:
        """Ask once; gives what came, and where it leads on."""
        headers = {
            "Host": self._name,
            "Referer": f"https://{self._name}{path}",
            "Cookie": "; ".join(f"{name}={each.value}" for name, each in self.cookies.items()),
        }
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=_PATIENCE)
        plain = socket.create_connection(("127.0.0.1", self._port), _PATIENCE)
        connection.sock = self._tls.wrap_socket(plain, server_hostname=self._name)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            text = answer.read().decode(errors="replace")
        finally:
            connection.close()
        for each in answer.msg.get_all("Set-Cookie", []):
            self.cookies.load(each)
        return Page(answer.status, path.partition("?")[0], text), answer.getheader("Location", "")
