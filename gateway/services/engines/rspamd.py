"""Rspamd over HTTP: the scanning worker gives an opinion, the controller learns.

Anything but a whole answer is an error. Connections are kept where rspamd keeps them (Debian's closes each).
"""

import re
from collections.abc import AsyncIterator, Callable, Iterator
from http import HTTPStatus
from typing import TYPE_CHECKING

import msgspec

from gateway import config
from gateway.mail.message import BLOCK, Content
from gateway.services.engines import EngineError, EngineRefusal, Known, Opinion, Turns, plain, words_of
from gateway.services.engines.rspamd_protocol import Headers, error_of, read_answer, told

if TYPE_CHECKING:
    import aiohttp

_MAX_ANSWER = 1024 * 1024  # octets
_REFUSED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
_KNOWN = frozenset({HTTPStatus.ALREADY_REPORTED, HTTPStatus.NOT_FOUND})  # 404 is how older ones say it
# It sends a body with its 204, which HTTP forbids (RFC 9110 15.3.5), and which is refused as such if it comes at once.
_BODY_OF_204 = re.compile(r'\{"error":"[^"]*"\}')
_SURE = ("learn conditions denied", "already in class")  # what it would put there without having learned it

Body = bytes | AsyncIterator[bytes] | None


class Rspamd:
    """The way to one rspamd. Belongs to one event loop."""

    def __init__(self, settings: config.Rspamd, read_secret: Callable[[str], str | None]) -> None:
        """Take the configuration, and what reads the controller's password. Connects to nothing yet."""
        self.max_size = settings.max_size
        self._url = settings.url.rstrip("/")
        self._controller = settings.controller.rstrip("/")
        self._secret = settings.secret
        self._read_secret = read_secret
        self._concurrent = settings.concurrent
        self._turns = Turns(f"rspamd at {self._url}", settings.seconds, settings.concurrent)
        self._session: aiohttp.ClientSession | None = None

    async def judge(self, content: Content, known: Known) -> Opinion:
        """Ask for an opinion, within the configured seconds. Raises EngineError, EngineTimeout."""
        status, answer = await self._send(f"{self._url}/checkv2", content, told(known))
        if status != HTTPStatus.OK:
            raise EngineError(f"rspamd at {self._url} answered {status}: {error_of(answer)}")
        return read_answer(answer)

    async def learn(self, content: Content, *, spam: bool) -> str:
        """Teach by the controller; what it knows already is learned. Raises EngineError, EngineRefusal."""
        url = f"{self._controller}/{'learnspam' if spam else 'learnham'}"
        try:
            status, answer = await self._send(url, content, self._password())
        except EngineError as error:
            found = _BODY_OF_204.search(str(error))
            if found is None:
                raise
            status, answer = HTTPStatus.NO_CONTENT, found[0].encode()
        if status == HTTPStatus.OK:
            return "learned"
        words = error_of(answer)
        if (status in _KNOWN and "already" in words) or any(each in words for each in _SURE):
            return f"known already: {words}"
        if status == HTTPStatus.NO_CONTENT:
            raise EngineRefusal(f"rspamd does not learn it: {words}")
        raise EngineError(self._trouble(status, answer))

    async def about(self) -> str:
        """Ask the scanning worker whether it is there. Raises EngineError, EngineTimeout."""
        status, answer = await self._ask("GET", f"{self._url}/ping", [], lambda: None)
        if status != HTTPStatus.OK or answer.strip() != b"pong":
            raise EngineError(f"rspamd at {self._url} answered {status} to /ping: {error_of(answer)}")
        return "answers"

    async def about_learning(self) -> str:
        """Ask the controller for its version, with the password. Raises EngineError, EngineTimeout."""
        status, answer = await self._ask("GET", f"{self._controller}/stat", self._password(), lambda: None)
        if status != HTTPStatus.OK:
            raise EngineError(self._trouble(status, answer))
        try:
            version = msgspec.json.decode(answer, type=dict[str, object]).get("version")
        except msgspec.MsgspecError as error:
            raise EngineError(f"rspamd's controller at {self._controller} answered no JSON: {error}") from error
        return f"version {plain(str(version or 'unknown'))}"

    async def close(self) -> None:
        """End the connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _password(self) -> Headers:
        """Give the field with the controller's password, where one is configured. Raises EngineError."""
        if not self._secret:
            return []
        try:
            password = self._read_secret(self._secret)
        except (OSError, ValueError) as error:
            raise EngineError(f"the password of rspamd's controller can't be read: {error}") from error
        if not password:
            raise EngineError(
                f"[rspamd] secret names secrets/{self._secret}, which is not there: put its controller's password in"
            )
        return [("Password", password)]

    def _trouble(self, status: int, answer: bytes) -> str:
        """Say what the controller did not like."""
        if status in _REFUSED:
            return (
                f"rspamd's controller at {self._controller} refuses us ({status}): put its password into a file below "
                "secrets/ of the state folder, and that file's name into [rspamd] secret"
            )
        return f"rspamd's controller at {self._controller} answered {status}: {error_of(answer)}"

    async def _send(self, url: str, content: Content, fields: Headers) -> tuple[int, bytes]:
        """Send a message; gives status and answer. Raises EngineError, EngineTimeout."""
        if content.memory is not None and content.size <= BLOCK:
            return await self._ask("POST", url, fields, lambda: content.memory)
        # With its length said, it is not sent in chunks.
        sized = [*fields, ("Content-Length", str(content.size))]
        return await self._ask("POST", url, sized, lambda: _handed(content.blocks()))

    async def _ask(self, method: str, url: str, fields: Headers, body: Callable[[], Body]) -> tuple[int, bytes]:
        """Have one conversation; ``body`` makes the body, once an attempt. Raises EngineError, EngineTimeout."""
        import aiohttp  # noqa: PLC0415 - 12 MB, which only a process that asks rspamd shall pay for

        async with self._turns.turn():
            try:
                try:
                    return await self._once(method, url, fields, body())
                except aiohttp.ClientConnectorError:
                    raise
                except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
                    # A kept connection that rspamd has closed meanwhile looks like this; only a new one can tell.
                    return await self._once(method, url, fields, body())
            except aiohttp.ClientConnectionError as error:
                raise EngineError(f"{url} {words_of(error)}") from error
            except (aiohttp.ClientError, ValueError) as error:
                raise EngineError(f"{url} gave no whole answer: {error or type(error).__name__}") from error

    async def _once(self, method: str, url: str, fields: Headers, body: Body) -> tuple[int, bytes]:
        """Send a request and read the answer. Raises ``aiohttp.ClientError``, EngineError."""
        import aiohttp  # noqa: PLC0415 - as above

        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=self._concurrent),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),  # a turn bounds it as a whole
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                skip_auto_headers=("Accept-Encoding", "User-Agent"),
            )
        request = self._session.request(method, url, headers=fields, data=body, allow_redirects=False)
        async with request as response:
            answer = bytearray()
            async for piece in response.content.iter_any():
                answer += piece
                if len(answer) > _MAX_ANSWER:
                    raise EngineError(f"{url} gave an answer without end")
            return response.status, bytes(answer)


async def _handed(blocks: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Hand on blocks as a body; never holds more than one."""
    for block in blocks:
        yield block
