"""``wheelhouse DIR``: makes a folder from which the product is installed where no package index can be reached.

It holds the product's wheel, one of each locked dependency for the target's Python, and ``requirements.lock``, which
names them all with the hashes of these very files. There::

    pip install --no-index --find-links DIR --require-hashes -r DIR/requirements.lock

What is downloaded must have a hash of our lock. pip's own settings say where from. A second run finds everything there
and changes nothing; one that fails leaves the folder as it was.
"""

import argparse
import fcntl
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import wheel_backend
from packaging.markers import Marker
from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

from gateway import installation

ROOT = Path(__file__).resolve().parent.parent
LOCK = "requirements.lock"
MANIFEST = "wheelhouse.json"
# The targets: the Python of Debian 12 and of Debian 13, with the glibc (2.x) that each brings.
GLIBC = {"3.11": 36, "3.13": 41}
# Pure Python that its authors publish as source alone; it is built here. Of nothing else code is run.
SOURCE_ONLY = ("authres", "dkimpy", "pyspf")
_SINCE = "315532800"  # 1980: what is built from source is the same each time


class WheelhouseError(Exception):
    """The folder can't be made. The text names the thing and the remedy."""


class Target(NamedTuple):
    """What is built for."""

    python: str
    machine: str

    def platforms(self) -> list[str]:
        """Give the platform tags that the target can run, the newest first."""
        tags = [f"manylinux_2_{minor}_{self.machine}" for minor in range(GLIBC[self.python], 4, -1)]
        return [*tags, *(f"{old}_{self.machine}" for old in ("manylinux2014", "manylinux2010", "manylinux1"))]

    def tags(self) -> set[Tag]:
        """Give the tags of wheels that can be installed there."""
        version = tuple(map(int, self.python.split(".")))
        interpreter = f"cp{''.join(self.python.split('.'))}"
        return {
            *cpython_tags(version, platforms=self.platforms()),
            *compatible_tags(version, interpreter, self.platforms()),
        }

    def wants(self, marker: str) -> bool:
        """Whether an entry with this marker may be needed by any release of the target's Python."""
        named = {
            "implementation_name": "cpython",
            "os_name": "posix",
            "platform_machine": self.machine,
            "platform_python_implementation": "CPython",
            "platform_system": "Linux",
            "python_version": self.python,
            "sys_platform": "linux",
        }
        return not marker or any(
            Marker(marker).evaluate({**named, "python_full_version": f"{self.python}.{release}"}) for release in (0, 99)
        )


class Entry(NamedTuple):
    """One package of the lock."""

    name: str
    version: str
    marker: str
    hashes: tuple[str, ...]

    def line(self, *hashes: str, marker: bool = False) -> str:
        """Give the entry as pip reads it."""
        condition = f" ; {self.marker}" if marker and self.marker else ""
        return f"{self.name}=={self.version}{condition}" + "".join(f" \\\n    --hash=sha256:{each}" for each in hashes)


def main() -> int:
    """Make the folder; gives the exit status."""
    options = _options()
    target = Target(options.python, options.machine)
    folder = Path(options.start, options.folder).resolve()
    try:
        _claim(folder)
        with (folder / ".held").open("w") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            changed = make(folder, target)
    except (WheelhouseError, installation.VersionError, OSError) as error:
        sys.stderr.write(f"wheelhouse: {error}\n")
        return 1
    manifest = _manifest(folder)
    sys.stdout.write(
        f"{folder}: backstop {manifest['version']} and {len(manifest['files']) - 1} dependencies for Python"
        f" {target.python} on {target.machine}, {'changed' if changed else 'nothing changed'}\n"
    )
    return 0


def make(folder: Path, target: Target) -> bool:
    """Bring the folder up to date; tells whether anything changed. Raises WheelhouseError, VersionError, OSError."""
    known = _manifest(folder)
    entries = [entry for entry in locked((ROOT / LOCK).read_text()) if target.wants(entry.marker)]
    key = _key(target)
    version = installation.version()
    product = f"backstop-{version}-py3-none-any.whl"
    there = {name for name, digest in known.get("files", {}).items() if _digest(folder / name) == digest}
    whole = known.get("key") == key and there == set(known["files"])
    # Without a commit in the version nothing tells one state of the checkout from another.
    if whole and product in there and "+" in version:
        return False
    with tempfile.TemporaryDirectory(prefix=".new-", dir=folder) as name:
        new = Path(name)
        kept = new if whole else new / "kept"
        kept.mkdir(exist_ok=True)
        for each in there:
            if not each.startswith("backstop-"):
                os.link(folder / each, kept / each)
        if not whole:
            _download(entries, target, kept, new)
            _build(entries, new)
        # What was built says what it is: somebody may have edited meanwhile.
        version = wheel_backend.build_wheel(str(new)).split("-")[1]
        files = {path.name: _digest(path) for path in sorted(new.glob("*.whl"))}
        manifest = {"version": version, "python": target.python, "machine": target.machine, "key": key, "files": files}
        lock = _lock(entries, version, files, target)
        _install(new, folder, {LOCK: lock, MANIFEST: json.dumps(manifest, indent=1) + "\n"}, files)
    return manifest != known


def locked(text: str) -> Iterator[Entry]:
    """Read a lock file."""
    for block in re.split(r"\n(?=\S)", text.strip()):
        said = re.match(r"(?P<name>[\w.-]+)==(?P<version>[^\s;]+)(?: ; (?P<marker>[^\\]+?))?\s*(?:\\|$)", block)
        if said is None:
            raise WheelhouseError(f"{LOCK}: {block.splitlines()[0]!r} is no locked package; write it anew: make lock")
        yield Entry(said["name"], said["version"], said["marker"] or "", tuple(re.findall(r"sha256:(\w{64})", block)))


def _options() -> argparse.Namespace:
    """Read the command line."""
    own = "{}.{}".format(*sys.version_info)
    parser = argparse.ArgumentParser(prog="wheelhouse", description=__doc__.partition("\n")[0].partition(": ")[2])
    parser.add_argument("folder", metavar="DIR", help="the folder: new, empty, or made by this command")
    parser.add_argument("--from", dest="start", default="", help=argparse.SUPPRESS)
    parser.add_argument(
        "--python",
        choices=sorted(GLIBC),
        default=own if own in GLIBC else max(GLIBC),
        help="that of the target: 3.11 on Debian 12, 3.13 on Debian 13 (default: %(default)s)",
    )
    parser.add_argument(
        "--machine",
        choices=("x86_64", "aarch64"),
        default=platform.machine(),
        help="the target's processor (default: this machine's, %(default)s)",
    )
    return parser.parse_args()


def _claim(folder: Path) -> None:
    """Make the folder; refuse one that holds other things. Raises WheelhouseError, OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    foreign = [path.name for path in folder.iterdir() if path.name != ".held" and not path.name.startswith(".new-")]
    if foreign and not (folder / MANIFEST).exists():
        raise WheelhouseError(f"{folder} holds other things ({min(foreign)}); name a new or an empty folder")


def _manifest(folder: Path) -> dict[str, Any]:
    """Read what the folder says of itself; empty where it says nothing, or nothing that can be read."""
    try:
        return dict(json.loads((folder / MANIFEST).read_bytes()))
    except (FileNotFoundError, ValueError):
        return {}


def _key(target: Target) -> str:
    """Sum up what the dependencies' wheels are made from."""
    made_from = (ROOT / LOCK, ROOT / "requirements-build.lock", Path(__file__))
    return hashlib.sha256(b"\0".join([repr(target).encode(), *(path.read_bytes() for path in made_from)])).hexdigest()


def _digest(path: Path) -> str:
    """Give a file's hash; empty where there is no file."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def _download(entries: list[Entry], target: Target, kept: Path, new: Path) -> None:
    """Download what is published as a wheel, but for what is kept already. Raises WheelhouseError."""
    platforms = [f"--platform={each}" for each in target.platforms()]
    wanted = [entry for entry in entries if entry.name not in SOURCE_ONLY]
    _pip(
        *("download", "--only-binary=:all:", "--implementation=cp", f"--python-version={target.python}", *platforms),
        *(f"--find-links={kept}", f"--dest={new}"),
        entries=wanted,
        target=target,
    )


def _build(entries: list[Entry], new: Path) -> None:
    """Build what is published as source alone. Raises WheelhouseError."""
    wanted = [entry for entry in entries if entry.name in SOURCE_ONLY]
    # Not from pip's cache: that holds what somebody built at another time, with other tools.
    arguments = ("wheel", "--no-binary=:all:", "--no-build-isolation", "--no-cache-dir", f"--wheel-dir={new}")
    _pip(*arguments, entries=wanted)


def _pip(*arguments: str, entries: list[Entry], target: Target | None = None) -> None:
    """Run pip on entries of the lock, and nothing that the lock doesn't have. Raises WheelhouseError."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write("\n".join(entry.line(*entry.hashes) for entry in entries) + "\n")
        file.flush()
        done = subprocess.run(  # noqa: S603 - fixed arguments
            (
                *(sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", arguments[0], "--quiet"),
                *("--no-deps", "--require-hashes", *arguments[1:], "--requirement", file.name),
            ),
            env=os.environ | {"SOURCE_DATE_EPOCH": _SINCE},
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        raise WheelhouseError(_explain(done.stderr, target))


def _explain(said: str, target: Target | None) -> str:
    """Say in one sentence why pip failed, and what helps."""
    if missing := re.search(r"No matching distribution found for (\S+)", said):
        where = f"for Python {target.python} on {target.machine}" if target else "as source"
        return (
            f"the package index has no {missing[1]} {where}; take another version (scripts/lock), or name it in"
            " SOURCE_ONLY of scripts/wheelhouse.py if it is pure Python"
        )
    if "DO NOT MATCH THE HASHES" in said:
        return f"a package is not the one that {LOCK} names; nothing was changed"
    if any(sign in said for sign in ("NewConnectionError", "Name or service not known", "Network is unreachable")):
        return "the package index can't be reached; is there a network, and do pip's settings name the right index?"
    if "No space left" in said:
        return "the disk is full"
    errors = [line for line in said.splitlines() if line.startswith("ERROR: ")] or said.strip().splitlines()[-1:]
    return "; ".join(errors) or "pip failed and said nothing"


def _lock(entries: list[Entry], version: str, files: Mapping[str, str], target: Target) -> str:
    """Write the folder's own lock: one file for each entry. Raises WheelhouseError."""
    tags = target.tags()
    hashes: dict[str, str] = {}
    for name, digest in files.items():
        try:
            project, _, _, built_for = parse_wheel_filename(name)
        except InvalidWheelFilename as error:
            raise WheelhouseError(str(error)) from None
        if not built_for & tags:
            raise WheelhouseError(f"{name} can't run with Python {target.python} on {target.machine}")
        hashes[project] = digest
    wanted = [Entry("backstop", version, "", ()), *entries]
    absent = [entry.name for entry in wanted if canonicalize_name(entry.name) not in hashes]
    if absent:
        raise WheelhouseError(f"there is no wheel of {', '.join(absent)}")
    return "".join(entry.line(hashes[canonicalize_name(entry.name)], marker=True) + "\n" for entry in wanted)


def _install(new: Path, folder: Path, texts: Mapping[str, str], files: Mapping[str, str]) -> None:
    """Put the new files in place, then what names them, then remove the old ones."""
    for name in files:
        shutil.move(new / name, folder / name)
    for name, text in texts.items():
        (new / name).write_text(text)
        (new / name).replace(folder / name)
    for path in folder.glob("*.whl"):
        if path.name not in files:
            path.unlink()


if __name__ == "__main__":
    sys.exit(main())
