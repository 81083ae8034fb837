"""A real Debian machine under qemu, on an overlay of its own: boot it, talk to it, and pull its plug.

It is reached from this computer alone, at ports of 127.0.0.1 that lead to its own; 10.0.2.2 is this computer to it.
It never outlives the process that started it.
"""

import atexit
import contextlib
import json
import re
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from tests.vm.accelerator import accelerator
from tests.vm.image import Image

SSH, SMTP, HTTP, HTTPS, SMTPS, SUBMISSION = 22, 25, 80, 443, 465, 587
PORTS = (SSH, SMTP, HTTP, HTTPS, SMTPS, SUBMISSION)

BOOT_SECONDS = 300.0  # on two busy cores that emulate; half a minute on idle ones
# What costs time and serves nothing in a test is left out.
_KERNEL_OPTIONS = "root=/dev/vda rw console=ttyS0 net.ifnames=0 mitigations=off modprobe.blacklist=kvm_amd,kvm_intel"
_ANSWER_SECONDS = 30.0  # for the emulator itself
_GREETING_SECONDS = 5.0
_RESTARTS = "reboot: Restarting system"  # the kernel's last words
_LAST_LINES = 15
_POLL = 0.5  # seconds


class MachineError(Exception):
    """The machine did not do what was asked; says what was seen."""


class Machine:
    """One machine. Use it as a context: it is off afterwards, whatever happened."""

    def __init__(self, image: Image, folder: Path, *, memory: int = 3072, cpus: int = 2, disk: str = "16G") -> None:
        """Lay an overlay over the image in a folder, or take the one that is there.

        Memory is in MB, the disk's size as qemu-img says it. The file system fills a disk larger than the image's at
        boot.
        """
        self.image = image
        self.folder = folder
        self.disk = folder / "disk.qcow2"
        self._hardware = ("-m", str(memory), "-smp", str(cpus))
        self._process: subprocess.Popen[bytes] | None = None
        self._forwards: dict[int, int] = dict.fromkeys(PORTS, 0)  # 0: any that is free
        self._sockets = Path(tempfile.mkdtemp(prefix="vm-"))  # a socket's path must be short
        folder.mkdir(parents=True, exist_ok=True)
        if not self.disk.exists():
            _overlay(self.disk, image.disk, "raw", disk)
        atexit.register(self.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        state = f"process {self._process.pid}" if self.running and self._process else "off"
        return f"<Machine {self.folder.name}, {state}>"

    # Power

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def boot(self, seconds: float = BOOT_SECONDS) -> float:
        """Switch it on and wait until root can log in; gives the seconds. Ports stay those of the first boot."""
        if self.running:
            raise MachineError("it is running already")
        if self.disk.stat().st_mtime < self.image.disk.stat().st_mtime:
            raise MachineError(f"{self.disk} stands on an image that is no more; remove it")
        if not self.disk.stat().st_mode & 0o200:
            raise MachineError(f"other machines stand on {self.disk}; boot a copy of it instead")
        if threading.current_thread() is not threading.main_thread():
            # The kernel ends a child when the thread ends that started it, not the process.
            raise MachineError("boot it from the main thread")
        began = time.monotonic()
        with (self.folder / "qemu.log").open("wb") as log:
            self._process = subprocess.Popen(
                self._command(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, start_new_session=True
            )
        self._learn_ports()
        self._until("root can log in", seconds, lambda: self._greets() and self._logs_in())
        return time.monotonic() - began

    def settle(self, seconds: float = BOOT_SECONDS) -> float:
        """Wait until all that starts at boot has started; gives the seconds. Raises MachineError if a unit failed."""
        began = time.monotonic()
        state = self.ssh("systemctl is-system-running --wait", seconds=seconds, check=False).strip()
        if state != "running":
            failed = self.ssh("systemctl --failed --plain --no-legend", check=False).strip()
            raise MachineError(f"after its boot the machine is {state or 'silent'}; failed: {failed or 'nothing'}")
        return time.monotonic() - began

    def kill_hard(self) -> None:
        """End the emulator at once, as if the power had gone: what the machine had in memory alone is lost.

        What it had written to its disk without a flush is not: this computer's own memory holds it.
        """
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
        self._hang_up()

    def power_off(self, seconds: float = 120.0) -> float:
        """Press the power button and wait until it is off; gives the seconds."""
        began = time.monotonic()
        self._tell("system_powerdown")
        try:
            self._running_process().wait(seconds)
        except subprocess.TimeoutExpired:
            raise MachineError(f"it is not off after {seconds:.0f} s{self._last_seen()}") from None
        self._hang_up()
        return time.monotonic() - began

    def reboot(self, seconds: float = 2 * BOOT_SECONDS) -> float:
        """Restart its system from inside and wait until root can log in again; gives the seconds."""
        began = time.monotonic()
        before = self._boot_id()
        if not before:
            raise MachineError(f"nobody can log in, so that it can't be rebooted{self._last_seen()}")
        restarts = self.console.count(_RESTARTS)
        self.ssh("systemctl reboot", check=False)
        self._hang_up()
        # Who knocked while it goes down would wait for an answer that never comes.
        self._until("it has gone down to reboot", seconds, lambda: self.console.count(_RESTARTS) > restarts)
        self._until("it has rebooted", seconds, lambda: self._greets() and self._boot_id() not in {"", before})
        return time.monotonic() - began

    def close(self) -> None:
        """Be off, and leave nothing behind but the folder. May be called at any time, and again."""
        self.kill_hard()
        shutil.rmtree(self._sockets, ignore_errors=True)
        atexit.unregister(self.close)

    def copy_of(self, folder: Path) -> "Machine":
        """Make a machine that goes on from the disk of this one, which must be off and is not booted again."""
        if self.running:
            raise MachineError("a disk can be copied only while its machine is off")
        folder.mkdir(parents=True, exist_ok=True)
        _overlay(folder / self.disk.name, self.disk, "qcow2")
        self.disk.chmod(0o400)
        return Machine(self.image, folder)

    # Talk

    def forward(self, port: int) -> int:
        """Name the port of 127.0.0.1 that leads to one of its ports; one that is not in PORTS yet is opened."""
        self._running_process()
        if not self._forwards.get(port):
            self._forwards[port] = 0
            self._monitor(f"hostfwd_add net tcp:127.0.0.1:0-:{port}")
            self._learn_ports()
        return self._forwards[port]

    @property
    def ssh_options(self) -> list[str]:
        """What ssh, scp and Ansible need to get in as root@127.0.0.1, as `-o` options."""
        options = {
            "Port": self.forward(SSH),
            "User": "root",
            "IdentityFile": self.image.key,
            "IdentitiesOnly": "yes",
            "UserKnownHostsFile": self.image.known_hosts,
            "HostKeyAlias": "vm",
            "BatchMode": "yes",
            "LogLevel": "ERROR",
            "ConnectTimeout": 20,
            "ServerAliveInterval": 10,
            "ServerAliveCountMax": 6,
            # One connection for all that follows: where a processor is emulated, each handshake takes a second.
            "ControlMaster": "auto",
            "ControlPersist": 60,
            "ControlPath": self._sockets / "ssh",
        }
        return [word for name, value in options.items() for word in ("-o", f"{name}={value}")]

    def ssh(self, command: str, *, given: str | bytes = b"", seconds: float = 120.0, check: bool = True) -> str:
        """Run a shell command as root and give what it wrote. Raises MachineError if it fails, if checked."""
        said = given.encode() if isinstance(given, str) else given
        return self._run(["ssh", *self.ssh_options, "127.0.0.1", command], said, seconds, check=check)

    def start(self, command: str) -> "subprocess.Popen[str]":
        """Start a shell command as root and go on; its lines can be read as they come. It ends with the machine."""
        ssh = ["setpriv", "--pdeathsig", "KILL", "ssh", *self.ssh_options, "127.0.0.1", command]
        return subprocess.Popen(ssh, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)

    def copy(self, source: Path, target: str, *, seconds: float = 300.0) -> None:
        """Copy a file or a folder to a path of the machine."""
        self._run(["scp", "-qrp", *self.ssh_options, str(source), f"127.0.0.1:{target}"], b"", seconds)

    def fetch(self, source: str, target: Path, *, seconds: float = 300.0) -> None:
        """Copy a file or a folder of the machine to a path of this computer."""
        self._run(["scp", "-qrp", *self.ssh_options, f"127.0.0.1:{source}", str(target)], b"", seconds)

    def shell(self) -> int:
        """Give this terminal to a login shell of root; gives its exit code."""
        return subprocess.run(["ssh", "-t", *self.ssh_options, "127.0.0.1"], check=False).returncode

    @property
    def console(self) -> str:
        """What it has written to its serial console since it was switched on."""
        file = self.folder / "console.log"
        return file.read_text(errors="replace") if file.exists() else ""

    # Inside

    def _command(self) -> list[str]:
        """Build the command line of qemu, which the kernel ends with this process (setpriv)."""
        way_in = ",".join(f"hostfwd=tcp:127.0.0.1:{ours}-:{port}" for port, ours in self._forwards.items())
        return [
            *("setpriv", "--pdeathsig", "KILL", "qemu-system-x86_64", "-nodefaults", "-no-user-config"),
            *("-display", "none", *accelerator(self.image), *self._hardware),
            *("-kernel", str(self.image.kernel), "-initrd", str(self.image.initrd)),
            *("-append", _KERNEL_OPTIONS),
            *("-drive", f"file={self.disk},if=virtio,format=qcow2,discard=unmap"),
            *("-netdev", f"user,id=net,{way_in}", "-device", "virtio-net-pci,netdev=net,romfile="),
            *("-device", "virtio-rng-pci", "-serial", f"file:{self.folder / 'console.log'}", "-qmp", "stdio"),
        ]

    def _running_process(self) -> "subprocess.Popen[bytes]":
        if self._process is None:
            raise MachineError("it has not been booted")
        if self._process.poll() is not None:
            raise MachineError(f"the emulator has ended ({self._process.returncode}){self._last_seen()}")
        return self._process

    def _tell(self, command: str, **arguments: Any) -> Any:  # noqa: ANN401 - each command has its own answer
        """Give qemu a command by its machine protocol, and return the answer."""
        process = self._running_process()
        watchdog = threading.Timer(_ANSWER_SECONDS, process.kill)
        watchdog.start()
        orders, answers = _pipe(process.stdin), _pipe(process.stdout)
        try:
            for order in ({"execute": "qmp_capabilities"}, {"execute": command, "arguments": arguments, "id": command}):
                orders.write(json.dumps(order).encode() + b"\n")
            orders.flush()
            for line in answers:
                answer = json.loads(line)
                if answer.get("id") == command:
                    if "error" in answer:
                        raise MachineError(f"the emulator refuses {command}: {answer['error']['desc']}")
                    return answer["return"]
        except OSError as error:
            raise MachineError(f"the emulator does not take {command}: {error}{self._last_seen()}") from None
        finally:
            watchdog.cancel()
        raise MachineError(f"the emulator ended at {command}{self._last_seen()}")

    def _monitor(self, line: str) -> str:
        """Give qemu a command that only its monitor for people has."""
        answer = self._tell("human-monitor-command", **{"command-line": line})
        return str(answer)

    def _learn_ports(self) -> None:
        """Ask qemu which ports it was given."""
        for ours, port in re.findall(
            r"HOST_FORWARD\]\s+\d+\s+\S+\s+(\d+)\s+\S+\s+(\d+)", self._monitor("info usernet")
        ):
            self._forwards[int(port)] = int(ours)

    def _greets(self) -> bool:
        """Whether its SSH server answers; qemu itself takes every connection."""
        with (
            contextlib.suppress(OSError),
            socket.create_connection(("127.0.0.1", self.forward(SSH)), _GREETING_SECONDS) as connection,
        ):
            return connection.recv(4) == b"SSH-"
        return False

    def _logs_in(self) -> bool:
        return bool(self._boot_id())

    def _boot_id(self) -> str:
        """What its kernel calls this run of itself; nothing if nobody can log in."""
        with contextlib.suppress(MachineError):
            return self.ssh("cat /proc/sys/kernel/random/boot_id", seconds=30).strip()
        return ""

    def _until(self, what: str, seconds: float, condition: Callable[[], bool]) -> None:
        """Wait until a condition holds, as long as the emulator runs."""
        end = time.monotonic() + seconds
        while not condition():
            self._running_process()
            if time.monotonic() > end:
                raise MachineError(f"{seconds:.0f} s are over before {what}{self._last_seen()}")
            time.sleep(_POLL)

    def _run(self, command: Sequence[str], given: bytes, seconds: float, *, check: bool = True) -> str:
        """Run ssh or scp within a bound."""
        try:
            done = subprocess.run(command, input=given, capture_output=True, timeout=seconds, check=False)
        except subprocess.TimeoutExpired:
            raise MachineError(f"not done after {seconds:.0f} s: {command[-1]}") from None
        if check and done.returncode:
            said = _tail(f"{done.stdout.decode(errors='replace')}\n{done.stderr.decode(errors='replace')}")
            raise MachineError(f"exit {done.returncode}: {command[-1]}\n{said}")
        return done.stdout.decode(errors="replace")

    def _hang_up(self) -> None:
        """End the connection that ssh keeps."""
        control = self._sockets / "ssh"
        if control.exists():
            subprocess.run(
                ["ssh", "-o", f"ControlPath={control}", "-O", "exit", "127.0.0.1"],
                capture_output=True,
                timeout=30,
                check=False,
            )
            control.unlink(missing_ok=True)

    def _last_seen(self) -> str:
        """What emulator and machine said last, for an error."""
        log = self.folder / "qemu.log"
        said = _tail(log.read_text(errors="replace")) if log.exists() else ""
        return f"\n{said}\nconsole ({self.folder / 'console.log'}):\n{_tail(self.console)}"


def _overlay(file: Path, base: Path, form: str, size: str = "") -> None:
    """Make a disk that begins as another and keeps only what differs."""
    command = ["qemu-img", "create", "-q", "-f", "qcow2", "-b", str(base.resolve()), "-F", form, str(file)]
    done = subprocess.run([*command, *([size] if size else [])], capture_output=True, text=True, check=False)
    if done.returncode:
        raise MachineError(f"no disk can be laid over {base}: {done.stderr.strip()}")


def _pipe(end: IO[bytes] | None) -> IO[bytes]:
    if end is None:
        raise MachineError("the emulator was started without its pipes")
    return end


def _tail(text: str) -> str:
    """Give the last lines, without what moves a terminal's cursor."""
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\r", "", text)
    return "\n".join(plain.strip().splitlines()[-_LAST_LINES:])
