"""One socket to a clamd, kept for many scans in a session (IDSESSION): its answers are numbered, and so are matched.

A plain non-blocking socket, without transport and protocol objects: a small message costs one write and one or two
reads. What can't be understood ends the connection; nothing here is ever taken for clean.
"""

import asyncio
import socket
import struct
from collections.abc import Iterator

from gateway.mail.message import BLOCK
from gateway.services.clamd.words import ScannerError, Trouble

_SESSION = b"zIDSESSION\0"
_SCAN = b"zINSTREAM\0"
_LENGTH = struct.Struct("!L")
_END = _LENGTH.pack(0)
_MAX_ANSWER = 4096  # octets
_FULL_QUEUE_PAUSE = 0.01  # seconds between attempts while clamd's backlog is full
_TIRED = b"COMMAND READ TIMED OUT\n"  # what clamd says, without a number, where we were silent for too long


class Connection:
    """A connected socket. ``idle_since`` is for who keeps it, in loop time."""

    def __init__(self, sock: socket.socket, loop: asyncio.AbstractEventLoop) -> None:
        """Take the socket."""
        self.idle_since = 0.0
        self._sock = sock
        self._loop = loop
        self._asked = 0

    @property
    def waits(self) -> bool:
        """Whether it is open and clamd has said nothing unasked, so that it can be used again."""
        try:
            self._sock.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    def close(self) -> None:
        """Close it."""
        self._sock.close()

    async def ping(self) -> None:
        """Ask whether it is there. Raises ScannerError."""
        try:
            await self._loop.sock_sendall(self._sock, self._begin(b"zPING\0"))
        except OSError as error:
            raise ScannerError("clamd hung up at PING", Trouble.HUNG_UP) from error
        if (answer := await self._answer()) != "PONG":
            raise ScannerError(f"clamd answered {answer[:200]!r} to PING", Trouble.GARBAGE)

    async def scan(self, blocks: Iterator[bytes], *, threaded: bool) -> str:
        """Send the blocks as one stream and give the answer, without number and NUL.

        ``threaded`` has the blocks made in a thread. Raises ScannerError, and what making the blocks raises.
        """
        pieces = _framed(self._begin(_SCAN), blocks)
        while piece := await asyncio.to_thread(next, pieces, b"") if threaded else next(pieces, b""):
            try:
                await self._loop.sock_sendall(self._sock, piece)
            except OSError as error:
                # Past StreamMaxLength clamd says so and hangs up while we still send.
                return await self._left_behind(error)
        return await self._answer()

    def _begin(self, command: bytes) -> bytes:
        """Give a command, behind what begins the session where it is the first."""
        self._asked += 1
        return command if self._asked > 1 else _SESSION + command

    async def _left_behind(self, error: OSError) -> str:
        """Give the answer of a clamd that hung up before it had everything. Raises ScannerError."""
        try:
            return await self._answer()
        except ScannerError as nothing:
            if nothing.trouble is not Trouble.EMPTY:
                raise
            raise ScannerError("clamd hung up before it had everything", Trouble.HUNG_UP) from error

    async def _answer(self) -> str:
        """Read one answer, up to its NUL, and see that it is to what was asked. Raises ScannerError."""
        answer = b""
        while not answer.endswith(b"\0"):
            try:
                piece = await self._loop.sock_recv(self._sock, _MAX_ANSWER)
            except OSError:
                piece = b""  # a reset is an end like another
            if not piece:
                if answer in {b"", _TIRED}:
                    raise ScannerError(f"clamd hung up without an answer{_told(answer)}", Trouble.EMPTY)
                raise ScannerError(f"clamd cut its answer short{_told(answer)}", Trouble.CUT)
            answer += piece
            if len(answer) > _MAX_ANSWER:
                raise ScannerError("clamd's answer has no end", Trouble.GARBAGE)
        number, colon, text = answer[:-1].decode("utf-8", "replace").partition(": ")
        if not colon or number != str(self._asked):
            raise ScannerError(f"clamd answered {answer[:200]!r} to question {self._asked}", Trouble.GARBAGE)
        return text


def _framed(head: bytes, blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Give what goes over the wire, in pieces of about a block: a small message is one piece."""
    pieces, size = [head], 0
    for block in blocks:
        if not block:
            continue  # a length of zero would end the stream here, and hide the rest
        pieces += (_LENGTH.pack(len(block)), block)
        size += len(block)
        if size >= BLOCK:
            yield b"".join(pieces)
            pieces, size = [], 0
    pieces.append(_END)
    yield b"".join(pieces)


def _told(answer: bytes) -> str:
    """Quote what it did say."""
    return f": {answer[:200].decode('utf-8', 'replace').strip()!r}" if answer else ""


def parse(address: str) -> tuple[str, int]:
    """Give host and port; the host is empty for the path of a unix socket. Raises ValueError."""
    host, colon, port = address.rpartition(":")
    if "/" in address or not colon:
        return "", 0
    if not port.isdigit():
        raise ValueError(f"{address!r} is no address of clamd: give the path of a socket, or host:port")
    return host.strip("[]"), int(port)


async def connect(address: str) -> Connection:
    """Connect to a path, or ``host:port``. Raises ScannerError (``down``)."""
    loop = asyncio.get_running_loop()
    host, port = parse(address)
    try:
        sock = await (_connect_network(loop, host, port) if host else _connect_unix(address))
    except OSError as error:
        raise ScannerError(f"clamd at {address}: {error.strerror or error}", Trouble.DOWN) from error
    return Connection(sock, loop)


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


async def _connect_network(loop: asyncio.AbstractEventLoop, host: str, port: int) -> socket.socket:
    """Connect to the first address that takes us. Raises OSError."""
    problem: OSError = OSError(f"{host} has no address")
    for family, kind, protocol, _, address in await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM):
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
