"""Which version runs here, told of a checkout by its commit and by what no commit holds."""

import subprocess
from pathlib import Path

import pytest

from gateway import installation
from gateway.installation import VersionError, version


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=T", "-c", "user.email=t@example.test", "-c", "commit.gpgsign=false")
    done = subprocess.run(("git", *identity, *arguments), cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "gateway").mkdir()
    (tmp_path / "gateway" / "code.py").write_text("")
    (tmp_path / ".gitignore").write_text("*.log\n")
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "1.2.3"\n')
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-q", "-m", "first")
    monkeypatch.setattr(installation, "ROOT", tmp_path)
    return tmp_path


def test_a_checkout_adds_its_commit_to_the_number(checkout: Path) -> None:
    assert version() == f"1.2.3+g{git(checkout, 'rev-parse', 'HEAD')[:12]}"


def test_two_states_between_commits_are_two_versions(checkout: Path) -> None:
    committed = version()
    (checkout / "gateway" / "code.py").write_text("one")
    one = version()
    (checkout / "gateway" / "code.py").write_text("two")
    two = version()

    assert len({committed, one, two}) == 3
    assert one.startswith(f"{committed}.m")
    assert two.startswith(f"{committed}.m")


def test_a_file_that_is_new_or_gone_makes_another_version(checkout: Path) -> None:
    committed = version()
    (checkout / "gateway" / "new.py").write_text("")
    new = version()
    (checkout / "gateway" / "code.py").unlink()

    assert len({committed, new, version()}) == 3
    assert installation.source_files() == ["gateway/new.py", "pyproject.toml"]


def test_what_is_ignored_or_no_source_changes_nothing(checkout: Path) -> None:
    committed = version()
    (checkout / "gateway" / "run.log").write_text("x")
    (checkout / "notes.txt").write_text("x")

    assert version() == committed
    assert installation.source_files() == ["gateway/code.py", "pyproject.toml"]


def test_without_records_of_git_the_bare_number_is_given(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    unpacked = tmp_path / "unpacked"
    unpacked.mkdir()
    (unpacked / "pyproject.toml").write_bytes((checkout / "pyproject.toml").read_bytes())
    monkeypatch.setattr(installation, "ROOT", unpacked)

    assert version() == "1.2.3"


def test_records_that_git_refuses_are_an_error_that_says_so(checkout: Path) -> None:
    (checkout / ".git" / "HEAD").unlink()

    with pytest.raises(VersionError, match="git can't tell the version"):
        version()
