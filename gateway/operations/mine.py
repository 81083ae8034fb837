"""Takes in that somebody says "this was mine": an automatic message which was doubted answers mail that they sent.

It feeds back at once: a guided domain falls back to observe, and waits 14 days; the host that brought it loses what it
was blamed for. A mistake can be taken back.
"""

import contextlib

from django.db import transaction
from django.utils import timezone

from gateway.backscatter.words import Verdict
from gateway.models import JudgedBounce
from gateway.operations import audit, learning
from gateway.operations.learning import backscatterers, readiness, stages


def report_mine(message: str, recipient: str, who: str) -> bool:
    """Note that a judged message for a recipient was theirs; gives whether that is news. Raises ``django.db.Error``.

    ``recipient`` is the address in lower case, without tag.
    """
    now = timezone.now()
    with transaction.atomic():
        row = _row(message, recipient)
        if row is None or row.mine is not None:
            return False
        row.mine = now
        row.save(update_fields=["mine"])
        audit.record(who, "this was mine", _target(row), f"it was judged {row.verdict}")
        backscatterers.amend(row)
        if _is_guided(row.domain):
            stages.fall_back(row.domain, _reason(row), who, now)
    _publish()
    return True


def take_back_mine(message: str, recipient: str, who: str) -> bool:
    """Take a report back; gives whether there was one. Raises ``django.db.Error``.

    The domain goes on by itself as soon as nothing else speaks against it; it does not jump to where it was.
    """
    with transaction.atomic():
        row = _row(message, recipient)
        if row is None or row.mine is None:
            return False
        row.mine = None
        row.save(update_fields=["mine"])
        audit.record(who, "this was not mine", _target(row))
        backscatterers.amend(row)
        stages.let_go_on_after(row.domain, _reason(row))
    _publish()
    return True


def _row(message: str, recipient: str) -> JudgedBounce | None:
    """Give the verdict on a message for a recipient, locked; None where there is none that can be doubted."""
    rows = JudgedBounce.objects.select_for_update().filter(transaction=message, recipient=recipient)
    return rows.exclude(verdict__in=(Verdict.GENUINE, Verdict.NOT_AUTOMATIC)).first()


def _is_guided(domain: str) -> bool:
    """Whether the policy in force guides a domain."""
    snapshot = readiness.in_force()
    policy = snapshot.domains.get(domain) if snapshot is not None else None
    return policy is not None and policy.guided


def _reason(row: JudgedBounce) -> str:
    """Give the reason of a fall-back, which names the one report that it comes from."""
    return f"this was mine, said of message {row.transaction_id} to {row.recipient}"


def _target(row: JudgedBounce) -> str:
    """Name the message."""
    return f"{row.transaction_id} to {row.recipient}"


def _publish() -> None:
    """Bring it to the SMTP side now; where that can't be written, ingest does within two seconds."""
    with contextlib.suppress(OSError):
        learning.publish()
