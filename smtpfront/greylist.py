"""Notes what greylisting has seen, once it is decided: first attempts, passes, and domains whose signature held.

The check only reads. What is refused for good leaves nothing behind, so that trying out addresses does not fill the
store; nor does a network beyond ``MAX_ATTEMPTS`` an hour. Everything noted expires, and the store is bounded.
"""

import time

from gateway.checks import greylisting
from gateway.mail.decisions import Action, Decision, Disposition
from gateway.mail.findings import Finding
from gateway.mail.trace import RecipientTrace
from gateway.services.counters import Claim, CountersUnreachable
from smtpfront.transaction import Transaction

MAX_ATTEMPTS = 1000  # first attempts of one network within an hour that are noted; the others stay first attempts
RENEWED_SECONDS = greylisting.DAY  # how much of a pass may be over until it is written anew

_FINAL = frozenset({Action.REJECT, Action.DROP})
_TAKEN = frozenset({Disposition.DELIVERED, Disposition.QUARANTINED, Disposition.REDIRECTED})


async def note(transaction: Transaction, each: RecipientTrace, decision: Decision) -> None:
    """Note what was seen of a recipient at RCPT."""
    for finding in _findings(transaction, each.address):
        await _note(transaction, finding, decision)


async def note_content(transaction: Transaction) -> None:
    """Note what was seen at the end of DATA, once it is carried out."""
    if transaction.sender is not None:
        await _learn_signatures(transaction)
        return
    for each in transaction.trace.recipients:
        for finding in _findings(transaction, each.address):
            state = finding.facts.get("state")
            if state == "first" and each.decision is not None:
                await _note(transaction, finding, each.decision)
            elif state == "passed" and each.disposition in _TAKEN:
                transaction.front.counters.forget(finding.facts["attempt"])  # it was good for one message


def _findings(transaction: Transaction, recipient: str) -> list[Finding]:
    """Give what greylisting found for a recipient."""
    return [
        finding
        for seen in transaction.trace.observations
        if seen.check == greylisting.NAME and seen.recipient in {None, recipient}
        for finding in seen.findings
        if finding.recipient in {None, recipient}
    ]


async def _note(transaction: Transaction, finding: Finding, decision: Decision) -> None:
    """Write a first attempt, a pass, or the use of one."""
    if (decision.observed or decision.action) in _FINAL:
        return
    facts, rules, counters = finding.facts, transaction.policy.snapshot.greylisting, transaction.front.counters
    match facts.get("state"):
        case "first":
            claim = Claim(f"greylist-attempts:{facts['network']}", greylisting.HOUR, MAX_ATTEMPTS)
            try:
                full = await counters.admit([claim])
            except CountersUnreachable as error:
                transaction.front.alarm(f"counters can not be reached: {error}")
                return
            if full is None:
                await counters.put(facts["attempt"], f"{time.time():.3f}", rules.window_hours * greylisting.HOUR)
        case "passed" | "known" if facts.get("passed"):
            await _keep(transaction, facts["passed"])


async def _learn_signatures(transaction: Transaction) -> None:
    """Learn the signing domains of a greylisted sender whose message was delivered with nothing against it."""
    trace = transaction.trace
    if all(each.check != greylisting.NAME for each in trace.observations):
        return
    if not any(_is_welcome(each) for each in trace.recipients):
        return
    view = transaction.view()
    for seen in trace.observations:
        if seen.check == "dkim":
            for finding in seen.findings:
                domain = finding.facts.get("domain", "").lower().rstrip(".")
                if finding.facts.get("result") == "pass" and greylisting.taught(view, domain):
                    await _keep(transaction, greylisting.signed_key(domain))


def _is_welcome(each: RecipientTrace) -> bool:
    """Whether a recipient got the message, and nothing spoke against it."""
    decision = each.decision
    return (
        each.disposition is Disposition.DELIVERED
        and decision is not None
        and decision.action is Action.DELIVER
        and decision.observed is None
    )


async def _keep(transaction: Transaction, key: str) -> None:
    """Write what lasts, or renew it once a day."""
    counters, now = transaction.front.counters, time.time()
    since = counters.get(key)
    if since is None or now - float(since) > RENEWED_SECONDS:
        lasts = transaction.policy.snapshot.greylisting.lasts_days * greylisting.DAY
        await counters.put(key, f"{now:.0f}", lasts)
