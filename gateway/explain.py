"""Runs a message through the whole pipeline without delivering it: what would be done, and why.

The same checks, the same policy, the same ``decide`` as on the wire. Nothing is relayed, stored or journalled, and the
next hop is not asked.
"""

import asyncio
import functools
import hashlib
import time
from collections.abc import Iterator, Sequence

import msgspec

from gateway import pipeline
from gateway.checks import catalog
from gateway.checks.base import Check, View
from gateway.config import Config
from gateway.mail.address import Address, AddressError, parse_path
from gateway.mail.client import Client
from gateway.mail.decisions import Action
from gateway.mail.envelope import MailParameters
from gateway.mail.message import Content, Headers, head_of, line_ends_of
from gateway.mail.stages import Stage
from gateway.mail.trace import Event, RecipientTrace, Trace
from gateway.outbound import keys, marking
from gateway.policy.decide import EARLY, NODE_WIDE, decide, rules_for
from gateway.policy.matching import Policy
from gateway.services import secrets
from gateway.services.clamd import Clamd
from gateway.services.counters import LocalCounters
from gateway.services.dns import DnsResolver
from gateway.services.engines.configured import engines
from gateway.services.ledger import peek


class Question(msgspec.Struct, frozen=True):
    """Who sends to whom. Addresses are as in SMTP, without brackets; an empty sender is the null sender."""

    sender: str
    recipients: tuple[str, ...]
    client: str
    helo: str
    listener: str = "inbound"


def content_of(raw: bytes) -> Content:
    """Make a content of a file's octets; one that knows LF only has lost its CR when it was saved."""
    if b"\r\n" not in raw:
        raw = raw.replace(b"\n", b"\r\n")
    return Content(len(raw), hashlib.sha256(raw).hexdigest(), head_of(raw), line_ends_of(raw), memory=raw)


def explain(config: Config, policy: Policy, question: Question, content: Content) -> Trace:
    """Give the trace that the message would leave. Raises AddressError where SMTP refuses one, LedgerError."""
    return asyncio.run(_explain(config, policy, question, content))


async def _explain(config: Config, policy: Policy, question: Question, content: Content) -> Trace:
    """Walk through the stages."""
    resolver, clamd = DnsResolver(config.dns), Clamd.of(config)
    read_secret = functools.partial(secrets.read, config.secrets_folder)
    asked = engines(config, read_secret)
    checks = catalog.build(
        catalog.Services(
            clamd,
            read_secret,
            peek(config.home, config.secrets_folder),
            resolver,
            LocalCounters(),
            engines=asked,
        )
    )
    forwarder = policy.forwarder_of(question.client)
    client = Client(question.client, helo=question.helo, esmtp=True, forwarder=forwarder)
    sender = _address(question.sender)
    trace = Trace(
        id="explained",
        started=time.time(),
        node=config.name,
        revision=policy.revision,
        learned=policy.learned.serial,
        listener=question.listener,
        client=client,
        sender="" if sender is None else str(sender),
        parameters=MailParameters(size=content.size),
        size=content.size,
        sha256=content.sha256,
    )

    def view(**more: object) -> View:
        return View(
            policy=policy,
            node=config.name,
            listener=question.listener,
            client=client,
            sender=sender,
            parameters=trace.parameters,
            earlier=trace.observations,
            id=trace.id,
            **more,  # type: ignore[arg-type] # the stage's own part
        )

    seconds = config.budget.data
    for stage in (Stage.CONNECT, Stage.HELO, Stage.MAIL):
        running = checks[stage] if question.listener == "inbound" else _of_what_leaves(stage, checks[stage])
        trace.observations += await pipeline.run(stage, running, view(), (policy.wanted,), seconds=seconds)
    for text in question.recipients:
        address = _address(text)
        match = policy.match(address) if address is not None else None
        each = RecipientTrace(text, route=match.domain.route if match is not None else policy.snapshot.outbound.route)
        trace.recipients.append(each)
        rules = (rules_for(policy, text),)
        seen = await pipeline.run(
            Stage.RCPT, checks[Stage.RCPT], view(recipient=address, match=match), rules, seconds=seconds
        )
        trace.observations += [msgspec.structs.replace(one, recipient=text) for one in seen]
        at_rcpt = decide(trace, policy, text)
        if at_rcpt.action in {Action.REJECT, Action.DEFER}:
            each.decision = at_rcpt  # nothing that DATA shows comes into it: a signature can't prove a sender any more
    everyone = [rules_for(policy, each.address) for each in trace.recipients]
    at_data = view(content=content, recipients=question.recipients)
    trace.header_from = at_data.headers.get("from")
    trace.subject = at_data.headers.get("subject")
    trace.message_id = at_data.headers.get("message-id")
    trace.observations += await pipeline.run(Stage.DATA, checks[Stage.DATA], at_data, everyone, seconds=seconds)
    for each in trace.recipients:
        each.decision = each.decision or decide(trace, policy, each.address)
        if question.listener == "inbound" and not _ours(policy, each.address):
            each.decision = msgspec.structs.replace(
                each.decision, action=Action.REJECT, because="the recipient's domain is none of ours", check="relay"
            )
    if question.listener == "outbound":
        trace.events += [Event(0.0, line) for line in _marks(config, policy, trace, sender, at_data.headers)]
    trace.events.append(Event(0.0, "explained: the next hop was not asked, nothing was delivered"))
    trace.because = "; ".join(
        f"{each.decision.action} for {each.address}, because {each.decision.because}"
        for each in trace.recipients
        if each.decision is not None
    )
    await resolver.close()
    for engine in asked.values():
        await engine.close()
    clamd.close()
    trace.duration_ms = round((time.time() - trace.started) * 1000, 1)
    return trace


def _of_what_leaves(stage: Stage, checks: Sequence[Check]) -> tuple[Check, ...]:
    """Give the checks that the outbound listener runs before RCPT: what DNS says of our own clients is not asked."""
    return tuple(each for each in checks if stage is Stage.MAIL and each.name in NODE_WIDE | EARLY)


def _marks(config: Config, policy: Policy, trace: Trace, sender: Address | None, headers: Headers) -> Iterator[str]:
    """Say how the message would be marked on its way out, and what would be left out, with the reason."""
    read = functools.partial(secrets.read, config.secrets_folder)
    try:
        marks = marking.load(policy, sender, read, keys.today())
    except marking.MarkingError as error:
        yield f"it could not be marked, and would be deferred: {error}"
        return
    for each in trace.recipients:
        recipient = _address(each.address)
        if sender is None or recipient is None:
            continue
        each.sender_told = marks.sender_towards(sender, recipient, policy)
        why = marks.why_untagged(sender, recipient, policy)
        left_out = f", without a tag: {why}" if why else ""
        yield f"towards <{each.address}> the sender is <{each.sender_told}>{left_out}"
    key = marks.dkim_for(sender, headers)
    leaves = any(not _ours(policy, each.address) for each in trace.recipients)
    sealed = marks.seal_field(headers, str(policy.plain(sender)) if sender is not None else "", trace.started)
    yield "it gets a seal" if sealed else "it gets no seal: that needs a secret, a sender, a Message-ID and a Date"
    if key is not None and leaves:
        yield f"DKIM signs it for {key.domain} with the selector {key.selector}"
    else:
        yield "no DKIM key signs it"


def _address(text: str) -> Address | None:
    """Parse an address as it would come over the wire. Raises AddressError."""
    try:
        address, _ = parse_path(f"<{text}>")
    except AddressError as error:
        raise AddressError(f"{text!r}: {error}") from error
    return address


def _ours(policy: Policy, recipient: str) -> bool:
    """Whether a recipient is one of ours."""
    address = _address(recipient)
    return address is not None and policy.match(address) is not None
