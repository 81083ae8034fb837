"""The password of the backups is replaced, by the command of a machine and a real restic; nothing is lost meanwhile.

Each time restic opens a repository costs half a second of computing by design, so few tests show much.
"""

import os
import shutil
import subprocess
from pathlib import Path

import msgspec
import pytest

pytestmark = pytest.mark.skipif(shutil.which("restic") is None, reason="restic is not installed")


class Machine(msgspec.Struct):
    """A folder that stands for a machine: its commands, its password and a repository."""

    folder: Path

    @property
    def password(self) -> Path:
        """The file that holds it."""
        return self.folder / "backup-password"

    def restic(self, *arguments: str, password: str = "") -> subprocess.CompletedProcess[str]:
        """Run restic on the repository, with the machine's password or another one."""
        environment = os.environ | {
            "RESTIC_REPOSITORY": str(self.folder / "repository"),
            "RESTIC_CACHE_DIR": str(self.folder / "cache"),
            "RESTIC_PASSWORD": password or self.password.read_text().strip(),
        }
        command = ("restic", "--quiet", *arguments)
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    def opens(self, password: str) -> bool:
        """Whether a password reads the backups."""
        return self.restic("--no-lock", "snapshots", password=password).returncode == 0

    def rotate(self, *, broken: str = "") -> subprocess.CompletedProcess[str]:
        """Run the command; where a line of it is named, it ends in front of that."""
        command = (self.folder / "command").read_text()
        if broken:
            assert f"\n{broken}" in command
            command = command.replace(f"\n{broken}", f"\nexit 7\n{broken}")
        return subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)


@pytest.fixture
def machine(rendered: Path, tmp_path: Path) -> Machine:
    """A machine that has made no backup yet; its password is ``first``."""
    made = Machine(tmp_path)
    text = (rendered / "backup" / "backstop-backup-password").read_text()
    text = text.replace("/etc/backstop/", f"{tmp_path}/").replace("/var/lib/", f"{tmp_path}/")
    (tmp_path / "command").write_text(text)
    (tmp_path / "backup.env").write_text(
        f"RESTIC_REPOSITORY={tmp_path}/repository\nRESTIC_PASSWORD_FILE={made.password}\n"
        f"RESTIC_CACHE_DIR={tmp_path}/cache\n"
    )
    made.password.write_text("first\n")
    return made


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with one backup of a file, which the password ``first`` opens, and ``in the safe``."""
    made = Machine(tmp_path_factory.mktemp("backups"))
    made.password.write_text("first\n")
    theirs = made.folder / "theirs"
    theirs.write_text("in the safe")
    kept = made.folder / "kept"
    kept.write_text("a message")
    for command in (("init",), ("backup", str(kept)), ("key", "add", "--new-password-file", str(theirs))):
        done = made.restic(*command)
        assert done.returncode == 0, done.stderr
    return made.folder / "repository"


@pytest.fixture
def backed_up(machine: Machine, repository: Path) -> Machine:
    """The machine after its first backup."""
    shutil.copytree(repository, machine.folder / "repository")
    return machine


def test_a_new_password_reads_the_old_backups_and_the_old_one_nothing(backed_up: Machine) -> None:
    done = backed_up.rotate()

    assert done.returncode == 0, done.stderr
    assert f"Keep a copy of {backed_up.password} elsewhere" in done.stdout
    new = backed_up.password.read_text()
    assert len(new) >= 40
    assert new not in done.stdout + done.stderr
    assert backed_up.password.stat().st_mode & 0o777 == 0o600
    assert not list(backed_up.folder.glob("backup-password.*"))
    assert backed_up.restic("restore", "latest", "--target", str(backed_up.folder / "back")).returncode == 0
    (restored,) = (backed_up.folder / "back").rglob("kept")
    assert restored.read_text() == "a message"
    assert not backed_up.opens("first")
    assert backed_up.opens("in the safe")  # the key of somebody else


def test_one_that_was_brought_is_taken_and_what_was_interrupted_goes_on(backed_up: Machine) -> None:
    Path(f"{backed_up.password}.new").write_text("of the inventory\n")
    assert backed_up.rotate(broken='ln -f "$current"').returncode == 7
    assert (backed_up.password.read_text(), backed_up.opens("first")) == ("first\n", True)

    assert backed_up.rotate(broken="take_away_old\nsay").returncode == 7
    assert (backed_up.password.read_text(), backed_up.opens("of the inventory")) == ("of the inventory\n", True)

    done = backed_up.rotate()
    assert done.returncode == 0, done.stderr
    assert backed_up.password.read_text() == "of the inventory\n"
    assert (backed_up.opens("of the inventory"), backed_up.opens("first")) == (True, False)
    assert not list(backed_up.folder.glob("backup-password.*"))


def test_a_repository_that_can_not_be_opened_changes_nothing(backed_up: Machine) -> None:
    backed_up.password.write_text("wrong\n")

    done = backed_up.rotate()

    assert done.returncode == 1
    assert f"{backed_up.password} does not open {backed_up.folder}/repository. Nothing was changed" in done.stderr
    assert backed_up.password.read_text() == "wrong\n"
    assert backed_up.opens("first")


def test_before_the_first_backup_it_is_replaced_at_once(machine: Machine) -> None:
    assert machine.rotate().returncode == 0

    assert machine.password.read_text() != "first\n"
    assert not list(machine.folder.glob("backup-password.*"))
