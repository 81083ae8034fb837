"""A clamd that does as it is told: the protocol is spoken as it should be, up to the one thing that goes wrong.

``clean``: all is well. ``missing``: nobody listens. ``silent``: it takes everything and says nothing, to PING neither.
``slow``: it answers PING, and no scan. ``empty``: it hangs up instead of an answer. ``cut``: in the middle of it.
``garbage``: it says something odd. ``misnumbered``: it answers another question. ``large``: the stream is too large.
``hangs up``: it cuts the connection behind the first octets. ``no space``: its disk is full. Any other word is what it
answers.
"""

import contextlib
import socket
import struct
import threading
import time
from pathlib import Path
from typing import BinaryIO, Self

_ANSWERS = {
    "clean": b"%d: stream: OK\0",
    "cut": b"%d: stream: O",
    "garbage": b"%d: stream: PROBABLY OK\0",
    "misnumbered": b"4711: stream: OK\0",
    "no space": b"%d: Error writing to temporary file. ERROR\0",
}


class FakeClamd:
    """The server. ``behaviour`` may be changed while it runs; what it saw is counted."""

    def __init__(self, where: Path | None, behaviour: str = "clean") -> None:
        """Listen at a path, or (None) at a free port of the loopback interface."""
        self.behaviour = behaviour
        self.delay = 0.0  # seconds until it answers a scan
        self.connections = 0
        self.pings = 0
        self.streams: list[bytes] = []
        self.at_once = 0
        self.most_at_once = 0
        self._held: list[socket.socket] = []
        self._lock = threading.Lock()
        self._listener = socket.socket(socket.AF_UNIX if where else socket.AF_INET)
        if where:
            self.address = str(where)
            if behaviour != "missing":
                self._listener.bind(self.address)
        else:
            self._listener.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        if behaviour != "missing":
            self._listener.listen(200)
            threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Listen no more, and hang up on everybody."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.hang_up()

    def hang_up(self) -> None:
        """Close all connections that are open."""
        with self._lock:
            held, self._held = self._held, []
        for each in held:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                with self._lock:
                    self.connections += 1
                    self._held.append(client)
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        number = 0
        with contextlib.suppress(OSError, EOFError), client, client.makefile("rb") as reader:
            while command := _until_nul(reader):
                if command == b"zIDSESSION":
                    continue
                number += 1
                if command == b"zPING":
                    self.pings += 1
                    if self.behaviour == "silent":
                        continue
                    client.sendall(b"%d: PONG\0" % number)
                elif not self._scan(client, reader, number):
                    return

    def _scan(self, client: socket.socket, reader: BinaryIO, number: int) -> bool:
        """Take one stream and answer; whether the connection goes on."""
        behaviour = self.behaviour
        if behaviour in {"large", "hangs up"}:
            reader.read(1)
            if behaviour == "large":
                client.sendall(b"%d: INSTREAM size limit exceeded. ERROR\0" % number)
            return False
        stream = _stream(reader)
        with self._lock:
            self.streams.append(stream)
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        time.sleep(self.delay)
        with self._lock:
            self.at_once -= 1
        if behaviour in {"silent", "slow"}:
            return True
        answer = _ANSWERS.get(behaviour)
        if answer is None and behaviour != "empty":
            answer = b"%d: " + behaviour.encode() + b"\0"
        if answer is not None:
            client.sendall(answer % number if b"%d" in answer else answer)
        return behaviour not in {"empty", "cut"}


def _until_nul(reader: BinaryIO) -> bytes:
    """Read a command."""
    command = b""
    while (octet := reader.read(1)) not in {b"", b"\0"}:
        command += octet
    return command


def _stream(reader: BinaryIO) -> bytes:
    """Read a stream, up to its end. Raises EOFError."""
    pieces = []
    while True:
        head = reader.read(4)
        if len(head) < 4:
            raise EOFError
        (length,) = struct.unpack("!L", head)
        if not length:
            return b"".join(pieces)
        pieces.append(reader.read(length))
