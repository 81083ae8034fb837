"""The sockets that SMTP listens on: bound once by the parent, shared by its children."""

import errno
import socket
import sys

import msgspec

from gateway.config import Config

_PASSING = {errno.EADDRINUSE, errno.EADDRNOTAVAIL}  # another program may end, a network may come up
BACKLOG = 1024  # connections that wait while all children are busy


class ListenError(Exception):
    """An address can't be listened on. The text names it and the remedy.

    ``passing`` says that the same configuration may well do later, such as when another program has ended.
    """

    def __init__(self, text: str, *, passing: bool = False) -> None:
        """Make the error out of its text."""
        super().__init__(text)
        self.passing = passing


class Listener(msgspec.Struct, frozen=True):
    """One address to listen on. ``kind`` is ``inbound`` or ``outbound``; ``tls`` is TLS from the start (RFC 8314)."""

    kind: str
    address: str
    tls: bool = False


def configured(config: Config) -> list[Listener]:
    """Give what the configuration asks for."""
    return [
        *(Listener("inbound", address) for address in config.smtp.inbound),
        *(Listener("outbound", address) for address in config.smtp.outbound),
        *(Listener("outbound", address, tls=True) for address in config.smtp.outbound_tls),
    ]


def split(address: str) -> tuple[str, int]:
    """Split ``host:port`` or ``[v6]:port``. Raises ListenError."""
    host, _, port = address.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isdigit() or int(port) > 65535:  # noqa: PLR2004 - the highest port
        raise ListenError(f"{address}: not an address to listen on; the form is host:port or [v6]:port")
    return host, int(port)


def written(sock: socket.socket) -> str:
    """Give the address of a listening socket as ``split`` reads it."""
    host, port = sock.getsockname()[:2]
    return f"[{host}]:{port}" if sock.family == socket.AF_INET6 else f"{host}:{port}"


def bind(listener: Listener) -> socket.socket | None:
    """Give a listening socket; None where the machine has no such address family. Raises ListenError."""
    host, port = split(listener.address)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        sock = socket.socket(family, socket.SOCK_STREAM)
    except OSError:
        return None
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((host, port))
        sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        if error.errno == errno.EADDRNOTAVAIL and family == socket.AF_INET6:
            return None
        remedy = {
            errno.EADDRINUSE: "another program listens there; stop it, or set smtp.inbound and smtp.outbound",
            errno.EACCES: "a port below 1024 needs privileges; use another, or socket activation",
        }.get(error.errno or 0, "check smtp.inbound and smtp.outbound")
        raise ListenError(f"{listener.address}: {error.strerror}; {remedy}", passing=error.errno in _PASSING) from error
    sock.setblocking(False)  # noqa: FBT003 - the socket module's signature
    return sock


def _where(listener: Listener, sock: socket.socket) -> Listener:
    """Name the port that the kernel chose, where the configuration asks for port 0."""
    host, port = split(listener.address)
    if port:
        return listener
    chosen = sock.getsockname()[1]
    return Listener(listener.kind, f"[{host}]:{chosen}" if ":" in host else f"{host}:{chosen}", listener.tls)


def bind_all(config: Config) -> list[tuple[Listener, socket.socket]]:
    """Bind everything that is configured. Raises ListenError, also where that is nothing; then nothing stays bound."""
    bound: list[tuple[Listener, socket.socket]] = []
    try:
        for listener in configured(config):
            sock = bind(listener)
            if sock is None:
                sys.stderr.write(f"smtpd: {listener.address}: this machine has no IPv6; not listening there\n")
            else:
                bound.append((_where(listener, sock), sock))
    except ListenError:
        for _, sock in bound:
            sock.close()
        raise
    if not bound:
        raise ListenError("nothing to listen on; set smtp.inbound")
    return bound
