"""A real clamd for tests, with signatures of its own: EICAR and nothing else.

Import the fixture ``clamd_socket`` into the conftest.py of the tests that need it.
"""

import getpass
import hashlib
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

CLAMD = shutil.which("clamd", path="/usr/sbin:/usr/local/sbin:/usr/bin") or ""
# In parts, so that no scanner takes this file for what it describes.
EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}" + b"$EICAR-STANDARD-" + b"ANTIVIRUS-TEST-FILE!" + b"$H+H*"
STREAM_MAX = 2 * 1024 * 1024  # octets


@pytest.fixture(scope="session")
def clamd_socket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The path of the socket of a clamd that knows EICAR and takes no more than STREAM_MAX octets."""
    if not CLAMD:
        pytest.skip("clamd is not installed")
    folder = tmp_path_factory.mktemp("clamd")
    path = folder / "s"
    signatures = folder / "db"
    signatures.mkdir()
    (signatures / "eicar.ndb").write_text(f"Eicar-Test-Signature:0:*:{EICAR.hex()}\n")
    digest = hashlib.md5(EICAR, usedforsecurity=False).hexdigest()
    (signatures / "eicar.hdb").write_text(f"{digest}:{len(EICAR)}:Eicar-Test-Hash\n")
    (folder / "conf").write_text(
        f"LocalSocket {path}\nDatabaseDirectory {signatures}\nTemporaryDirectory {folder}\nUser {_me()}\n"
        f"StreamMaxLength {STREAM_MAX}\nAlertExceedsMax yes\nAlertEncrypted yes\nMaxRecursion 5\nForeground yes\n"
    )
    log = (folder / "log").open("wb")
    process = subprocess.Popen([CLAMD, "-F", "-c", str(folder / "conf")], stdout=log, stderr=log)
    try:
        _await_answer(process, path, folder / "log")
        yield str(path)
    finally:
        process.terminate()
        process.wait(10)
        log.close()


def _me() -> str:
    """The user that runs the tests: clamd changes to another one if it is root and told nothing."""
    return getpass.getuser()


def _await_answer(process: subprocess.Popen[bytes], path: Path, log: Path) -> None:
    """Wait until clamd answers PING."""
    give_up = time.monotonic() + 30
    while time.monotonic() < give_up:
        assert process.poll() is None, f"clamd went away: {log.read_text()}"
        try:
            with socket.socket(socket.AF_UNIX) as sock:
                sock.connect(str(path))
                sock.sendall(b"zPING\0")
                if sock.recv(16) == b"PONG\0":
                    return
        except OSError:
            time.sleep(0.05)
    raise AssertionError(f"clamd did not come up: {log.read_text()}")
