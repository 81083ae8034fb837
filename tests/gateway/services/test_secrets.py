from pathlib import Path

import pytest

from gateway.services import secrets


def test_a_secret_comes_back(tmp_path: Path) -> None:
    secrets.write(tmp_path / "secrets", "smarthost", "pässword")
    assert secrets.read(tmp_path / "secrets", "smarthost") == "pässword"


@pytest.mark.usefixtures("open_umask")
def test_only_the_owner_can_read_it(tmp_path: Path) -> None:
    secrets.write(tmp_path / "secrets", "key", "x")
    assert (tmp_path / "secrets" / "key").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700


def test_nothing_else_is_left_in_the_folder(tmp_path: Path) -> None:
    secrets.write(tmp_path, "key", "x")
    assert [file.name for file in tmp_path.iterdir()] == ["key"]


def test_a_secret_that_is_not_there_is_none(tmp_path: Path) -> None:
    assert secrets.read(tmp_path, "nobody") is None


def test_a_changed_secret_is_read_anew(tmp_path: Path) -> None:
    secrets.write(tmp_path, "key", "one")
    assert secrets.read(tmp_path, "key") == "one"
    (tmp_path / "key").write_text("other\n")
    assert secrets.read(tmp_path, "key") == "other"
    secrets.write(tmp_path, "key", "third")
    assert secrets.read(tmp_path, "key") == "third"


def test_a_destroyed_secret_is_gone(tmp_path: Path) -> None:
    secrets.write(tmp_path, "key", "x")
    secrets.read(tmp_path, "key")
    assert secrets.destroy(tmp_path, "key")
    assert secrets.read(tmp_path, "key") is None
    assert not secrets.destroy(tmp_path, "key")


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", ".hidden", "UPPER", "a b", "a\n", "a\0"])
def test_an_id_is_no_way_out_of_the_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="can't name a secret"):
        secrets.write(tmp_path, name, "x")
    with pytest.raises(ValueError, match="can't name a secret"):
        secrets.read(tmp_path, name)
