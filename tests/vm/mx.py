"""From a bare Debian to an MX, and all that must not lose mail on the way: the steps of `make vm-test`."""

import contextlib
import json
import re
import shlex
import smtplib
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.vm import builds, proof
from tests.vm.console import Console
from tests.vm.image import HOME, Image
from tests.vm.kept import kept_on
from tests.vm.load import Load, Report
from tests.vm.machine import HTTPS, PORTS, SMTP, SMTPS, SUBMISSION, Machine
from tests.vm.playbooks import NAME, Playbooks, Recap
from tests.vm.proof import must
from tests.vm.sink import Sink
from tests.vm.verdict import verdict

PEOPLE = ("alice@example.org", "bob@example.org", "postmaster@example.org")
ELSEWHERE = "friend@elsewhere.example"
_SENDER = "them@sender.example"
_EICAR = r"X5O!P%@AP[4\PZX54(P^)7CC)7}$" + "EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
_PATIENCE = 300.0  # seconds, for what takes one where the processor is real
_LETTERS = 10  # of a load, before and after what happens to it
_PAUSE = 1.0  # seconds, so that the playbook has a share of the emulated processor too
_EXPOSURE = 2.5
_OK, _NO = 250, 550


@dataclass(frozen=True)
class Backup:
    """What one holds: the copies kept for review, of which one is about to be released."""

    copies: Counter[tuple[str, str]]
    seconds: float  # it took

    def left(self, sink: Sink) -> int:
        """How many of its copies the mail server behind has."""
        there = sink.copies()
        return sum(there[copy] for copy in self.copies)


@dataclass
class Node:
    """What the steps work with; each may stand on what those before it did."""

    image: Image
    machine: Machine
    playbooks: Playbooks
    inside: Sink
    outside: Sink
    older: builds.Build
    newer: builds.Build
    marked: list[str] = field(default_factory=list)  # senders as the world saw them


def run(image: Image, folder: Path, python: str, further: Callable[[Node, Path], int] | None = None) -> int:
    """Take all steps with a machine in a folder, and print the table; gives the exit code. Raises BuildError.

    `further` goes on where none failed, with the machine as they left it.
    """
    older, newer = builds.older(HOME / "wheels", python), builds.current(folder / "wheels", python)
    print(f"older release {older.version} ({older.migration}), this one {newer.version} ({newer.migration})")  # noqa: T201 - the result
    with (
        Sink(PEOPLE) as inside,
        Sink((ELSEWHERE,)) as outside,
        Machine(image, folder / "mx") as machine,
    ):
        playbooks = Playbooks(machine, folder, inside=inside.port, outside=outside.port)
        node = Node(image, machine, playbooks, inside, outside, older, newer)
        return proof.table(node, STEPS) or (further(node, folder) if further else 0)


# Steps that make it


def boots(node: Node) -> str:
    return f"login after {node.machine.boot():.0f} s, all units {node.machine.settle():.0f} s later"


def is_checked(node: Node) -> str:
    recap = node.playbooks.run("site", check=True)
    return f"--check says {recap.changed} changes, and no error"


def is_made(node: Node) -> str:
    """From `ansible-playbook site.yml` to the first 250, for a sender who tries every few seconds."""
    began = time.monotonic()
    with _first_message(node) as accepted:
        recap = node.playbooks.run("site", wheels=node.older.folder)
        must(accepted.wait(_PATIENCE), "no message is accepted")
        seconds = float(accepted.at - began)
    must(_in_force(node) == node.older.version, f"{_in_force(node)} is in force")
    return f"{recap.changed} changes in {recap.seconds:.0f} s; first 250 after {seconds:.0f} s"


def changes_nothing_again(node: Node) -> str:
    recap = node.playbooks.run("site", wheels=node.older.folder)
    must(recap.changed == 0, f"changed={recap.changed}: {what_changed(recap)}")
    return f"changed=0 in {recap.seconds:.0f} s"


# Steps that look at it


def opens_what_is_needed(node: Node) -> str:
    """The sockets that listen beyond loopback, the rules in force, and what can be reached from here."""
    said = node.machine.ssh("ss -Hlntu '! src 127.0.0.0/8 and ! src [::1]'").splitlines()
    ports = {int(line.split()[4].rpartition(":")[2]) for line in said} - {68, 546}  # its DHCP client
    must(ports == set(PORTS), f"listening: {sorted(ports)}")
    rules = node.machine.ssh("nft list ruleset")
    must("policy drop" in rules and "dport { 25, 80, 443, 465, 587 }" in rules, f"the rules are {rules}")
    closed = node.machine.forward(8891)
    node.machine.ssh("systemd-run --quiet --unit=open-door python3 -m http.server 8891")
    try:
        with contextlib.suppress(OSError), contextlib.closing(smtplib.SMTP(timeout=5)) as client:
            must(client.connect("127.0.0.1", closed)[0] < 0, "a port that nobody opened can be reached")
    finally:
        node.machine.ssh("systemctl stop open-door")
    return f"TCP {', '.join(map(str, sorted(ports)))}; all else is dropped"


def is_hardened(node: Node) -> str:
    names = node.machine.ssh(
        "systemctl list-unit-files --plain --no-legend 'backstop*.service' | awk '{print $1}'"
    ).split()
    exposure = {}
    for name in names:
        unit = name.replace("@.", "@a.")
        said = node.machine.ssh(f"systemd-analyze security --no-pager {unit} | tail -1")
        found = re.search(r"(\d+\.\d+)", said)
        must(found, f"systemd-analyze says {said}")
        exposure[unit] = float(found[1]) if found else 10.0
    must(max(exposure.values()) <= _EXPOSURE, f"{exposure}")
    return f"{len(exposure)} units, exposure {min(exposure.values())} to {max(exposure.values())}"


def judges(node: Node) -> str:
    """Mail that is wanted goes through; a virus, and a recipient whom nobody knows, do not."""
    seconds = _until_relayed(node, PEOPLE[0])
    code, said = _send(node, SMTP, _SENDER, PEOPLE[0], _EICAR)
    must(code == _NO and "Eicar" in said, f"EICAR is answered with {code} {said}")
    code, said = _send(node, SMTP, _SENDER, "nobody@example.org", "Hello")
    must(code == _NO, f"an unknown recipient is answered with {code} {said}")
    code, said = _send(node, SMTP, _SENDER, "somebody@elsewhere.example", "Hello")
    must(code == _NO, f"relaying is answered with {code} {said}")
    return f"relayed in {seconds:.1f} s; EICAR, an unknown recipient and relaying: 550"


def sends_and_knows_its_bounces(node: Node) -> str:
    """What our users send leaves by the queue with a tagged sender; only bounces to a true tag come in."""
    before = len(node.outside.arrivals)
    for port in (SUBMISSION, SMTPS):
        code, said = _send(node, port, PEOPLE[0], ELSEWHERE, "Hello")
        must(code == _OK, f"port {port} answers {code} {said}")
    _await("both are there", lambda: len(node.outside.arrivals) >= before + 2)
    senders = {each.sender for each in node.outside.arrivals[before:]}
    tagged = next((each for each in senders if each.lower() != PEOPLE[0]), "")
    must(tagged, f"they left with the sender {senders}")
    code, said = _send(node, SMTP, "", tagged, "a bounce")
    must(code == _OK, f"a bounce of ours is answered with {code} {said}")
    code, said = _send(node, SMTP, "", PEOPLE[0], "a false bounce")
    node.marked.append(tagged)
    seconds = _bounces(node)
    return (
        f"both ports, sender {tagged}; its bounce is taken, one without a tag gets {code} (observed at first);"
        f" what the world refuses comes back to its writer after {seconds:.0f} s"
    )


def _bounces(node: Node) -> float:
    """Send to somebody elsewhere who is gone; gives the seconds until the writer has the queue's own bounce."""
    began, before = time.monotonic(), len(node.inside.arrivals)
    code, said = _send(node, SUBMISSION, PEOPLE[0], "gone@elsewhere.example", "Hello")
    must(code == _OK, f"the queue takes nothing: {code} {said}")
    _await("the bounce is there", lambda: any(not each.sender for each in node.inside.arrivals[before:]))
    must(not any(not each.sender for each in node.outside.arrivals), "a bounce has left for the world")
    return time.monotonic() - began


def is_administered(node: Node) -> str:
    """The first administrator signs in with the password that the playbook left, and doctor finds nothing."""
    console = Console(NAME, node.machine.forward(HTTPS))
    must(console.sign_in("admin", "a wrong password").status == 200, "a wrong password is no form again")
    must("sessionid" not in console.cookies, "a wrong password signs in")
    console = administrator(node)
    must("Health" in console.get("/").text, "the dashboard is not there")
    doctor = node.machine.ssh("backstop doctor 2>&1; echo exit $?", seconds=_PATIENCE)
    must(doctor.rstrip().endswith("exit 0"), f"doctor says {doctor}")
    return f"the first administrator signs in over https; doctor: {len(doctor.splitlines()) - 1} lines, exit 0"


def refuses_a_broken_configuration(node: Node) -> str:
    """The switch does not begin; a start ends with 78, once; and mail goes on."""
    toml = "/etc/backstop/backstop.toml"
    node.machine.ssh(f"cp -p {toml} /root/sound.toml && sed -i 's/^name = .*/name = 7/' {toml}")
    try:
        said = node.machine.ssh("! backstop-switch --again 2>&1")
        must("can't use" in said, f"the switch says {said}")
        idle = "b" if _instances(node) == ["a"] else "a"
        node.machine.ssh(f"! systemctl start backstop-smtpd@{idle}", seconds=_PATIENCE)
        shown = node.machine.ssh(f"systemctl show -p ExecMainStatus,NRestarts backstop-smtpd@{idle}").split()
        must(set(shown) == {"ExecMainStatus=78", "NRestarts=0"}, f"systemd says {shown}")
        _until_relayed(node, PEOPLE[1])
    finally:
        node.machine.ssh(f"cp -p /root/sound.toml {toml}; systemctl reset-failed")
    return "the switch names it and does not begin; a start ends with 78, once; mail goes on"


# Steps in which nothing may be lost


def upgrades_under_mail(node: Node) -> str:
    plan = node.playbooks.run("upgrade", wheels=node.newer.folder, gateway_only_plan="true")
    must(node.newer.migration in plan.said, "the plan does not name the new migration")
    must(_in_force(node) == node.older.version, "the plan has upgraded")
    recap, figures = _under_mail(node, lambda: node.playbooks.run("upgrade", wheels=node.newer.folder))
    must(_in_force(node) == node.newer.version, f"{_in_force(node)} is in force")
    return f"{recap.seconds:.0f} s; {figures}"


def goes_back_under_mail(node: Node) -> str:
    recap, figures = _under_mail(node, lambda: node.playbooks.run("upgrade", rollback="true"))
    must(_in_force(node) == node.older.version, f"{_in_force(node)} is in force")
    return f"{recap.seconds:.0f} s, with {node.newer.migration} in the database; {figures}"


def goes_forth_again(node: Node) -> str:
    recap = node.playbooks.run("upgrade", wheels=node.newer.folder)
    must(_in_force(node) == node.newer.version, f"{_in_force(node)} is in force")
    check = node.playbooks.run("site", wheels=node.newer.folder, check=True)
    must(check.changed == 0, f"--check says changed={check.changed}: {what_changed(check)}")
    return f"{recap.seconds:.0f} s; --check of site.yml says changed=0"


def reboots(node: Node) -> str:
    seconds = node.machine.reboot()
    settled = node.machine.settle()
    mail = _until_relayed(node, PEOPLE[0])
    return f"login after {seconds:.0f} s, all units {settled:.0f} s later, no unit failed; mail in {mail:.1f} s"


def loses_power_under_mail(node: Node) -> str:
    machine = node.machine
    with Load(machine.forward(SMTP), PEOPLE, doubtful=4) as load:
        load.wait_for(3 * _LETTERS, 4 * _PATIENCE)
        machine.kill_hard()
        seconds = machine.boot()
        load.wait_for(_LETTERS, 4 * _PATIENCE)
        report = load.settle(4 * _PATIENCE)
    return f"login after {seconds:.0f} s; {_nothing_lost(node, report)}"


def restores_a_backup(node: Node) -> str:
    """A backup is made and proven; then all is destroyed; then it is restored, and what was pending waits."""
    machine = node.machine
    with Load(machine.forward(SMTP), PEOPLE, doubtful=2, large=0) as load:
        load.wait_for(_LETTERS, 4 * _PATIENCE)
        load.settle(4 * _PATIENCE)
    backup = backs_up(node)
    machine.ssh("systemctl start backstop-proof.service", seconds=4 * _PATIENCE)
    _destroy(machine)
    restored = node.playbooks.run("restore", restore_over_everything="true")
    return (
        f"saved in {backup.seconds:.0f} s and proven, restored in {restored.seconds:.0f} s: {is_restored(node, backup)}"
    )


def replaces_its_keys(node: Node) -> str:
    """All but rspamd's, which is off: marks and backups from before stay good, sessions do not."""
    machine, marked = node.machine, node.marked[0]
    console = administrator(node)
    password = machine.ssh("cat /etc/backstop/backup-password")
    recap = node.playbooks.run("rotate-keys")
    tomorrow = f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%dT%H:%M}"
    signed = batv(node, "sign", PEOPLE[0], "--at", tomorrow)["signed"]
    number = len("prvs=")
    must(signed[number] != marked[number], f"tomorrow signs as today: {signed} after {marked}")
    for tag, day in ((marked, "now"), (marked, tomorrow), (signed, tomorrow)):
        result = batv(node, "check", tag, *(["--at", day] if day != "now" else []))["result"]
        must(result == "valid", f"{tag} is {result}, {day}")
    code, said = _send(node, SMTP, "", marked, "a bounce to a mark of the key before")
    must(code == _OK, f"a bounce to {marked} is answered with {code} {said}")
    must("password" in console.get("/").text, "a session from before goes on")
    administrator(node)
    must(machine.ssh("cat /etc/backstop/backup-password") != password, "the backups have the password from before")
    machine.ssh("systemctl start backstop-proof.service", seconds=4 * _PATIENCE)
    return (
        f"{recap.seconds:.0f} s; {marked} is valid today and tomorrow, when {signed} follows;"
        " everybody signs in again; the backup from before is proven by its new password"
    )


def has_no_complaints(node: Node) -> str:
    """Since the plug was pulled nothing failed, and never was anybody refused a system call."""
    node.machine.settle()
    refused = node.machine.ssh(
        "journalctl -q -k --grep 'audit.*(SECCOMP|apparmor=.DENIED)' --no-pager | tail -3", check=False
    )
    must(not refused.strip(), f"the kernel refused: {refused}")
    tracebacks = node.machine.ssh("journalctl -q -b -u 'backstop-*' --no-pager --grep Traceback | tail -3", check=False)
    must(not tracebacks.strip(), f"tracebacks: {tracebacks}")
    warnings = node.machine.ssh("journalctl -q -b -u 'backstop-*' -p warning --no-pager -o cat | wc -l")
    return f"no unit failed, no traceback; {warnings.strip()} warnings of ours"


STEPS: tuple[tuple[str, Callable[[Node], str]], ...] = (
    ("a bare Debian boots", boots),
    ("the playbook can be checked there", is_checked),
    ("the playbook makes it an MX (older release)", is_made),
    ("a second run changes nothing", changes_nothing_again),
    ("only what is needed is open", opens_what_is_needed),
    ("each unit of ours is hardened", is_hardened),
    ("mail from outside is judged", judges),
    ("mail of our users leaves, marked", sends_and_knows_its_bounces),
    ("an administrator signs in, doctor is content", is_administered),
    ("a broken configuration does not loop", refuses_a_broken_configuration),
    ("an upgrade under mail loses nothing", upgrades_under_mail),
    ("the way back under mail loses nothing", goes_back_under_mail),
    ("forth again, and site.yml has nothing to change", goes_forth_again),
    ("it is rebooted, and mail goes through", reboots),
    ("its plug is pulled under mail: every 250 is there", loses_power_under_mail),
    ("all is destroyed, and restored from a backup", restores_a_backup),
    ("its keys are replaced, and what they made stays good", replaces_its_keys),
    ("nothing failed meanwhile", has_no_complaints),
)


# What they are made of, and others of other machines


def administrator(node: Node) -> Console:
    """Sign in with the password that the playbook left to the first administrator."""
    said = node.machine.ssh("cat /root/backstop-administrator")
    found = re.search(r"administrator (\S+) with the password (\S+)", said)
    must(found, "there is no password in /root/backstop-administrator")
    user, password = ("", "") if found is None else found.groups()
    console = Console(NAME, node.machine.forward(HTTPS))
    page = console.sign_in(user, password)
    must(page.status == 200 and page.path == "/", f"signing in leads to {page.status} {page.path}")
    return console


def batv(node: Node, verb: str, address: str, *options: str) -> dict[str, str]:
    """Ask the machine's command line about a tag."""
    command = shlex.join(["backstop", "batv", verb, address, "--json", *options])
    said: dict[str, str] = json.loads(node.machine.ssh(command, seconds=_PATIENCE))
    return said


def backs_up(node: Node) -> Backup:
    """Make a backup while a release is pending: somebody asks for it at the console, and no worker is there."""
    copies = kept_on(node.machine).copies
    must(copies, "nothing is kept for review that could be restored")
    node.machine.ssh("systemctl stop backstop-worker", seconds=_PATIENCE)
    console, quarantine = administrator(node), "/gateway/quarantinedcopy/"
    found = re.search(r'name="_selected_action" value="(\d+)"', console.get(quarantine).text)
    must(found, "the console shows no quarantined copy")
    chosen = found[1] if found else ""
    page = console.post(quarantine, action="release_copies", _selected_action=chosen, confirmed="yes", index="0")
    must("1 of 1 asked for delivery" in page.text, f"copy {chosen} can't be released: {page}")
    return Backup(copies, node.playbooks.run("backup").seconds)


def is_restored(node: Node, backup: Backup) -> str:
    """See that a machine is what such a backup holds, and that what is pending leaves once somebody has said so."""
    machine, before = node.machine, backup.left(node.inside)
    after = kept_on(machine)
    must(
        after.copies == backup.copies and not after.damaged,
        f"{len(backup.copies)} copies were kept, {len(after.copies)} are restored",
    )
    mail = _until_relayed(node, PEOPLE[0])
    for tag in node.marked:
        result = batv(node, "check", tag)["result"]
        must(result == "valid", f"the mark {tag} from before is {result}")
        code, said = _send(node, SMTP, "", tag, "a bounce after all that")
        must(code == _OK, f"a bounce to a tag from before is answered with {code} {said}")
    held = machine.ssh("backstop resume --list", seconds=_PATIENCE)
    must("was restored at" in held and "1 copy and 0 lessons wait" in held, f"what was pending does not wait: {held}")
    must(backup.left(node.inside) == before, "what was pending has left by itself")
    machine.ssh("backstop resume", seconds=_PATIENCE)
    _await("what was pending leaves", lambda: backup.left(node.inside) > before)
    return (
        f"{backup.copies.total()} quarantined copies whole, old tags verify, a release waited for its word;"
        f" mail in {mail:.1f} s"
    )


class _Accepted(threading.Event):
    """Set when the first message has its 250, at a time of the monotonic clock."""

    at = 0.0


@contextlib.contextmanager
def _first_message(node: Node) -> Iterator[_Accepted]:
    """Try to send a message every few seconds until it is accepted, as long as the context lasts."""
    accepted, over = _Accepted(), threading.Event()
    node.machine.forward(SMTP)

    def try_again() -> None:
        while not over.wait(2):
            with contextlib.suppress(OSError, smtplib.SMTPException):
                if _send(node, SMTP, _SENDER, PEOPLE[0], "Is anybody there?")[0] == _OK:
                    accepted.at = time.monotonic()
                    accepted.set()
                    return

    thread = threading.Thread(target=try_again, daemon=True)
    thread.start()
    try:
        yield accepted
    finally:
        over.set()
        thread.join()


def _send(node: Node, port: int, sender: str, recipient: str, text: str) -> tuple[int, str]:
    """Send one message through a port of the machine; gives the reply that decided."""
    client: smtplib.SMTP
    ours = node.machine.forward(port)
    if port == SMTPS:
        client = smtplib.SMTP_SSL("127.0.0.1", ours, "client.sender.example", timeout=_PATIENCE)
    else:
        client = smtplib.SMTP("127.0.0.1", ours, "client.sender.example", timeout=_PATIENCE)
    with client:
        if port == SUBMISSION:
            client.starttls()
        client.ehlo()
        for code, said in (client.mail(sender), client.rcpt(recipient)):
            if code != _OK:
                return code, said.decode(errors="replace")
        stamp = f"{time.time():.6f}"
        code, said = client.data(
            f"From: <{sender or 'mailer-daemon@sender.example'}>\r\nTo: <{recipient}>\r\n"
            f"Subject: {text[:40]} {stamp}\r\n"
            f"Date: {time.strftime('%a, %d %b %Y %H:%M:%S +0000', time.gmtime())}\r\n"
            f"Message-ID: <{stamp}@sender.example>\r\n\r\n{text}\r\n"
        )
        return code, said.decode(errors="replace")


def _until_relayed(node: Node, recipient: str) -> float:
    """Send a message, again where it is deferred, until it is relayed; gives the seconds of the last try."""
    end = time.monotonic() + _PATIENCE
    while True:
        before = len(node.inside.arrivals)
        began = time.monotonic()
        code, said = _send(node, SMTP, _SENDER, recipient, "Hello")
        if code == _OK:
            must(len(node.inside.arrivals) > before, "a message got 250 that the mail server behind does not have")
            return time.monotonic() - began
        must(time.monotonic() < end, f"a message is answered with {code} {said}")
        time.sleep(1)


def _under_mail(node: Node, work: Callable[[], Recap]) -> tuple[Recap, str]:
    """Do something while mail comes; nobody may be refused, and nothing lost or doubled."""
    with Load(node.machine.forward(SMTP), PEOPLE, doubtful=5, pause=_PAUSE) as load:
        load.wait_for(_LETTERS, 4 * _PATIENCE)
        recap = work()
        load.wait_for(_LETTERS, 4 * _PATIENCE)
        report = load.settle(4 * _PATIENCE)
    must(not report.refused and not report.silent and not report.cut and not report.broken, f"{report}")
    must(len(_instances(node)) == 1, f"instances that run: {_instances(node)}")
    return recap, _nothing_lost(node, report)


def _nothing_lost(node: Node, report: Report) -> str:
    """Compare what senders were told with what is there."""
    found = verdict(report, node.inside.copies(), kept_on(node.machine), node.inside.damaged())
    must(found.holds and not report.refusals, f"{found}; refused: {report.refusals}; {report}")
    return f"{found}; {report}"


def _destroy(machine: Machine) -> None:
    """Lose the state and the database, as an administrator does who has mistyped."""
    machine.ssh(
        "systemctl stop 'backstop-*.socket' 'backstop-smtpd@*' backstop-ingest backstop-worker backstop-console"
        " && find /var/lib/backstop -mindepth 1 -delete"
        " && runuser -u postgres -- dropdb --force backstop"
        " && runuser -u postgres -- createdb --owner backstop backstop",
        seconds=_PATIENCE,
    )


def _in_force(node: Node) -> str:
    """Name the release that the command line is of, and see that the one process that serves runs it."""
    version = node.machine.ssh("basename $(readlink /opt/backstop/current)").strip()
    for instance in _instances(node):
        pid = node.machine.ssh(f"systemctl show --value -p MainPID backstop-smtpd@{instance}").strip()
        served = node.machine.ssh(f"tr '\\0' ' ' </proc/{shlex.quote(pid)}/cmdline")
        must(version in served, f"instance {instance} runs {served}")
    return version


def _instances(node: Node) -> list[str]:
    """Name the instances that run."""
    said = node.machine.ssh("systemctl list-units --plain --no-legend --state=active 'backstop-smtpd@*'")
    return re.findall(r"backstop-smtpd@(\w+)\.service", said)


def what_changed(recap: Recap) -> str:
    """Name the tasks that changed something."""
    tasks = re.split(r"^(?:TASK|RUNNING HANDLER) \[", recap.said, flags=re.MULTILINE)
    return ", ".join(task.partition("]")[0] for task in tasks if re.search(r"^changed:", task, re.MULTILINE))


def _await(what: str, holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    end = time.monotonic() + _PATIENCE
    while not holds():
        must(time.monotonic() < end, f"not within {_PATIENCE:.0f} s: {what}")
        time.sleep(0.2)
