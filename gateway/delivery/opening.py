"""The opening dialogue with a next hop: connect, banner, EHLO, TLS, AUTH. Any odd answer is a fault of our route.

A password never crosses a line that was meant to be protected and is not: where a route with ``tls`` *may* fell back
to plain text, we don't sign in.
"""

import asyncio
import base64
import ipaddress
import os
import ssl
from functools import lru_cache

from gateway.config import Budget
from gateway.delivery import capabilities
from gateway.delivery.connection import Connection
from gateway.delivery.faults import RouteFault
from gateway.mail.reply import Reply
from gateway.policy.snapshot import NextHop, Route, TlsLevel


def label(hop: NextHop) -> str:
    """Give ``host:port``, an IPv6 address in brackets."""
    return f"[{hop.host}]:{hop.port}" if ":" in hop.host else f"{hop.host}:{hop.port}"


async def dial(route: Route, hop: NextHop, password: str | None, name: str, budget: Budget) -> Connection:
    """Open a connection that is ready for MAIL. ``name`` is what we call ourselves. Raises RouteFault.

    Connecting (with TLS from the start, where so configured) may take ``budget.connect`` seconds, all that follows
    ``budget.next_hop``.
    """
    if route.username and password is None:
        raise RouteFault("auth", label(hop), f"no password is stored for {route.username}; set it and publish again")
    try:
        return await _dial(route, hop, password, name, budget, plain=False)
    except _HandshakeFailed as failure:
        if route.tls is not TlsLevel.MAY:
            raise failure.fault from failure
        return await _dial(route, hop, password, name, budget, plain=True)


class _HandshakeFailed(Exception):  # noqa: N818 - caught next door
    """STARTTLS was promised and did not work."""

    def __init__(self, fault: RouteFault) -> None:
        """Keep the fault that it is unless the route may go on in plain text."""
        super().__init__(fault)
        self.fault = fault


async def _dial(  # noqa: PLR0913 - dial's, and the way back to plain text
    route: Route, hop: NextHop, password: str | None, name: str, budget: Budget, *, plain: bool
) -> Connection:
    """Do as ``dial`` says, without STARTTLS if ``plain``."""
    connection = await _connect(route, hop, budget)
    deadline = asyncio.get_running_loop().time() + budget.next_hop
    try:
        await _banner(connection, deadline)
        await _ehlo(connection, name, deadline)
        if not hop.tls_from_start and not plain and route.tls is not TlsLevel.NEVER:
            await _starttls(connection, route, hop, name, deadline)
        if route.username and password is not None:
            await _authenticate(connection, route, password, deadline)
    except BaseException:
        connection.close()
        raise
    return connection


async def _connect(route: Route, hop: NextHop, budget: Budget) -> Connection:
    """Make the TCP connection, and TLS on it where it starts with that. Raises RouteFault."""
    host = label(hop)
    tls = context(verified=route.tls is TlsLevel.VERIFIED) if hop.tls_from_start else None
    # A name may have addresses of both kinds, of which one goes nowhere (RFC 8305).
    eyeballs = None if _is_address(hop.host) else 0.25
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(budget.connect):
            transport, connection = await loop.create_connection(
                lambda: Connection(host, (route, hop)),
                hop.host,
                hop.port,
                ssl=tls,
                server_hostname=hop.host if tls else None,
                happy_eyeballs_delay=eyeballs,
            )
    except TimeoutError:
        raise RouteFault("connect", host, f"no connection within {budget.connect:g} seconds") from None
    except ssl.SSLError as error:
        raise RouteFault("starttls", host, f"TLS from the start failed: {_why(error)}") from error
    except OSError as error:
        raise RouteFault("connect", host, _why(error)) from error
    connection.tls = _tls_name(transport) if tls else ""
    return connection


async def _banner(connection: Connection, deadline: float) -> None:
    """Wait for the banner. Raises RouteFault."""
    (reply,) = await connection.ask(b"", 1, "banner", deadline)
    if reply.code != 220:  # noqa: PLR2004 - the code of RFC 5321 4.2.3
        raise RouteFault("banner", connection.host, "the banner was not 220", reply)
    connection.banner = reply.text


async def _ehlo(connection: Connection, name: str, deadline: float) -> None:
    """Say EHLO and keep what is offered. No way back to HELO: a next hop is a server of ours. Raises RouteFault."""
    (reply,) = await connection.ask(b"EHLO " + name.encode("ascii", "replace") + b"\r\n", 1, "ehlo", deadline)
    if reply.code != 250:  # noqa: PLR2004 - RFC 5321 4.1.1.1
        raise RouteFault("ehlo", connection.host, "EHLO was refused", reply)
    connection.capabilities = capabilities.parse(connection.lines)


async def _starttls(connection: Connection, route: Route, hop: NextHop, name: str, deadline: float) -> None:
    """Protect the connection as the route demands (RFC 3207), then EHLO again. Raises RouteFault, _HandshakeFailed."""
    may = route.tls is TlsLevel.MAY
    if not connection.capabilities.starttls:
        if may:
            return
        raise RouteFault("starttls", connection.host, f"STARTTLS is not offered, and the route's TLS is {route.tls}")
    (reply,) = await connection.ask(b"STARTTLS\r\n", 1, "starttls", deadline)
    if reply.code != 220:  # noqa: PLR2004 - RFC 3207 section 4
        if may:
            return
        raise RouteFault("starttls", connection.host, "STARTTLS was refused", reply)
    if not connection.in_step():
        raise RouteFault("starttls", connection.host, "plain text followed the answer to STARTTLS")
    loop = asyncio.get_running_loop()
    try:
        transport = await loop.start_tls(
            connection.transport,
            connection,
            context(verified=route.tls is TlsLevel.VERIFIED),
            server_hostname=hop.host,
            ssl_handshake_timeout=max(deadline - loop.time(), 0.1),
        )
    except (OSError, TimeoutError, RouteFault) as error:
        connection.close()
        raise _HandshakeFailed(RouteFault("starttls", connection.host, f"TLS failed: {_why(error)}")) from error
    if transport is None:
        raise RouteFault("cut", connection.host, "connection lost at starttls")
    connection.connection_made(transport)
    connection.tls = _tls_name(transport)
    await _ehlo(connection, name, deadline)


async def _authenticate(connection: Connection, route: Route, password: str, deadline: float) -> None:
    """Sign in by PLAIN (RFC 4616), else LOGIN. Raises RouteFault, which never holds the password."""
    username = route.username
    if route.tls is not TlsLevel.NEVER and not connection.tls:
        raise RouteFault("auth", connection.host, "the password would go unprotected; the host must offer STARTTLS")
    offered = connection.capabilities.auth
    reply: Reply
    if "PLAIN" in offered:
        (reply,) = await connection.ask(b"AUTH PLAIN " + _b64(f"\0{username}\0{password}"), 1, "auth", deadline)
    elif "LOGIN" in offered:
        for line in (b"AUTH LOGIN\r\n", _b64(username), _b64(password)):
            (reply,) = await connection.ask(line, 1, "auth", deadline)
            if reply.code != 334:  # noqa: PLR2004 - go on (RFC 4954)
                break
    else:
        raise RouteFault("auth", connection.host, f"offers neither AUTH PLAIN nor LOGIN, only {sorted(offered)}")
    if reply.code != 235:  # noqa: PLR2004 - RFC 4954
        raise RouteFault("auth", connection.host, f"AUTH was refused for {username}", reply)


def context(*, verified: bool) -> ssl.SSLContext:
    """Give the TLS context: certificates checked against the system's (or SSL_CERT_FILE's) authorities, or not."""
    return _context(os.environ.get("SSL_CERT_FILE", ""), verified=verified)


@lru_cache(maxsize=8)
def _context(authorities: str, *, verified: bool) -> ssl.SSLContext:
    """Make it once for each file of authorities: reading them takes milliseconds."""
    made = ssl.create_default_context(cafile=authorities or None)
    if not verified:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    return made


def _tls_name(transport: asyncio.BaseTransport) -> str:
    """Give version and cipher."""
    found = transport.get_extra_info("ssl_object")
    cipher = found.cipher() if found else None
    return f"{found.version()} {cipher[0]}" if cipher else ""


def _b64(text: str) -> bytes:
    """Encode one line of AUTH."""
    return base64.b64encode(text.encode()) + b"\r\n"


def _is_address(host: str) -> bool:
    """Tell an IP address from a name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _why(error: BaseException) -> str:
    """Say in words what the system meant."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate can't be trusted: {error.verify_message}"
    if isinstance(error, OSError) and error.errno is not None and not isinstance(error, ssl.SSLError):
        try:
            return os.strerror(error.errno) if error.errno > 0 else error.strerror or str(error)
        except ValueError:
            return str(error)
    return str(error) or type(error).__name__
