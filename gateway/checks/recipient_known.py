"""Asks who knows a recipient: the list of its domain, its directory, or the next hop alone.

An unknown recipient that is accepted becomes a bounce later: this check is where backscatter is stopped first. It asks
where the domain says, in that order, and the first that knows decides. The list knows whom it has (and, as the last
one, whom it has not), a directory knows both, and the next hop answers for itself, right after our checks.
"""

from collections.abc import Awaitable

from gateway.checks.base import MISS, Check, Seen, View, failed, hit, skipped, timed_out
from gateway.mail.findings import Finding
from gateway.mail.stages import Stage
from gateway.policy.effect import KNOWN
from gateway.policy.matching import Match
from gateway.policy.recipients import forms, methods
from gateway.policy.snapshot import Validation
from gateway.services.ldap import Directory, DirectoryError, DirectoryTimeout

_NEXT_HOP_SAYS = skipped("the next hop says who exists")


class RecipientKnown(Check):
    """Looks the recipient up in the published list of its domain, and in its directory."""

    name = KNOWN
    stages = (Stage.RCPT,)
    symbols = {"UNKNOWN_RECIPIENT": "neither list nor directory of the domain has this recipient"}

    def __init__(self, directory: Directory) -> None:
        """Take the way to directories."""
        self._directory = directory

    @classmethod
    def reads(cls, view: View) -> object:
        """Give what the list says of the recipient, and who else is asked."""
        match = view.match
        if match is None:
            return None
        domain = match.domain
        return match.known, match.mailbox, domain.validation, domain.ldap, domain.accept_unknown, domain.plus

    def look(self, view: View) -> Seen | Awaitable[Seen]:
        """Miss where somebody knows it; skipped where the next hop alone knows, or the domain is not ours."""
        match = view.match
        if match is None:
            return skipped("not a domain of ours")
        wanted = methods(match.domain)
        if match.known and (wanted[0] is Validation.LIST or match.entry is None):  # no entry: postmaster, abuse
            return MISS
        if Validation.LDAP in wanted:
            return self._ask(match, wanted, str(view.recipient))
        if match.known and wanted[0] is not Validation.NEXT_HOP:
            return MISS
        return _NEXT_HOP_SAYS if Validation.NEXT_HOP in wanted else _unknown(str(view.recipient))

    async def _ask(self, match: Match, wanted: tuple[Validation, ...], recipient: str) -> Seen:
        """Ask one method after the other."""
        trouble: DirectoryError | None = None
        for method in wanted:
            if method is Validation.NEXT_HOP:
                return _NEXT_HOP_SAYS if trouble is None else skipped(f"{trouble}; the next hop says who exists")
            if method is Validation.LIST:
                if match.known:
                    return MISS
                continue
            try:
                return MISS if await self._directory_has(match) else _unknown(recipient)
            except DirectoryError as error:
                trouble = error
        if trouble is None:
            return _unknown(recipient)
        return timed_out(str(trouble)) if isinstance(trouble, DirectoryTimeout) else failed(str(trouble))

    async def _directory_has(self, match: Match) -> bool:
        """Ask the directory for all forms of the address at once. Raises DirectoryError."""
        ldap = match.domain.ldap
        if ldap is None:
            raise DirectoryError(f"{match.domain_key} names no directory; give ldap with url and base")
        local = match.mailbox.key.rpartition("@")[0]
        asked = tuple(f"{form}@{match.domain_key}" for form in forms(local, match.domain.plus))
        return await self._directory.has(ldap, asked)


def _unknown(recipient: str) -> Seen:
    """Say that nobody knows it."""
    return hit(Finding("UNKNOWN_RECIPIENT", 5.0, recipient))
