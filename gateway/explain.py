"""Runs a message through the whole pipeline without delivering it: what would be done, and why.

The same checks, the same policy, the same ``decide`` as on the wire. Nothing is relayed, stored or journalled, and the
next hop is not asked.
"""

import asyncio
import contextlib
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
from gateway.mail.findings import Observation
from gateway.mail.message import Content, Headers, head_of, line_ends_of
from gateway.mail.stages import Stage
from gateway.mail.trace import Event, RecipientTrace, Trace
from gateway.outbound import keys, marking
from gateway.policy.decide import EARLY, NODE_WIDE, decide, rules_for
from gateway.policy.matching import Policy
from gateway.policy.snapshot import Rules
from gateway.services import secrets
from gateway.services.clamd import Clamd
from gateway.services.counters import LocalCounters
from gateway.services.dns import DnsResolver
from gateway.services.engines.configured import engines
from gateway.services.inspector import Inspector
from gateway.services.ldap import Directory
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
    """Walk through the stages with services of its own, which end with it."""
    read_secret = functools.partial(secrets.read, config.secrets_folder)
    clamd, resolver, directory = Clamd.of(config), DnsResolver(config.dns), Directory(read_secret)
    asked, inspector = engines(config, read_secret), Inspector()
    ledger = peek(config.home, config.secrets_folder)
    services = catalog.Services(
        clamd, read_secret, ledger, resolver, LocalCounters(), directory, engines=asked, inspector=inspector
    )
    async with contextlib.AsyncExitStack() as ending:
        for close in (clamd.close, directory.close, inspector.close):
            ending.callback(close)
        for close_later in (resolver.close, *(each.close for each in asked.values())):
            ending.push_async_callback(close_later)
        walk = _Walk(config, policy, question, content, catalog.build(services))
        await walk.before_rcpt()
        for recipient in question.recipients:
            await walk.rcpt(recipient)
        await walk.data()
        return walk.ended()


class _Walk:
    """One message on its way through the stages. What is seen and decided is in the trace."""

    def __init__(
        self, config: Config, policy: Policy, question: Question, content: Content, checks: catalog.Catalog
    ) -> None:
        """Begin the trace. Raises AddressError where SMTP would refuse the sender."""
        self.config = config
        self.policy = policy
        self.question = question
        self.content = content
        self.checks = checks
        self.sender = _address(question.sender)
        forwarder = policy.forwarder_of(question.client)
        self.trace = Trace(
            id="explained",
            started=time.time(),
            node=config.name,
            revision=policy.revision,
            learned=policy.learned.serial,
            listener=question.listener,
            client=Client(question.client, helo=question.helo, esmtp=True, forwarder=forwarder),
            sender="" if self.sender is None else str(self.sender),
            parameters=MailParameters(size=content.size),
            size=content.size,
            sha256=content.sha256,
        )

    async def before_rcpt(self) -> None:
        """Look at the client, its greeting and the sender."""
        for stage in (Stage.CONNECT, Stage.HELO, Stage.MAIL):
            checks = self.checks[stage]
            if self.question.listener != "inbound":
                checks = _of_what_leaves(stage, checks)
            self.trace.observations += await self._run(stage, checks, self._view(), (self.policy.wanted,))

    async def rcpt(self, text: str) -> None:
        """Look at one recipient, and decide what RCPT would say. Raises AddressError where SMTP would refuse it."""
        trace, address = self.trace, _address(text)
        match = self.policy.match(address) if address is not None else None
        route = match.domain.route if match is not None else self.policy.snapshot.outbound.route
        each = RecipientTrace(text, route=route)
        trace.recipients.append(each)
        view = self._view(recipient=address, match=match)
        seen = await self._run(Stage.RCPT, self.checks[Stage.RCPT], view, (rules_for(self.policy, text),))
        trace.observations += [msgspec.structs.replace(one, recipient=text) for one in seen]
        at_rcpt = decide(trace, self.policy, text)
        if at_rcpt.action in {Action.REJECT, Action.DEFER}:
            each.decision = at_rcpt  # nothing that DATA shows comes into it: a signature can't prove a sender any more

    async def data(self) -> None:
        """Look at the content, and decide for each recipient; say how the message would be marked."""
        trace, inbound = self.trace, self.question.listener == "inbound"
        view = self._view(content=self.content, recipients=self.question.recipients)
        trace.header_from = view.headers.get("from")
        trace.subject = view.headers.get("subject")
        trace.message_id = view.headers.get("message-id")
        everyone = [rules_for(self.policy, each.address) for each in trace.recipients]
        trace.observations += await self._run(Stage.DATA, self.checks[Stage.DATA], view, everyone)
        for each in trace.recipients:
            each.decision = each.decision or decide(trace, self.policy, each.address)
            if inbound and not _ours(self.policy, each.address):
                each.decision = msgspec.structs.replace(
                    each.decision, action=Action.REJECT, because="the recipient's domain is none of ours", check="relay"
                )
        if not inbound:
            lines = _marks(self.config, self.policy, trace, self.sender, view.headers)
            trace.events += [Event(0.0, line) for line in lines]

    def ended(self) -> Trace:
        """Sum up."""
        trace = self.trace
        trace.events.append(Event(0.0, "explained: the next hop was not asked, nothing was delivered"))
        trace.because = "; ".join(
            f"{each.decision.action} for {each.address}, because {each.decision.because}"
            for each in trace.recipients
            if each.decision is not None
        )
        trace.duration_ms = round((time.time() - trace.started) * 1000, 1)
        return trace

    def _view(self, **more: object) -> View:
        """Give what checks may look at; ``more`` is the stage's own part."""
        return View(
            policy=self.policy,
            node=self.config.name,
            listener=self.question.listener,
            client=self.trace.client,
            sender=self.sender,
            parameters=self.trace.parameters,
            earlier=self.trace.observations,
            id=self.trace.id,
            **more,  # type: ignore[arg-type] # as above
        )

    async def _run(
        self, stage: Stage, checks: Sequence[Check], view: View, rules: Sequence[Rules]
    ) -> list[Observation]:
        """Run the checks of a stage; nobody waits for a reply, so that each has the budget of DATA."""
        return await pipeline.run(stage, checks, view, rules, seconds=self.config.budget.data)


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
