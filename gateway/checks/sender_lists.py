"""Asks whether a list of senders, the recipient's, its domain's or the node's, blocks who sends this.

At RCPT it goes by the envelope sender and the client's network, after DATA by the header's From as well. An entry that
allows and goes before one that blocks makes it wait for the end of DATA, when a DKIM signature may prove the sender.
What a proven entry lifts is said by ``gateway.policy.precedence``. It asks nobody, so that it can't fail.
"""

from collections.abc import Iterator, Sequence

from gateway.checks.base import MISS, Check, Seen, View, hit, skipped
from gateway.mail.findings import Finding, Observation, Outcome
from gateway.mail.stages import Stage
from gateway.policy.decide import match_of
from gateway.policy.matching import Match, Policy
from gateway.policy.precedence import counting, proof_of
from gateway.policy.sender_lists import Entry, Identity, entries_for, lists_of, names_of
from gateway.policy.snapshot import ListVerdict

_NO_LIST = skipped("no list holds for the recipient")
_OUTBOUND = skipped("what our senders may do is another question")


class SenderLists(Check):
    """Looks the sender up in the lists that hold for the recipient."""

    name = "sender_lists"
    stages = (Stage.RCPT, Stage.DATA)
    symbols = {
        "BLOCKED_SENDER": "a list blocks the sender",
        "ALLOWED_SENDER": "a list allows the sender, which counts where the sender is proven",
    }
    asks_nobody = True

    def look(self, view: View) -> Seen:
        """Hit where the entry that counts blocks; what a list allows is told."""
        if view.listener != "inbound":
            return _OUTBOUND
        if view.content is not None:
            return self._after_data(view)
        if view.match is None or not _has_lists(view.policy, view.match):
            return _NO_LIST
        entries = _entries(view, view.match, str(view.recipient), "")
        if entries and entries[0].verdict is ListVerdict.BLOCK:
            return hit(_blocked(entries[0], None))
        told = tuple(_allowed(view, entries, None))
        return Seen(Outcome.MISS, told) if told else MISS

    @staticmethod
    def _after_data(view: View) -> Seen:
        """Look for each recipient again, with the header's From, where RCPT has not blocked already."""
        findings: list[Finding] = []
        listed = False
        for recipient in view.recipients:
            match = match_of(view.policy, recipient)
            if match is None or not _has_lists(view.policy, match):
                continue
            listed = True
            if _has_hit(view.earlier, recipient):
                continue
            entries = _entries(view, match, recipient, view.headers.get("from"))
            counts = counting(entries, view.earlier).entry
            if counts is not None and counts.verdict is ListVerdict.BLOCK:
                findings.insert(0, _blocked(counts, recipient))
            from_only = [each for each in entries if each.identity is Identity.FROM]  # the others were told at RCPT
            findings += _allowed(view, from_only, recipient)
        if not findings:
            return MISS if listed else _NO_LIST
        return Seen(Outcome.MISS if findings[0].informs else Outcome.HIT, tuple(findings))


def _has_lists(policy: Policy, match: Match) -> bool:
    """Whether any list holds for a recipient."""
    return next(lists_of(policy, match), None) is not None


def _entries(view: View, match: Match, recipient: str, header_from: str) -> list[Entry]:
    """Give the entries that hold; what is about the client's address is left out where that is a forwarder's."""
    client = "" if view.client.forwarder else view.client.ip
    entries = entries_for(view.policy, match, names_of(view.sender, header_from, recipient), client)
    if not view.spares_client:
        return entries
    return [each for each in entries if each.identity is not Identity.CLIENT or each.verdict is not ListVerdict.BLOCK]


def _blocked(entry: Entry, recipient: str | None) -> Finding:
    """Say which entry blocks."""
    detail = f"{entry.scope.words} blocks {entry.text}, {_what(entry)}"
    return Finding("BLOCKED_SENDER", 10.0, detail, recipient, _facts(entry))


def _allowed(view: View, entries: Sequence[Entry], recipient: str | None) -> Iterator[Finding]:
    """Say which entries allow, and whether something has proven the sender by now."""
    for each in entries:
        if each.verdict is ListVerdict.ALLOW:
            proof = proof_of(each, view.earlier)
            so_far = f"proven by {proof}" if proof else "nothing proves it yet"
            detail = f"{each.scope.words} allows {each.text}, {_what(each)}: {so_far}"
            yield Finding("ALLOWED_SENDER", 0.0, detail, recipient, _facts(each), informs=True)


def _what(entry: Entry) -> str:
    """Say what the entry is about."""
    names = {Identity.SENDER: "the envelope sender", Identity.FROM: "the header's From", Identity.CLIENT: "the client"}
    return names[entry.identity]


def _facts(entry: Entry) -> dict[str, str]:
    """Cite the entry for programs."""
    return {"scope": entry.scope.value, "entry": entry.text, "identity": entry.identity.value}


def _has_hit(earlier: Sequence[Observation], recipient: str) -> bool:
    """Whether RCPT found this recipient's mail blocked already: observed or scored, for it came to DATA."""
    return any(
        each.check == SenderLists.name and each.outcome is Outcome.HIT and each.recipient == recipient
        for each in earlier
    )
