"""Journals as the ingest loop reads them."""

import os
from pathlib import Path

from gateway.spool.journal import JournalWriter
from gateway.spool.reading import BLOCK, JournalFile, JournalReader


def journal(folder: Path, octets: bytes, number: int = 0) -> Path:
    path = folder / f"smtp-0-0000000000000000001-{number:06d}.jsonl"
    path.write_bytes(octets)
    return path


def only_file(folder: Path) -> JournalFile:
    (file,) = JournalReader(folder).files()
    return file


def age(path: Path, seconds: float) -> None:
    then = path.stat().st_mtime - seconds
    os.utime(path, (then, then))


def test_a_folder_that_is_not_there_has_no_journals(tmp_path: Path) -> None:
    assert JournalReader(tmp_path / "none").files() == []


def test_what_was_appended_is_read_with_its_offsets(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path, "smtp-0")
    writer.append(b"one")
    writer.append(b"three")

    lines = JournalReader(tmp_path).lines(only_file(tmp_path), 0)

    assert [(line.offset, line.end, line.text) for line in lines] == [(0, 4, b"one"), (4, 10, b"three")]


def test_reading_goes_on_from_an_offset(tmp_path: Path) -> None:
    journal(tmp_path, b"one\ntwo\n")

    (line,) = JournalReader(tmp_path).lines(only_file(tmp_path), 4)

    assert (line.offset, line.text) == (4, b"two")


def test_an_unfinished_last_line_waits_for_its_end(tmp_path: Path) -> None:
    path = journal(tmp_path, b"one\ntw")
    reader = JournalReader(tmp_path)
    assert [line.text for line in reader.lines(only_file(tmp_path), 0)] == [b"one"]

    path.write_bytes(b"one\ntwo\n")

    assert [line.text for line in reader.lines(only_file(tmp_path), 4)] == [b"two"]


def test_a_batch_is_bounded_by_lines(tmp_path: Path) -> None:
    journal(tmp_path, b"x\n" * 100)

    assert len(JournalReader(tmp_path).lines(only_file(tmp_path), 0, count=7)) == 7


def test_a_batch_is_bounded_by_octets(tmp_path: Path) -> None:
    journal(tmp_path, (b"x" * 999 + b"\n") * 5000)

    lines = JournalReader(tmp_path).lines(only_file(tmp_path), 0, count=5000, octets=BLOCK)

    assert BLOCK <= lines[-1].end <= 2 * BLOCK


def test_a_line_longer_than_a_block_comes_whole(tmp_path: Path) -> None:
    long = b"x" * (3 * BLOCK)
    journal(tmp_path, long + b"\nend\n")

    lines = JournalReader(tmp_path).lines(only_file(tmp_path), 0, octets=10)

    assert lines[0].text == long


def test_empty_lines_are_passed_over(tmp_path: Path) -> None:
    journal(tmp_path, b"\none\n\ntwo\n")

    lines = JournalReader(tmp_path).lines(only_file(tmp_path), 0)

    assert [(line.offset, line.text) for line in lines] == [(1, b"one"), (6, b"two")]


def test_a_file_is_finished_when_its_slot_has_a_newer_one(tmp_path: Path) -> None:
    journal(tmp_path, b"", 0)
    journal(tmp_path, b"", 1)

    assert [(file.name[-12:], file.finished) for file in JournalReader(tmp_path).files()] == [
        ("000000.jsonl", True),
        ("000001.jsonl", False),
    ]


def test_the_half_line_at_the_end_of_a_finished_file_is_torn(tmp_path: Path) -> None:
    path = journal(tmp_path, b"one\nha", 0)
    journal(tmp_path, b"", 1)
    reader = JournalReader(tmp_path)
    file = reader.files()[0]
    assert [line.torn for line in reader.lines(file, 0)] == [False]

    age(path, 61)

    assert [(line.text, line.torn, line.end) for line in reader.lines(file, 0)] == [
        (b"one", False, 4),
        (b"ha", True, 6),
    ]


def test_a_finished_file_that_is_read_to_its_end_is_fully_read(tmp_path: Path) -> None:
    path = journal(tmp_path, b"one\n\n", 0)
    journal(tmp_path, b"one\n", 1)
    reader = JournalReader(tmp_path)
    finished, current = reader.files()
    assert not reader.fully_read(finished, 4)

    age(path, 61)

    assert reader.fully_read(finished, 4)
    assert not reader.fully_read(finished, 0)
    assert not reader.fully_read(current, 4)


def test_a_file_that_was_removed_meanwhile_has_no_lines(tmp_path: Path) -> None:
    path = journal(tmp_path, b"one\n")
    file = only_file(tmp_path)

    path.unlink()

    assert JournalReader(tmp_path).lines(file, 0) == []
