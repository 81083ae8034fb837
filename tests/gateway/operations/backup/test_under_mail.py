"""A backup is made while mail comes in, is ingested, released and deleted; it can be proven all the same."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection

from gateway.config import Config
from gateway.models import QuarantinedCopy
from gateway.models.quarantine import CopyState
from gateway.operations import adopt, ingest
from gateway.operations.backup import making, proving
from gateway.operations.delete import delete
from tests.fake_clamd import FakeClamd
from tests.gateway.operations.backup.conftest import manifest_of, quiet
from tests.smtpfront.nexthop import NextHop
from tests.smtpfront.running import Gateway, snapshot, spam, until

BEFORE = 15


def send(gateway: Gateway, stop: Callable[[], bool], accepted: list[str]) -> None:
    """Send messages that go to quarantine, one after the other; note the id of each that got 250."""
    while not stop():
        with gateway.client() as client:
            client.open("them@other.test", "carol@example.test")
            reply = client.data(spam("tagged") + f"{len(accepted)}\r\n".encode())  # each is another one, no retry
            if reply.startswith("250"):
                accepted.append(reply.rsplit("id ", 1)[1].strip())


@pytest.mark.usefixtures("scratch_allowed")
def test_a_backup_under_mail_can_be_proven_and_has_all_that_was_accepted_before(
    home: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    config: Config = settings.CONFIG
    sets = tmp_path_factory.mktemp("sets")
    accepted: list[str] = []
    stopped = threading.Event()
    with NextHop() as hop, FakeClamd(None) as clamd, Gateway(home, snapshot(hop.port), clamd.address) as gateway:
        sender = threading.Thread(target=send, args=(gateway, stopped.is_set, accepted))
        sender.start()
        try:
            until("mail", lambda: len(accepted) > BEFORE)
            adopt.adopt()
            ingest.ingest_once(config.journal_folder)
            deleted = QuarantinedCopy.objects.order_by("id").first()

            told: list[str] = []

            def disturb(text: str) -> None:
                """Do while the backup is made what workers and people do, now and then."""
                told.append(text.partition(":")[0])
                if len(told) == 1 or told[-1] != told[-2]:
                    adopt.adopt()
                    delete(QuarantinedCopy.objects.filter(pk=deleted.pk), "somebody")

            before = set(accepted)
            making.backup(config, sets / "set", disturb)
            after = len(accepted)
        finally:
            stopped.set()
            sender.join()

    assert after > len(before), "mail came in meanwhile"
    proof = proving.prove(config, sets / "set", quiet)
    assert proof.failed == ()
    names = {Path(name).parent.name for name in manifest_of(sets / "set").files if name.endswith("message.eml")}
    assert before - {deleted.message} <= names
    assert QuarantinedCopy.objects.get(pk=deleted.pk).state == CopyState.DELETED
    assert connection.vendor in proof.proven[1]
