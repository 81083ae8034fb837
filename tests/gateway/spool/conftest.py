from pathlib import Path

import pytest

from gateway.spool.quarantine import Quarantine
from gateway.spool.staging import Spool


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool", "smtp-0")


@pytest.fixture
def quarantine(spool: Spool) -> Quarantine:
    return Quarantine(spool.folder)
