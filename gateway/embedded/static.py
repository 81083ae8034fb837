"""The console's static files, collected into the state folder; nothing is copied where nothing has changed.

An installed wheel brings them collected.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command

from gateway import installation

_MARK = ".collected"


def collect() -> bool:
    """Collect what the applications bring; tells whether there was anything to do."""
    if installation.COLLECTED:
        return False
    mark = Path(settings.STATIC_ROOT) / _MARK
    found = _fingerprint()
    if mark.exists() and mark.read_text() == found:
        return False
    call_command("collectstatic", interactive=False, clear=True, verbosity=0)
    mark.parent.mkdir(parents=True, exist_ok=True)
    mark.write_text(found)
    return True


def _fingerprint() -> str:
    """Sum up every file that would be collected, by name, size and time."""
    return hashlib.sha256("\n".join(sorted(_files())).encode()).hexdigest()


def _files() -> Iterator[str]:
    """Give one line for each file."""
    for finder in get_finders():
        for path, storage in finder.list(None):
            found = Path(storage.path(path)).stat()
            yield f"{storage.path(path)} {found.st_size} {found.st_mtime_ns}"
