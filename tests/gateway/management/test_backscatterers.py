"""``manage.py backscatterers``: what it lists, and that the real rbldnsd answers from what it exports."""

import json
import os
import pwd
import re
import shutil
import socket
import struct
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from gateway.models import AuditEntry, Backscatterer
from tests.ports import free_port

pytestmark = pytest.mark.django_db

RBLDNSD = shutil.which("rbldnsd") or "/usr/sbin/rbldnsd"
A, TXT, SOA, NS = 1, 16, 6, 2
Ask = Callable[[str, int], bytes]


def run(*arguments: str) -> str:
    said = StringIO()
    call_command("backscatterers", *arguments, stdout=said)
    return said.getvalue()


@pytest.fixture(autouse=True)
def known() -> None:
    now = timezone.now()
    for name, points in (("192.0.2.7", 40.0), ("2001:db8::7", 12.0), ("mx.reporter.test", 9.0), ("192.0.2.8", 2.0)):
        Backscatterer.objects.create(name=name, points=points, first=now, last=now, count=int(points), sample="01a")


def test_the_list_has_who_has_points_enough_worst_first() -> None:
    lines = run().splitlines()
    assert [line.split()[1] for line in lines] == ["192.0.2.7", "2001:db8::7", "mx.reporter.test"]
    assert "40 false" in lines[0]


def test_json_has_one_object_a_line() -> None:
    first = json.loads(run("--json").splitlines()[0])
    assert (first["name"], first["count"], first["sample"]) == ("192.0.2.7", 40, "01a")
    assert first["points"] == pytest.approx(40, abs=0.1)


def test_a_host_is_forgotten_and_one_that_is_not_there_is_told() -> None:
    with pytest.raises(CommandError, match=r"not on the list: 198\.51\.100\.1"):
        run("forget", "192.0.2.7", "198.51.100.1")
    assert not Backscatterer.objects.filter(name="192.0.2.7").exists()
    assert AuditEntry.objects.get().target == "192.0.2.7"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["forget"], "name the hosts"),
        (["list", "192.0.2.7"], "takes no names"),
        (["export", "--nameserver", "ns1 evil"], "'ns1 evil' is no domain name"),
        (["export", "--contact", "me@example.test"], "'me@example.test' is no domain name"),
        (["export", "--ttl", "soon"], "'soon' is no time to live"),
    ],
)
def test_bad_arguments_are_told_with_a_remedy(arguments: list[str], says: str) -> None:
    with pytest.raises(CommandError, match=re.escape(says)):
        run(*arguments)


def test_both_words_for_export_give_a_zone_with_its_head() -> None:
    text = run("export", "--nameserver", "ns1.example.test", "--contact", "root.example.test", "--ttl", "1h")
    assert "$SOA 1h ns1.example.test root.example.test " in text
    assert "\n$NS 1h ns1.example.test\n$TTL 1h\n" in text
    assert run("--rbldnsd").count("$DATASET") == 3


class Rbldnsd:
    """A running rbldnsd that serves one zone, bl.test."""

    def __init__(self, zone: Path) -> None:
        self.port = free_port(socket.SOCK_DGRAM)
        user = "rbldns" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name  # it never runs as root
        self.process = subprocess.Popen(
            [RBLDNSD, "-n", "-u", user, "-b", f"127.0.0.1/{self.port}", f"bl.test:combined:{zone}"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip

    def stop(self) -> str:
        """End it; gives what it said."""
        self.process.terminate()
        return self.process.communicate(timeout=60)[0]

    def ask(self, name: str, kind: int) -> bytes:
        """Give the reply to a question; an empty one where it has ended."""
        question = b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"
        deadline = time.monotonic() + 60
        while self.process.poll() is None:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
                asking.settimeout(0.3)
                asking.connect(("127.0.0.1", self.port))
                with suppress(OSError):  # it is not there yet
                    asking.send(struct.pack(">6H", 1, 0x0100, 1, 0, 0, 0) + question + struct.pack(">2H", kind, 1))
                    return asking.recv(4096)
            assert time.monotonic() < deadline, "rbldnsd does not answer"
            time.sleep(0.01)
        return b""


@pytest.fixture
def rbldnsd(tmp_path: Path) -> Iterator[Ask]:
    """Gives how to ask a running rbldnsd that has loaded the export."""
    if not Path(RBLDNSD).exists():
        pytest.skip("rbldnsd is not installed")
    # Its user must reach the file.
    folder = Path(tempfile.mkdtemp(dir="/var/tmp")) if os.geteuid() == 0 else tmp_path
    folder.chmod(0o755)
    zone = folder / "bl.zone"
    zone.write_text(run("export"))
    zone.chmod(0o644)
    said = ""
    for _ in range(5):
        running = Rbldnsd(zone)
        if running.ask("bl.test", SOA):
            break
        said = running.stop()  # somebody else has taken the port meanwhile
    else:
        pytest.fail(said)
    yield running.ask
    said = running.stop()
    shutil.rmtree(folder)
    assert "invalid" not in said, said
    assert "warning" not in said.lower(), said


def answers(reply: bytes) -> int:
    """How many answers a reply has; none where it says that there is no such name."""
    return int(struct.unpack(">6H", reply[:12])[3])


def test_rbldnsd_loads_the_export_and_answers_from_it(rbldnsd: Ask) -> None:
    v6 = ".".join(reversed("20010db8000000000000000000000007"))
    for name in ("7.2.0.192.bl.test", f"{v6}.bl.test", "mx.reporter.test.helo.bl.test"):
        assert b"\0\4\x7f\0\0\2" in rbldnsd(name, A), name
    assert b"192.0.2.7 brought bounces that are proven false, 40 times" in rbldnsd("7.2.0.192.bl.test", TXT)
    for name in ("8.2.0.192.bl.test", "reporter.test.helo.bl.test", "x.mx.reporter.test.helo.bl.test"):
        assert answers(rbldnsd(name, A)) == 0, name
    assert answers(rbldnsd("bl.test", SOA)) == answers(rbldnsd("bl.test", NS)) == 1


def test_rbldnsd_has_the_test_entries_of_rfc_5782(rbldnsd: Ask) -> None:
    assert answers(rbldnsd("2.0.0.127.bl.test", A)) == 1
    assert answers(rbldnsd("1.0.0.127.bl.test", A)) == 0
    assert answers(rbldnsd("test.helo.bl.test", A)) == 1
    assert answers(rbldnsd("invalid.helo.bl.test", A)) == 0
