"""The releases that a machine is upgraded between, as wheelhouses: the one of this checkout, and one before it.

The older one has an older schema: it is the commit before the newest migration was added, checked out beside this one
for as long as its own scripts/wheelhouse runs. It is made once; a commit does not change.

``python3 -m tests.vm.builds FOLDER [PYTHON]`` makes both and installs them, to see that they can be installed.
"""

import contextlib
import fcntl
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.vm.image import HOME

ROOT = Path(__file__).parents[2]
PYTHONS = {"bookworm": "3.11", "trixie": "3.13"}
_MIGRATIONS = "gateway/migrations"
_MAKER = "scripts/wheelhouse"
_BOUND = 1800.0  # seconds to make one, with all downloads, on a busy computer
_LAST_LINES = 15


class BuildError(Exception):
    """No wheelhouse can be made; says why, and what to do."""


@dataclass(frozen=True)
class Build:
    """A wheelhouse. ``migration`` is the newest that it brings."""

    folder: Path
    version: str
    commit: str
    migration: str


def current(folder: Path, python: str) -> Build:
    """Make the wheelhouse of this checkout as it is, in a folder; cheap where it is there. Raises BuildError."""
    _run(str(ROOT / _MAKER), str(folder.absolute()), "--python", python)
    return Build(folder, _version(folder), _git("rev-parse", "HEAD"), _newest("HEAD"))


def older(folder: Path, python: str) -> Build:
    """Make the wheelhouse of the last commit with an older schema, in a folder below this one. Raises BuildError."""
    commit = before_newest_migration()
    made = folder / f"{commit[:12]}-{python}"
    migration = _newest(commit)
    HOME.mkdir(parents=True, exist_ok=True)
    with (HOME / "builds.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        if not (made / "wheelhouse.json").exists():  # it is written last
            with _checked_out(commit) as checkout:
                _run(str(checkout / _MAKER), str(made.absolute()), "--python", python)
    return Build(made, _version(made), commit, migration)


def before_newest_migration() -> str:
    """Name the commit before the one that added the newest migration, if a release can be built from it."""
    newest = _newest("HEAD")
    added = _git("log", "-1", "--format=%H", "--diff-filter=A", "HEAD", "--", f"{_MIGRATIONS}/{newest}.py")
    shallow = _git("rev-parse", "--is-shallow-repository") == "true"
    try:
        commit = _git("rev-parse", "--verify", "--quiet", f"{added}^{{commit}}^") if added else ""
    except BuildError:
        commit = ""
    if not commit:
        why = "the history of this clone is cut off: git fetch --unshallow" if shallow else "it is in the first commit"
        raise BuildError(f"there is no older schema to upgrade from: nothing is known from before {newest}; {why}")
    if not _git("ls-tree", "--name-only", commit, "--", _MAKER):
        raise BuildError(
            f"there is no older release to upgrade from: {commit[:12]}, which is before {newest}, has no {_MAKER}; the"
            " next migration will have one before it"
        )
    return commit


def install(build: Build, folder: Path, python: str = sys.executable) -> Path:
    """Install a wheelhouse in a virtual environment of its own, as a machine does; gives its ``backstop``.

    ``python`` must be of the version that it was made for. Raises BuildError.
    """
    _run(python, "-m", "venv", str(folder))
    _run(
        *(str(folder / "bin" / "pip"), "--isolated", "install", "--quiet", "--disable-pip-version-check", "--no-index"),
        *(f"--find-links={build.folder}", "--require-hashes", f"--requirement={build.folder / 'requirements.lock'}"),
    )
    return folder / "bin" / "backstop"


@contextlib.contextmanager
def _checked_out(commit: str) -> Iterator[Path]:
    """Check a commit out beside this one, with what is installed here where it needs the same."""
    place = HOME / "older"
    _remove(place)  # of a run that was ended
    _git("worktree", "add", "--quiet", "--detach", str(place), commit)
    try:
        _lend(place)
        yield place
    finally:
        _remove(place)


def _remove(place: Path) -> None:
    """Take a checkout away; what it was lent are links, whose targets stay."""
    with contextlib.suppress(BuildError):  # git does not know it
        _git("worktree", "remove", "--force", "--force", str(place))
    shutil.rmtree(place, ignore_errors=True)


def _lend(place: Path) -> None:
    """Link what scripts/venv would otherwise install again: only what is exactly what the other lock files name."""
    stamps = {"requirements.lock": ".venv/.installed-run", "requirements-dev.lock": ".venv/.installed-dev"}
    if any(_same(place / lock, ROOT / stamp) for lock, stamp in stamps.items()):
        (place / ".venv").symlink_to(ROOT / ".venv")
    if _same(place / "requirements-build.lock", ROOT / ".tools/build/.installed"):
        (place / ".tools").mkdir()
        (place / ".tools" / "build").symlink_to(ROOT / ".tools" / "build")


def _same(one: Path, other: Path) -> bool:
    return one.exists() and other.exists() and one.read_bytes() == other.read_bytes()


def _newest(commit: str) -> str:
    """Name the newest migration of a commit."""
    listed = _git("ls-tree", "--name-only", commit, "--", f"{_MIGRATIONS}/").splitlines()
    names = sorted(Path(each).stem for each in listed if re.match(r"\d{4}_", Path(each).name))
    if not names:
        raise BuildError(f"{commit} has no migrations in {_MIGRATIONS}")
    return names[-1]


def _version(folder: Path) -> str:
    return str(json.loads((folder / "wheelhouse.json").read_bytes())["version"])


def _git(*arguments: str) -> str:
    return _run("git", "-C", str(ROOT), *arguments).strip()


def _run(*command: str) -> str:
    """Run a program; gives what it wrote. Raises BuildError."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_BOUND, check=False)
    except subprocess.TimeoutExpired:
        raise BuildError(f"not done after {_BOUND:.0f} s: {' '.join(command)}") from None
    if done.returncode:
        said = "\n".join((done.stdout + done.stderr).strip().splitlines()[-_LAST_LINES:])
        raise BuildError(f"exit {done.returncode}: {' '.join(command)}\n{said}")
    return done.stdout


def main(arguments: Sequence[str]) -> int:
    """Make both, install both, and ask each which version it is; gives the exit code."""
    folder = Path(arguments[0])
    python = arguments[1] if len(arguments) > 1 else PYTHONS["bookworm"]
    try:
        for name, build in (("current", current(folder / "current", python)), ("older", older(folder, python))):
            said = _run(str(install(build, folder / f"venv-{name}", f"python{python}")), "--version").strip()
            print(f"{name:8} {build.commit[:12]} {build.migration:14} {said}")  # noqa: T201 - the result
    except BuildError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
