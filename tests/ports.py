"""Ports for programs that can't be handed a socket."""

import socket
from pathlib import Path

from gateway.embedded import ports


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """Find a port that nobody listens on now, and that no outgoing connection will be given."""
    return ports.free(1, kind)[0]


def free_ports(count: int) -> list[int]:
    """Find several, all different."""
    return ports.free(count)


def octets_wait(port: int) -> bool:
    """Whether a client of a loopback port has sent what the server has not read, as proc(5) tells in net/tcp."""
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, _, state, queues, *_ = line.split()
        if state == "01" and int(local.rpartition(":")[2], 16) == port and int(queues.partition(":")[2], 16):
            return True
    return False
