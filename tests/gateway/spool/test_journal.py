"""The journal, written by one process."""

import errno
import os
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from gateway.spool import journal
from gateway.spool.disk import SpoolError
from gateway.spool.journal import JournalWriter
from gateway.spool.reading import JournalReader


def texts(folder: Path) -> list[bytes]:
    return [line for path in sorted(folder.glob("*.jsonl")) for line in path.read_bytes().splitlines()]


def test_a_line_is_in_the_file_at_once(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path, "smtp-0")

    writer.append(b'{"a":1}')

    assert writer.path.read_bytes() == b'{"a":1}\n'
    assert stat.S_IMODE(writer.path.stat().st_mode) == 0o600


def test_a_killed_process_loses_no_line(tmp_path: Path) -> None:
    program = """
import os, signal, sys
from pathlib import Path
from gateway.spool.journal import JournalWriter
writer = JournalWriter(Path(sys.argv[1]), "smtp-0")
for number in range(1000):
    writer.append(b"%d" % number)
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", program, tmp_path], check=False)

    assert done.returncode == -signal.SIGKILL
    assert texts(tmp_path) == [b"%d" % number for number in range(1000)]


def test_sync_has_something_to_do_only_after_an_append(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path, "smtp-0")
    assert not writer.sync()

    writer.append(b"{}")

    assert writer.sync()
    assert not writer.sync()


def test_a_durable_line_is_synced_with_its_name_before_the_call_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    real = os.fsync

    def watched(handle: int) -> None:
        synced.append(str(Path(f"/proc/self/fd/{handle}").readlink()))
        real(handle)

    writer = JournalWriter(tmp_path, "smtp-0")
    monkeypatch.setattr(os, "fsync", watched)

    writer.append_durably(b"{}")
    writer.append_durably(b"{}")

    assert synced == [str(writer.path), str(tmp_path), str(writer.path)]


def test_a_large_file_is_followed_by_another(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path, "smtp-0", max_octets=100)

    for number in range(30):
        writer.append(b"%030d" % number)
    writer.close()

    assert len(list(tmp_path.iterdir())) == 10
    assert texts(tmp_path) == [b"%030d" % number for number in range(30)]
    assert all(path.stat().st_size <= 100 for path in tmp_path.iterdir())


def test_an_old_file_is_followed_by_another(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path, "smtp-0", max_age=0.0)
    writer.append(b"1")
    writer.append(b"2")

    writer.sync()

    assert texts(tmp_path) == [b"1", b"2"]
    assert len(list(tmp_path.iterdir())) == 3


def test_rotation_leaves_no_file_open(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path, "smtp-0", max_octets=10)
    before = len(list(Path("/proc/self/fd").iterdir()))

    for _ in range(50):
        writer.append(b"0123456789")
    writer.sync()

    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_files_sort_in_their_order_even_when_the_clock_goes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    JournalWriter(tmp_path, "smtp-0").append(b"first")
    monkeypatch.setattr(journal.time, "time_ns", lambda: 1)

    JournalWriter(tmp_path, "smtp-0").append(b"second")

    assert texts(tmp_path) == [b"first", b"second"]


def test_lines_of_many_threads_stay_whole(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path, "smtp-0", max_octets=20_000)
    lines = {b"%04d" % number * 50 for number in range(400)}
    pending = sorted(lines)

    def write(part: list[bytes], *, durably: bool) -> None:
        for line in part:
            (writer.append_durably if durably else writer.append)(line)

    threads = [
        threading.Thread(target=write, args=(pending[start::4],), kwargs={"durably": start < 2}) for start in range(4)
    ]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        writer.sync()
    writer.close()

    assert sorted(texts(tmp_path)) == pending


def fill_up(monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    """Let the disk take only ``after`` octets more, as the kernel does it: a short write first, then ENOSPC."""
    real = os.write
    room = [after]

    def write(handle: int, octets: bytes) -> int:
        if not room[0]:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        count = real(handle, octets[: room[0]])
        room[0] -= count
        return count

    monkeypatch.setattr(os, "write", write)


def test_a_short_write_is_completed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = JournalWriter(tmp_path, "smtp-0")
    real = os.write
    monkeypatch.setattr(os, "write", lambda handle, octets: real(handle, octets[:3]))

    writer.append(b"0123456789")

    assert writer.path.read_bytes() == b"0123456789\n"


def test_a_line_that_does_not_fit_is_refused_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = JournalWriter(tmp_path, "smtp-0")
    writer.append(b"one")
    with monkeypatch.context() as full:
        fill_up(full, 5)
        with pytest.raises(SpoolError, match="the disk is full; free some space"):
            writer.append(b"0123456789")

    writer.append(b"two")

    assert texts(tmp_path) == [b"one", b"two"]


def test_a_half_line_that_cannot_be_cut_off_spoils_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    writer = JournalWriter(tmp_path, "smtp-0")
    writer.append(b"one")
    with monkeypatch.context() as broken:
        fill_up(broken, 5)
        broken.setattr(os, "ftruncate", refuse)
        with pytest.raises(SpoolError):
            writer.append(b"0123456789")

    writer.append(b"two")

    assert texts(tmp_path) == [b"one", b"01234", b"two"]


def test_a_failed_sync_is_raised_and_done_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    writer = JournalWriter(tmp_path, "smtp-0")
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", broken)
        with pytest.raises(SpoolError, match="the disk failed"):
            writer.append_durably(b"{}")

    assert writer.sync()


def test_a_record_of_two_lines_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="one line"):
        JournalWriter(tmp_path, "smtp-0").append(b"a\nb")


def test_a_slot_that_begins_like_another_is_another(tmp_path: Path) -> None:
    JournalWriter(tmp_path, "smtp").append(b"a")
    JournalWriter(tmp_path, "smtp-1").append(b"b")

    assert [(file.slot, file.finished) for file in JournalReader(tmp_path).files()] == [
        ("smtp", False),
        ("smtp-1", False),
    ]
