"""Redirect, copy and strip in the whole gateway: from the policy in YAML to the mailbox, by way of a real worker."""

import json
import smtplib
import time
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest
import yaml

from tests.gateway.embedded.test_run import Gateway

ACTIONS = {
    "thresholds": {"tag": 3, "redirect": 4, "quarantine": 12},
    "redirect_to": "bob@example.test",
    "copy_to": ["carol@example.test"],
    "attachments": [{"name": "disk images", "names": ["*.iso"], "action": "strip"}],
}


@pytest.fixture
def gateway(environment: dict[str, str], tmp_path: Path) -> Iterator[Gateway]:
    with Gateway(environment, tmp_path) as gateway:
        gateway.start()
        yield gateway


def until(what: str, holds: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, what
        time.sleep(0.1)


def send(gateway: Gateway, message: bytes) -> None:
    host, port = json.loads(gateway.environment["BACKSTOP_SMTP__INBOUND"])[0].rsplit(":", 1)
    with smtplib.SMTP(host, int(port), local_hostname="client.test", timeout=60) as client:
        client.sendmail("them@other.test", ["alice@example.test"], message)


def letter(subject: str) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "them@other.test", "alice@example.test", subject
    message["Date"], message["Message-ID"] = "Fri, 20 Nov 2026 10:00:00 +0000", f"<{subject}@other.test>"
    message.set_content("Hello Alice.\n")
    return message


def arrived(gateway: Gateway) -> dict[tuple[str, str], tuple[str, bytes]]:
    """What lies in the sink, by recipient and subject: envelope sender and content."""
    found = {}
    for path in (gateway.home / "sink").glob("*.json"):
        about, content = json.loads(path.read_text()), path.with_suffix(".eml").read_bytes()
        subject = content.partition(b"Subject: ")[2].partition(b"\r\n")[0].decode()
        found[about["recipients"][0], subject] = (about["sender"], content)
    return found


def test_each_mailbox_gets_what_the_policy_says(gateway: Gateway, tmp_path: Path) -> None:
    policy = yaml.safe_load(gateway.manage("export").stdout)
    policy["domains"]["example.test"] |= ACTIONS
    file = tmp_path / "policy.yml"
    file.write_text(yaml.safe_dump(policy))
    applied = gateway.manage("apply", str(file))
    assert applied.returncode == 0, applied.stderr
    until("the policy", lambda: gateway.log.count("policy revision 2 is in force") >= 2)

    plain, image = letter("plain"), letter("image")
    image.add_attachment(b"no real image", maintype="application", subtype="octet-stream", filename="disk.iso")
    spam = b"From: them@other.test\r\nSubject: BUY THIS NOW $$$\r\n\r\nbuy\r\n"
    for message in (plain.as_bytes(), image.as_bytes(), spam):
        send(gateway, message.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))
    until("five deliveries", lambda: len(arrived(gateway)) >= 5)

    found = arrived(gateway)
    assert {who: sender for who, (sender, _) in found.items()} == {
        ("alice@example.test", "plain"): "them@other.test",
        ("alice@example.test", "image"): "them@other.test",
        ("carol@example.test", "plain"): "",
        ("carol@example.test", "image"): "",
        ("bob@example.test", "BUY THIS NOW $$$"): "",
    }
    for who in ("alice@example.test", "carol@example.test"):
        content = found[who, "image"][1]
        assert b"An attachment was taken out here" in content
        assert b"bm8gcmVhbCBpbWFnZQ" not in content
    assert b"\r\nX-Backstop-Copy: gateway.example.test; " in b"\r\n" + found["carol@example.test", "plain"][1]
    kept = [path for path in (gateway.home / "spool" / "quarantine").glob("*/*") if path.is_dir()]
    until("the bytes of what has left to go", lambda: len([path for path in kept if path.exists()]) == 1)
    text = next(path for path in kept if path.exists()) / "message.eml"
    assert b"bm8gcmVhbCBpbWFnZQ" in text.read_bytes()
