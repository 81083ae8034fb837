"""Learning from traces: what the gateway comes to know by itself, and how it reaches the SMTP side.

    traces, as they are ingested -> take_in() -> rows
    every few seconds            -> look_after() -> rows move on by time: storms close, entries expire, stages change
    rows                         -> publish() -> learned/current.json, which the SMTP side reads

A learner is a module with ``take_in``, ``look_after``, or both; each learns one thing. ``lists`` learns from its own
probes instead, which a worker runs. Policy is never touched here.
"""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from gateway.mail.trace import Trace
from gateway.operations.learning import backscatterers, judgements, never_tags, sending, stages, storms
from gateway.operations.learning.publishing import publish

__all__ = ["look_after", "publish", "take_in"]


def take_in(traces: Sequence[Trace]) -> None:
    """Learn from traces whose rows were just made, in their database transaction. Raises ``django.db.Error``."""
    rows = judgements.take_in(traces)
    storms.take_in(rows)
    backscatterers.take_in(traces, rows)
    never_tags.take_in(traces)
    sending.take_in(traces)


def look_after(now: datetime) -> None:
    """Move on what moves by time. Raises ``django.db.Error``."""
    with transaction.atomic():
        storms.look_after(now)
        backscatterers.look_after(now)
        stages.look_after(now)
        never_tags.look_after(now)
        sending.look_after(now)
