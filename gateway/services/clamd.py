"""ClamAV over INSTREAM: is this content clean? Anything but an exact answer is an error, never "clean"."""

import asyncio
import email.utils
import enum
import re
import socket
import struct

import clamd as control  # type: ignore[import-untyped]
import msgspec

from gateway.mail.message import BLOCK, Content

_COMMAND = b"zINSTREAM\0"
_LENGTH = struct.Struct("!L")
_END = _LENGTH.pack(0)
_MAX_ANSWER = 4096  # octets
_FULL_QUEUE_PAUSE = 0.01  # seconds between attempts while clamd's backlog is full
_FOUND = re.compile(r"stream: (\S.*) FOUND")
_LIMITS = "Heuristics.Limits.Exceeded"


class ScannerError(Exception):
    """The scanner could not tell. The text says why."""


class ScannerTimeout(ScannerError):  # noqa: N818 - a ScannerError with a name of its own
    """The scanner did not answer in time, or no slot became free in time."""


class Verdict(enum.StrEnum):
    """What clamd said. ``limits`` means that it stopped looking (``Heuristics.Limits.Exceeded.*``)."""

    CLEAN = "clean"
    VIRUS = "virus"
    LIMITS = "limits"


class ScanResult(msgspec.Struct, frozen=True):
    """The verdict, and the signature's name where there is one."""

    verdict: Verdict
    name: str = ""

    @property
    def clean(self) -> bool:
        """Whether clamd looked at all of it and found nothing."""
        return self.verdict is Verdict.CLEAN


class Clamd:
    """The way to one clamd. Belongs to one event loop."""

    def __init__(self, address: str, seconds: float, concurrent: int) -> None:
        """Take the ``address`` (path of a unix socket, or ``host:port``).

        ``seconds`` bounds waiting in our queue and the scan together; ``concurrent`` is how many scans run at once.
        """
        self.address = address
        self._host, self._port = _parsed(address)
        self._seconds = seconds
        self._slots = asyncio.Semaphore(concurrent)

    async def scan(self, content: Content) -> ScanResult:
        """Scan the octets as they came. Raises ScannerError, ScannerTimeout."""
        try:
            async with asyncio.timeout(self._seconds):
                async with self._slots:
                    answer = await self._ask(content)
        except TimeoutError:
            raise ScannerTimeout(f"clamd at {self.address} gave no answer within {self._seconds:g} seconds") from None
        except OSError as error:
            raise ScannerError(f"clamd at {self.address}: {error.strerror or error}") from error
        return read_answer(answer)

    async def _ask(self, content: Content) -> bytes:
        """Send the content and give the answer. Raises OSError, ScannerError."""
        loop = asyncio.get_running_loop()
        with await self._connected(loop) as sock:
            try:
                if content.memory is not None and content.size <= BLOCK:
                    # One write: with a unix socket the whole conversation costs four system calls.
                    length = _LENGTH.pack(len(content.memory)) if content.memory else b""
                    await loop.sock_sendall(sock, b"".join((_COMMAND, length, content.memory, _END)))
                else:
                    await loop.sock_sendall(sock, _COMMAND)
                    for block in content.blocks():
                        await loop.sock_sendall(sock, _LENGTH.pack(len(block)) + block)
                    await loop.sock_sendall(sock, _END)
            except (BrokenPipeError, ConnectionResetError) as error:
                # Past StreamMaxLength clamd says so and hangs up while we still send.
                if answer := await _receive(loop, sock):
                    return answer
                raise ScannerError("clamd hung up before it had everything") from error
            return await _receive(loop, sock)

    async def _connected(self, loop: asyncio.AbstractEventLoop) -> socket.socket:
        """Give a connected socket. Raises OSError."""
        if not self._host:
            return await _connect_unix(self.address)
        problem: OSError = OSError(f"{self._host} has no address")
        for family, kind, protocol, _, address in await loop.getaddrinfo(
            self._host, self._port, type=socket.SOCK_STREAM
        ):
            sock = socket.socket(family, kind, protocol)
            sock.setblocking(False)  # noqa: FBT003 - the standard library's signature
            try:
                await loop.sock_connect(sock, address)
            except OSError as error:
                sock.close()
                problem = error
            except BaseException:
                sock.close()
                raise
            else:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                return sock
        raise problem


def read_answer(answer: bytes) -> ScanResult:
    """Read clamd's answer to a zINSTREAM. Only ``stream: OK`` is clean. Raises ScannerError."""
    if not answer:
        raise ScannerError("clamd closed the connection without an answer")
    text = answer.decode("utf-8", "replace")
    if not text.endswith("\0"):
        raise ScannerError(f"clamd cut its answer short: {text[:200]!r}")
    text = text[:-1]
    if text == "stream: OK":
        return ScanResult(Verdict.CLEAN)
    if (found := _FOUND.fullmatch(text)) and found[1].isprintable():
        return ScanResult(Verdict.LIMITS if found[1].startswith(_LIMITS) else Verdict.VIRUS, found[1])
    raise ScannerError(f"clamd answered {text[:200]!r}")


class ScannerStatus(msgspec.Struct, frozen=True):
    """What clamd says of itself.

    ``signatures`` is the number of its daily database and ``signatures_at`` that one's time, in seconds since the
    epoch; both are None where it has only local signatures.
    """

    version: str
    engine: str = ""
    signatures: int | None = None
    signatures_at: float | None = None


def ping_version(address: str, seconds: float = 5.0) -> ScannerStatus:
    """Ask for the version; blocks. Raises ScannerError."""
    host, port = _parsed(address)
    try:
        if host:
            text = control.ClamdNetworkSocket(host, port, timeout=seconds).version()
        else:
            text = control.ClamdUnixSocket(address, timeout=seconds).version()
    except (control.ClamdError, OSError, ValueError) as error:
        raise ScannerError(f"clamd at {address}: {error}") from error
    if not text:
        raise ScannerError(f"clamd at {address} gave an empty answer to VERSION")
    engine, _, rest = text.removeprefix("ClamAV ").partition("/")
    number, _, date = rest.partition("/")
    parsed = email.utils.parsedate_tz(_reordered(date))
    return ScannerStatus(
        version=text,
        engine=engine,
        signatures=int(number) if number.isdigit() else None,
        signatures_at=float(email.utils.mktime_tz(parsed)) if parsed else None,
    )


def _reordered(date: str) -> str:
    """Turn the date of ``ctime`` into one of RFC 5322: ``Mon Jul  1 08:30:00 2026``."""
    words = date.split()
    return f"{words[2]} {words[1]} {words[4]} {words[3]} +0000" if len(words) == 5 else ""  # noqa: PLR2004 - its parts


def _parsed(address: str) -> tuple[str, int]:
    """Give host and port; the host is empty for the path of a unix socket. Raises ValueError."""
    host, colon, port = address.rpartition(":")
    if "/" in address or not colon:
        return "", 0
    if not port.isdigit():
        raise ValueError(f"{address!r} is no address of clamd: give the path of a socket, or host:port")
    return host.strip("[]"), int(port)


async def _connect_unix(path: str) -> socket.socket:
    """Connect to a unix socket, patiently while its backlog is full. Raises OSError."""
    while True:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.setblocking(False)  # noqa: FBT003 - the standard library's signature
        try:
            sock.connect(path)
        except BlockingIOError:
            # Not "in progress", as it would be with TCP: the backlog is full.
            sock.close()
            await asyncio.sleep(_FULL_QUEUE_PAUSE)
        except BaseException:
            sock.close()
            raise
        else:
            return sock


async def _receive(loop: asyncio.AbstractEventLoop, sock: socket.socket) -> bytes:
    """Read one answer, up to its NUL or the end. A reset is the end. Raises ScannerError when it is too long."""
    answer = b""
    while not answer.endswith(b"\0"):
        try:
            piece = await loop.sock_recv(sock, _MAX_ANSWER)
        except ConnectionResetError:
            break
        if not piece:
            break
        answer += piece
        if len(answer) > _MAX_ANSWER:
            raise ScannerError("clamd's answer has no end")
    return answer
