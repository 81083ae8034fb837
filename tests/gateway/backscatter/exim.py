"""Exim's own ``${prvs}`` and ``${prvscheck}``, asked on any day. Nothing is started: ``-be`` only expands strings."""

import datetime
import os
import shutil
import subprocess
from pathlib import Path

UNPACKED = Path(__file__).parents[3] / ".tools" / "exim"
USER = (101, 101)  # user and group that it is told are its own
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
    at = datetime.datetime(1970, 1, 1, 12, tzinfo=datetime.UTC) + datetime.timedelta(days=day)
    done = run(["-C", "/dev/null", "-be", *expressions], scratch, at=at)
    done.check_returncode()
    return done.stdout.decode().splitlines()


def run(
    arguments: list[str], scratch: Path, given: bytes = b"", *, at: datetime.datetime | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run Exim with its user made up; ``given`` is its input, ``at`` the time that it believes."""
    exim = program()
    assert exim is not None
    # Exim looks for its own user before it looks at its arguments; an unpacked one has none.
    (scratch / "passwd").write_text(f"root:x:0:0::/:/bin/sh\nDebian-exim:x:{USER[0]}:{USER[1]}::/:/bin/false\n")
    (scratch / "group").write_text(f"root:x:0:\nmail:x:8:\nadm:x:4:\nDebian-exim:x:{USER[1]}:\n")
    folders = [str(each) for each in (UNPACKED / "usr/lib", *(UNPACKED / "usr/lib").glob("*-linux-gnu"))]
    libraries = LIBRARIES if at is not None else LIBRARIES[:1]
    environment = {
        **os.environ,
        "TZ": "UTC",
        "NSS_WRAPPER_PASSWD": str(scratch / "passwd"),
        "NSS_WRAPPER_GROUP": str(scratch / "group"),
        "LD_LIBRARY_PATH": ":".join(folders),
        "LD_PRELOAD": ":".join(path for name in libraries if (path := _library(name))),
        **({"FAKETIME": f"{at:%Y-%m-%d %H:%M:%S}"} if at is not None else {}),
    }
    return subprocess.run(
        [exim, *arguments], env=environment, input=given, capture_output=True, timeout=120, check=False
    )
