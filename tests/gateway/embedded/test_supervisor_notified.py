"""A process that says over a socket that it serves, whatever its log looks like."""

import asyncio
import io
import os
import sys
from pathlib import Path

from gateway.embedded.children import Child
from gateway.embedded.lines import Lines
from gateway.embedded.supervisor import Supervisor

TELLS = "from gateway import notify; import time; {first}; notify.tell(notify.READY, 'STATUS=serves'); time.sleep(600)"


def supervisor(program: str, out: io.StringIO) -> Supervisor:
    child = Child("smtpd", (sys.executable, "-u", "-c", program), notifies=True)
    return Supervisor([child], os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}, Lines(out))


async def test_start_returns_once_a_child_has_told_that_it_is_ready_and_logs_nothing() -> None:
    out = io.StringIO()
    supervised = supervisor(TELLS.format(first="pass"), out)
    try:
        async with asyncio.timeout(60):
            await supervised.start()
    finally:
        await supervised.stop()
    assert out.getvalue() == ""


async def test_a_child_that_tells_something_else_first_is_not_ready_yet() -> None:
    first = "notify.tell('STATUS=begins'); print('begun'); time.sleep(600)"
    out = io.StringIO()
    supervised = supervisor(TELLS.format(first=first), out)
    starting = asyncio.create_task(supervised.start())
    try:
        async with asyncio.timeout(60):
            while "begun" not in out.getvalue():  # noqa: ASYNC110 - the log has no event
                await asyncio.sleep(0.01)
        assert not starting.done()
    finally:
        supervised.ask_to_stop()
        await starting
        await supervised.stop()


async def test_a_child_that_died_at_its_first_start_can_tell_at_its_second(tmp_path: Path) -> None:
    once = str(tmp_path / "once")
    first = f"import os; os.path.exists({once!r}) or (open({once!r}, 'w'), os._exit(7))"
    supervised = supervisor(TELLS.format(first=first), io.StringIO())
    try:
        async with asyncio.timeout(60):
            await supervised.start()
    finally:
        await supervised.stop()
    assert (tmp_path / "once").exists()
