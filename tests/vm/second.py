"""A machine of the same name: its certificate comes by ACME from the start, its state from a backup of the first."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.vm import certificates, mx, proof
from tests.vm.acme import SEEN_FROM_A_MACHINE, AcmeServer
from tests.vm.machine import HTTP, Machine
from tests.vm.playbooks import Playbooks
from tests.vm.proof import must

_REPOSITORY = "/var/backups/backstop"
_SECRETS = "cd /var/lib/backstop/secrets && sha256sum *"
_SECONDS = 600.0  # for a backup to be carried away


@dataclass(frozen=True, kw_only=True)
class Ground(certificates.Ground):
    """What the steps work with: the second machine, and what was carried away from the first."""

    node: mx.Node
    backup: mx.Backup
    repository: Path
    secrets: str  # as sums


def run(first: mx.Node, folder: Path) -> int:
    """Make a backup of the first and switch it off; take all steps with a second; gives the exit code.

    Raises MachineError or PlaybookError where the first can't be backed up, or the second does not boot.
    """
    backup, repository = mx.backs_up(first), folder / "repository"
    password = first.machine.ssh("cat /etc/backstop/backup-password").strip()
    secrets = first.machine.ssh(_SECRETS)
    first.machine.fetch(_REPOSITORY, repository, seconds=_SECONDS)
    first.machine.power_off()
    with Machine(first.image, folder / "second") as machine:
        machine.boot()
        machine.settle()
        with AcmeServer(folder / "acme", machine.forward(HTTP)) as server:
            machine.copy(server.authority, certificates.AUTHORITY)
            playbooks = Playbooks(
                machine,
                folder / "second",
                inside=first.inside.port,
                outside=first.outside.port,
                backup_password=password,
                console_certificate="acme",
                console_name=certificates.NAMES[1],
                console_acme_server=server.directory(SEEN_FROM_A_MACHINE),
                console_acme_authority=certificates.AUTHORITY,
            )
            node = dataclasses.replace(first, machine=machine, playbooks=playbooks)
            ground = Ground(
                machine, playbooks, server, node=node, backup=backup, repository=repository, secrets=secrets
            )
            return proof.table(ground, STEPS)


def is_made(ground: Ground) -> str:
    """From bare Debian to a certificate that is trusted, in one run."""
    recap = ground.playbooks.run("site", wheels=ground.node.newer.folder)
    seconds = certificates.until_trusted(ground, ())
    names = " and ".join(certificates.NAMES)
    return f"{recap.changed} changes in {recap.seconds:.0f} s; trusted on 4 ports {seconds:.0f} s later, for {names}"


def changes_nothing_again(ground: Ground) -> str:
    before = certificates.shown(ground)
    recap = ground.playbooks.run("site", wheels=ground.node.newer.folder)
    must(recap.changed == 0, f"changed={recap.changed}: {mx.what_changed(recap)}")
    must(certificates.shown(ground) == before, "the certificate has changed")
    return f"changed=0 in {recap.seconds:.0f} s"


def restores_what_the_first_had(ground: Ground) -> str:
    """As docs/installing.md tells; what was made here first is another's: not one secret is the same."""
    machine, node = ground.machine, ground.node
    own = machine.ssh(_SECRETS).splitlines()
    must(not set(own) & set(ground.secrets.splitlines()), f"secrets of the first are here already: {own}")
    for tag in node.marked:
        result = mx.batv(node, "check", tag)["result"]
        must(result == "forged", f"before it is restored the mark {tag} is {result}")
    machine.ssh(f"rmdir {_REPOSITORY}")  # nothing was backed up here
    machine.copy(ground.repository, _REPOSITORY, seconds=_SECONDS)
    shown = certificates.shown(ground)
    restored = ground.playbooks.run("restore", restore_over_everything="true")
    must(machine.ssh(_SECRETS) == ground.secrets, "not each secret is that of the first")
    must(certificates.shown(ground, trusting=True) == shown, "another certificate is served")
    figures = mx.is_restored(node, ground.backup)
    return f"in {restored.seconds:.0f} s; {len(own)} secrets were others; {figures}; its certificate by ACME stays"


def has_no_complaints(ground: Ground) -> str:
    return mx.has_no_complaints(ground.node)


STEPS: tuple[tuple[str, Callable[[Ground], str]], ...] = (
    ("a second machine is an MX with a certificate by ACME", is_made),
    ("a second run changes nothing there", changes_nothing_again),
    ("the backup of the first is restored there", restores_what_the_first_had),
    ("nothing failed meanwhile", has_no_complaints),
    *certificates.STEPS,
)
