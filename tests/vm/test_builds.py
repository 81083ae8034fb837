"""Which releases a machine is upgraded between, in a repository made for the test."""

import subprocess
from pathlib import Path

import pytest

from tests.vm import builds

# In place of scripts/wheelhouse: it makes what says which commit it is of, and whether .venv was lent to it.
_MAKER = """#!/bin/sh
cd "$(dirname "$0")/.."
mkdir -p "$1"
echo '{"version": "0.1.0+g'"$(git rev-parse --short=12 HEAD)"'"}' >"$1/wheelhouse.json"
[ ! -L .venv ] || touch "$1/lent"
"""


class Repository:
    """A checkout with a history."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.git("init", "--quiet")
        self.git("config", "user.name", "somebody")
        self.git("config", "user.email", "somebody@example.org")
        (folder / ".git" / "info" / "exclude").write_text(".venv\n")

    def git(self, *arguments: str) -> str:
        done = subprocess.run(("git", "-C", str(self.folder), *arguments), check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def commit(self, **files: str) -> str:
        """Commit files, named by the words that stand for them; gives the commit."""
        places = {"maker": "scripts/wheelhouse", "lock": "requirements.lock", "other": "gateway/other.py"}
        for name, text in files.items():
            path = self.folder / places.get(name, f"gateway/migrations/{name.strip('_')}.py")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            path.chmod(0o755)
        self.git("add", ".")
        self.git("commit", "--quiet", "--allow-empty", "-m", " ".join(files))
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    made = Repository(tmp_path / "checkout")
    monkeypatch.setattr(builds, "ROOT", made.folder)
    monkeypatch.setattr(builds, "HOME", tmp_path / "vm")
    (made.folder / ".venv").mkdir()
    (made.folder / ".venv" / ".installed-run").write_text("same")
    return made


def test_the_older_one_is_the_commit_before_the_newest_migration(repository: Repository, tmp_path: Path) -> None:
    repository.commit(maker=_MAKER, lock="same", _0001_initial="1")
    before = repository.commit(other="x")
    repository.commit(_0002_more="2")
    now = repository.commit(other="y")

    older = builds.older(tmp_path / "houses", "3.11")
    current = builds.current(tmp_path / "current", "3.11")

    assert (older.commit, older.migration) == (before, "0001_initial")
    assert (current.commit, current.migration) == (now, "0002_more")
    assert (older.version, current.version) == (f"0.1.0+g{before[:12]}", f"0.1.0+g{now[:12]}")


def test_it_is_made_once_for_each_python_and_leaves_no_checkout(repository: Repository, tmp_path: Path) -> None:
    repository.commit(maker=_MAKER, lock="same", _0001_initial="1")
    repository.commit(_0002_more="2")

    first = builds.older(tmp_path / "houses", "3.11")
    made = (first.folder / "wheelhouse.json").stat().st_mtime_ns
    assert builds.older(tmp_path / "houses", "3.11") == first
    assert (first.folder / "wheelhouse.json").stat().st_mtime_ns == made
    assert builds.older(tmp_path / "houses", "3.13").folder != first.folder
    assert repository.git("worktree", "list").count("\n") == 0
    assert (repository.folder / ".venv" / ".installed-run").exists()
    assert not (tmp_path / "vm" / "older").exists()


@pytest.mark.parametrize(("lock", "lent"), [("same", True), ("another", False)])
def test_it_is_lent_what_is_installed_only_where_it_needs_the_same(
    repository: Repository, tmp_path: Path, lock: str, lent: bool
) -> None:
    repository.commit(maker=_MAKER, lock=lock, _0001_initial="1")
    repository.commit(_0002_more="2", lock="same")

    assert (builds.older(tmp_path, "3.11").folder / "lent").exists() is lent


def test_a_checkout_that_a_killed_run_left_is_taken_away(repository: Repository, tmp_path: Path) -> None:
    before = repository.commit(maker=_MAKER, lock="same", _0001_initial="1")
    repository.commit(_0002_more="2")
    repository.git("worktree", "add", "--quiet", "--detach", str(tmp_path / "vm" / "older"), before)

    assert builds.older(tmp_path, "3.11").commit == before
    assert not (tmp_path / "vm" / "older").exists()


def test_what_its_maker_says_is_told(repository: Repository, tmp_path: Path) -> None:
    repository.commit(maker="#!/bin/sh\necho no index >&2\nexit 1\n", lock="same", _0001_initial="1")
    repository.commit(_0002_more="2")

    with pytest.raises(builds.BuildError, match="no index"):
        builds.older(tmp_path, "3.11")
    assert not (tmp_path / "vm" / "older").exists()


def test_there_is_none_where_no_wheels_could_be_made_before(repository: Repository, tmp_path: Path) -> None:
    before = repository.commit(_0001_initial="1", lock="same")
    repository.commit(maker=_MAKER, _0002_more="2")

    with pytest.raises(builds.BuildError, match=f"{before[:12]}, which is before 0002_more, has no scripts/wheelhouse"):
        builds.older(tmp_path, "3.11")


def test_a_clone_whose_history_is_cut_off_says_how_to_get_the_rest(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.commit(maker=_MAKER, lock="same", _0001_initial="1")
    repository.commit(_0002_more="2")
    repository.git("clone", "--quiet", "--depth", "1", f"file://{repository.folder}", str(tmp_path / "clone"))
    monkeypatch.setattr(builds, "ROOT", tmp_path / "clone")

    with pytest.raises(builds.BuildError, match=r"before 0002_more; .* git fetch --unshallow"):
        builds.older(tmp_path, "3.11")


def test_the_first_migration_has_nothing_before_it(repository: Repository, tmp_path: Path) -> None:
    repository.commit(maker=_MAKER, lock="same", _0001_initial="1")

    with pytest.raises(builds.BuildError, match="before 0001_initial; it is in the first commit"):
        builds.older(tmp_path, "3.11")
