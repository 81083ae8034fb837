"""One mail transaction, from MAIL to the reply: the owner of its trace and of the held next-hop transaction."""

import asyncio
import logging
import secrets
import time

from gateway.checks.base import View
from gateway.delivery.relay import NextHopTransaction
from gateway.mail.address import Address
from gateway.mail.client import Client
from gateway.mail.decisions import Disposition
from gateway.mail.envelope import MailParameters
from gateway.mail.findings import Observation
from gateway.mail.reply import Reply
from gateway.mail.trace import Event, RecipientTrace, Trace
from gateway.outbound.marking import Marks
from gateway.outcome.summary import finish
from gateway.policy.matching import Policy
from gateway.policy.snapshot import Rules
from gateway.spool.disk import SpoolError
from gateway.spool.records import TraceRecord, encode
from smtpfront.front import Front

log = logging.getLogger("smtpd")

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32: no letter is taken for a digit


def new_id() -> str:
    """Give an id of 26 letters that sorts by time: 48 bits of milliseconds, 80 random bits (as ULID does)."""
    number = int(time.time() * 1000) << 80 | secrets.randbits(80)
    return "".join(_ALPHABET[number >> shift & 31] for shift in range(125, -1, -5))


class Transaction:
    """What a MAIL began. ``policy`` is the one in force then, and stays."""

    def __init__(self, front: Front, policy: Policy, listener: str, client: Client, events: list[Event]) -> None:
        """Begin; ``events`` are those of the session that no trace has told yet."""
        self.front = front
        self.policy = policy
        self.began = time.perf_counter()
        self.trace = Trace(
            id=new_id(),
            started=time.time(),
            node=front.name,
            revision=policy.revision,
            listener=listener,
            client=client,
            events=events,
            learned=policy.learned.serial,
        )
        self.sender: Address | None = None
        self.held: NextHopTransaction | None = None
        self.route = ""  # the route of the first accepted recipient; all others must share it
        self.next_sender = ""  # the envelope sender that the next hop is told; all recipients must share it too
        self.marks: Marks | None = None  # of mail that leaves; set with its first recipient
        self.rules: list[Rules] = []  # those of the accepted recipients
        self.accepted = 0
        self.named: list[RecipientTrace] = []  # whose RCPT was answered with 250, in that order, as often as it was
        self.pending: list[asyncio.Future[list[Observation]]] = []  # checks of connect, helo and mail, under way
        self.taken_by_next_hop = False
        self.refused_by_next_hop = ""  # the route whose next hop refused a recipient with 5xx
        self.closed = False

    @property
    def parameters(self) -> MailParameters:
        """What MAIL declared."""
        return self.trace.parameters

    def note(self, what: str, reply: Reply | None = None) -> None:
        """Add a line to the timeline."""
        at = round((time.perf_counter() - self.began) * 1000, 1)
        self.trace.events.append(Event.told(at, what, f"{reply.code} {reply.enhanced}" if reply is not None else ""))

    def view(self) -> View:
        """Give what a check may look at so far."""
        trace = self.trace
        return View(
            policy=self.policy,
            node=self.front.name,
            listener=trace.listener,
            client=trace.client,
            sender=self.sender,
            parameters=trace.parameters,
            earlier=trace.observations,
            id=trace.id,
        )

    async def settle(self) -> None:
        """Wait for the checks of the stages before RCPT; each is bounded. What they saw goes to the trace, in order."""
        pending, self.pending = self.pending, []
        for task in pending:
            seen = await task
            self.front.alarm_on_breakage(seen)
            self.trace.observations += seen

    def refuse(self, each: RecipientTrace, reply: Reply) -> Reply:
        """Settle a recipient that is refused at RCPT; gives the reply with the id that people can quote."""
        reply = self.trace.client.hears(reply)
        each.disposition = Disposition.DEFERRED if reply.temporary else Disposition.REJECTED
        each.reply = Reply(reply.code, reply.enhanced, f"{reply.text}, id {self.trace.id}")
        return each.reply

    async def abandon(self, why: str) -> None:
        """End without DATA: free the next hop, settle who is open, write the trace. Harmless when it has ended."""
        if self.closed:
            return
        self.closed = True
        await self.let_go()
        for task in self.pending[-1:]:  # the last is of MAIL; the others are the session's
            task.cancel()
        for each in self.trace.recipients:
            if each.disposition is None:
                each.disposition = Disposition.ABANDONED
        if not self.trace.recipients and not self.trace.because:
            self.trace.because = why
        if not self.trace.disposition and not self.trace.recipients:
            self.trace.disposition = Disposition.ABANDONED.value
        self.note(why)
        finish(self.trace, None)
        self.write()

    async def let_go(self) -> None:
        """Give the next hop back, and note where it took nobody."""
        if self.refused_by_next_hop and not self.taken_by_next_hop:
            self.front.health.refused_all(self.refused_by_next_hop)
        self.refused_by_next_hop = ""
        held, self.held = self.held, None
        if held is not None:
            await held.abandon()

    def tell(self) -> None:
        """Log the transaction in one line."""
        trace = self.trace
        sender = "-" if trace.sender is None else f"<{trace.sender}>"
        who = " ".join(f"<{each.address}>" for each in trace.recipients[:3])
        more = f" and {len(trace.recipients) - 3} more" if len(trace.recipients) > 3 else ""  # noqa: PLR2004
        log.info(
            "%s %s %s to %s%s: %s, because %s",
            trace.id,
            trace.client.ip,
            sender,
            who or "-",
            more,
            trace.disposition,
            trace.because,
        )

    def write(self) -> None:
        """Append the trace to the journal."""
        self.tell()
        try:
            self.front.journal.append(encode(TraceRecord(self.trace)))
        except SpoolError as error:
            self.front.alarm(f"journal can not be written: {error}")
