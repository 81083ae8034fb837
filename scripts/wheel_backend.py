"""The build backend (PEP 517): makes the product's wheel from a checkout, and nothing else.

setuptools does the work, in a copy of what git would commit: nothing is written into the checkout, and nothing that
lies about in it gets into the wheel. The copy's version names the commit (see gateway/installation.py), and its static
files are collected, so that a machine needs no build step. The same checkout gives the same wheel, octet by octet.

``wheel_backend.py DIR`` makes it without pip, with the packages that run it.
"""

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from gateway import installation  # noqa: E402 - the checkout is no package that is installed

# What settings, and the applications that bring static files, need to be loaded.
_COLLECTS_WITH = ("dj-database-url", "django", "django-unfold", "msgspec")
_QUIET = {"--global-option": ["--quiet"]}  # setuptools names every file that it copies
_NO_COMMIT = "315532800"  # 1980, the first time that a zip file can tell


class UnsupportedOperation(Exception):  # noqa: N818 - the name that PEP 517 gives it
    """What a frontend asks for is not there."""


def get_requires_for_build_wheel(_settings: object = None) -> list[str]:
    """Name what the static files are collected with, as the lock has it."""
    lock = (ROOT / "requirements.lock").read_text()
    return [f"{name}=={_locked(lock, name)}" for name in _COLLECTS_WITH]


def prepare_metadata_for_build_wheel(folder: str, _settings: object = None) -> str:
    """Write the wheel's metadata into a folder; gives the name of its dist-info."""
    into = Path(folder).absolute()
    with _copy():
        from setuptools import build_meta  # noqa: PLC0415 - it looks at the folder that it is loaded in

        return str(build_meta.prepare_metadata_for_build_wheel(str(into), _QUIET))


def build_wheel(folder: str, _settings: object = None, _metadata: object = None) -> str:
    """Write the wheel into a folder; gives its name. Raises VersionError."""
    into = Path(folder).absolute()
    with _copy() as copy:
        _collect(copy / "webadmin" / "collected")
        from setuptools import build_meta  # noqa: PLC0415 - as above

        return str(build_meta.build_wheel(str(into), _QUIET))


def build_sdist(_folder: str, _settings: object = None) -> str:
    """Refuse. Raises UnsupportedOperation."""
    raise UnsupportedOperation("Backstop is built as a wheel, from a checkout: make wheel")


@contextmanager
def _copy() -> Iterator[Path]:
    """Copy the sources to a folder for the time of a build, and work in it."""
    version = installation.version()
    dated = (ROOT / ".git").exists()
    os.environ.setdefault(
        "SOURCE_DATE_EPOCH", installation.git("log", "-1", "--format=%ct").strip() if dated else _NO_COMMIT
    )
    mask = os.umask(0o022)
    try:
        with tempfile.TemporaryDirectory(prefix="backstop-wheel-") as name:
            copy = Path(name)
            for source in installation.source_files() if dated else _files():
                (copy / source).parent.mkdir(parents=True, exist_ok=True)
                (copy / source).write_bytes((ROOT / source).read_bytes())
            project = (copy / "pyproject.toml").read_text()
            named = re.sub(r'(?m)^version = ".*"$', f'version = "{version}"', project, count=1)
            (copy / "pyproject.toml").write_text(named)
            with chdir(copy):
                yield copy
    finally:
        os.umask(mask)


def _files() -> Iterator[str]:
    """Give the names of the sources where git can't."""
    for source in installation.SOURCES:
        if (ROOT / source).is_file():
            yield source
        for path in (ROOT / source).rglob("*"):
            if path.is_file() and path.parent.name != "__pycache__":
                yield str(path.relative_to(ROOT))


def _collect(target: Path) -> None:
    """Collect the static files of every application; the first that has a file of some name wins, as Django has it."""
    for name in [name for name in os.environ if name.startswith("BACKSTOP_")]:
        del os.environ[name]
    # What this machine is configured for has no place in a wheel.
    os.environ |= {"BACKSTOP_CONFIG": os.devnull, "DJANGO_SETTINGS_MODULE": "gateway.settings"}
    from django.apps import AppConfig  # noqa: PLC0415 - metadata are made without Django
    from django.conf import settings  # noqa: PLC0415 - as above

    for application in reversed(settings.INSTALLED_APPS):
        static = Path(AppConfig.create(application).path) / "static"
        if static.is_dir():
            shutil.copytree(
                static, target, dirs_exist_ok=True, copy_function=shutil.copyfile, ignore=shutil.ignore_patterns(".*")
            )


def _locked(lock: str, name: str) -> str:
    """Give the version that the lock names. Raises LookupError."""
    found = re.search(rf"(?m)^{re.escape(name)}==(\S+)", lock)
    if found is None:
        raise LookupError(f"requirements.lock has no {name}")
    return found[1]


if __name__ == "__main__":
    made = Path(sys.argv[1])
    made.mkdir(parents=True, exist_ok=True)
    try:
        sys.stdout.write(f"{made / build_wheel(str(made))}\n")
    except (installation.VersionError, OSError) as error:
        sys.exit(f"wheel: {error}")
