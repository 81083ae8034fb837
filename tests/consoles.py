"""The console as gunicorn serves it on a machine, and somebody who signs in."""

import contextlib
import http.client
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlencode

ROOT = Path(__file__).parents[1]
PATIENCE = 120  # seconds: machines that test are often ten times slower than others


class Unix(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=PATIENCE)
        self._path = str(path)

    def connect(self) -> None:
        """Open it."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(PATIENCE)
        self.sock.connect(self._path)


@contextlib.contextmanager
def serving(environment: Mapping[str, str], folder: Path) -> Iterator[Path]:
    """Run gunicorn, configured by an environment, in a folder; gives its log."""
    command = (sys.executable, "-m", "gunicorn", "--config", "python:gateway.embedded.console", "gateway.wsgi")
    log = folder / "console.log"
    of_ours = {"BACKSTOP_CONSOLE__WORKERS": "1", "PYTHONPATH": str(ROOT)}
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=folder, env={**environment, **of_ours}, stdout=out, stderr=out)
    try:
        until = time.monotonic() + PATIENCE
        while "ready: " not in log.read_text():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.05)
        yield log
    finally:
        process.terminate()
        process.wait(PATIENCE)


class Answer:
    """What came back: its status, its cookies as they were set, where it leads, and its page."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self.headers = response.headers
        self.cookies = {text.partition("=")[0]: text for text in response.headers.get_all("Set-Cookie", [])}
        self.page = response.read().decode()


def get(connection: http.client.HTTPConnection, path: str, **headers: str) -> Answer:
    """Ask for a page; headers are written with underscores."""
    connection.request("GET", path, headers=_named(headers))
    answer = Answer(connection.getresponse())
    connection.close()
    return answer


def sign_in(connection: http.client.HTTPConnection, password: str, **headers: str) -> Answer:
    """Send the form of the sign-in page as ``admin``; 302 means that it worked."""
    form = get(connection, "/login/", **headers)
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', form.page)
    assert token, form.page
    fields = urlencode({"username": "admin", "password": password, "csrfmiddlewaretoken": token[1]})
    cookie = form.cookies["csrftoken"].partition(";")[0]
    sent = {"Content-Type": "application/x-www-form-urlencoded", "Cookie": cookie}
    connection.request("POST", "/login/", fields, _named(headers) | sent)
    answer = Answer(connection.getresponse())
    connection.close()
    answer.cookies = form.cookies | answer.cookies
    return answer


def _named(headers: Mapping[str, str]) -> dict[str, str]:
    """Give headers as they go over the wire."""
    return {name.replace("_", "-"): value for name, value in headers.items()}
