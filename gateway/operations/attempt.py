"""One attempt to deliver a stored copy over its route, as that is published now. It writes no row but alarms.

What a person releases goes to its recipient from the original sender; what is redirected or copied, and a digest, goes
to a mailbox of ours, from the null sender. What can't be delivered is said in the result, and to nobody else.
"""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
from django.conf import settings

from gateway.config import Budget
from gateway.delivery import headers, stripping, submit
from gateway.delivery.faults import RouteFault
from gateway.mail.copies import Purpose
from gateway.mail.message import Content
from gateway.mail.reply import Reply
from gateway.models import QuarantinedCopy
from gateway.operations import alarms
from gateway.operations.marked import marked
from gateway.outbound.dkim_signature import KeyUnusableError, MessageUnsignableError
from gateway.outbound.marking import MarkingError
from gateway.policy import codec
from gateway.policy.feed import FILE
from gateway.policy.snapshot import Route
from gateway.services import secrets
from gateway.services.ledger import LedgerError
from gateway.spool.disk import SpoolError
from gateway.spool.item import Item
from gateway.spool.quarantine import Quarantine

STRIPPING = "stripping-"  # how folders in the spool begin that a worker needs while it delivers
# Even a slow attempt ends before its claim does (``release.CLAIM``).
_STEP_SECONDS = 30.0
_FINAL_DOT_SECONDS = 300.0


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


def attempt(copy: QuarantinedCopy) -> Result:
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
            marks.front + _released_headers(item, copy.recipient, config.name) + marks.behind,
            skip=skip,
            unproven=True,
            budget=_hurried(config.budget),
        )
    except RouteFault as fault:
        alarms.raise_alarm(config.name, f"route {copy.route}: {fault}")
        return Result(trouble=f"route {copy.route}: {fault}")
    return Result(reply=reply, final=reply.permanent)


def _redeliver(copy: QuarantinedCopy, item: Item, content: Content, route: Route, secret: str | None) -> Result:
    """Deliver what is redirected or copied, or a digest, from the null sender: nothing comes of it at a stranger's."""
    config = settings.CONFIG
    try:
        with _as_delivered(copy, item, content) as sent:
            front, skip = _redelivered_front(copy, item, sent)
            reply = submit.deliver(
                route,
                secret,
                config.name,
                "",
                copy.recipient,
                item.parameters,
                sent,
                front,
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


def _redelivered_front(copy: QuarantinedCopy, item: Item, sent: Content) -> tuple[bytes, int]:
    """Give what stands in front of what is delivered so, and how many octets it replaces; a digest has all it needs."""
    purpose, node = Purpose(copy.purpose), settings.CONFIG.name
    if purpose is Purpose.DIGEST:
        return b"", 0
    head, skip = headers.scrub(sent, node)
    return _redelivered_headers(item, copy.recipient, purpose, node) + head, skip


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
        snapshot = codec.load(config.policy_folder / FILE)
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


def _released_headers(item: Item, recipient: str, node: str) -> bytes:
    """Give what stands in front of a released message: the mark, and what was known on the day on which it came in."""
    return f"X-Backstop-Released: {node}; {item.id}\r\n".encode() + _known(item, recipient, node)


def _redelivered_headers(item: Item, recipient: str, purpose: Purpose, node: str) -> bytes:
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
