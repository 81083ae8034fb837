"""The reader of attachments: can it be started, and does it find a program in an archive."""

import contextlib
import io
import tarfile
import time
from collections.abc import Iterator

from gateway.config import Config
from gateway.mime.kinds import Kind
from gateway.operations.doctor.result import Result, fail, ok
from gateway.services.inspector import Inspector, InspectorError

_NAME = "attachments"
_SECONDS = 30.0
_REMEDY = "install libmagic and libarchive (Debian: file, libarchive-tools) and this release's Python packages"


def reader(_config: Config) -> Iterator[Result]:
    """Have a small archive read as the SMTP processes do."""
    with contextlib.closing(Inspector(helpers=1)) as inspector:
        try:
            seen = inspector.inspect([_archive()], ("trial.tar",), (), time.monotonic() + _SECONDS)
        except InspectorError as error:
            yield fail(_NAME, f"{error} Meanwhile mail with archives or documents is deferred (451)", _REMEDY)
            return
    if any(Kind.EXECUTABLE in each.kinds for each in seen.things[1:]):
        yield ok(_NAME, "the reader finds a program in an archive")
    else:
        yield fail(_NAME, "the reader overlooks a program in an archive", _REMEDY)


def _archive() -> bytes:
    """Make an archive with what is called a program, and is none."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        archive.addfile(tarfile.TarInfo("trial.exe"))
    return out.getvalue()
