"""Asks LDAP directories whether they have an entry for a recipient (RFC 4511).

ldap3 waits where it stands, so it works in a few threads of its own, over connections that are kept. What a directory
answered is remembered for a while; one that failed is left alone for some seconds, and every question asked meanwhile
fails at once. It never writes, never follows a referral, and an entry's content is never fetched.
"""

import asyncio
import concurrent.futures
import contextlib
import ssl
import time
from collections.abc import Callable
from urllib.parse import urlsplit

import ldap3
import msgspec
from ldap3.core import exceptions as trouble
from ldap3.utils.conv import escape_filter_chars

from gateway.policy.snapshot import Ldap, TlsLevel

THREADS = 4
KNOWN_SECONDS, UNKNOWN_SECONDS = 600.0, 60.0
DOWN_SECONDS = 5.0
MAX_ANSWERS = 50_000

ReadSecret = Callable[[str], str | None]


class DirectoryError(Exception):
    """The directory could not tell. The text says why, names no recipient, and stays the same while it lasts."""


class DirectoryTimeout(DirectoryError):  # noqa: N818 - a DirectoryError with a name of its own
    """No answer came in time."""


class _Remembered(msgspec.Struct, frozen=True):
    """An answer, and until when (loop time) it is good."""

    known: bool
    until: float


class Directory:
    """The way to all directories of one process. Belongs to one event loop."""

    def __init__(self, read_secret: ReadSecret, now: Callable[[], float] = time.monotonic) -> None:
        """Take where passwords are read by their id, and the clock, in seconds."""
        self._read_secret = read_secret
        self._now = now
        self._answers: dict[tuple[Ldap, tuple[str, ...]], _Remembered] = {}
        self._down: dict[Ldap, tuple[float, DirectoryError]] = {}
        self._idle: dict[Ldap, list[ldap3.Connection]] = {}
        self._threads: concurrent.futures.ThreadPoolExecutor | None = None

    async def has(self, ldap: Ldap, addresses: tuple[str, ...]) -> bool:
        """Whether the directory has an entry for one of the addresses, which are forms of one recipient.

        Within ``ldap.seconds``. Raises DirectoryError, DirectoryTimeout.
        """
        key = (ldap, addresses)
        remembered = self._answers.get(key)
        if remembered is not None and remembered.until > self._now():
            return remembered.known
        if (down := self._down.get(ldap)) is not None:
            until, error = down
            if until > self._now():
                raise type(error)(str(error))
            del self._down[ldap]
        try:
            known = await self._ask(ldap, addresses)
        except DirectoryError as error:
            self._down[ldap] = (self._now() + DOWN_SECONDS, error)
            raise
        if len(self._answers) >= MAX_ANSWERS:
            self._answers.clear()
        self._answers[key] = _Remembered(known, self._now() + (KNOWN_SECONDS if known else UNKNOWN_SECONDS))
        return known

    def forget(self) -> None:
        """Forget all answers, and who was down."""
        self._answers.clear()
        self._down.clear()

    def close(self) -> None:
        """Part with all connections; threads that still wait are left to their own bound."""
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)
        for connections in self._idle.values():
            for each in connections:
                _close(each)
        self._idle.clear()

    async def _ask(self, ldap: Ldap, addresses: tuple[str, ...]) -> bool:
        """Ask in a thread. Raises DirectoryError."""
        if self._threads is None:
            self._threads = concurrent.futures.ThreadPoolExecutor(THREADS, thread_name_prefix="ldap")
        work = asyncio.get_running_loop().run_in_executor(self._threads, self._search, ldap, addresses)
        try:
            async with asyncio.timeout(ldap.seconds):
                return await work
        except TimeoutError:
            raise _late(ldap) from None

    # What runs in a thread.

    def _search(self, ldap: Ldap, addresses: tuple[str, ...]) -> bool:
        """Search over a kept connection, or a new one where that was cut meanwhile. Raises DirectoryError."""
        try:
            idle = self._idle.setdefault(ldap, [])
            try:
                connection = idle.pop()
            except IndexError:
                connection = self._connected(ldap)
            else:
                try:
                    return self._found(ldap, connection, addresses)
                except trouble.LDAPCommunicationError:
                    connection = self._connected(ldap)
            return self._found(ldap, connection, addresses)
        except trouble.LDAPOperationResult as error:
            reason = f"{ldap.url} answered {error.description}"
            raise DirectoryError(f"{reason}; {_remedy(ldap, str(error.description))}") from None
        except (trouble.LDAPExceptionError, OSError, ssl.SSLError) as error:
            if "timed out" in str(error):  # ldap3 has no class of its own for it
                raise _late(ldap) from None
            raise DirectoryError(f"{ldap.url}: {' '.join(str(error).split())[:600]}") from None

    def _found(self, ldap: Ldap, connection: ldap3.Connection, addresses: tuple[str, ...]) -> bool:
        """Search once, and keep the connection where that went well. Raises what ldap3 raises."""
        try:
            connection.search(
                ldap.base,
                filter_for(ldap.filter, addresses),
                attributes=["1.1"],  # RFC 4511 4.5.1.8: no attributes
                size_limit=1,
                time_limit=max(1, int(ldap.seconds)),
            )
            found = any(each["type"] == "searchResEntry" for each in connection.response or ())
        except trouble.LDAPSizeLimitExceededResult:
            found = True  # more than one
        except BaseException:
            _close(connection)
            raise
        self._idle[ldap].append(connection)
        return found

    def _connected(self, ldap: Ldap) -> ldap3.Connection:
        """Connect, with TLS as the policy says, and bind. Raises DirectoryError, and what ldap3 raises."""
        password = self._read_secret(ldap.secret) if ldap.secret else None
        if ldap.secret and not password:
            raise DirectoryError(f"{ldap.url}: the secret {ldap.secret} is missing; write its file on this node")
        verify = ssl.CERT_REQUIRED if ldap.tls is TlsLevel.VERIFIED else ssl.CERT_NONE
        parts = urlsplit(ldap.url)
        secure = parts.scheme == "ldaps"
        server = ldap3.Server(
            parts.hostname,
            port=parts.port or (636 if secure else 389),
            use_ssl=secure,
            tls=ldap3.Tls(validate=verify, ca_certs_file=ldap.ca or None, version=ssl.PROTOCOL_TLS_CLIENT),
            get_info=ldap3.NONE,
            connect_timeout=ldap.seconds,
        )
        connection = ldap3.Connection(
            server,
            user=ldap.bind or None,
            password=password,
            auto_referrals=False,
            raise_exceptions=True,
            read_only=True,
            receive_timeout=max(1, round(ldap.seconds)),
        )
        try:
            connection.open()
            if not secure and ldap.tls is not TlsLevel.NEVER:
                connection.start_tls()
            connection.bind()
        except BaseException:
            _close(connection)
            raise
        return connection


def filter_for(template: str, addresses: tuple[str, ...]) -> str:
    """Give the filter (RFC 4515) that asks for any of the addresses; nothing in them can be more than a value."""
    filters = []
    for address in addresses:
        local, _, domain = address.rpartition("@")
        values = {"{address}": address, "{local}": local, "{domain}": domain}
        text = template
        for name, value in values.items():
            # A brace of an address must not become a placeholder in turn.
            escaped = escape_filter_chars(value).replace("{", "\\7b").replace("}", "\\7d")
            text = text.replace(name, escaped)
        filters.append(text)
    return filters[0] if len(filters) == 1 else f"(|{''.join(filters)})"


def _remedy(ldap: Ldap, description: str) -> str:
    """Say what to do about a refusal of the directory."""
    if description == "invalidCredentials":
        return f"mend the name {ldap.bind!r}, or the password in the secret {ldap.secret}"
    if description in {"noSuchObject", "insufficientAccessRights"}:
        return f"may {ldap.bind or 'a stranger'} search the base {ldap.base!r}, and is it there?"
    return "its own log says more"


def _late(ldap: Ldap) -> DirectoryTimeout:
    """Give the error of a directory that did not answer within its time, whoever noticed it first."""
    return DirectoryTimeout(f"{ldap.url} gave no answer within {ldap.seconds:g} s; is it up?")


def _close(connection: ldap3.Connection) -> None:
    """Part with a connection, whatever state it is in."""
    with contextlib.suppress(trouble.LDAPExceptionError, OSError):
        connection.unbind()
