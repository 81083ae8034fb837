"""Ports for programs that can't be handed a socket."""

import socket

from gateway.embedded import ports


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """Find a port that nobody listens on now, and that no outgoing connection will be given."""
    return ports.free(1, kind)[0]


def free_ports(count: int) -> list[int]:
    """Find several, all different."""
    return ports.free(count)
