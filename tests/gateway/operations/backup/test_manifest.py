"""Which sets a version takes for its own."""

from pathlib import Path

import pytest

from gateway import installation
from gateway.operations.backup import manifest
from gateway.operations.backup.manifest import BackupError
from tests.gateway.operations.backup.conftest import manifest_of, rewrite

pytestmark = pytest.mark.database


def with_tables_of_a_later_one(made: Path, version: str) -> None:
    rewrite(made, migrations=[*manifest_of(made).migrations, "gateway.0099_later"], version=version)


def test_a_set_with_tables_that_another_version_had_is_refused(made: Path) -> None:
    with_tables_of_a_later_one(made, "9.9")
    with pytest.raises(BackupError, match=r"newer than this version \(gateway\.0099_later\); install version 9\.9"):
        manifest.read(made)


def test_a_version_that_came_back_from_a_later_one_reads_its_own_sets(made: Path) -> None:
    with_tables_of_a_later_one(made, installation.version())
    assert "gateway.0099_later" in manifest.read(made).migrations
