"""The playbooks of this checkout, run from here as an administrator runs them: by ansible-playbook over ssh."""

import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.vm.machine import Machine

ROOT = Path(__file__).parents[2]
ANSIBLE = ROOT / "ansible"
NAME = "mx.example.org"
_PROGRAMS = ROOT / ".venv-ansible" / "bin"
_BOUND = 2400.0  # seconds for one playbook where a processor is emulated
_LAST_LINES = 40
_COLUMNS = 78  # of a terminal's line

# What differs from the inventory that is copied: there is no internet, and the names live in the resolver.
_HOSTS = """
all:
  children:
    gateways:
      hosts:
        {name}:
    database:
      hosts:
        {name}:
"""
_VARIABLES = """
ansible_host: 127.0.0.1
ansible_user: root
clamav_signatures: test
unbound_validates: false
unbound_forward: ["10.0.2.3"]
unbound_local_data:
{records}
postfix_relay: "[10.0.2.2]:{outside}"
postfix_tls: may
base_unattended_upgrades: true
base_timezone: Etc/UTC
"""
RECORDS = (
    f"{NAME}. IN A 10.0.2.15",
    "15.2.0.10.in-addr.arpa. IN PTR mx.example.org.",
    "2.2.0.10.in-addr.arpa. IN PTR client.sender.example.",
    "client.sender.example. IN A 10.0.2.2",
    "sender.example. IN A 10.0.2.2",
    "sender.example. IN MX 10 client.sender.example.",
    'sender.example. IN TXT "v=spf1 ip4:10.0.2.2 -all"',
    "example.org. IN MX 10 mx.example.org.",
    'example.org. IN TXT "v=spf1 a:mx.example.org -all"',
)
_POLICY = """
routes:
  inside:
    hosts: [{{host: 10.0.2.2, port: {inside}}}]
    tls: may
  outbound:
    hosts: [{{host: 127.0.0.1, port: 10025}}]
    tls: never
domains:
  example.org:
    route: inside
    recipients:
      postmaster: {{}}
{recipients}
outbound:
  route: outbound
  networks: [10.0.2.2/32]
"""


class PlaybookError(Exception):
    """A playbook failed; says what it said last, and where the rest stands."""


@dataclass(frozen=True)
class Recap:
    """What a playbook says at its end."""

    changed: int
    seconds: float
    said: str


class Playbooks:
    """The control machine's side: an inventory, and what runs with it."""

    def __init__(
        self,
        machine: Machine,
        folder: Path,
        *,
        inside: int,
        outside: int,
        recipients: tuple[str, ...] = ("alice", "bob"),
        **variables: object,
    ) -> None:
        """Write an inventory into a folder, from the one that administrators copy.

        `inside` is the port of this computer where the mail server behind the gateway listens, `outside` the one that
        stands for the rest of the world; `recipients` are local parts in example.org. `variables` are for the host.
        """
        self.machine = machine
        self.folder = folder
        inventory = folder / "inventory"
        shutil.copytree(ANSIBLE / "inventory.example", inventory, dirs_exist_ok=True)
        (inventory / "hosts.yml").write_text(_HOSTS.format(name=NAME))
        (inventory / "host_vars").mkdir(exist_ok=True)
        records = "\n".join(f"  - '{record}'" for record in RECORDS)
        more = "".join(f"{name}: {json.dumps(value)}\n" for name, value in variables.items())
        (inventory / "host_vars" / f"{NAME}.yml").write_text(_VARIABLES.format(records=records, outside=outside) + more)
        names = "\n".join(f"      {name}: {{}}" for name in recipients)
        self.policy = inventory / "files" / "policy.yml"
        self.policy.write_text(_POLICY.format(inside=inside, recipients=names))
        self._inventory = inventory
        self._count = 0

    def run(
        self, playbook: str | Path, *, wheels: Path | None = None, check: bool = False, **variables: object
    ) -> Recap:
        """Run one, say site, with more variables; gives its recap. Raises PlaybookError if it fails.

        `wheels` is the folder with the release to bring, made already.
        """
        file = ANSIBLE / f"{playbook}.yml" if isinstance(playbook, str) else playbook
        self._count += 1
        log = self.folder / f"{self._count:02}-{file.stem}.log"
        given = {**variables, **({"gateway_wheelhouse": wheels, "gateway_wheelhouse_made": "true"} if wheels else {})}
        command = [
            *(str(_PROGRAMS / "ansible-playbook"), str(file), "-i", str(self._inventory / "hosts.yml")),
            *(["--check", "--diff"] if check else []),
            *(word for name, value in given.items() for word in ("-e", f"{name}={value}")),
        ]
        began = time.monotonic()
        code = self._show(command, log)
        said = log.read_text(errors="replace")
        if code:
            last = "\n".join(said.strip().splitlines()[-_LAST_LINES:])
            raise PlaybookError(f"{file.name} failed ({code}); all of it is in {log}:\n{last}")
        return Recap(_changed(said), time.monotonic() - began, said)

    def _show(self, command: list[str], log: Path) -> int:
        """Run a command with its output in a log, and on a terminal the task that it is at; gives its exit code."""
        with (
            log.open("w", buffering=1) as output,
            subprocess.Popen(
                command,
                cwd=ANSIBLE,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
            ) as process,
        ):
            bound = threading.Timer(_BOUND, process.kill)
            bound.start()
            for line in process.stdout or ():
                output.write(line)
                if sys.stderr.isatty() and (task := re.match(r"(?:TASK|RUNNING HANDLER) \[(.*?)\] ", line)):
                    sys.stderr.write(f"\r\x1b[K{task[1][:_COLUMNS]}")
            bound.cancel()
        if sys.stderr.isatty():
            sys.stderr.write("\r\x1b[K")
        return process.returncode

    def _environment(self) -> Mapping[str, str]:
        """Say how ansible reaches the machine, whose port changes with each emulator."""
        return {
            **os.environ,
            "PATH": f"{_PROGRAMS}:{os.environ['PATH']}",
            "ANSIBLE_SSH_COMMON_ARGS": " ".join(self.machine.ssh_options),
            "ANSIBLE_SSH_ARGS": "",
            "ANSIBLE_NOCOLOR": "1",
        }


def _changed(said: str) -> int:
    """Add up what the recap counts as changed."""
    return sum(int(number) for number in re.findall(r"\bchanged=(\d+)", said))
