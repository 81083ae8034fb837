"""Puts digests on their way, each once, whatever is killed in between.

First one database transaction says that the digest is made, and which copies it tells of. Then it is committed to the
spool, under an id that follows from domain, address and day; then it is written down that this is done. What was cut
off after the first step is done by the next run, from what the copies say, under the same id: it lies in the spool, or
its row tells that it did, or it never came there. From the spool on it goes as a redirected message does: the sweep
adopts it, and a worker delivers it from the null sender.
"""

import contextlib
import fcntl
import hashlib
import logging
from collections.abc import Iterator
from datetime import datetime

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from gateway.mail.client import Client
from gateway.mail.copies import Copy, Purpose
from gateway.mail.decisions import Action, Decision
from gateway.mail.envelope import MailParameters
from gateway.mail.message import Content, head_of
from gateway.models import Digest, Domain, QuarantinedCopy
from gateway.models.quarantine import CopyState
from gateway.operations import alarms, hold
from gateway.operations.digests.choosing import Due, due, id_of, letter_of, mailbox, trouble, untold
from gateway.operations.digests.letter import as_message
from gateway.operations.learning.readiness import in_force
from gateway.policy.digest import DigestTo
from gateway.policy.matching import Match, Policy
from gateway.spool.disk import SpoolError, make_folder
from gateway.spool.item import Item
from gateway.spool.quarantine import Quarantine
from gateway.spool.staging import Spool

_INSTANCE = "digests"  # of the spool's writers: its slots are swept by smtpd unless its lock is held
_SLOT = f"{_INSTANCE}-1"
_BATCH = 500

log = logging.getLogger(__name__)


def send() -> int:
    """Make every digest that is due, and put it into the spool; gives how many. Raises ``django.db.Error``.

    Nothing happens on a restored node that waits, nor while another process of this home is at it.
    """
    snapshot = in_force()
    if snapshot is None or hold.of(settings.CONFIG) is not None:
        return 0
    policy = Policy(snapshot)
    count = 0
    with _alone() as alone:
        try:
            if alone:
                spool = Spool(settings.CONFIG.spool_folder, _SLOT)
                spool.discard_leftovers()
                for digest in _unfinished():
                    count += _put(digest, policy, spool)
                for each in _due(policy):
                    made = _make(each, timezone.now())
                    count += made is not None and _put(made, policy, spool)
        except SpoolError as error:
            alarms.raise_alarm(settings.CONFIG.name, f"digests wait, they can't be written: {error}")
    return count


def forget(before: datetime) -> None:
    """Remove the rows of digests that were made before then."""
    Digest.objects.filter(made__lt=before, spooled=True).delete()


@contextlib.contextmanager
def _alone() -> Iterator[bool]:
    """Tell whether nobody else of this home makes digests; nobody begins meanwhile."""
    folder = settings.CONFIG.home / "locks"
    make_folder(folder)
    with (folder / f"smtp-{_INSTANCE}").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def _due(policy: Policy) -> Iterator[Due]:
    """Give what is due in all domains. An alarm tells of a domain whose digest has nowhere to go."""
    for domain in Domain.objects.exclude(digest=DigestTo.NONE):
        if wrong := trouble(domain, policy):
            alarms.raise_alarm(settings.CONFIG.name, wrong)
        else:
            yield from due(domain, policy)


def _make(wanted: Due, now: datetime) -> Digest | None:
    """Write down that a digest is made, and which copies it tells of.

    Gives None where today's is made, or nothing is left to tell.
    """
    id = id_of(wanted, now)  # noqa: A001 - its name
    if Digest.objects.filter(pk=id).exists():
        return None
    try:
        with transaction.atomic():
            digest = Digest.objects.create(
                id=id,
                domain=wanted.domain,
                kind=wanted.kind,
                recipient=wanted.recipient,
                made=now,
                node=settings.CONFIG.name,
            )
            batches = (wanted.copies[at : at + _BATCH] for at in range(0, len(wanted.copies), _BATCH))
            if not sum(untold().filter(pk__in=batch).update(digest=id) for batch in batches):
                transaction.set_rollback(True)
                return None
    except IntegrityError:
        return None  # another node was faster
    return digest


def _unfinished() -> Iterator[Digest]:
    """Give the digests of this node that an earlier run did not finish."""
    yield from Digest.objects.filter(node=settings.CONFIG.name, spooled=False)


def _put(digest: Digest, policy: Policy, spool: Spool) -> bool:
    """Put a digest into the spool, where it has not been yet, and write that down; tells whether. Raises SpoolError."""
    there = Quarantine(spool.folder).exists(digest.id) or QuarantinedCopy.objects.filter(message=digest.id).exists()
    if not there:
        domain = Domain.objects.filter(name=digest.domain).first()
        match = mailbox(digest.recipient, policy)
        told = QuarantinedCopy.objects.filter(digest=digest.id, state=CopyState.QUARANTINED)
        if domain is None or match is None or not told.exists():
            _undo(digest)
            return False
        _spool(digest, domain, match, told, spool)
    Digest.objects.filter(pk=digest.pk).update(spooled=True)
    log.info("%s: %s", digest.id, digest)
    return not there


def _spool(digest: Digest, domain: Domain, match: Match, told: QuerySet[QuarantinedCopy], spool: Spool) -> None:
    """Commit a digest that tells of these copies to the spool. Raises SpoolError."""
    to = str(match.mailbox)
    letter = letter_of(DigestTo(digest.kind), domain, to, digest.id, digest.made, told)
    octets = as_message(letter)
    because = f"{digest.domain} sends a digest to its {digest.kind}"
    content = Content(len(octets), hashlib.sha256(octets).hexdigest(), head_of(octets), memory=octets)
    item = Item(
        id=digest.id,
        received=digest.made.timestamp(),
        node=digest.node,
        revision=0,
        listener="",
        client=Client("127.0.0.1", helo=digest.node),
        sender="",
        parameters=MailParameters(smtputf8=match.mailbox.needs_utf8),
        copies=(Copy(to, match.domain.route, Decision(Action.DELIVER, because), Purpose.DIGEST),),
        size=content.size,
        sha256=content.sha256,
        header_from=f"Backstop <{letter.author}>",
        subject=letter.subject,
        message_id=f"<{digest.id}@{digest.node}>",
    )
    spool.stage(item, content).commit()


def _undo(digest: Digest) -> None:
    """Take a digest back that never came to the spool: its address is none of ours any more, or nothing waits."""
    with transaction.atomic():
        QuarantinedCopy.objects.filter(digest=digest.id).update(digest="")
        digest.delete()
