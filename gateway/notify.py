"""Tells the service manager how a process is: the protocol of systemd's ``sd_notify``, over a datagram socket.

The embedded gateway is a service manager too: it listens.

Where no service manager asked for it (``NOTIFY_SOCKET``), nothing happens. Nothing here raises or waits: a service
manager that does not listen is no reason to serve no mail.
"""

import contextlib
import os
import socket
from collections.abc import Mapping

READY = "READY=1"
STOPPING = "STOPPING=1"
WATCHDOG = "WATCHDOG=1"
_SOCKET = "NOTIFY_SOCKET"
_LONGEST = 4096  # octets of what is told at once


def status(text: str) -> str:
    """Give the line by which ``systemctl status`` shows a sentence."""
    return f"STATUS={' '.join(text.split())}"


def tell(*lines: str) -> bool:
    """Send lines such as ``READY`` to the service manager; tells whether it got them."""
    address = os.environ.get(_SOCKET, "")
    if not address.startswith(("/", "@")):
        return False
    # A name that begins with @ is one of the abstract namespace.
    target = f"\0{address[1:]}" if address.startswith("@") else address
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
        sock.setblocking(False)  # noqa: FBT003 - the socket module's signature
        sock.sendto("\n".join(lines).encode(), target)
        return True
    return False


def listen() -> socket.socket:
    """Give a socket on which a process can tell how it is; its name is made by the kernel. Raises OSError."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
    sock.bind("")
    return sock


def environment(listening: socket.socket) -> dict[str, str]:
    """Give what a process must find in its environment to tell it to that socket."""
    return {_SOCKET: f"@{listening.getsockname().removeprefix(bytes(1)).decode()}"}


def heard(listening: socket.socket) -> list[str]:
    """Give the lines of one datagram; none where there is none."""
    try:
        return listening.recv(_LONGEST).decode(errors="replace").split("\n")
    except OSError:
        return []


def is_wanted() -> bool:
    """Whether a service manager listens."""
    return _SOCKET in os.environ


def watchdog_seconds(environment: Mapping[str, str] | None = None) -> float | None:
    """Give how often WATCHDOG is to be told: half of the time that the manager waits; None where it does not."""
    environment = os.environ if environment is None else environment
    wanted = environment.get("WATCHDOG_USEC", "")
    if not wanted.isdigit() or not int(wanted):
        return None
    if environment.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    return int(wanted) / 2_000_000
