"""Puts a sender on a list: the node's, a domain's or a recipient's. It holds once the policy is published."""

from django.db import transaction

from gateway.backscatter import batv
from gateway.mail.address import AddressError, parse_mailbox
from gateway.models import Domain, Recipient, SenderEntry
from gateway.operations import audit
from gateway.policy.aliases import MAX_ALIASES
from gateway.policy.recipients import forms
from gateway.policy.sender_lists import Scope, from_key
from gateway.policy.snapshot import ListVerdict
from gateway.policy.wellformed import entry_fault, normal_entry


class SenderError(ValueError):
    """The sender can't be put on that list; the text says why, and what to do."""


def list_sender(  # noqa: PLR0913 - one entry, all it is about
    entry: str, verdict: ListVerdict, scope: Scope, of: str, *, who: str, comment: str = ""
) -> SenderEntry:
    """Allow or block a sender; an entry that stands there already is changed. ``who`` does it.

    ``entry`` is an address, a domain, ``.domain`` or a network, however it was typed; ``of`` names the domain, or the
    recipient's address, whose list it is. Raises SenderError.
    """
    text = normal_entry(entry)
    if wrong := entry_fault(text):
        raise SenderError("; ".join(wrong))
    domain = _domain(of) if scope is Scope.DOMAIN else None
    recipient = _recipient(of) if scope is Scope.RECIPIENT else None
    with transaction.atomic():
        row, made = SenderEntry.objects.select_for_update().get_or_create(
            who=text, domain=domain, recipient=recipient, defaults={"verdict": verdict.value, "comment": comment}
        )
        before = "" if made else f"it was {row.verdict}"
        if not made and row.verdict != verdict.value:
            row.verdict = verdict.value
            row.comment = comment or row.comment
            row.save(update_fields=["verdict", "comment"])
        audit.record(who, f"{verdict} sender", f"{text} for {row.scope}", before or comment)
    return row


def entries_of(sender: str, header_from: str, client: str) -> list[str]:
    """Give what a message's sender could be listed by: addresses and domains, of envelope and header, and the client.

    The envelope sender goes without its BATV tag. The addresses come first.
    """
    found = [key for each in (batv.original_of(sender), from_key(header_from)) if (key := _key(each))]
    domains = [domain for each in found if not (domain := each.rpartition("@")[2]).startswith("[")]
    wanted = (normal_entry(each) for each in (*found, *domains, client) if each)
    return [each for each in dict.fromkeys(wanted) if entry_fault(each) is None]


def _key(address: str) -> str:
    """Give an address in look-up form; empty where it is none."""
    try:
        return parse_mailbox(address).key
    except AddressError:
        return ""


def _domain(name: str) -> Domain:
    """Give a domain of ours. Raises SenderError."""
    row = Domain.objects.filter(name=name).first()
    if row is None:
        raise SenderError(f"{name or 'that'} is no domain of ours; choose one, or list the sender for all mail")
    return row


def _recipient(address: str) -> Recipient:
    """Give the recipient whose list holds for an address: without its tag and its detail, an alias followed.

    Raises SenderError.
    """
    for _ in range(MAX_ALIASES + 1):
        local, _, name = _key(batv.without_tag(address)).rpartition("@")
        domain = Domain.objects.filter(name=name).first()
        rows = (
            {}
            if domain is None
            else {row.local_part: row for row in domain.recipients.filter(local_part__in=forms(local, domain.plus))}
        )
        row = next((rows[each] for each in forms(local, domain.plus if domain else "") if each in rows), None)
        if row is None:
            break
        if not row.alias:
            return row
        address = row.alias
    raise SenderError(f"{address} is not on the list of recipients; add it, or list the sender for the whole domain")
