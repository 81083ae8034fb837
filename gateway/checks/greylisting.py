"""Asks whether this sender's host has tried before: who sends once and never comes back rarely runs a mail server.

A first attempt of network, sender and recipient is a hit, and waits ``greylisting.delay``; who comes back within the
window has shown that it queues, and its pass holds for the recipient's whole domain. An attempt is one recipient's, so
that another recipient's first attempt is no retry; a pass is one domain's, so that what a domain only observed lets
nobody into another one. Spared are: a sender whom SPF proves, one to whom the recipient wrote lately, and domains whose
DKIM signature held before (unless SPF speaks against the client). Mail from the null sender is asked at the end of DATA
only, so that call-outs go on, and its pass is used once. It reads what the SMTP side has noted, and writes nothing.
"""

import hashlib
import re
import time
from collections.abc import Callable, Iterator
from typing import Literal

from gateway.backscatter.ledger import Ledger
from gateway.checks.base import Check, Seen, View, skipped
from gateway.mail.address import Address, AddressError, parse_mailbox
from gateway.mail.findings import Finding, Outcome
from gateway.mail.prefix import prefix
from gateway.mail.stages import Stage
from gateway.policy.precedence import covers, proof_for
from gateway.policy.sender_lists import names_of
from gateway.services.counters import Counters

NAME = "greylisting"
GREYLISTED = "GREYLISTED"
HOUR, DAY = 3600.0, 86_400.0
WROTE_DAYS = 60  # so long somebody to whom our user wrote is a known correspondent
IPV4_BITS, IPV6_BITS = 24, 64  # a farm of servers tries again from a neighbour

State = Literal["first", "early", "passed", "known", "signed"]

_DIGITS = re.compile(r"[^-+._=#]*[0-9][^-+._=#]*")  # a part of a local part that holds a number
_FOLDED = re.compile(r"#(?:[-+._=]*#)+")


class Greylisting(Check):
    """Looks for the first attempt at RCPT, for the null sender at DATA."""

    name = NAME
    stages = (Stage.RCPT, Stage.DATA)
    symbols = {
        GREYLISTED: "nobody knows yet whether the sender's host tries again",
        "GREYLISTING": "what is known of the sender's host",
    }

    def __init__(self, counters: Counters, ledger: Ledger, *, now: Callable[[], float] = time.time) -> None:
        """Take what was noted, and what our users sent; ``now`` is the clock, in seconds since the epoch."""
        self._counters = counters
        self._ledger = ledger
        self._now = now

    @classmethod
    def reads(cls, view: View) -> object:
        """Give the times, and the recipient as it is noted."""
        plain = view.policy.plain(view.recipient) if view.recipient is not None else None
        return view.policy.snapshot.greylisting, plain, view.match and view.match.mailbox

    def look(self, view: View) -> Seen:
        """Look at one recipient, or, for the null sender, at all. Raises OSError where the ledger can't be read."""
        if view.listener != "inbound":
            return skipped("mail that leaves is not greylisted")
        if (view.content is None) is (view.sender is None):
            return skipped("the null sender waits for the end of DATA" if view.sender is None else "RCPT has asked")
        if view.spares_client:
            return skipped("the client is trusted")
        if why := _proven(view):
            return skipped(why)
        if view.sender is None:
            return _said([self._bounce(view, each) for each in view.recipients if not _is_valid_tag(view, each)])
        if view.match is None or view.recipient is None:
            return skipped("no recipient of ours")
        if self._is_correspondent(view, view.match.mailbox, view.sender):
            return skipped("the recipient wrote to the sender lately")
        return _said([self._mail(view, view.policy.plain(view.recipient), view.match.mailbox, view.sender)])

    def _mail(self, view: View, named: Address, mailbox: Address, sender: Address) -> Finding:
        """Say what is known of network, sender and recipient; ``named`` is the alias, where the mailbox has one."""
        network = network_of(view.client.ip)
        if not _spf_doubts(view):
            for domain in _domains(sender.domain_key):
                if self._counters.get(signed_key(domain)):
                    return _finding("signed", f"a signature of {domain} held before", network, signed=domain)
        folded = fold(sender, str(named))
        passed = _key("pass", network, folded, mailbox.domain_key)
        if self._counters.get(passed):
            return _finding("known", f"{folded} has come back from {network} before", network, passed=passed)
        return self._attempt(view, network, folded, mailbox, passed)

    def _bounce(self, view: View, recipient: str) -> Finding:
        """Say what is known of network and recipient, for mail from the null sender."""
        network = network_of(view.client.ip)
        try:
            mailbox = view.policy.plain(parse_mailbox(recipient))
        except AddressError:  # the bare postmaster
            mailbox = Address(recipient, "", recipient.lower())
        return self._attempt(view, network, "<>", mailbox, "", recipient)

    def _attempt(  # noqa: PLR0913, PLR0917 - one attempt, all it is about
        self, view: View, network: str, sender: str, mailbox: Address, passed: str, recipient: str | None = None
    ) -> Finding:
        """Say whether it is the first attempt, comes too early, or in time."""
        rules = view.policy.snapshot.greylisting
        attempt = _key("try", network, sender, mailbox.key)
        since = self._counters.get(attempt)
        age = self._now() - float(since) if since else -1.0
        if not 0 <= age <= rules.window_hours * HOUR:
            detail = f"the first attempt of {sender} from {network}"
            return _finding("first", detail, network, recipient, attempt=attempt)
        if age < rules.delay:
            detail = f"{sender} from {network} came back after {age:.0f} s, before {rules.delay:g} s were over"
            return _finding("early", detail, network, recipient, attempt=attempt)
        detail = f"{sender} came back from {network} after {age:.0f} s"
        return _finding("passed", detail, network, recipient, attempt=attempt, passed=passed)

    def _is_correspondent(self, view: View, mailbox: Address, sender: Address) -> bool:
        """Whether the recipient wrote to the sender, or to its domain, lately. Raises OSError."""
        named = view.policy.plain(view.recipient) if view.recipient is not None else mailbox
        oldest = self._now() - WROTE_DAYS * DAY
        for user in dict.fromkeys((str(mailbox), str(named))):
            for name in names_of(sender, "", str(mailbox)):
                last = self._ledger.wrote_to(user, name.key) or 0.0
                if last > oldest or (self._ledger.wrote_to_domain(user, name.key.rpartition("@")[2]) or 0.0) > oldest:
                    return True
        return False


def network_of(ip: str) -> str:
    """Give the network that an address counts as."""
    return prefix(ip, IPV4_BITS, IPV6_BITS)


def fold(sender: Address, recipient: str) -> str:
    """Give a sender without what differs from message to message: tags (BATV, SRS), the recipient (VERP), numbers.

    ``news-4711-alice=example.test@list.test`` is ``news-#@list.test``.
    """
    key = names_of(sender, "", recipient)[-1].key
    local, _, domain = key.rpartition("@")
    local = local.replace(recipient.lower().replace("@", "="), "#")
    return f"{_FOLDED.sub('#', _DIGITS.sub('#', local))}@{domain}"


def signed_key(domain: str) -> str:
    """Give the key under which the store has a domain whose signature held."""
    return _key("signed", domain)


def taught(view: View, domain: str) -> bool:
    """Whether a signature of a domain says something of the sender: it is the sender's, or one above."""
    return view.sender is not None and covers(domain, view.sender.domain_key)


def _key(kind: str, *words: str) -> str:
    """Give a key of the store: of one length, and without addresses in clear."""
    text = "\0".join(words).encode("utf-8", "surrogateescape")
    return f"greylist-{kind}:{hashlib.blake2b(text, digest_size=16).hexdigest()}"


def _domains(domain: str) -> Iterator[str]:
    """Give a domain and those above it, the top level left out."""
    while "." in domain:
        yield domain
        domain = domain.partition(".")[2]


def _proven(view: View) -> str:
    """Say by what SPF proves who sends: the sender's domain, or for the null sender the name of the client."""
    if view.sender is not None:
        proof = proof_for(view.sender.domain_key, (each for each in view.earlier if each.check == "spf"), header=False)
        return "SPF proves the sender" if proof else ""
    spf = view.seen("spf")
    passes = spf is not None and any(
        each.facts.get("result") == "pass" and each.facts.get("identity") == "helo" for each in spf.findings
    )
    return "SPF proves the client's name" if passes else ""


def _spf_doubts(view: View) -> bool:
    """Whether SPF says that the client does not send for the sender: then a signature of another day proves nothing."""
    spf = view.seen("spf")
    return spf is not None and any(
        each.facts.get("identity") == "mailfrom" and each.facts.get("result") in {"fail", "softfail"}
        for each in spf.findings
    )


def _is_valid_tag(view: View, recipient: str) -> bool:
    """Whether a recipient has a valid tag of ours: what answers our own mail need not wait."""
    return any(
        each.check == "batv"
        and each.recipient == recipient
        and any(one.symbol == "BATV_VALID" for one in each.findings)
        for each in view.earlier
    )


def _finding(state: State, detail: str, network: str, recipient: str | None = None, **keys: str) -> Finding:
    """Make a finding; its facts are what the SMTP side notes."""
    facts = {"state": state, "network": network, **{name: key for name, key in keys.items() if key}}
    if state in {"first", "early"}:
        return Finding(GREYLISTED, 0.5, detail, recipient, facts)
    return Finding("GREYLISTING", 0.0, detail, recipient, facts, informs=True)


def _said(findings: list[Finding]) -> Seen:
    """Give a hit where anybody must wait."""
    if not findings:
        return skipped("it answers mail of ours")
    hits = any(not each.informs for each in findings)
    return Seen(Outcome.HIT if hits else Outcome.MISS, tuple(findings))
