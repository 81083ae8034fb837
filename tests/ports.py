"""Ports for programs that can't be handed a socket."""

import random
import socket

_BELOW = 32_768  # where the system takes ports for outgoing connections from, so that it never takes one of ours


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """Find a port that nobody listens on now, and that no outgoing connection will be given."""
    while True:
        port = random.randrange(10_000, _BELOW)  # noqa: S311 - a port is no secret
        with socket.socket(socket.AF_INET, kind) as sock:
            try:
                sock.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def free_ports(count: int) -> list[int]:
    """Find several, all different."""
    found: set[int] = set()
    while len(found) < count:
        found.add(free_port())
    return list(found)
