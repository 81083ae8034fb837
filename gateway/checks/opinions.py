"""What the checks that ask a spam engine share: what it is told, and how its opinion becomes findings."""

import asyncio
import time
from collections.abc import Awaitable, Iterator
from typing import ClassVar

from gateway.checks.authenticating import Authenticating
from gateway.checks.base import Check, Seen, View, failed, skipped, timed_out
from gateway.delivery import headers
from gateway.mail.decisions import Action
from gateway.mail.findings import Finding, Outcome, confirmed_name
from gateway.mail.stages import Stage
from gateway.services.engines import Engine, EngineError, EngineTimeout, Known, Opinion

_DKIM_SECONDS = 0.5  # what is not known by then the engine finds out itself


class AsksEngine(Check):
    """Asks a spam engine, whose own time-out bounds the check."""

    stages = (Stage.DATA,)
    action: ClassVar[str] = ""  # the symbol that tells what the engine itself would do

    def __init__(self, engine: Engine, authenticating: Authenticating) -> None:
        """Take the engine, and who knows what DKIM says."""
        self._engine = engine
        self._authenticating = authenticating

    @classmethod
    def reads(cls, view: View) -> object:
        """Give whether it is small enough to be judged, and whether the engine is told of signatures."""
        small = view.content is None or view.content.size <= view.policy.snapshot.max_size
        return small, "dkim" in view.policy.wanted.checks

    def look(self, view: View) -> Seen | Awaitable[Seen]:
        """Ask, unless the message is larger than spam ever is."""
        if view.content is None:
            return skipped("no content")
        limit = min(self._engine.max_size, view.policy.snapshot.max_size)
        if view.content.size > limit:
            return skipped(f"larger than {limit} octets, which is all that {self.name} is handed")
        return self._ask(view)

    async def _ask(self, view: View) -> Seen:
        """Say what the engine thinks; that it can't tell is never a miss."""
        assert view.content is not None  # noqa: S101 - look has seen to it
        try:
            opinion = await self._engine.judge(view.content, await self._known(view))
        except EngineTimeout as error:
            return timed_out(str(error))
        except EngineError as error:
            return failed(str(error))
        findings = tuple(self._findings(opinion))
        return Seen(Outcome.HIT if any(each.weight for each in findings) else Outcome.MISS, findings)

    def _findings(self, opinion: Opinion) -> Iterator[Finding]:
        """Give a finding for each symbol, heaviest first. The policy's thresholds refuse; enforced, it tags at most."""
        for each in opinion.symbols:
            at_most = Action.TAG if each.points > 0 else Action.DELIVER
            yield Finding(each.name, each.points, each.description, informs=not each.points, at_most=at_most)
        if self.action and opinion.action:
            yield Finding(self.action, detail=opinion.action, informs=True)

    async def _known(self, view: View) -> Known:
        """Say what is known of the message besides its octets."""
        hostname = confirmed_name(view.earlier)
        return Known(
            sender="" if view.sender is None else str(view.sender),
            recipients=view.recipients,
            ip=view.client.ip,
            helo=view.client.helo,
            hostname=hostname,
            account=view.client.account,
            tls=view.client.tls,
            node=view.node,
            listener=view.listener,
            id=view.id,
            spf=_spf(view),
            dkim=await self._dkim(view),
            front=_front(view, hostname),
        )

    async def _dkim(self, view: View) -> tuple[tuple[str, str], ...]:
        """Give domain and result of each signature, where they are looked at and known soon."""
        if view.listener != "inbound" or "dkim" not in view.policy.wanted.checks:
            return ()
        try:
            async with asyncio.timeout(_DKIM_SECONDS):
                signatures = await self._authenticating.signatures(view)
        except (TimeoutError, OSError):
            return ()
        return tuple((each.domain, each.result) for each in signatures if each.domain)


def _spf(view: View) -> str:
    """Give the result of SPF for the sender, or for the null sender that of HELO; empty where nobody knows it."""
    seen = view.seen("spf")
    identity = "helo" if view.sender is None else "mailfrom"
    for finding in seen.findings if seen is not None else ():
        if finding.facts.get("identity") == identity:
            return finding.facts.get("result", "")
    return ""


def _front(view: View, hostname: str) -> bytes:
    """Give the lines that a delivered message begins with: the sender, and our Received field."""
    sender = str(view.sender) if view.sender is not None else ""
    utf8 = view.parameters.smtputf8
    sayable = sender.isprintable() and (sender.isascii() or utf8)
    return f"Return-Path: <{sender if sayable else ''}>\r\n".encode() + headers.received(
        view.client,
        by=view.node,
        id=view.id or "explained",
        at=time.time(),
        recipients=view.recipients,
        utf8=utf8,
        listener=view.listener,
        name=hostname,
    )
