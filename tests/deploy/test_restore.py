"""Backup and restore by the commands of a machine, with a real restic: what stands still, and which certificate holds.

systemctl and the product's own command have stand-ins that note how they were called; tests/vm shows the whole.
"""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

pytestmark = [
    pytest.mark.skipif(shutil.which("restic") is None, reason="restic is not installed"),
    pytest.mark.skipif(os.geteuid() != 0, reason="the commands are root's"),
]

SYSTEMCTL = """#!/bin/sh
echo "systemctl $*" >>{folder}/calls
case $1 in
  list-units) echo "backstop-smtpd@b.service loaded active running x" ;;
  is-active) [ "$3" = "$(cat {folder}/stubborn 2>/dev/null)" ] ;;
esac
"""
BACKSTOP = """#!/bin/sh
echo "backstop $1" >>{folder}/calls
case $1 in
  backup)
    case "$*" in *--help*) echo "--note-later"; exit ;; *--note) echo "noted $2" >>{folder}/calls; exit ;; esac
    mkdir -p "$2/configuration" && printf '{{\n "installation": "%s"\n}}' "$(cat {folder}/began)" >"$2/manifest.json"
    cp -r {folder}/etc/backstop/tls "$2/tls"
    echo old >"$2/configuration/backstop.toml" ;;
  restore)
    while [ -e {folder}/slow ]; do sleep 0.05; done
    if [ -e {folder}/half ]; then touch {folder}/home/restoring; exit 1; fi
    [ ! -e {folder}/fails ] || exit 1
    rm -f {folder}/home/restoring ;;
esac
"""


def certified(key: ec.EllipticCurvePrivateKey, *, by: str = "CN=An Authority", days: int = 90) -> bytes:
    """Make a certificate of mx1.example.org for a key, which ends in so many days."""
    now = datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mx1.example.org")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(x509.Name.from_rfc4514_string(by))
    builder = builder.public_key(key.public_key()).serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=100)).not_valid_after(now + timedelta(days=days))
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


ITSELF = "CN=mx1.example.org"
OLD_KEY = new_key()
TRUSTED = certified(OLD_KEY)


class Machine:
    """A folder that stands for a machine."""

    def __init__(self, folder: Path, commands: Path) -> None:
        """Set it up."""
        self.folder = folder
        self.tls = folder / "etc/backstop/tls"
        self.acme = folder / "etc/letsencrypt"
        self.tls.mkdir(parents=True)
        (folder / "bin").mkdir()
        (folder / "home").mkdir()
        for name, text in (("systemctl", SYSTEMCTL), ("backstop", BACKSTOP)):
            self.program(name, text.format(folder=folder))
        self.began("20240101T100000.000000Z")
        for name in ("backstop-backup", "backstop-backups", "backstop-restore"):
            text = (commands / name).read_text()
            for theirs, ours in (
                ("/usr/local/bin/", f"{folder}/bin/"),
                ("/usr/local/sbin/", f"{folder}/bin/"),
                ("/etc/backstop", f"{folder}/etc/backstop"),
                ("/etc/letsencrypt", f"{folder}/etc/letsencrypt"),
                ("/var/lib/backstop-backup", f"{folder}/work"),
                ("/var/lib/backstop/", f"{folder}/home/"),
                ("backstop:backstop", "root:root"),
                ("-g backstop", "-g root"),
                ("--keep-daily 14", "--keep-last 9"),  # else one a day
            ):
                text = text.replace(theirs, ours)
            self.program(name, text)
        (folder / "etc/backstop/password").write_text("first")
        (folder / "etc/backstop/backup.env").write_text(
            f"RESTIC_REPOSITORY={folder}/repository\nRESTIC_PASSWORD_FILE={folder}/etc/backstop/password\n"
            f"RESTIC_CACHE_DIR={folder}/cache\n"
        )

    def program(self, name: str, text: str) -> None:
        """Write one of its programs."""
        path = self.folder / "bin" / name
        path.write_text(text)
        path.chmod(0o755)

    def began(self, moment: str) -> None:
        """Let its first policy have been published then."""
        (self.folder / "began").write_text(moment)

    def begin(self, name: str, *arguments: str) -> subprocess.Popen[str]:
        """Start one of its commands."""
        (self.folder / "calls").write_text("")
        environment = os.environ | {"PATH": f"{self.folder}/bin:{os.environ['PATH']}"}
        command = (str(self.folder / "bin" / name), *arguments)
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def run(self, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run one of its commands."""
        with self.begin(name, *arguments) as running:
            said = running.communicate()
        return subprocess.CompletedProcess(name, running.returncode, *said)

    @property
    def calls(self) -> list[str]:
        """How systemctl and backstop were called, the first two words of each."""
        return [" ".join(line.split()[:2]) for line in (self.folder / "calls").read_text().splitlines()]

    def has(self, key: ec.EllipticCurvePrivateKey, chain: bytes, lineage: str = "") -> None:
        """Let the machine have a certificate, and certbot one of an account of that name."""
        form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        shutil.rmtree(self.tls)
        shutil.rmtree(self.acme, ignore_errors=True)
        self.tls.mkdir()
        (self.tls / "key.pem").write_bytes(key.private_bytes(*form))
        (self.tls / "cert.pem").write_bytes(chain)
        if lineage:
            live = self.acme / "live/backstop"
            live.mkdir(parents=True)
            shutil.copy(self.tls / "cert.pem", live / "cert.pem")
            (self.acme / "account").write_text(lineage)

    @property
    def chain(self) -> bytes:
        """The certificate in force."""
        return (self.tls / "cert.pem").read_bytes()


@pytest.fixture(scope="module")
def backed_up(rendered: Path, tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """A machine with three backups; the latest has a certificate that others trust, and what certbot has."""
    made = Machine(tmp_path_factory.mktemp("machine"), rendered / "backup")
    made.has(OLD_KEY, certified(OLD_KEY, by=ITSELF))
    done = made.run("backstop-backup")
    assert done.returncode == 0, done.stderr
    made.has(OLD_KEY, certified(OLD_KEY, days=-1))
    assert made.run("backstop-backup").returncode == 0
    made.has(OLD_KEY, TRUSTED, "the old account")
    assert made.run("backstop-backup").returncode == 0
    assert not (made.folder / "work/set").exists()
    return made


@pytest.fixture
def machine(backed_up: Machine) -> Iterator[Machine]:
    """The same, as it comes new from site.yml: with a certificate of a key of its own, signed by itself."""
    key = new_key()
    backed_up.has(key, certified(key, by=ITSELF))
    yield backed_up
    for name in ("fails", "stubborn"):
        (backed_up.folder / name).unlink(missing_ok=True)
    assert not (backed_up.folder / "work/fetched").exists()


def snapshots(machine: Machine) -> list[str]:
    """The names of the backups, the oldest first."""
    environment = os.environ | {"RESTIC_CACHE_DIR": f"{machine.folder}/cache"}
    where = ("-r", f"{machine.folder}/repository", "--password-file", f"{machine.folder}/etc/backstop/password")
    text = subprocess.check_output(("restic", *where, "snapshots", "--compact"), env=environment, text=True)
    return [line.split()[0] for line in text.splitlines() if len(line.split()) > 3 and len(line.split()[0]) == 8]


def test_all_stands_still_before_a_restore_and_serves_after_it(machine: Machine) -> None:
    done = machine.run("backstop-restore", "--over-everything")

    assert done.returncode == 0, done.stderr
    assert [call for call in machine.calls if "is-active" not in call] == [
        "systemctl list-units",
        "systemctl stop",
        "backstop restore",
        "systemctl try-reload-or-restart",
        "systemctl start",
    ]
    assert (machine.folder / "etc/backstop/backstop.toml.restored").read_text() == "old\n"
    lines = (machine.folder / "calls").read_text().splitlines()
    for line in (lines[1], lines[-1]):
        for unit in ("smtpd-inbound.socket", "smtpd@b.service", "ingest.service", "worker.service", "console.service"):
            assert f"backstop-{unit}" in line, line


def test_a_new_machine_gets_the_certificate_the_key_and_certbots_account_of_the_old_one(machine: Machine) -> None:
    before = machine.chain

    said = machine.run("backstop-restore", "--over-everything").stdout

    assert machine.chain == TRUSTED
    assert (
        serialization.load_pem_private_key((machine.tls / "key.pem").read_bytes(), None).public_key()
        == OLD_KEY.public_key()
    )
    assert (machine.tls / "key.pem").stat().st_mode & 0o777 == 0o640
    assert (machine.acme / "account").read_text() == "the old account"
    (aside,) = machine.tls.glob("before-restore-*")
    assert (aside / "cert.pem").read_bytes() == before
    assert f"the one before lies in {aside}" in said


def test_one_that_was_renewed_since_with_the_same_key_stays(machine: Machine) -> None:
    renewed = certified(OLD_KEY, days=91)
    machine.has(OLD_KEY, renewed, "the account of today")

    assert "it has the same key" in machine.run("backstop-restore", "--over-everything").stdout

    assert machine.chain == renewed
    assert (machine.acme / "account").read_text() == "the account of today"


def test_one_of_another_key_gives_way_with_all_that_certbot_has(machine: Machine) -> None:
    key = new_key()
    machine.has(key, certified(key), "a new account")

    said = machine.run("backstop-restore", "--over-everything").stdout

    assert machine.chain == TRUSTED
    assert (machine.acme / "account").read_text() == "the old account"
    (aside,) = machine.acme.parent.glob("letsencrypt.before-restore-*")
    assert (aside / "account").read_text() == "a new account"
    assert str(aside) in said
    shutil.rmtree(aside)


def test_one_that_is_of_no_use_stays_in_the_backup(machine: Machine) -> None:
    key = new_key()
    trusted = certified(key)
    machine.has(key, trusted)
    by_itself, expired, _ = snapshots(machine)

    assert "others trust it" in machine.run("backstop-restore", "--over-everything", by_itself).stdout
    assert "has expired" in machine.run("backstop-restore", "--over-everything", expired).stdout

    assert machine.chain == trusted


def test_a_restore_that_fails_leaves_the_certificate_and_lets_mail_flow_again(machine: Machine) -> None:
    before = machine.chain
    (machine.folder / "fails").touch()

    assert machine.run("backstop-restore", "--over-everything").returncode == 1

    assert machine.calls[-2:] == ["backstop restore", "systemctl start"]
    assert machine.chain == before


def test_what_has_no_room_is_not_fetched(machine: Machine) -> None:
    machine.program("df", "#!/bin/sh\nprintf 'Avail\\n 1023\\n'\n")
    try:
        done = machine.run("backstop-restore", "--over-everything")
    finally:
        (machine.folder / "bin/df").unlink()

    assert (done.returncode, "has room for 1023 MiB, and 1024 are needed" in done.stderr) == (1, True)
    assert machine.calls == []


def test_a_restore_that_breaks_off_half_way_leaves_no_gateway_that_knows_half_of_its_keys(machine: Machine) -> None:
    (machine.folder / "half").touch()

    done = machine.run("backstop-restore", "--over-everything")

    assert (done.returncode, "The gateway stands still" in done.stderr) == (1, True)
    assert machine.calls[-1] == "backstop restore"

    (machine.folder / "half").unlink()
    assert machine.run("backstop-restore", "--over-everything").returncode == 0
    assert machine.calls[-1] == "systemctl start"


def test_who_hangs_up_half_way_leaves_no_gateway_that_stands_still(machine: Machine) -> None:
    (machine.folder / "slow").touch()
    with machine.begin("backstop-restore", "--over-everything") as restoring:
        while "backstop restore" not in machine.calls:
            assert restoring.poll() is None
            time.sleep(0.02)
        restoring.send_signal(signal.SIGHUP)
        (machine.folder / "slow").unlink()

    assert restoring.returncode == 1
    assert machine.calls[-1] == "systemctl start"


def test_what_does_not_stop_keeps_the_restore_from_being_begun(machine: Machine) -> None:
    (machine.folder / "stubborn").write_text("backstop-worker.service")

    done = machine.run("backstop-restore", "--over-everything")

    assert (done.returncode, "backstop-worker.service does not stop" in done.stderr) == (1, True)
    assert "backstop restore" not in machine.calls
    assert machine.calls[-1] == "systemctl start"


def test_a_proof_fetches_the_set_alone(machine: Machine) -> None:
    assert machine.run("backstop-restore", "--prove").returncode == 0

    assert machine.calls == ["backstop prove"]


# These make backups of their own, and so come last.


def test_a_backup_counts_once_it_is_saved(machine: Machine) -> None:
    assert machine.run("backstop-backup").returncode == 0

    assert machine.calls == [
        "backstop backup",
        "backstop backup",
        "backstop backup",
        f"noted {machine.folder}/work/set",
    ]


def test_one_that_can_not_be_saved_does_not_count_and_leaves_no_secrets_about(machine: Machine) -> None:
    (machine.folder / "repository/snapshots").rename(machine.folder / "elsewhere")
    (machine.folder / "repository/snapshots").touch()  # no folder: nothing can be saved there
    try:
        assert machine.run("backstop-backup").returncode != 0
    finally:
        (machine.folder / "repository/snapshots").unlink()
        (machine.folder / "elsewhere").rename(machine.folder / "repository/snapshots")

    assert "backstop backup" in machine.calls
    assert not any(call.startswith("noted") for call in machine.calls)
    assert not (machine.folder / "work/set").exists()


@pytest.mark.parametrize("command", ["backstop-backup", "backstop-restore", "backstop-backup-password"])
def test_nobody_but_root_can_hold_the_lock_of_the_backups(rendered: Path, command: str) -> None:
    text = next(rendered.rglob(command)).read_text()

    assert "\nexec 9>/var/lib/backstop-backup.lock\n" in text
    assert text.index("umask 077") < text.index("exec 9>")


def test_the_lock_of_one_that_was_cut_off_keeps_no_later_one_from_being_made(machine: Machine) -> None:
    locks = machine.folder / "repository/locks"
    where = ("-r", f"{machine.folder}/repository", "--password-file", f"{machine.folder}/etc/backstop/password")
    environment = os.environ | {"RESTIC_CACHE_DIR": f"{machine.folder}/cache"}
    command = ("restic", "--quiet", *where, "backup", "--stdin")
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE) as cut_off:
        while not any(locks.iterdir()):
            assert cut_off.poll() is None
            time.sleep(0.02)
        cut_off.kill()
    assert any(locks.iterdir())

    done = machine.run("backstop-backup")

    assert done.returncode == 0, done.stderr


def test_what_a_new_machine_has_saved_of_itself_is_never_taken_for_what_was_lost(machine: Machine) -> None:
    old = snapshots(machine)
    machine.began("20261121T140000.000000Z")
    for _ in range(2):
        assert machine.run("backstop-backup").returncode == 0
    assert set(old) < set(snapshots(machine)), "a backup of the new machine has pushed out those of the old one"

    for arguments in (
        ("--over-everything",),
        ("--over-everything", "latest"),
        ("--into", str(machine.folder / "there")),
    ):
        done = machine.run("backstop-restore", *arguments)
        assert (done.returncode, machine.calls) == (1, [])
        assert f"\n{old[-1]}  " in done.stderr
        assert "restore_snapshot=ID" in done.stderr

    assert machine.run("backstop-restore", "--over-everything", old[-1]).returncode == 0
    # What was restored goes on as who it was, and those between do not count any more.
    machine.began("20240101T100000.000000Z")
    assert machine.run("backstop-backup").returncode == 0
    assert machine.run("backstop-backups", "--latest").stdout.startswith(snapshots(machine)[-1])


def test_each_backup_says_whose_it_is(machine: Machine) -> None:
    lines = machine.run("backstop-backups").stdout.splitlines()

    assert [line.split()[0] for line in lines[1:]] == snapshots(machine)
    assert lines[-1].endswith("UTC  2024-01-01 10:00 UTC")


def test_backups_of_before_say_nothing_of_that_and_are_restored_as_ever(machine: Machine) -> None:
    where = ("-r", f"{machine.folder}/repository", "--password-file", f"{machine.folder}/etc/backstop/password")
    environment = os.environ | {"RESTIC_CACHE_DIR": f"{machine.folder}/cache"}
    command = ("restic", "--quiet", *where, "tag", "--set", "backstop")
    assert subprocess.run(command, env=environment, check=False).returncode == 0
    (*_, latest) = snapshots(machine)

    assert machine.run("backstop-backups").stdout.endswith("it does not say\n")
    assert machine.run("backstop-backups", "--latest").stdout.startswith(latest)
    # The next one is of the same installation, which began before them.
    assert machine.run("backstop-backup").returncode == 0
    assert machine.run("backstop-backups", "--latest").stdout.startswith(snapshots(machine)[-1])
    # Those of another machine it did not begin before.
    machine.began("20991121T140000.000000Z")
    assert machine.run("backstop-backup").returncode == 0
    assert machine.run("backstop-backups", "--latest").returncode == 1
