"""Whether the ports that the gateway wants are free, asked before anything is started; and ports that are free."""

import errno
import random
import socket
from collections.abc import Iterator
from pathlib import Path

from gateway.config import Config

_LOWEST = 10_000  # below are those that have names
_EPHEMERAL = 32_768  # where Linux takes ports for outgoing connections from, if nobody has changed that
_PORTS = 65_536
_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")  # IPv6's as well


class PortError(Exception):
    """A port can't be listened on. The text names it and the remedy."""


def split(address: str) -> tuple[str, int]:
    """Split ``host:port`` or ``[v6]:port``. Raises PortError."""
    host, _, port = address.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isdigit() or int(port) >= _PORTS:
        raise PortError(f"{address}: not an address to listen on; the form is host:port or [v6]:port")
    return host, int(port)


def wanted(config: Config) -> Iterator[tuple[str, str]]:
    """Give each address to listen on, with the environment variable that moves it."""
    for variable, addresses in (
        ("BACKSTOP_SMTP__INBOUND", config.smtp.inbound),
        ("BACKSTOP_SMTP__OUTBOUND", config.smtp.outbound),
        ("BACKSTOP_SMTP__OUTBOUND_TLS", config.smtp.outbound_tls),
        ("BACKSTOP_CONSOLE__LISTEN", (config.console.listen,)),
        ("BACKSTOP_EMBEDDED__SINK", (config.embedded.sink,)),
    ):
        for address in addresses:
            yield variable, address


def free(count: int, kind: socket.SocketKind = socket.SOCK_STREAM) -> list[int]:
    """Give so many ports, all different, that nobody on 127.0.0.1 has now, for programs that can't be handed a socket.

    They lie below those that the system gives to outgoing connections, where there are such: one of these could take
    a port in the moment before its program listens. Raises PortError where hardly any is left.
    """
    found: set[int] = set()
    choices = range(_LOWEST, _first_ephemeral()) or range(_LOWEST, _PORTS)
    for _ in range(100 * count):
        port = random.choice(choices)  # noqa: S311 - a port is no secret
        with socket.socket(socket.AF_INET, kind) as sock:
            try:
                sock.bind(("127.0.0.1", port))
            except OSError:
                continue
        found.add(port)
        if len(found) == count:
            return list(found)
    raise PortError(f"hardly any port from {choices[0]} to {choices[-1]} is free; ss -ltn tells what listens there")


def _first_ephemeral() -> int:
    """Give the first port that an outgoing connection may be given."""
    try:
        return int(_RANGE.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return _EPHEMERAL


def require_free(config: Config) -> None:
    """Try each address once. Raises PortError at the first that can't be had; a missing IPv6 is no error."""
    for variable, address in wanted(config):
        host, port = split(address)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            with socket.socket(family, socket.SOCK_STREAM) as sock:
                # As the listeners do it: connections that are only winding down don't count.
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                sock.bind((host, port))
        except OSError as error:
            if family == socket.AF_INET6 and error.errno in {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}:
                continue
            if error.errno == errno.EADDRINUSE:
                reason = f"in use by another program (ss -ltnp 'sport = :{port}' names it); stop that, or"
            else:
                reason = f"{error.strerror};"
            raise PortError(f"port {port} on {host}: {reason} set {variable} to another address") from error
