"""Whether the ports that the gateway wants are free, asked before anything is started."""

import errno
import socket
from collections.abc import Iterator

from gateway.config import Config


class PortError(Exception):
    """A port can't be listened on. The text names it and the remedy."""


def split(address: str) -> tuple[str, int]:
    """Split ``host:port`` or ``[v6]:port``. Raises PortError."""
    host, _, port = address.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isdigit() or int(port) > 65535:  # noqa: PLR2004 - the highest port
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
