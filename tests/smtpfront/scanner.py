"""A scanner on a unix socket that never says anything useful."""

import contextlib
import socket
import threading
from pathlib import Path


class BrokenScanner:
    """``missing``: nobody listens; ``silent``: no answer; ``empty``: closes; ``nonsense``: says something odd."""

    def __init__(self, path: Path, failure: str) -> None:
        self._path = path
        self._failure = failure
        self._held: list[socket.socket] = []
        self._socket = socket.socket(socket.AF_UNIX)
        if failure != "missing":
            self._socket.bind(str(path))
            self._socket.listen()
            threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._socket.accept()
                self._held.append(client)
                if self._failure == "silent":
                    continue
                client.recv(65536)
                if self._failure == "nonsense":
                    client.sendall(b"stream: PROBABLY OK\0")
                client.close()

    def __enter__(self) -> str:
        return str(self._path)

    def __exit__(self, *_: object) -> None:
        self._socket.close()
        for client in self._held:
            client.close()
