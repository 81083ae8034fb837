"""Does this reply answer mail of ours that did not leave here? A sign that some mail goes past the gateway.

It looks at ordinary mail only; what bounces quote is looked at with the rest of their evidence. It is only ever a sign,
without weight, for the readiness of a domain. Where a reply may answer somebody who can't be seen from here (a list's
post, mail from before the domain was marked), there is none.
"""

import datetime
import re
import time
from collections.abc import Callable

from gateway.backscatter.evidence import DAY
from gateway.backscatter.ledger import Ledger
from gateway.backscatter.quoted import addresses
from gateway.checks.base import MISS, Check, Seen, View, hit, skipped
from gateway.mail.address import Address, AddressError, parse_mailbox
from gateway.mail.findings import Finding
from gateway.mail.stages import Stage
from gateway.policy.snapshot import Snapshot

ANSWERED_DAYS = 5  # so long after the first marked mail, answers to earlier mail are usual
_ID = re.compile(r"<([^<>\s]{1,500})>")
_DATED = re.compile(r"(?<!\d)(20\d\d)(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])")
_READ = 4000  # characters of a header field that are looked at
_USERS = 20  # of ours, who may have sent what is answered
_NO_PERSON = ("list-id", "list-post", "list-unsubscribe", "auto-submitted", "precedence")


class PastGateway(Check):
    """Says for which recipients a reply names a Message-ID of ours that the ledger lacks."""

    name = "past_gateway"
    stages = (Stage.DATA,)
    symbols = {"PAST_GATEWAY": "it answers mail in the name of ours that did not leave here"}

    def __init__(self, ledger: Ledger, *, now: Callable[[], float] = time.time) -> None:
        """``ledger`` knows what has left; ``now`` is the clock."""
        self._ledger = ledger
        self._now = now

    @classmethod
    def reads(cls, view: View) -> object:
        """Give since when the ledger knows what the recipient's domain sends."""
        return _since(view, view.match.domain_key) if view.match is not None else None

    def look(self, view: View) -> Seen:
        """Ask the ledger for what a reply answers. Raises OSError where the ledger can't be read."""
        if view.listener != "inbound" or view.sender is None:
            return skipped("no mail from a person")
        headers = view.headers
        # The last of References is what is answered; what stands before it may never have left the house.
        answered = _ID.findall(headers.get("in-reply-to")[:_READ]) or _ID.findall(headers.get("references")[-_READ:])
        if not answered:
            return skipped("it answers nothing")
        message_id = answered[-1]
        domain = message_id.rpartition("@")[2].lower()
        since = _since(view, domain)
        if since is None or self._now() - since < ANSWERED_DAYS * DAY or _is_from_before(message_id, since):
            return skipped("it answers nothing that the ledger could know")
        if any(headers.get(each) for each in _NO_PERSON):
            return skipped("no mail from a person")
        users = _users_of(view, domain)
        if any(self._ledger.message(message_id, each) is not None for each in users):
            return MISS
        written_to = {each.lower() for each in addresses(_recipients(view).encode("utf-8", "replace"))}
        detail = f"it answers <{message_id}>, which the ledger does not have"
        facts = {"name": "past_gateway", "message_id": message_id}
        found = [
            Finding("PAST_GATEWAY", 0.0, detail, recipient, facts)
            for recipient, address in _ours(view)
            if address.domain_key == domain and str(address).lower() in written_to
        ]
        return hit(*found) if found else MISS


def _since(view: View, domain: str) -> float | None:
    """Give since when (seconds since the epoch) the ledger knows what a domain of ours sends; None: it does not."""
    snapshot = view.policy.snapshot
    ours = snapshot.domains.get(domain)
    if ours is None:
        return None
    return _start_of(ours.marks_since) if ours.marks_since else _first_key(snapshot)


def _users_of(view: View, domain: str) -> list[str]:
    """Give the users of a domain whom the message names: one of them may have sent what it answers."""
    named = addresses(_recipients(view).encode("utf-8", "replace"))
    users = [str(address).lower() for _, address in _ours(view)]
    users += [each.lower() for each in named]
    return list(dict.fromkeys(each for each in users if each.rpartition("@")[2] == domain))[:_USERS]


def _recipients(view: View) -> str:
    """Give the fields that say to whom it is written."""
    return " ".join(view.headers.get(name)[:_READ] for name in ("to", "cc"))


def _ours(view: View) -> list[tuple[str, Address]]:
    """Give the recipients, as they stand in the trace and without their tags."""
    found = []
    for each in view.recipients:
        try:
            found.append((each, view.policy.plain(parse_mailbox(each))))
        except AddressError:
            continue  # the bare postmaster
    return found


def _is_from_before(message_id: str, since: float) -> bool:
    """Whether a Message-ID holds a date (20261101...), as many programs write it, of an earlier day."""
    found = _DATED.search(message_id.rpartition("@")[0])
    return (
        found is not None and "".join(found.groups()) < f"{datetime.datetime.fromtimestamp(since, datetime.UTC):%Y%m%d}"
    )


def _start_of(day: str) -> float | None:
    """Give the start of a day (ISO 8601, UTC) in seconds since the epoch; None where it is none."""
    try:
        return datetime.datetime.fromisoformat(day).replace(tzinfo=datetime.UTC).timestamp()
    except ValueError:
        return None


def _first_key(snapshot: Snapshot) -> float | None:
    """Give when the first of today's keys began to sign, in seconds since the epoch; None where there is none."""
    return min((each.since * float(DAY) for each in snapshot.marking.keys), default=None)
