"""Takes out of the message of a transaction what is to be stripped, or says why its recipients are quarantined instead.

All recipients of one transaction get the same octets. RCPT sees to it that their rules agree; where the findings do
not, those to whom something else would go are quarantined. Nothing here decides, sends or keeps anything.
"""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from gateway.checks.dissecting import opened
from gateway.delivery.stripping import NotStrippableError, plan, stripped
from gateway.mail.decisions import Action, Decision
from gateway.mail.findings import Finding
from gateway.mail.message import Content
from gateway.mail.stripped import Taken
from gateway.mail.trace import RecipientTrace, Trace
from gateway.mime.reader import dissect
from gateway.outcome.case import action_of, decision_of
from gateway.policy.decide import to_strip
from gateway.policy.matching import Policy
from gateway.spool.disk import told


class Stripped(msgspec.Struct, frozen=True):
    """The message as it is sent on, and what was taken out of it: nothing, where nothing was to be."""

    content: Content
    taken: tuple[Taken, ...] = ()


async def strip(
    trace: Trace,
    policy: Policy,
    content: Content,
    recipients: Sequence[RecipientTrace],
    place: Callable[[str], Path],
) -> Stripped:
    """Strip the message where these recipients' decisions say so; a decision that can't be kept becomes quarantine.

    A large result is written to a file that is the caller's to remove; ``place`` gives a path for its name. Raises
    SpoolError.
    """
    relayed = [each for each in recipients if action_of(each).relays]
    strips = [each for each in relayed if action_of(each) is Action.STRIP]
    if not strips:
        return Stripped(content)
    found = [to_strip(trace, policy, each.address) if each in strips else () for each in relayed]
    why, path = "", place(f"{trace.id}.stripped")
    if len({frozenset(one.facts.get("part") for one in each) for each in found}) > 1:
        why = "other recipients of the same transaction get it otherwise"
    else:
        try:
            with told(path):
                made = await asyncio.to_thread(_strip, content, found[0], trace, path)
        except NotStrippableError as error:
            why = str(error)
    if why:
        for each in strips:
            each.decision = _kept(decision_of(each), why)
        return Stripped(content)
    for each in strips:
        each.stripped = tuple(one.words for one in made.taken)
    return made


def _strip(content: Content, findings: Sequence[Finding], trace: Trace, path: Path) -> Stripped:
    """Read the message's anatomy again, and write it anew. Blocks. Raises NotStrippableError, OSError."""
    with opened(content) as raw:
        taken = plan(dissect(raw), findings, lambda start, stop: raw[start:stop])
    try:
        return Stripped(stripped(content, taken, trace.node, trace.id, path), taken)
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _kept(decision: Decision, why: str) -> Decision:
    """Give the decision where a message can't be stripped."""
    because = f"{decision.because}; it can't be stripped: {why}"
    return msgspec.structs.replace(decision, action=Action.QUARANTINE, because=because)
