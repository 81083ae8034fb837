"""Destinations that refuse tagged senders: learned from the next hop's words, or from a genuine bounce that names them.

Nobody but a destination that a user of ours wrote to can put itself on the list, and all it gains is our plain sender.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import msgspec

from gateway.backscatter import batv
from gateway.backscatter.refusals import blames_tag, speaks_of_members
from gateway.backscatter.words import Verdict
from gateway.mail.address import AddressError, parse_mailbox
from gateway.mail.decisions import Disposition
from gateway.mail.trace import Trace
from gateway.models import NeverTag, NodePolicy
from gateway.operations import audit, columns
from gateway.policy.learned import FORGED

LASTS = timedelta(days=90)  # from the last refusal on
MOST = 2000  # destinations: those that were learned first go, so that nobody can fill the list for ever
WHOLE_DOMAIN = 3  # addresses of one domain from which on the domain is meant


class Refusal(msgspec.Struct, frozen=True):
    """One destination that refused a tag, in which words, and the transaction that told it."""

    destination: str
    words: str
    transaction: str
    at: datetime


def take_in(traces: Sequence[Trace]) -> int:
    """Learn from traces; gives how many refusals there were."""
    found = [each for trace in traces for each in of_trace(trace)]
    for each in found:
        NeverTag.objects.update_or_create(
            destination=each.destination,
            defaults={"expires": each.at + LASTS, "because": each.words, "sample": each.transaction},
            create_defaults={
                "since": each.at,
                "expires": each.at + LASTS,
                "because": each.words,
                "sample": each.transaction,
            },
        )
        _widen(each)
    if found:
        kept = NeverTag.objects.order_by("-since").values_list("pk", flat=True)[:MOST]
        NeverTag.objects.exclude(pk__in=list(kept)).delete()
    return len(found)


def look_after(now: datetime) -> None:
    """Forget what has expired."""
    NeverTag.objects.filter(expires__lte=now).delete()


def forget(entry: NeverTag, who: str) -> None:
    """Take a destination off the list: it gets tagged mail again."""
    entry.delete()
    audit.record(who, "forget never-tag destination", entry.destination)


def make_permanent(entry: NeverTag, who: str) -> None:
    """Move a destination into the policy, where it stays; it holds once published."""
    node = NodePolicy.load()
    if entry.destination not in node.never_tag:
        node.never_tag = [*node.never_tag, entry.destination]
        node.save(update_fields=["never_tag"])
    audit.record(who, "never tag for good", entry.destination)


def of_trace(trace: Trace) -> Iterator[Refusal]:
    """Give the destinations that refused a tag in one transaction."""
    yield from _refused_on_the_way_out(trace) if trace.listener == "outbound" else _told_by_bounces(trace)


def _refused_on_the_way_out(trace: Trace) -> Iterator[Refusal]:
    """Give the recipients whose next hop refused our tagged sender."""
    for each in trace.recipients:
        if each.tag_refused:  # and the plain sender was taken, which proves it
            yield from _refusal(trace, each.delivered_to, each.tag_refused)
            continue
        tagged = batv.is_tagged(each.sender_told)
        if tagged and each.disposition is Disposition.REJECTED and (words := blames_tag(each.next_hop_reply)):
            yield from _refusal(trace, each.delivered_to, words)


def _told_by_bounces(trace: Trace) -> Iterator[Refusal]:
    """Give the destinations that a genuine bounce names."""
    for seen in trace.observations:
        for finding in seen.findings if seen.check == FORGED else ():
            facts = finding.facts
            if facts.get("verdict") == Verdict.GENUINE:
                for destination in facts.get("refused", "").split():
                    yield from _refusal(trace, destination, facts.get("blames", ""))


def _refusal(trace: Trace, destination: str, words: str) -> Iterator[Refusal]:
    """Give a refusal with its destination in look-up form."""
    try:
        key = parse_mailbox(destination).key
    except AddressError:
        return
    yield Refusal(
        columns.text(key, 320), columns.text(words), columns.text(trace.id, 40), columns.moment(trace.started)
    )


def _widen(refusal: Refusal) -> None:
    """Take in the whole domain once several of its addresses have refused: it is a host of lists."""
    domain = refusal.destination.rpartition("@")[2]
    if not speaks_of_members(refusal.words):  # of a large provider three dead addresses are nothing
        return
    if NeverTag.objects.filter(destination__endswith=f"@{domain}").count() < WHOLE_DOMAIN:
        return
    NeverTag.objects.update_or_create(
        destination=domain,
        defaults={
            "since": refusal.at,
            "expires": refusal.at + LASTS,
            "because": f"{WHOLE_DOMAIN} of its addresses: {refusal.words}",
            "sample": refusal.transaction,
        },
    )
