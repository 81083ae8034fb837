"""Files that are replaced whole: a reader sees the old one or the new one, and a power cut leaves one of them."""

import os
from pathlib import Path

import pytest

from gateway.spool.disk import replace_file


def test_a_file_is_put_in_place_of_the_old_one_with_its_folder(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "down" / "file"

    replace_file(path, [b"old"])
    replace_file(path, [b"new", b"er"])

    assert path.read_bytes() == b"newer"
    assert os.listdir(path.parent) == ["file"]  # noqa: PTH208 - names are enough
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_a_killed_writer_left_is_in_nobody_s_way(tmp_path: Path) -> None:
    (tmp_path / ".file.new").write_bytes(b"half")

    replace_file(tmp_path / "file", [b"whole"])

    assert (tmp_path / "file").read_bytes() == b"whole"


def test_where_the_new_one_can_not_be_written_the_old_one_stays(tmp_path: Path) -> None:
    replace_file(tmp_path / "file", [b"old"])

    def broken() -> object:
        yield b"half"
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        replace_file(tmp_path / "file", broken())  # type: ignore[arg-type] # it is one

    assert (tmp_path / "file").read_bytes() == b"old"
