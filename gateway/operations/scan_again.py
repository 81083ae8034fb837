"""Scans a stored message again with today's policy, signatures and engines. Nothing is delivered or changed."""

import msgspec
from django.conf import settings

from gateway.explain import Question, explain
from gateway.mail.decisions import Decision
from gateway.mail.trace import Trace
from gateway.operations.learning.readiness import in_force
from gateway.policy.feed import LearnedFeed
from gateway.policy.learned import NOTHING
from gateway.policy.matching import Policy
from gateway.spool.quarantine import Quarantine


class NothingInForceError(Exception):
    """There is no published policy to scan with. The text names the remedy."""


class ScannedAgain(msgspec.Struct, frozen=True):
    """The trace that the message would leave today, and for each stored copy what was decided then and now."""

    trace: Trace
    copies: tuple[tuple[str, Decision, Decision | None], ...]


def scan_again(message: str) -> ScannedAgain:
    """Scan a quarantined message again, as it came: from the same client, with the same envelope.

    What the client did in its session (its timing, how often it came) is not seen again. Raises SpoolError where the
    message is not stored any more, NothingInForceError, AddressError, LedgerError.
    """
    snapshot = in_force()
    if snapshot is None:
        raise NothingInForceError("no policy is in force to scan with; publish one first")
    config = settings.CONFIG
    item, content = Quarantine(config.spool_folder).read(message)
    recipients = tuple(dict.fromkeys(each.instead_of or each.recipient for each in item.copies))
    policy = Policy(snapshot, LearnedFeed(config.learned_folder).current or NOTHING)
    question = Question(item.sender, recipients, item.client.ip, item.client.helo, item.listener)
    trace = explain(config, policy, question, content)
    decided = {each.address: each.decision for each in trace.recipients}
    copies = tuple(
        (each.recipient, each.decision, decided.get(each.instead_of or each.recipient)) for each in item.copies
    )
    return ScannedAgain(trace, copies)
