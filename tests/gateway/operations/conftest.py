from pathlib import Path

import pytest

from gateway.spool.journal import JournalWriter
from gateway.spool.quarantine import Quarantine
from gateway.spool.staging import Spool


@pytest.fixture
def journals(home: Path) -> Path:
    return home / "journal"


@pytest.fixture
def writer(journals: Path) -> JournalWriter:
    return JournalWriter(journals, "smtp-0")


@pytest.fixture
def spool(home: Path) -> Spool:
    return Spool(home / "spool", "smtp-0")


@pytest.fixture
def quarantine(spool: Spool) -> Quarantine:
    return Quarantine(spool.folder)
