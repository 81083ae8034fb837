"""Children are started, shown, started again, and stopped in time; none is left behind."""

import asyncio
import contextlib
import io
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import psutil
import pytest

from gateway.embedded import supervisor as module
from gateway.embedded.children import Child
from gateway.embedded.lines import Lines
from gateway.embedded.supervisor import Supervisor

SLEEPER = "import time; print('ready: it serves', flush=True); time.sleep(600)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEPER}"


def python(label: str, program: str, *, ready: str = "ready: ", outlives: str = "") -> Child:
    return Child(label, (sys.executable, "-u", "-c", program), ready=ready, outlives=outlives)


class Watched:
    """A supervisor whose log can be read."""

    def __init__(self, *children: Child) -> None:
        self.out = io.StringIO()
        self.supervisor = Supervisor(children, os.environ, Lines(self.out))

    @property
    def log(self) -> str:
        return self.out.getvalue()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not condition():  # noqa: ASYNC110 - the log has no event
                await asyncio.sleep(0.01)


@pytest.fixture
async def watch() -> AsyncIterator[Callable[..., Watched]]:
    made: list[Watched] = []

    def make(*children: Child) -> Watched:
        made.append(Watched(*children))
        return made[-1]

    yield make
    for each in made:
        await each.supervisor.stop()


def alive(pid: int) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


async def test_start_returns_when_every_child_says_that_it_is_ready(watch: Callable[..., Watched]) -> None:
    watched = watch(python("one", SLEEPER), python("two", SLEEPER))
    await watched.supervisor.start()
    assert watched.log.count("ready: it serves") == 2


async def test_nobody_waits_for_a_child_that_says_nothing(watch: Callable[..., Watched]) -> None:
    watched = watch(python("silent", "import time; time.sleep(600)", ready=""))
    async with asyncio.timeout(60):
        await watched.supervisor.start()


async def test_a_stop_during_the_start_is_heard(watch: Callable[..., Watched]) -> None:
    watched = watch(python("slow", "import time; time.sleep(600)"))
    starting = asyncio.create_task(watched.supervisor.start())
    watched.supervisor.ask_to_stop()
    async with asyncio.timeout(60):
        await starting
    assert watched.supervisor.stopping


async def test_lines_are_shown_with_their_label_whatever_is_in_them(watch: Callable[..., Watched]) -> None:
    program = (
        "import os; os.write(1, b'\\xff' + b'x' * 100000 + b'\\nready: yes\\nno end'); import time; time.sleep(0.2)"
    )
    watched = watch(python("odd", program))
    await watched.supervisor.start()
    await watched.until(lambda: "odd      | no end" in watched.log)
    assert "x" * 100000 in watched.log


async def test_chatter_is_not_shown(watch: Callable[..., Watched]) -> None:
    import re  # noqa: PLC0415 - for this test alone

    program = "print('Limits: this'); print('That'); print('ready: yes', flush=True); import time; time.sleep(600)"
    child = Child("clamd", (sys.executable, "-c", program), ready="ready: ", chatter=re.compile("Limits"))
    watched = watch(child)
    await watched.supervisor.start()
    assert "That" in watched.log
    assert "Limits" not in watched.log


async def test_a_child_that_dies_is_started_again_and_that_is_said(
    watch: Callable[..., Watched], tmp_path: Path
) -> None:
    once = tmp_path / "once"
    program = f"import os, sys; os.path.exists({str(once)!r}) or (open({str(once)!r}, 'w'), sys.exit(7)); {SLEEPER}"
    watched = watch(python("mortal", program))
    await watched.supervisor.start()
    assert "mortal ended with status 7; started again" in watched.log
    assert "ready: it serves" in watched.log


async def test_a_child_that_keeps_dying_is_started_less_and_less_often(watch: Callable[..., Watched]) -> None:
    watched = watch(python("doomed", "raise SystemExit(1)", ready=""))
    await watched.supervisor.start()
    await watched.until(lambda: "started again in 1.0 s" in watched.log)
    assert "started again in 0.5 s" in watched.log


async def test_a_child_that_was_killed_is_named_with_the_signal(watch: Callable[..., Watched]) -> None:
    watched = watch(python("victim", f"import os; print(os.getpid(), flush=True); {SLEEPER}"))
    await watched.supervisor.start()
    pid = int(watched.log.partition("| ")[2].split()[0])
    os.kill(pid, signal.SIGKILL)
    await watched.until(lambda: "victim was killed by SIGKILL" in watched.log)


async def test_a_program_that_does_not_exist_is_said_and_tried_again(watch: Callable[..., Watched]) -> None:
    watched = watch(Child("ghost", ("/nonexistent/program",)))
    await watched.supervisor.start()
    await watched.until(lambda: watched.log.count("ghost can't be started") == 2)


async def test_stop_ends_every_child_at_once(watch: Callable[..., Watched], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STOP_SECONDS", 60.0)
    watched = watch(python("one", SLEEPER), python("two", SLEEPER, outlives="one"))
    await watched.supervisor.start()
    await watched.supervisor.stop()
    assert "killed" not in watched.log


async def test_a_child_that_does_not_listen_is_killed_within_the_bound(
    watch: Callable[..., Watched], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STOP_SECONDS", 1.0)
    watched = watch(python("stubborn", STUBBORN), python("needed", SLEEPER, outlives="stubborn"))
    await watched.supervisor.start()
    await watched.supervisor.stop()
    assert "stubborn does not stop; killed" in watched.log


async def test_a_child_outlives_the_one_that_needs_it(
    watch: Callable[..., Watched], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STOP_SECONDS", 60.0)
    order = tmp_path / "order"
    program = (
        "import signal, sys, time\n"
        "def stop(*_):\n"
        "    time.sleep({pause})\n"
        f"    open({str(order)!r}, 'a').write('{{name}} ')\n"
        "    sys.exit()\n"
        "signal.signal(signal.SIGTERM, stop)\n"
        "print('ready: yes', flush=True)\n"
        "time.sleep(600)\n"
    )
    watched = watch(
        python("sink", program.format(name="sink", pause=0), outlives="smtpd"),
        python("smtpd", program.format(name="smtpd", pause=0.3)),
    )
    await watched.supervisor.start()
    await watched.supervisor.stop()
    assert order.read_text() == "smtpd sink "


async def test_what_a_child_has_started_ends_with_it(watch: Callable[..., Watched]) -> None:
    program = (
        "import subprocess, sys, time\n"
        f"child = subprocess.Popen([sys.executable, '-c', {STUBBORN!r}], stdout=subprocess.DEVNULL)\n"
        "print(child.pid, flush=True)\nprint('ready: yes', flush=True)\ntime.sleep(600)\n"
    )
    watched = watch(python("parent", program))
    await watched.supervisor.start()
    grandchild = int(watched.log.partition("| ")[2].split()[0])
    await watched.supervisor.stop()
    await watched.until(lambda: not alive(grandchild))


async def test_a_replaced_child_runs_its_new_program(watch: Callable[..., Watched]) -> None:
    watched = watch(python("clamd", SLEEPER))
    await watched.supervisor.start()
    watched.supervisor.replace(python("clamd", SLEEPER.replace("it serves", "it serves better")))
    await watched.until(lambda: "it serves better" in watched.log)
    assert "started again" not in watched.log


def test_no_child_survives_a_supervisor_that_is_killed() -> None:
    sleeper = f"import os; print(os.getpid()); {SLEEPER}"
    program = (
        "import asyncio, os, sys\n"
        "from gateway.embedded.children import Child\n"
        "from gateway.embedded.lines import Lines\n"
        "from gateway.embedded.supervisor import Supervisor\n"
        f"child = Child('one', (sys.executable, '-u', '-c', {sleeper!r}), ready='ready: ')\n"
        "async def main():\n"
        "    supervisor = Supervisor([child], os.environ, Lines())\n"
        "    await supervisor.start()\n"
        "    print('up', flush=True)\n"
        "    await supervisor.wait()\n"
        "asyncio.run(main())\n"
    )
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    child = int(process.stdout.readline().partition("| ")[2])
    while process.stdout.readline() != "up\n":
        pass
    process.kill()
    process.wait()
    psutil.wait_procs([psutil.Process(child)] if psutil.pid_exists(child) else [], timeout=60)
    assert not alive(child)
