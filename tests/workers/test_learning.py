"""The running loop learns: from the journal to the file that the SMTP side reads, and on by itself."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from django.utils import timezone

from gateway.models import Storm
from gateway.policy.feed import LearnedFeed
from gateway.spool.journal import JournalWriter
from gateway.spool.records import TraceRecord, encode
from tests.gateway.operations.learning.bounces import KIM, bounce
from tests.workers.conftest import Program, until


def test_a_storm_is_opened_published_and_closed_without_anybodys_doing(
    start: Callable[..., Program], home: Path
) -> None:
    writer = JournalWriter(home / "journal", "smtp-0")
    start("-m", "workers.ingest")
    feed = LearnedFeed(home / "learned")

    def storms() -> bool:
        feed.check()
        return feed.current is not None and KIM in feed.current.storms

    for _ in range(20):
        writer.append(encode(TraceRecord(bounce())))
    until("the storm", storms)

    Storm.objects.update(until=timezone.now() - timedelta(seconds=1))
    until("its end", lambda: not storms())
    assert Storm.objects.get().closed is not None
