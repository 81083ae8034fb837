"""What runs here: which version, and whether from a checkout or from an installed wheel.

The version's one place is pyproject.toml. A checkout adds its commit to it; a wheel had it added when it was built, and
its metadata say so. Nothing here is read before it is asked for, and nothing is ever written.
"""

import hashlib
import importlib.metadata
import subprocess
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent  # the checkout, or the folder that the wheel is installed in
CHECKOUT = (ROOT / "pyproject.toml").is_file()
COLLECTED = None if CHECKOUT else ROOT / "webadmin" / "collected"  # the static files that a wheel brings
PROGRAM = "manage.py" if CHECKOUT else "backstop"  # by what name commands are called
START = "make run" if CHECKOUT else "backstop run"  # what starts the whole gateway in a terminal
# What a wheel is made of, and so what makes one checkout differ from another.
SOURCES = (
    "gateway",
    "smtpfront",
    "workers",
    "webadmin",
    "pyproject.toml",
    "requirements.lock",
    "scripts/wheel_backend.py",
)


class VersionError(Exception):
    """The commit of a checkout can't be told. The text says why."""


def version() -> str:
    """Give the version: ``0.1.0+g3c7733d1fae1``, with ``.m`` and a digest where the checkout holds what no commit does.

    A checkout without git's records gives the bare number. Raises VersionError.
    """
    if not CHECKOUT:
        return importlib.metadata.version("backstop")
    number = str(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"])
    if not (ROOT / ".git").exists():
        return number
    commit = git("rev-parse", "--short=12", "HEAD").strip()
    modified = f".m{_digest()}" if git("status", "--porcelain", "--", *SOURCES) else ""
    return f"{number}+g{commit}{modified}"


def source_files() -> list[str]:
    """Give the files of a checkout's sources by their names, as git would commit them. Raises VersionError."""
    listed = git("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *SOURCES)
    return sorted({name for name in listed.split("\0") if name and (ROOT / name).is_file()})


def git(*arguments: str) -> str:
    """Ask git of this checkout. Raises VersionError."""
    try:
        done = subprocess.run(  # noqa: S603 - fixed arguments
            ("git", "-C", str(ROOT), *arguments),  # noqa: S607 - git is where PATH says
            capture_output=True,
            text=True,
            check=True,
        )
    except FileNotFoundError:
        raise VersionError("git is not installed, and the checkout's version is asked of it") from None
    except subprocess.CalledProcessError as error:
        raise VersionError(f"git can't tell the version of {ROOT}: {error.stderr.strip()}") from None
    return done.stdout


def _digest() -> str:
    """Sum up what the sources hold, so that two states between commits are two versions."""
    digest = hashlib.sha256()
    for name in source_files():
        content = (ROOT / name).read_bytes()
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:8]
