"""The sockets that systemd hands over (``sd_listen_fds``): bound before us, kept while we are away. It never binds.

So a port below 1024 needs no privileges, and who connects while one instance ends waits for the next one.
"""

import os
import socket
from collections.abc import MutableMapping

from smtpfront.listeners import Listener, ListenError, written

FIRST = 3  # the first file descriptor that is handed over
KINDS = {"inbound": ("inbound", False), "outbound": ("outbound", False), "outbound_tls": ("outbound", True)}
_VARIABLES = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")
_REMEDY = f"name each socket by FileDescriptorName= in its unit: {', '.join(KINDS)}"


def inherited(environment: MutableMapping[str, str] | None = None) -> list[tuple[Listener, socket.socket]]:
    """Give the sockets that are meant for this process; empty where there are none. Raises ListenError.

    Its variables are taken out of the environment: what we start shall not take the sockets for its own.
    """
    environment = os.environ if environment is None else environment
    pid, count, names = (environment.pop(name, "") for name in _VARIABLES)
    if pid != str(os.getpid()) or not count.isdigit() or not int(count):
        return []
    given = names.split(":") if names else []
    if len(given) != int(count):
        raise ListenError(f"systemd hands over {count} sockets with {len(given)} names; {_REMEDY}")
    return [_take(FIRST + number, name) for number, name in enumerate(given)]


def _take(handle: int, name: str) -> tuple[Listener, socket.socket]:
    """Give one socket with what it is for. Raises ListenError."""
    if name not in KINDS:
        raise ListenError(f"systemd hands over a socket named {name!r}; {_REMEDY}")
    kind, tls = KINDS[name]
    try:
        sock = socket.socket(fileno=handle)
        listens = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    except OSError as error:
        raise ListenError(f"the socket {name} of systemd can't be used: {error.strerror}") from error
    if sock.family not in {socket.AF_INET, socket.AF_INET6} or sock.type != socket.SOCK_STREAM or not listens:
        raise ListenError(f"the socket {name} of systemd takes no TCP connections; its unit needs ListenStream=port")
    sock.setblocking(False)  # noqa: FBT003 - the socket module's signature
    sock.set_inheritable(False)
    return Listener(kind, written(sock), tls), sock
