"""A backup set is whole, or it is not there."""

import contextlib
import os
import resource
import sqlite3
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from django.db import connection

from gateway import halfway
from gateway.config import Config
from gateway.models import PolicyRevision, QuarantinedCopy
from gateway.operations.backup import databases, making, records
from gateway.operations.backup.manifest import BackupError
from gateway.operations.backup.records import Proof
from gateway.operations.doctor import LOOKS, Level
from gateway.operations.publish import publish_policy
from gateway.spool.quarantine import MESSAGE, Quarantine, place_of
from tests.gateway.operations.backup.conftest import flip, manifest_of, quiet


@contextlib.contextmanager
def files_no_larger_than(octets: int) -> Iterator[None]:
    """Let this process write no larger file, as on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (octets, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_backup_can_be_proven(made: Path, prove: Callable[[Path], Proof]) -> None:
    proof = prove(made)

    assert proof.failed == ()
    told = "; ".join(proof.proven)
    assert "1 BATV keys verify" in told
    assert "a seal verifies" in told
    assert "1 DKIM keys load" in told
    assert "5 quarantined messages open" in told
    assert "1 people of the console and 1 accounts" in told
    assert "room for 1024 entries" in told


def test_a_set_is_for_its_owner_alone(made: Path) -> None:
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (made, *made.rglob("*")) if path.is_dir()}
    assert modes == {0o700}
    assert not [path for path in made.rglob("*") if path.is_file() and path.stat().st_mode & 0o077]


def test_a_set_says_whose_it_is_whatever_is_published_later(node: Config, made: Path, tmp_path: Path) -> None:
    first = PolicyRevision.objects.get().published
    publish_policy("test")

    making.backup(node, tmp_path / "later", quiet)

    assert manifest_of(made).installation == f"{first:%Y%m%dT%H%M%S.%fZ}"
    assert manifest_of(tmp_path / "later").installation == manifest_of(made).installation


def test_every_file_of_a_set_is_in_its_manifest(made: Path) -> None:
    there = {str(path.relative_to(made)) for path in made.rglob("*") if path.is_file()}
    assert there == {*manifest_of(made).files, "manifest.json"}


def test_the_configuration_file_is_in_the_set(node: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "own.toml"
    file.write_text("# mine\n")
    monkeypatch.setenv("BACKSTOP_CONFIG", str(file))

    making.backup(node, tmp_path / "set", quiet)

    assert (tmp_path / "set" / "configuration" / "backstop.toml").read_text() == "# mine\n"


def test_a_message_that_is_deleted_later_stays_in_the_set(made: Path, node: Config) -> None:
    Quarantine(node.spool_folder).delete("01a3")
    assert (place_of(made / "home" / "spool", "01a3") / MESSAGE).exists()


def test_an_older_set_is_replaced_only_where_that_is_said(made: Path, node: Config) -> None:
    with pytest.raises(BackupError, match="--replace"):
        making.backup(node, made, quiet)
    first = manifest_of(made)

    making.backup(node, made, quiet, replace=True)

    assert manifest_of(made).began > first.began
    assert [path.name for path in made.parent.iterdir()] == ["set"]


def test_what_is_no_set_is_never_replaced(node: Config, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "holiday").write_text("sea")
    with pytest.raises(BackupError, match="is no backup set"):
        making.backup(node, tmp_path / "photos", quiet, replace=True)


@pytest.mark.parametrize("name", ["empty", "mistyped"])
def test_of_a_home_that_holds_no_gateway_no_backup_is_made(node: Config, tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    elsewhere = msgspec.structs.replace(node, node=msgspec.structs.replace(node.node, home=tmp_path / name))

    with pytest.raises(BackupError, match=f"{name} holds nothing of a gateway; .*--home"):
        making.backup(elsewhere, tmp_path / "set", quiet)

    assert not (tmp_path / "set").exists()
    assert list((tmp_path / "empty").iterdir()) == []


def test_of_a_database_without_tables_no_backup_is_made(
    node: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(databases, "applied", list)
    with pytest.raises(BackupError, match=f"the database of {node.home} has no tables"):
        making.backup(node, tmp_path / "set", quiet)


def test_half_of_a_restored_state_never_becomes_the_latest_backup(node: Config, tmp_path: Path) -> None:
    halfway.begin(node.home)

    with pytest.raises(BackupError, match=r"no backup was made: .* a restore broke off"):
        making.backup(node, tmp_path / "set", quiet)
    (told,) = LOOKS["state folder"](node)
    assert told.level is Level.FAIL
    assert "run it again" in told.remedy


def test_a_full_disk_is_told_and_leaves_nothing(node: Config, tmp_path: Path) -> None:
    with files_no_larger_than(20_000), pytest.raises(BackupError):
        making.backup(node, tmp_path / "sets" / "set", quiet)
    assert list((tmp_path / "sets").iterdir()) == []


def test_what_a_killed_backup_left_is_no_set_and_goes_with_the_next(node: Config, tmp_path: Path) -> None:
    left = tmp_path / "sets" / ".set.part"
    left.mkdir(parents=True)
    (left / "database.sqlite3").write_text("half")

    making.backup(node, tmp_path / "sets" / "set", quiet)

    assert [path.name for path in (tmp_path / "sets").iterdir()] == ["set"]


def test_a_missing_program_of_postgresql_is_named(
    node: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite needs no program")
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    with pytest.raises(BackupError, match="pg_dump is not installed; on Debian: apt-get install postgresql-client"):
        making.backup(node, tmp_path / "sets" / "set", quiet)
    assert list((tmp_path / "sets").iterdir()) == []


def test_a_message_that_is_damaged_in_the_spool_is_named_and_not_proven(
    node: Config, tmp_path: Path, prove: Callable[[Path], Proof]
) -> None:
    flip(place_of(node.spool_folder, "01a2") / MESSAGE)

    manifest = making.backup(node, tmp_path / "set", quiet)

    assert manifest.damaged == ["01a2"]
    assert prove(tmp_path / "set").failed == (
        "quarantined messages were damaged before they were backed up: 01a2; delete them",
    )


def test_sqlite_writers_do_not_wait_for_a_backup_nor_disturb_it(node: Config, tmp_path: Path) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL's dump has a snapshot of its own")
    QuarantinedCopy.objects.update(because="x" * 4_000_000)  # more pages than are copied in one step
    written = []

    def write(text: str) -> None:
        """Write while the database is copied, from another connection."""
        if text.startswith("database: ") and "pages" in text and not written:
            with sqlite3.connect(connection.settings_dict["NAME"], timeout=0.1) as other:
                other.execute("UPDATE gateway_quarantinedcopy SET subject = 'later'")
            other.close()
            written.append(text)

    making.backup(node, tmp_path / "set", write)

    assert written
    assert set(QuarantinedCopy.objects.values_list("subject", flat=True)) == {"later"}
    with contextlib.closing(sqlite3.connect(tmp_path / "set" / "database.sqlite3")) as copied:
        assert copied.execute("SELECT DISTINCT subject FROM gateway_quarantinedcopy").fetchall() == [("hello",)]


def test_the_last_backup_is_remembered(made: Path, node: Config) -> None:
    record = records.last_backup(node)
    assert record is not None
    assert (record.folder, record.messages) == (str(made), 5)
    assert record.octets == manifest_of(made).octets


def test_one_that_is_carried_elsewhere_counts_when_it_has_come_there(node: Config, tmp_path: Path) -> None:
    manifest = making.backup(node, tmp_path / "set", quiet, note_later=True)
    assert records.last_backup(node) is None

    making.note(node, tmp_path / "set")

    record = records.last_backup(node)
    assert record is not None
    assert (record.at, record.messages) == (manifest.ended, manifest.messages)


def test_two_backups_to_one_folder_do_not_meet(node: Config, tmp_path: Path) -> None:
    def again(_text: str) -> None:
        with pytest.raises(BackupError, match="another backup writes there now"):
            making.backup(node, tmp_path / "set", quiet)

    making.backup(node, tmp_path / "set", again)


def test_holes_of_the_ledger_stay_holes(made: Path, node: Config) -> None:
    os.truncate(node.home / "ledger", 64 * 1024**2)
    making.backup(node, made, quiet, replace=True)
    copied = (made / "home" / "ledger").stat()
    assert copied.st_size == 64 * 1024**2
    assert copied.st_blocks * 512 < 4 * 1024**2
