"""Exim's own ``${prvs}`` and ``${prvscheck}``, asked on any day. Nothing is started: ``-be`` only expands strings."""

import datetime
import os
import shutil
import subprocess
from pathlib import Path

UNPACKED = Path(__file__).parents[3] / ".tools" / "exim"
LIBRARIES = ("libnss_wrapper.so", "faketime/libfaketime.so.1")


def _library(name: str) -> str | None:
    for folder in ("/usr/lib", *(str(each) for each in Path("/usr/lib").glob("*-linux-gnu"))):
        if (Path(folder) / name).exists():
            return str(Path(folder) / name)
    return None


def program() -> str | None:
    """Give Exim: installed, or unpacked beside the MTA that is."""
    unpacked = UNPACKED / "usr/sbin/exim4"
    return shutil.which("exim4", path="/usr/sbin:/usr/bin") or (str(unpacked) if unpacked.exists() else None)


def available() -> bool:
    return program() is not None and all(map(_library, LIBRARIES))


def expand(expressions: list[str], day: int, scratch: Path) -> list[str]:
    """Expand on a day (since 1970)."""
    exim = program()
    assert exim is not None
    # Exim looks for its own user before it looks at its arguments; an unpacked one has none.
    (scratch / "passwd").write_text("root:x:0:0::/:/bin/sh\nDebian-exim:x:101:101::/:/bin/false\n")
    (scratch / "group").write_text("root:x:0:\nmail:x:8:\nadm:x:4:\nDebian-exim:x:101:\n")
    at = datetime.datetime(1970, 1, 1, 12, tzinfo=datetime.UTC) + datetime.timedelta(days=day)
    folders = [str(each) for each in (UNPACKED / "usr/lib", *(UNPACKED / "usr/lib").glob("*-linux-gnu"))]
    environment = {
        **os.environ,
        "TZ": "UTC",
        "FAKETIME": f"{at:%Y-%m-%d %H:%M:%S}",
        "NSS_WRAPPER_PASSWD": str(scratch / "passwd"),
        "NSS_WRAPPER_GROUP": str(scratch / "group"),
        "LD_LIBRARY_PATH": ":".join(folders),
        "LD_PRELOAD": ":".join(path for name in LIBRARIES if (path := _library(name))),
    }
    command = [exim, "-C", "/dev/null", "-be", *expressions]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=True)
    return done.stdout.splitlines()
