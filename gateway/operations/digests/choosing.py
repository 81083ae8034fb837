"""Who gets a digest, and of what: quarantined copies that wait for somebody, and that no digest has told of yet.

Only addresses of our own domains get one, that are known recipients by the policy in force.
"""

import contextlib
import functools
import hashlib
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

import idna
import msgspec
from django.conf import settings
from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils import timezone

from gateway.config import Config, Console
from gateway.mail.address import AddressError, parse_mailbox
from gateway.mail.copies import Purpose
from gateway.models import Domain, QuarantinedCopy, Recipient, Transaction
from gateway.models.quarantine import CopyState
from gateway.operations.digests.letter import LINES, Letter, Line
from gateway.policy.actions import target_fault
from gateway.policy.digest import DigestTo, digest_fault
from gateway.policy.matching import Match, Policy
from gateway.policy.recipients import RecipientList

_CHECK, _VIRUS = "clamav", "VIRUS"


class Due(msgspec.Struct, frozen=True):
    """A digest that is to be made: for an address in look-up form, of copies by their numbers, the oldest first."""

    domain: str
    kind: DigestTo
    recipient: str
    copies: list[int]


def due(domain: Domain, policy: Policy) -> Iterator[Due]:
    """Give the digests that a domain has something for, whether or not today's is made already."""
    kind = DigestTo(domain.digest)
    waiting = untold().filter(_to_domain(domain.name)).order_by("received", "pk")
    if kind is DigestTo.ADMINISTRATOR:
        copies = list(waiting.values_list("pk", flat=True))
        if copies and not trouble(domain, policy):
            yield Due(domain.name, kind, domain.digest_to, copies)
    elif kind is DigestTo.RECIPIENTS:
        of: dict[str, list[int]] = {}
        owner = _owners(domain, policy)
        for number, recipient in waiting.values_list("pk", "recipient"):
            if whose := owner(recipient):
                of.setdefault(whose, []).append(number)
        for recipient, copies in of.items():
            yield Due(domain.name, kind, recipient, copies)


def untold() -> QuerySet[QuarantinedCopy]:
    """Give the copies that digests are to tell of."""
    return QuarantinedCopy.objects.filter(state=CopyState.QUARANTINED, purpose=Purpose.REVIEW, digest="")


def trouble(domain: Domain, policy: Policy) -> str:
    """Say why the domain's digest can't be sent where it says; empty where it can."""
    wrong = digest_fault(domain.digest, domain.digest_to, lambda: policy)
    return f"domain {domain.name} can't send its digest: {'; '.join(wrong[1:])}" if wrong else ""


def mailbox(recipient: str, policy: Policy) -> Match | None:
    """Give what the policy says of an address that is to get a digest; None where it is none of ours, or unknown."""
    try:
        address = parse_mailbox(recipient)
    except AddressError:
        return None
    return None if target_fault(address.key, lambda: policy) else policy.match(address)


def letter_of(  # noqa: PLR0913, PLR0917 - what a digest is made of
    kind: DigestTo,
    domain: Domain,
    to: str,
    id: str,  # noqa: A002 - its name
    made: datetime,
    copies: QuerySet[QuarantinedCopy],
) -> Letter:
    """Give the digest that tells of these copies."""
    config: Config = settings.CONFIG
    alone = kind is DigestTo.RECIPIENTS
    postmaster = f"postmaster@{domain.name}"
    ask = (domain.digest_to or postmaster) if alone else ""
    listed = list(copies.order_by("received", "pk")[:LINES])
    viruses = _with_virus(listed)
    return Letter(
        id=id,
        node=config.name,
        made=made,
        # An author that only SMTPUTF8 can carry would bar the way to a mailbox without it.
        author=ask if ask and (ask.isascii() or not to.isascii()) else postmaster,
        to=to,
        about=to if alone else domain.name,
        ask=ask,
        count=copies.count(),
        lines=tuple(_line(each, each.message in viruses, "" if alone else _console(config)) for each in listed),
        days=config.retention.quarantine_days,
    )


def preview(domain: Domain, policy: Policy) -> Iterator[Letter]:
    """Give the digests that a domain would send, were none made today. Changes nothing."""
    now = timezone.now()
    for each in due(domain, policy):
        match = mailbox(each.recipient, policy)
        if match is not None:
            copies = untold().filter(pk__in=each.copies[:LINES])
            letter = letter_of(each.kind, domain, str(match.mailbox), id_of(each, now), now, copies)
            yield msgspec.structs.replace(letter, count=len(each.copies))


def id_of(digest: Due, now: datetime) -> str:
    """Give the id of a digest: the same for the same address of a domain on the same day (UTC), so that there is one.

    It can name a message in the spool.
    """
    words = f"{digest.domain} {digest.kind} {digest.recipient} {now:%Y-%m-%d}"
    return f"digest-{hashlib.sha256(words.encode()).hexdigest()[:32]}"


def _to_domain(name: str) -> Q:
    """Give the condition of a copy for the domain, which its sender may have written in Unicode."""
    found = Q(recipient__iendswith=f"@{name}")
    with contextlib.suppress(idna.IDNAError):
        written = idna.decode(name)
        if written != name:
            found |= Q(recipient__iendswith=f"@{written}") | Q(recipient__iendswith=f"@{written.upper()}")
    return found


def _owners(domain: Domain, policy: Policy) -> Callable[[str], str]:
    """Give what tells who gets the digest of a recipient of the domain: empty where nobody does.

    It is the address itself, in look-up form; one with a detail (``bob+shop``) is told with all others of its own.
    """
    off = set(Recipient.objects.filter(domain=domain).exclude(digest="").values_list("local_part", flat=True))
    known = policy.snapshot.domains.get(domain.name)
    recipients = RecipientList(known) if known is not None else None

    @functools.cache
    def owner(recipient: str) -> str:
        if recipients is None or mailbox(recipient, policy) is None:
            return ""
        address = parse_mailbox(recipient)
        listed = recipients.find(address.key.rpartition("@")[0])
        if listed is not None and listed.listed_as in off:
            return ""
        return f"{listed.listed_as}@{address.domain_key}" if listed is not None and listed.detail else address.key

    return owner


def _line(copy: QuarantinedCopy, virus: bool, console: str) -> Line:  # noqa: FBT001 - found by the caller for all at once
    """Give the line of a copy; a virus is told, and not offered."""
    page = reverse("admin:gateway_quarantinedcopy_change", args=[copy.pk]) if console and not virus else ""
    return Line(
        id=copy.message,
        received=copy.received,
        header_from=copy.header_from,
        sender=copy.sender,
        subject=copy.subject,
        because=copy.because,
        recipient=copy.recipient,
        virus=virus,
        page=page and console + page,
    )


def _console(config: Config) -> str:
    """Give how people reach the console; empty where nobody has said so, for then it listens to this machine alone."""
    return "" if config.console.url == Console().url else config.console.origin


def _with_virus(copies: Sequence[QuarantinedCopy]) -> set[str]:
    """Give those of the copies' messages in which a virus was found, whatever it was that decided."""
    found = {each.message for each in copies if each.symbol == _VIRUS}
    traces = Transaction.objects.filter(pk__in=[each.message for each in copies]).values_list("pk", "trace")
    for message, trace in traces:
        for observation in trace.get("observations", ()):
            if observation.get("check") == _CHECK and any(
                each.get("symbol") == _VIRUS for each in observation.get("findings", ())
            ):
                found.add(message)
    return found
