"""``manage.py explain`` decides with what was learned, as the SMTP side does."""

import json
import time
from io import StringIO
from pathlib import Path

import msgspec
import pytest
from django.core.management import CommandError, call_command

from gateway.policy import codec, defaults, learned
from gateway.policy.learned import Learned, Storm
from gateway.policy.snapshot import BatvKey, DomainPolicy, Marking, NextHop, Route, Rules, Snapshot
from gateway.services import secrets

BOUNCE = b"From: MAILER-DAEMON@far.test\r\nSubject: failure notice\r\n\r\nI'm sorry, it could not be delivered.\r\n"


def explain(file: Path) -> dict[str, object]:
    said = StringIO()
    call_command("explain", str(file), "--sender", "", "--recipient", "kim@example.test", "--json", stdout=said)
    return json.loads(said.getvalue())


@pytest.fixture
def bounce(home: Path) -> Path:
    (home / "policy").mkdir()
    (home / "learned").mkdir()
    domain = DomainPolicy("inner", Rules(checks=defaults.CHECKS), accept_unknown=True)
    made = Snapshot(
        1, "2026-01-01T00:00:00Z", "test", {"example.test": domain}, {"inner": Route(hosts=(NextHop("127.0.0.1", 9),))}
    )
    (home / "policy" / "current.json").write_bytes(codec.encode(made))
    file = home / "bounce.eml"
    file.write_bytes(BOUNCE)
    return file


def test_a_bounce_to_an_address_under_a_storm_is_explained_so(home: Path, bounce: Path) -> None:
    storm = Storm(12, time.time() - 60, time.time() + 600)
    (home / "learned" / "current.json").write_bytes(learned.encode(Learned(5, storms={"kim@example.test": storm})))

    trace = explain(bounce)

    assert trace["learned"] == 5
    assert "storm 12 since " in json.dumps(trace["observations"])


def test_without_a_storm_there_is_no_word_of_one(bounce: Path) -> None:
    assert "storm 12" not in json.dumps(explain(bounce))


def test_a_damaged_file_of_what_was_learned_is_told(home: Path, bounce: Path) -> None:
    (home / "learned" / "current.json").write_text("{")
    with pytest.raises(CommandError, match=r"current\.json.*remove the file"):
        explain(bounce)


def test_what_would_leave_is_explained_with_its_marks_and_what_is_left_out(home: Path, bounce: Path) -> None:
    secrets.write(home / "secrets", "batv-1", "a secret")
    secrets.write(home / "secrets", "seal", "another secret")
    made = codec.load(home / "policy" / "current.json")
    marking = Marking((BatvKey(1, "batv-1"),), "seal", ("lists.test",))
    (home / "policy" / "current.json").write_bytes(codec.encode(msgspec.structs.replace(made, marking=marking)))
    bounce.write_bytes(
        b"From: kim@example.test\r\nMessage-ID: <1@example.test>\r\n"
        b"Date: Fri, 20 Nov 2026 10:00:00 +0000\r\n\r\nhello\r\n"
    )
    said = StringIO()
    sent = ["--sender", "Kim@example.test", "--recipient", "a@far.test", "--recipient", "club@lists.test"]
    call_command("explain", str(bounce), "--outbound", *sent, stdout=said)

    assert "towards <a@far.test> the sender is <prvs=1" in said.getvalue()
    assert "the sender is <Kim@example.test>, without a tag: the destination is never tagged" in said.getvalue()
    assert "it gets a seal" in said.getvalue()
    assert "no DKIM key signs it" in said.getvalue()


def test_what_leaves_is_not_asked_for_a_name_of_its_client(bounce: Path) -> None:
    said = StringIO()
    sent = ["--outbound", "--sender", "kim@example.test", "--recipient", "a@far.test", "--json"]
    call_command("explain", str(bounce), *sent, stdout=said)

    seen = {each["check"] for each in json.loads(said.getvalue())["observations"]}
    assert "sending_limits" in seen
    assert not seen & {"reverse_dns", "helo", "dns_lists", "sender_domain", "spf"}


def helpers() -> list[str]:
    """What runs below this process and reads attachments."""
    children = " ".join(each.read_text() for each in Path("/proc/self/task").glob("*/children")).split()
    commands = (Path(f"/proc/{each}/cmdline").read_text() for each in children)
    return [each for each in commands if "gateway.services.inspection" in each]


def test_nothing_that_explaining_has_started_stays(bounce: Path) -> None:
    bounce.write_bytes(
        b'From: lee@far.test\r\nMIME-Version: 1.0\r\nContent-Type: application/zip; name="a.zip"\r\n\r\nPK\3\4rest\r\n'
    )
    with pytest.raises(CommandError):  # in the middle of it
        call_command("explain", str(bounce), "--sender", "", "--recipient", "kim@example.test", "--recipient", "nobody")
    assert explain(bounce)["observations"]

    assert helpers() == []


def test_an_address_that_is_none_is_named(home: Path, bounce: Path) -> None:
    assert home
    with pytest.raises(CommandError, match="'nobody': address has no domain; give addresses as local@domain"):
        call_command("explain", str(bounce), "--sender", "", "--recipient", "nobody")


def test_a_client_that_is_no_address_is_an_error_that_names_it(bounce: Path) -> None:
    with pytest.raises(CommandError, match=r"'mail\.example' is no IP address; write 192"):
        call_command(
            "explain", str(bounce), "--sender", "", "--recipient", "kim@example.test", "--client", "mail.example"
        )
