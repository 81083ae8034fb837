"""What lists of senders are worth against each other, and against what the checks found. Pure.

``docs/precedence.md`` is this file in words. An entry that allows counts only where SPF or DKIM proves the address that
it is about; one for a network is proven by TCP. It lifts what is said of who sends, never what is said of the content.
"""

from collections.abc import Iterable, Sequence

import msgspec

from gateway.mail.address import Address, AddressError, parse_mailbox
from gateway.mail.findings import Observation
from gateway.mail.trace import Trace
from gateway.policy.matching import Match, Policy
from gateway.policy.sender_lists import Entry, Identity, entries_for, lists_of, names_of
from gateway.policy.snapshot import ListVerdict

# What an allowed sender is spared: doubts about who sends, and what weighs towards spam.
LIFTED = frozenset(
    {
        "dns_lists",
        "reverse_dns",
        "helo",
        "sender_domain",
        "own_sender",
        "sender_lists",
        "spf",
        "dkim",
        "dmarc",
        "arc",
        "greylisting",
        "rspamd",
        "spamassassin",
        "spam",
    }
)
# What no entry lifts, each with the reason in docs/precedence.md.
NEVER_LIFTED = frozenset(
    {
        "client_networks",
        "early_talker",
        "rates",
        "sending_limits",
        "recipient_known",
        "batv",
        "message_size",
        "line_ends",
        "loops",
        "mime",
        "attachments",
        "clamav",
        "forged_bounce",
        "unverifiable_bounce",
        "unsolicited",
        "bounce_storm",
        "known_backscatterer",
        "null_sender_lists",
        "null_sender_rate",
        "past_gateway",
    }
)


class Listing(msgspec.Struct, frozen=True):
    """What the lists say of a message: the entry that counts, by what it is proven, and those that nothing proves.

    ``entry`` is None where none counts. ``proof`` is ``SPF``, ``DKIM``, ``DMARC`` or, for a network, ``TCP``.
    """

    entry: Entry | None = None
    proof: str = ""
    unproven: tuple[Entry, ...] = ()

    @property
    def allows(self) -> bool:
        """Whether the entry that counts allows the sender."""
        return self.entry is not None and self.entry.verdict is ListVerdict.ALLOW

    @property
    def words(self) -> str:
        """Say what the entry that counts says."""
        if self.entry is None:
            return ""
        verb = "allows" if self.allows else "blocks"
        said = f"{self.entry.scope.words} {verb} {self.entry.text}"
        if not self.allows:
            return said
        return f"{said}, where the client is" if self.proof == "TCP" else f"{said}, proven by {self.proof}"


def listing(trace: Trace, policy: Policy, match: Match, recipient: str) -> Listing:
    """Give what the lists that hold for a recipient say of a transaction, by what its trace tells of the sender."""
    return counting(_entries(trace, policy, match, recipient), trace.observations)


def may_allow(trace: Trace, policy: Policy, match: Match, recipient: str) -> bool:
    """Whether a list may allow the sender, by what is known so far, be it proven or not."""
    entries = _entries(trace, policy, match, recipient)
    return bool(entries) and entries[0].verdict is ListVerdict.ALLOW


def _entries(trace: Trace, policy: Policy, match: Match, recipient: str) -> list[Entry]:
    """Give the entries that hold for a transaction, the one that goes first in front."""
    if trace.listener != "inbound" or next(lists_of(policy, match), None) is None:
        return []
    names = names_of(_sender(trace), trace.header_from, recipient)
    client = "" if trace.client.forwarder else trace.client.ip
    return entries_for(policy, match, names, client)


def counting(entries: Iterable[Entry], observations: Sequence[Observation]) -> Listing:
    """Give the first entry that counts: what blocks always does, what allows needs a proof."""
    unproven: list[Entry] = []
    for each in entries:
        if each.verdict is ListVerdict.BLOCK:
            return Listing(each, unproven=tuple(unproven))
        if proof := proof_of(each, observations):
            return Listing(each, proof, tuple(unproven))
        unproven.append(each)
    return Listing(unproven=tuple(unproven))


def proof_of(entry: Entry, observations: Iterable[Observation]) -> str:
    """Name what proves the address that an entry is about; empty where nothing does."""
    if entry.identity is Identity.CLIENT:
        return "TCP"
    return proof_for(entry.about.rpartition("@")[2], observations, header=entry.identity is Identity.FROM)


def proof_for(domain: str, observations: Iterable[Observation], *, header: bool) -> str:
    """Name what proves that a domain (in look-up form) sends this: SPF, DKIM, DMARC, or nothing.

    SPF proves the very domain of the envelope sender. A DKIM signature proves its domain, and what lies below it: who
    holds a domain's zone holds those. A DMARC pass proves the domain of the header's From.
    """
    for seen in observations:
        if seen.check not in _PROVERS:
            continue
        for finding in seen.findings:
            facts = finding.facts
            if facts.get("result") != "pass":
                continue
            proven = facts.get("domain", "").lower().rstrip(".")
            if seen.check == "spf" and facts.get("identity") == "mailfrom" and proven == domain:
                return "SPF"
            if seen.check == "dkim" and covers(proven, domain):
                return "DKIM"
            if seen.check == "dmarc" and header and proven == domain:
                return "DMARC"
    return ""


_PROVERS = frozenset({"spf", "dkim", "dmarc"})


def covers(proven: str, domain: str) -> bool:
    """Whether a domain is, or lies below, a proven one, which must be more than a top-level domain."""
    return "." in proven and (domain == proven or domain.endswith(f".{proven}"))


def _sender(trace: Trace) -> Address | None:
    """Give the envelope sender of a trace; None for the null sender."""
    if not trace.sender:
        return None
    try:
        return parse_mailbox(trace.sender)
    except AddressError:
        return None  # a trace from outside
