"""The helper process: whatever a file does to it, there is a definite answer, and the next file gets one too."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.mime.kinds import Kind
from gateway.services import inspector as inspecting
from gateway.services.inspection.__main__ import MEMORY
from gateway.services.inspection.words import Inspection
from gateway.services.inspector import Inspector, InspectorError, InspectorTimeout
from tests.gateway.attaching import PROGRAM, rar, tarred, zipped

ARCHIVE = zipped({"run.exe": PROGRAM})


@pytest.fixture
def inspector() -> Iterator[Inspector]:
    made = Inspector(helpers=1)
    yield made
    made.close()


def look(inspector: Inspector, *blocks: bytes) -> Inspection:
    return inspector.inspect(blocks, ("a.zip",), (), time.monotonic() + 60)


def helper(inspector: Inspector) -> int:
    """The id of the helper that runs."""
    process = inspector._free.queue[0]._process  # noqa: SLF001 - what ends it from outside is an operator or the kernel
    assert process is not None
    return process.pid


def test_an_attachment_is_read_by_another_process(inspector: Inspector) -> None:
    found = look(inspector, ARCHIVE[:10], ARCHIVE[10:])

    assert [each.names for each in found.things] == [("a.zip",), ("run.exe",)]
    assert helper(inspector) != os.getpid()


def test_a_large_one_goes_by_way_of_the_disk(inspector: Inspector) -> None:
    large = zipped({"film": os.urandom(3_000_000), "run.exe": PROGRAM})

    found = look(inspector, *(large[at : at + 65_536] for at in range(0, len(large), 65_536)))
    assert [each.names for each in found.things[1:]] == [("film",), ("run.exe",)]


def test_the_helper_stays_for_the_next_one(inspector: Inspector) -> None:
    look(inspector, ARCHIVE)
    first = helper(inspector)
    look(inspector, ARCHIVE)

    assert helper(inspector) == first


def test_the_end_of_a_helper_is_an_answer_and_another_is_started(
    inspector: Inspector, monkeypatch: pytest.MonkeyPatch
) -> None:
    look(inspector, ARCHIVE)
    send = inspecting.socket.send_fds

    def killed_meanwhile(*arguments: object) -> int:
        os.kill(helper_id, signal.SIGSEGV)
        return send(*arguments)  # type: ignore[arg-type] # as they came

    helper_id = helper(inspector)
    with monkeypatch.context() as patch:
        patch.setattr(inspecting.socket, "send_fds", killed_meanwhile)
        broken = look(inspector, ARCHIVE)
    assert broken.things[0].kinds == {Kind.UNREADABLE: "its reader ended by SIGSEGV"}

    assert len(look(inspector, ARCHIVE).things) == 2


def test_a_helper_that_gets_no_time_is_ended_and_says_nothing_of_the_file(inspector: Inspector) -> None:
    look(inspector, ARCHIVE)
    stopped = helper(inspector)
    os.kill(stopped, signal.SIGSTOP)

    with pytest.raises(InspectorTimeout, match="not read in time"):
        inspector.inspect([ARCHIVE], ("a.zip",), (), time.monotonic() + 0.3)
    assert not Path(f"/proc/{stopped}").exists()


def test_that_there_is_no_helper_is_an_error(inspector: Inspector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspecting.sys, "executable", "/nowhere/python")

    with pytest.raises(InspectorError, match="No such file"):
        look(inspector, ARCHIVE)


def test_so_is_one_that_never_speaks(inspector: Inspector, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A helper that can't even begin says nothing of the file: it must not make every archive unreadable."""
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setattr(inspecting.sys, "executable", str(broken))

    with pytest.raises(InspectorError, match="can't be started"):
        look(inspector, ARCHIVE)


def test_waiting_for_a_helper_has_an_end() -> None:
    with pytest.raises(InspectorTimeout):
        Inspector(helpers=0).inspect([b""], (), (), time.monotonic() + 0.05)


def test_a_helper_is_confined(inspector: Inspector) -> None:
    look(inspector, ARCHIVE)

    limits = Path(f"/proc/{helper(inspector)}/limits").read_text()
    told = {line[:26].strip(): line[26:].split()[0] for line in limits.splitlines()}
    assert int(told["Max cpu time"]) < 60
    assert told["Max address space"] == str(MEMORY)
    assert (told["Max file size"], told["Max core file size"]) == ("0", "0")
    assert Path(f"/proc/{helper(inspector)}/environ").read_bytes().count(b"BACKSTOP") == 0


def test_a_helper_keeps_nothing_of_what_it_has_read(inspector: Inspector) -> None:
    large = os.urandom(400_000)
    files = {"film": large, "run.exe": PROGRAM}
    archives = [tarred(files), tarred(files, "w:gz"), rar(files), zipped(files), rar({"a": large})[:-9000]]
    look(inspector, ARCHIVE)
    before = open_files(inspector)
    for octets in archives * 3:
        look(inspector, octets)

    assert open_files(inspector) == before


def open_files(inspector: Inspector) -> int:
    return len(list(Path(f"/proc/{helper(inspector)}/fd").iterdir()))


def test_a_helper_ends_with_who_asks() -> None:
    inspector = Inspector(helpers=1)
    look(inspector, ARCHIVE)
    process = inspector._free.queue[0]._process  # noqa: SLF001 - as above
    inspector._free.queue[0]._sock.close()  # noqa: SLF001 - as the end of this process would

    assert process is not None
    assert process.wait(60) == 0
