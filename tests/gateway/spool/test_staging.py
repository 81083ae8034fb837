"""What the SMTP side does with a message that it may have to keep."""

import errno
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.spool import staging
from gateway.spool.disk import SpoolError
from gateway.spool.quarantine import Quarantine
from gateway.spool.staging import Spool
from tests import samples


def test_a_staged_message_is_invisible(spool: Spool, quarantine: Quarantine) -> None:
    spool.stage(samples.item("01a"), samples.content())

    assert not quarantine.exists("01a")
    assert list(quarantine.ids()) == []


def test_a_committed_message_is_there_as_it_came(spool: Spool, quarantine: Quarantine) -> None:
    spool.stage(samples.item("01a"), samples.content()).commit()

    item, content = quarantine.read("01a")
    assert item == samples.item("01a")
    assert content.read() == samples.MESSAGE
    assert content.head == samples.content().head
    assert content.sha256 == samples.content().sha256


def test_a_discarded_message_leaves_nothing(spool: Spool) -> None:
    spool.stage(samples.item("01a"), samples.content()).discard()

    assert [path for path in spool.folder.rglob("*") if path.is_file()] == []


def test_one_commit_commits_the_copies_of_all_recipients(spool: Spool, quarantine: Quarantine) -> None:
    spool.stage(samples.item("01a", "b@example.test", "c@example.test"), samples.content()).commit()

    item, _ = quarantine.read("01a")
    assert [copy.recipient for copy in item.copies] == ["b@example.test", "c@example.test"]


def test_a_large_message_is_linked_and_stays_readable_where_it_came_in(spool: Spool, quarantine: Quarantine) -> None:
    content = samples.content(path=spool.incoming_path("01a"))

    spool.stage(samples.item("01a"), content).commit()

    stored = quarantine.read("01a")[1]
    assert stored.path
    assert content.path
    assert stored.path.samefile(content.path)
    content.path.unlink()
    assert stored.read() == samples.MESSAGE


def test_where_no_link_can_be_made_the_message_is_copied(
    spool: Spool, quarantine: Quarantine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(staging.os, "link", refuse)

    spool.stage(samples.item("01a"), samples.content(path=spool.incoming_path("01a"))).commit()

    assert quarantine.read("01a")[1].read() == samples.MESSAGE


def test_only_the_gateway_may_read_what_is_stored(spool: Spool) -> None:
    spool.stage(samples.item("01a"), samples.content()).commit()

    for path in spool.folder.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_what_a_killed_process_left_is_discarded_at_the_next_start(spool: Spool, quarantine: Quarantine) -> None:
    spool.incoming_path("01a").write_bytes(b"half a mess")
    spool.stage(samples.item("01b"), samples.content())
    spool.stage(samples.item("01c"), samples.content()).commit()
    again = Spool(spool.folder, "smtp-0")

    assert again.discard_leftovers() == 2

    assert list(quarantine.ids()) == ["01c"]
    assert again.discard_leftovers() == 0


def test_leftovers_of_another_slot_are_left_alone(spool: Spool) -> None:
    staged = spool.stage(samples.item("01a"), samples.content())

    Spool(spool.folder, "smtp-1").discard_leftovers()

    staged.commit()
    assert Quarantine(spool.folder).exists("01a")


@pytest.mark.parametrize("message", ["", "..", "../x", "a/b", ".hidden", "x" * 65, "a\0b"])
def test_an_id_that_is_no_file_name_is_refused(spool: Spool, message: str) -> None:
    with pytest.raises(SpoolError, match="can't name a file"):
        spool.incoming_path(message)


def test_a_full_disk_is_said_with_path_and_remedy_and_leaves_nothing(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(SpoolError, match=r"staging/smtp-0/01a.*the disk is full; free some space"):
        spool.stage(samples.item("01a"), samples.content())

    assert [path for path in spool.folder.rglob("*") if path.is_file()] == []


def test_a_commit_that_cannot_be_made_durable_keeps_no_copy(
    spool: Spool, quarantine: Quarantine, monkeypatch: pytest.MonkeyPatch
) -> None:
    staged = spool.stage(samples.item("01a"), samples.content())

    def broken(_: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", broken)

    with pytest.raises(SpoolError, match="the disk failed"):
        staged.commit()

    assert not quarantine.exists("01a")


def test_a_folder_that_cannot_be_written_is_said_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(SpoolError, match=r"file.*[Nn]ot a directory"):
        Spool(tmp_path / "file" / "spool", "smtp-0")


def test_the_same_message_is_never_committed_over_another(spool: Spool, quarantine: Quarantine) -> None:
    spool.stage(samples.item("01a"), samples.content()).commit()
    staged = spool.stage(samples.item("01a"), samples.content(b"other"))

    with pytest.raises(SpoolError):
        staged.commit()

    assert quarantine.read("01a")[1].read() == samples.MESSAGE


SYNCS = """
import os, sys
from pathlib import Path
from gateway.spool.staging import Spool
from tests import samples
real, rename = os.fsync, Path.rename
os.fsync = lambda handle: (print("fsync", os.readlink(f"/proc/self/fd/{handle}")), real(handle))[1]
Path.rename = lambda old, new: (print("rename", new), rename(old, new))[1]
spool = Spool(Path(sys.argv[1]), "smtp-0")
print("stage")
staged = spool.stage(samples.item("01a"), samples.content())
print("commit")
staged.commit()
"""


def test_files_and_folders_are_synced_before_the_commit_returns(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SYNCS, tmp_path], capture_output=True, text=True, check=True, cwd=Path.cwd()
    ).stdout.replace(str(tmp_path), "")
    staged, committed = done.partition("stage\n")[2].split("commit\n")

    shard = committed.split()[1].removesuffix("/01a")
    assert staged.splitlines() == [
        "fsync /staging/smtp-0/01a/message.eml",
        "fsync /staging/smtp-0/01a/item.json",
        "fsync /staging/smtp-0/01a",
    ]
    assert committed.splitlines() == [f"rename {shard}/01a", f"fsync {shard}", "fsync /staging/smtp-0"]
