"""Releases quarantined copies: asked for by a person, delivered by a worker; redirected mail and copies ask nobody.

The state is in the database, and every step is a conditional UPDATE, so a task that runs twice delivers once. A worker
that was killed loses its claim after 15 minutes; a copy whose ``2xx`` was not written down by then is delivered once
more, which is better than never. On a restored node nothing is due until a person says so. Nothing is ever sent back
to a sender: what can't be delivered is told at the console.
"""

import contextlib
import logging
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from gateway.config import Budget
from gateway.delivery import headers, stripping, submit
from gateway.delivery.faults import RouteFault
from gateway.mail.copies import Purpose
from gateway.mail.message import Content
from gateway.mail.reply import Reply
from gateway.models import QuarantinedCopy
from gateway.models.quarantine import CopyState
from gateway.operations import alarms, audit, broker, columns, hold, learn
from gateway.operations.delete import remove_unused_bytes
from gateway.operations.marked import marked
from gateway.outbound.dkim_signature import KeyUnusableError, MessageUnsignableError
from gateway.outbound.marking import MarkingError
from gateway.policy import codec
from gateway.policy.snapshot import Route
from gateway.services import secrets
from gateway.services.ledger import LedgerError
from gateway.spool.disk import SpoolError
from gateway.spool.item import Item
from gateway.spool.quarantine import Quarantine

CLAIM = timedelta(minutes=15)  # longer than an attempt can take, so nobody delivers what another still does
_FIRST_DELAYS = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=15))
_DELAY = timedelta(hours=1)
_GIVE_UP = timedelta(days=5)
ATTEMPTS = len(_FIRST_DELAYS) + 1 + int((_GIVE_UP - sum(_FIRST_DELAYS, timedelta())) / _DELAY)
_PAUSES = (1.0, 4.0, 15.0, 40.0)  # seconds; a database that restarts is back by then
STRIPPING = "stripping-"  # how folders in the spool begin that a worker needs while it delivers
_STEP_SECONDS = 30.0
_FINAL_DOT_SECONDS = 300.0
RELEASABLE = (CopyState.QUARANTINED, CopyState.FAILED)
WORKER = "release"  # who the audit names for what a worker did

log = logging.getLogger(__name__)


class Result(msgspec.Struct, frozen=True):
    """How one attempt ended: the next hop's reply, or in ``trouble`` why there is none.

    ``final`` rules out another try.
    """

    reply: Reply | None = None
    trouble: str = ""
    final: bool = False

    @property
    def words(self) -> str:
        """The reply's line, or the trouble."""
        return str(self.reply) if self.reply else self.trouble


def release(copies: QuerySet[QuarantinedCopy], who: str) -> int:
    """Ask for the delivery of quarantined copies, and again of failed ones; gives how many. Rings a worker for each."""
    count = 0
    for copy in copies.filter(state__in=RELEASABLE):
        with transaction.atomic():
            now = timezone.now()
            asked = QuarantinedCopy.objects.filter(pk=copy.pk, state__in=RELEASABLE).update(
                state=CopyState.RELEASING, attempts=0, next_attempt=now, claimed=None, next_hop_reply="", changed=now
            )
            if asked:
                audit.record(who, "release", str(copy), f"from {copy.sender or '<>'}, {copy.because}")
                count += 1
                # Rung once the row can be seen by the worker.
                number = copy.pk
                transaction.on_commit(lambda number=number: broker.ring(number))  # type: ignore[misc]
    return count


def ring_due() -> int:
    """Ring for every release that is due and that nobody has in hand; gives how many."""
    return _ring(QuarantinedCopy.objects.filter(_due(timezone.now())))


def ring_for(messages: Sequence[str]) -> int:
    """Ring for what is due of these messages; gives how many copies."""
    return _ring(QuarantinedCopy.objects.filter(_due(timezone.now()), message__in=messages))


def _ring(copies: QuerySet[QuarantinedCopy]) -> int:
    """Ring for these copies, or for the first of them; gives for how many."""
    if hold.of(settings.CONFIG) is not None:
        return 0
    numbers = list(copies.order_by("next_attempt").values_list("pk", flat=True)[:1000])
    for number in numbers:
        broker.ring(number)
    return len(numbers)


def deliver(number: int) -> CopyState | None:
    """Try to deliver one released copy; gives its state then, None where nothing was due.

    Raises ``django.db.Error``.
    """
    if hold.of(settings.CONFIG) is not None:
        return None
    claimed = timezone.now()
    taken = QuarantinedCopy.objects.filter(_due(claimed), pk=number).update(claimed=claimed, attempts=F("attempts") + 1)
    if not taken:
        return None
    copy = QuarantinedCopy.objects.get(pk=number)
    result = _attempt(copy)
    state = _settle_patiently(copy, result)
    log.info("release of %s, attempt %d: %s, %s", copy, copy.attempts, state or "taken over", result.words)
    if state is CopyState.RELEASED:
        learn.teach_before_it_goes(copy.message)
        remove_unused_bytes(copy.message)
    return state


def _settle_patiently(copy: QuarantinedCopy, result: Result) -> CopyState | None:
    """Write down how an attempt ended, trying for a while: what is not written down is delivered again.

    Gives the new state, None where another worker has taken over. Raises ``django.db.Error``.
    """
    for pause in _PAUSES:
        try:
            return _settle(copy, result)
        except (OperationalError, InterfaceError) as error:
            log.warning("release of %s: the database does not take the result, trying again: %s", copy, error)
            connection.close_if_unusable_or_obsolete()
            time.sleep(pause)
    return _settle(copy, result)


def _settle(copy: QuarantinedCopy, result: Result) -> CopyState | None:
    """Write down how an attempt ended, as above, once."""
    state, next_attempt = _judge(copy, result)
    with transaction.atomic():
        ours = QuarantinedCopy.objects.filter(pk=copy.pk, state=CopyState.RELEASING, claimed=copy.claimed)
        changed = ours.update(
            state=state,
            next_attempt=next_attempt,
            claimed=None,
            next_hop_reply=columns.text(result.words),
            changed=timezone.now(),
        )
        if not changed:
            return None  # so slow that another worker took it over; that one's word counts
        if state is not CopyState.RELEASING:
            audit.record(WORKER, str(state), str(copy), result.words)
        if state is CopyState.FAILED and Purpose(copy.purpose).leaves_by_itself:
            alarms.raise_alarm(
                settings.CONFIG.name,
                f"{copy.recipient} does not take what is redirected or copied to it: {result.words}; "
                "the messages stay in quarantine, failed",
            )
    return state


def _due(now: datetime) -> Q:
    """Give the condition of a release that is due and not in hand."""
    return Q(state=CopyState.RELEASING, next_attempt__lte=now) & (Q(claimed=None) | Q(claimed__lt=now - CLAIM))


def _judge(copy: QuarantinedCopy, result: Result) -> tuple[CopyState, datetime | None]:
    """Give the state after an attempt, and when the next one is due."""
    if result.reply is not None and result.reply.positive:
        return CopyState.RELEASED, None
    if result.final or copy.attempts >= ATTEMPTS:
        return CopyState.FAILED, None
    done = copy.attempts - 1
    delay = _FIRST_DELAYS[done] if done < len(_FIRST_DELAYS) else _DELAY
    return CopyState.RELEASING, timezone.now() + delay


def _attempt(copy: QuarantinedCopy) -> Result:
    """Deliver the stored original over the route of the copy, as it is published now."""
    config = settings.CONFIG
    try:
        item, content = Quarantine(config.spool_folder).read(copy.message)
    except SpoolError as error:
        alarms.raise_alarm(config.name, f"a released message can't be read: {error}")
        return Result(trouble=f"not delivered, the stored message can't be read: {error}", final=True)
    try:
        route, secret = _route(copy.route)
    except LookupError as error:
        alarms.raise_alarm(config.name, f"a released message waits: {error}")
        return Result(trouble=str(error))
    if Purpose(copy.purpose).leaves_by_itself:
        return _redeliver(copy, item, content, route, secret)
    scrubbed, skip = headers.scrub(content, config.name)
    try:
        marks = marked(item, copy.recipient, content, scrubbed, skip)
    except MessageUnsignableError as error:
        return Result(trouble=f"not delivered, its header can't be signed: {error}", final=True)
    except (MarkingError, KeyUnusableError, LedgerError, codec.PolicyError, OSError) as error:
        alarms.raise_alarm(config.name, f"a released message waits, it can't be marked: {error}")
        return Result(trouble=f"it can't be marked: {error}")
    try:
        reply = submit.deliver(
            route,
            secret,
            config.name,
            # The original sender. That can't make a stranger hear from us: we send no report ourselves, and the next
            # hop is asked for none either (NOTIFY=NEVER, where it offers DSN). An empty sender would take from the
            # recipient whom to answer.
            marks.sender,
            copy.recipient,
            item.parameters,
            content,
            marks.front + released_headers(item, copy.recipient, config.name) + marks.behind,
            skip=skip,
            unproven=True,
            budget=_hurried(config.budget),
        )
    except RouteFault as fault:
        alarms.raise_alarm(config.name, f"route {copy.route}: {fault}")
        return Result(trouble=f"route {copy.route}: {fault}")
    return Result(reply=reply, final=reply.permanent)


def _redeliver(copy: QuarantinedCopy, item: Item, content: Content, route: Route, secret: str | None) -> Result:
    """Deliver what is redirected or copied, from the null sender: nothing can come of it at a stranger's."""
    config = settings.CONFIG
    try:
        with _as_delivered(copy, item, content) as sent:
            head, skip = headers.scrub(sent, config.name)
            reply = submit.deliver(
                route,
                secret,
                config.name,
                "",
                copy.recipient,
                item.parameters,
                sent,
                redelivered_headers(item, copy.recipient, Purpose(copy.purpose), config.name) + head,
                skip=skip,
                unproven=True,
                budget=_hurried(config.budget),
            )
    except OSError as error:
        return Result(trouble=f"the copy can not be written: {error}")
    except RouteFault as fault:
        alarms.raise_alarm(config.name, f"route {copy.route}: {fault}")
        return Result(trouble=f"route {copy.route}: {fault}")
    return Result(reply=reply, final=reply.permanent)


@contextlib.contextmanager
def _as_delivered(copy: QuarantinedCopy, item: Item, content: Content) -> Iterator[Content]:
    """Give what a copy is of: the message as it was delivered, stripped where it was. Raises OSError."""
    if copy.purpose != Purpose.COPY or not item.stripped:
        yield content
        return
    with tempfile.TemporaryDirectory(prefix=STRIPPING, dir=settings.CONFIG.spool_folder) as folder:
        yield stripping.stripped(content, item.stripped, item.node, item.id, Path(folder) / "message")


def _route(name: str) -> tuple[Route, str | None]:
    """Give a route of the published policy, and its password. Raises LookupError with what to do."""
    config = settings.CONFIG
    try:
        snapshot = codec.load(config.policy_folder / "current.json")
    except codec.PolicyError as error:
        raise LookupError(str(error)) from error
    route = snapshot.routes.get(name)
    if route is None:
        raise LookupError(f"route {name} is not in policy revision {snapshot.revision}: make it again, and publish")
    try:
        return route, secrets.read(config.secrets_folder, route.secret) if route.secret else None
    except (OSError, ValueError) as error:
        raise LookupError(f"route {name}: its password can't be read: {error}") from error


def _hurried(budget: Budget) -> Budget:
    """Give a budget within which even a slow delivery ends before its claim does. No client waits for a release."""
    return msgspec.structs.replace(
        budget, next_hop=min(budget.next_hop, _STEP_SECONDS), final_dot=min(budget.final_dot, _FINAL_DOT_SECONDS)
    )


def released_headers(item: Item, recipient: str, node: str) -> bytes:
    """Give what stands in front of a released message: the mark, and what was known on the day on which it came in."""
    return f"X-Backstop-Released: {node}; {item.id}\r\n".encode() + _known(item, recipient, node)


def redelivered_headers(item: Item, recipient: str, purpose: Purpose, node: str) -> bytes:
    """Give what stands in front of a redirected message or a copy: the mark, with the envelope, and what was known."""
    field = "X-Backstop-Redirected" if purpose is Purpose.REDIRECT else "X-Backstop-Copy"
    mine = (each for each in item.copies if (each.recipient, each.purpose) == (recipient, purpose))
    whose = [f"for=<{address}>" for each in mine for address in each.instead_of.split(", ") if address]
    words = ";\r\n\t".join([f"{node}; {item.id}", f"from=<{item.sender}>", *whose])
    return f"{field}: {words}\r\n".encode() + _known(item, recipient, node)


def _known(item: Item, recipient: str, node: str) -> bytes:
    """Give what was known of a message on the day on which it came in.

    The Received line counts in every hop's search for loops, ours too.
    """
    received = headers.received(
        item.client,
        by=node,
        id=item.id,
        at=item.received,
        recipients=(recipient,),
        utf8=item.parameters.smtputf8,
        listener=item.listener,
    )
    return received + headers.authentication_results(node, item.results)
