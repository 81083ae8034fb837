"""Who is connected: the client's address, also where a proxy stands between it and the console.

A proxy says it in ``X-Real-IP``. That is believed where the connection came over the unix socket, which the web server
alone may open, or from a network of ``console.proxies``; from anybody else it is the client's own invention.
"""

import ipaddress
from collections.abc import Callable, Iterable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

HEADER = "HTTP_X_REAL_IP"

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def address(peer: str, told: str, proxies: Iterable[Network]) -> str:
    """Give the client's address, empty where nobody knows it.

    ``peer`` is the address of the connection, which a unix socket has none of; ``told`` is what its header says.
    """
    connected = _read(peer)
    if connected and not any(connected in network for network in proxies):
        return str(connected)
    # A proxy that says nothing, or nonsense, is itself all that is known.
    return str(_read(told) or connected or "")


def _read(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Read an address, without its zone, and IPv4 as IPv4; None where it is none."""
    try:
        read = ipaddress.ip_address(text.strip().partition("%")[0])
    except ValueError:
        return None
    return (read.ipv4_mapped or read) if read.version == 6 else read  # noqa: PLR2004 - IPv6


class ClientAddress:
    """Middleware: makes REMOTE_ADDR the client's address, for all that comes behind."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        """Take what comes behind."""
        self._get_response = get_response
        self._proxies = [ipaddress.ip_network(each, strict=False) for each in settings.CONFIG.console.proxies]

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer, knowing the client."""
        meta = request.META
        meta["REMOTE_ADDR"] = address(meta.get("REMOTE_ADDR", ""), meta.get(HEADER, ""), self._proxies)
        return self._get_response(request)
