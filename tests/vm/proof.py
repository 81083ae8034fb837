"""What is proven on a real machine: steps, each a function that gives its figures or says what it saw instead.

The steps here prove the ground that all others stand on: that a machine boots, and that pulling its plug is as bad as
it sounds.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from smtplib import SMTPException
from typing import Protocol, TypeVar

from tests.vm.image import Image
from tests.vm.load import LoadError
from tests.vm.machine import SSH, Machine, MachineError
from tests.vm.playbooks import PlaybookError

_WRITER = """
import itertools, os
file = os.open("/root/synced", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
for number in itertools.count(1):
    os.write(file, b"%d\\n" % number)
    os.fsync(file)
    print(number, flush=True)
"""
_ACKNOWLEDGED = 200


class NotProvenError(Exception):
    """What was seen is not what was promised."""


@dataclass(frozen=True)
class Ground:
    """What the steps work with."""

    image: Image
    folder: Path
    machine: Machine


# What a step may end with: it is told in the table. Everything else is a fault of the proof itself.
FAILURES = (NotProvenError, MachineError, PlaybookError, LoadError, OSError, SMTPException)


class HasImage(Protocol):
    """What steps work with, in each proof its own."""

    @property
    def image(self) -> Image:
        """The machine's."""


Step = Callable[[Ground], str]
G = TypeVar("G", bound=HasImage)


def run(image: Image, folder: Path) -> int:
    """Take all steps with a machine in a folder, and print the table; gives the exit code."""
    with Machine(image, folder / "first") as machine:
        return table(Ground(image, folder, machine), STEPS)


def table(ground: G, steps: Sequence[tuple[str, Callable[[G], str]]]) -> int:
    """Take steps in order, printing a line for each; the first that fails ends it, since the others stand on it."""
    began = time.monotonic()
    failed = False
    print(f"{'proven on ' + ground.image.folder.name:58} seconds  figures")  # noqa: T201 - the result
    for name, step in steps:
        if failed:
            print(f"{name:58}       -  not tried")  # noqa: T201 - the result
            continue
        step_began = time.monotonic()
        try:
            figures = step(ground)
        except FAILURES as error:
            failed, figures = True, f"FAILED: {error}"
        print(f"{name:58} {time.monotonic() - step_began:7.1f}  {figures}", flush=True)  # noqa: T201 - the result
    print(f"{'not proven' if failed else 'all':58} {time.monotonic() - began:7.1f}")  # noqa: T201 - the result
    return int(failed)


def must(holds: object, seen: str) -> None:
    """Fail the step unless something holds; says what was seen."""
    if not holds:
        raise NotProvenError(seen)


def boots(ground: Ground) -> str:
    seconds = ground.machine.boot()
    return f"{seconds:.0f} s to a login, {ground.machine.ssh('uname -r').strip()}"


def settles(ground: Ground) -> str:
    seconds = ground.machine.settle()
    return f"{seconds:.0f} s more, no unit failed"


def opens_nothing_but_ssh(ground: Ground) -> str:
    listening = ground.machine.ssh("ss -Hlntu '! src 127.0.0.0/8'").splitlines()
    ports = {line.split()[4].rpartition(":")[2] for line in listening} - {"68", "546"}  # its DHCP client
    must(ports == {str(SSH)}, f"listening: {', '.join(sorted(ports))}")
    return f"port {SSH}"


def reaches_package_servers(ground: Ground) -> str:
    began = time.monotonic()
    said = ground.machine.ssh("apt-get -o APT::Update::Error-Mode=any update 2>&1", seconds=300)
    return f"{time.monotonic() - began:.0f} s for apt-get update, {said.count('http')} answers"


def copies_files(ground: Ground) -> str:
    there, back = ground.folder / "there", ground.folder / "back"
    there.mkdir()
    (there / "large").write_bytes(bytes(range(256)) * 40_000)
    began = time.monotonic()
    ground.machine.copy(there, "/root/there")
    ground.machine.fetch("/root/there", back)
    must((back / "large").read_bytes() == (there / "large").read_bytes(), "the copy differs")
    return f"10 MB there and back in {time.monotonic() - began:.1f} s"


def loses_power(ground: Ground) -> str:
    """Pull the plug while numbers are written and synced, and while other bytes are in memory alone."""
    machine = ground.machine
    machine.copy(_script(ground.folder), "/root/writer.py")
    machine.ssh("touch /root/unsynced && sync")
    with machine.start("exec python3 /root/writer.py") as writer:
        said = writer.stdout
        must(said is not None, "the writer was started without a pipe")
        for line in said or ():
            last = int(line)
            if last == _ACKNOWLEDGED:
                # Appended: what is written over is synced by ext4 itself (auto_da_alloc).
                machine.ssh("echo in memory alone >>/root/unsynced")
                machine.kill_hard()
                break
        else:
            raise NotProvenError("the writer ended before the plug was pulled")
        acknowledged = max([last, *(int(line) for line in (said or ()) if line.endswith("\n"))])
    (ground.folder / "acknowledged").write_text(str(acknowledged))
    return f"pulled the plug after {acknowledged} numbers were acknowledged"


def keeps_what_was_synced(ground: Ground) -> str:
    machine = ground.machine
    seconds = machine.boot()
    acknowledged = int((ground.folder / "acknowledged").read_text())
    kept = machine.ssh("cat /root/synced").split()
    missing = set(map(str, range(1, acknowledged + 1))) - set(kept)
    must(not missing, f"{len(missing)} of {acknowledged} acknowledged numbers are gone")
    lost = machine.ssh("cat /root/unsynced") == ""
    must(lost, "bytes that were in memory alone are there: the plug was not pulled")
    return f"{seconds:.0f} s to a login, {acknowledged} acknowledged, {len(kept)} kept, 0 lost; unsynced bytes are gone"


def reboots(ground: Ground) -> str:
    seconds = ground.machine.reboot()
    return f"{seconds:.0f} s to a login"


def runs_beside_another(ground: Ground) -> str:
    with Machine(ground.image, ground.folder / "second") as second:
        seconds = second.boot()
        must(second.forward(SSH) != ground.machine.forward(SSH), "both have one port")
        must(second.ssh("ls /root/synced || true") == "", "the second has files of the first")
        return f"{seconds:.0f} s to a login, ports {ground.machine.forward(SSH)} and {second.forward(SSH)}"


def switches_off(ground: Ground) -> str:
    return f"{ground.machine.power_off():.0f} s"


def goes_on_from_a_copy(ground: Ground) -> str:
    with ground.machine.copy_of(ground.folder / "copy") as copy:
        seconds = copy.boot()
        must(copy.ssh("cat /root/synced") != "", "the copy has not what was written")
        return f"{seconds:.0f} s to a login, {copy.disk.stat().st_blocks * 512 / 1e6:.0f} MB of its own"


def _script(folder: Path) -> Path:
    file = folder / "writer.py"
    file.write_text(_WRITER)
    return file


STEPS: tuple[tuple[str, Step], ...] = (
    ("it boots", boots),
    ("everything that starts at boot runs", settles),
    ("nothing but ssh listens before the playbook", opens_nothing_but_ssh),
    ("it reaches the package servers", reaches_package_servers),
    ("files go there and back", copies_files),
    ("its plug is pulled under writes", loses_power),
    ("what was synced is there after the next boot", keeps_what_was_synced),
    ("it reboots", reboots),
    ("another runs beside it", runs_beside_another),
    ("it switches off", switches_off),
    ("a copy goes on where it was", goes_on_from_a_copy),
)
