"""``manage.py explain`` shows which list of senders decides, and what proves the sender."""

import json
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import msgspec
import pytest
from django.conf import settings
from django.core.management import call_command

from gateway.policy import codec, defaults
from gateway.policy.snapshot import (
    CheckRule,
    DomainPolicy,
    ListVerdict,
    Mode,
    NextHop,
    RecipientPolicy,
    Route,
    Rules,
    Snapshot,
)
from smtpfront.lab.nameserver import Records
from tests.gateway.services.dkim import signing
from tests.nameserving import asking, serving

# What the built-in scorer refuses whatever else is found.
SPAM = (
    b"From: News <news@shop.example>\r\nTo: alice@example.test\r\nSubject: OFFERS NOW!!!!\r\n"
    b"Date: Fri, 20 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1@shop.example>\r\n\r\n"
    b"XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X\r\n"
)
ZONE: dict[str, Records | str] = {
    "shop.example": {"MX": ["10 mx.shop.example."], "TXT": ['"v=spf1 ip4:192.0.2.1 ?all"']},
    "s1._domainkey.shop.example": {"TXT": [signing.record()]},
}


@pytest.fixture(autouse=True)
def policy(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The node's list blocks a shop, and alice's own allows its news; no scanner is asked."""
    (home / "policy").mkdir()
    rules = Rules(checks=defaults.CHECKS | {"clamav": CheckRule(mode=Mode.OFF)})
    people = {"alice": RecipientPolicy(senders={"news@shop.example": ListVerdict.ALLOW}), "bob": RecipientPolicy()}
    made = Snapshot(
        1,
        "2026-01-01T00:00:00Z",
        "test",
        {"example.test": DomainPolicy("inner", rules, people)},
        {"inner": Route(hosts=(NextHop("127.0.0.1", 9),))},
        senders={".shop.example": ListVerdict.BLOCK},
    )
    (home / "policy" / "current.json").write_bytes(codec.encode(made))
    with serving(ZONE) as server:
        dns = asking(server.address, ZONE)
        monkeypatch.setattr(settings, "CONFIG", msgspec.structs.replace(settings.CONFIG, dns=dns))
        yield


def decision(home: Path, raw: bytes, *, recipient: str = "alice", client: str = "192.0.2.1") -> dict[str, Any]:
    """Give what would be decided."""
    file = home / "mail.eml"
    file.write_bytes(raw)
    said = StringIO()
    words = ["--sender", "news@shop.example", "--recipient", f"{recipient}@example.test", "--client", client, "--json"]
    call_command("explain", str(file), *words, stdout=said)
    found: dict[str, Any] = json.loads(said.getvalue())["recipients"][0]["decision"]
    return found


def test_the_recipients_own_list_goes_before_the_nodes_where_spf_proves_the_sender(home: Path) -> None:
    got = decision(home, SPAM)
    assert got["action"] == "deliver"
    assert got["because"].startswith(
        "the recipient's own list allows news@shop.example, proven by SPF; else: reject, because the score"
    )


def test_a_signature_proves_the_sender_as_well(home: Path) -> None:
    got = decision(home, signing.signed(SPAM, "shop.example"), client="198.51.100.1")
    assert got["because"].startswith("the recipient's own list allows news@shop.example, proven by DKIM; else: reject")


def test_a_signature_of_somebody_else_proves_nothing(home: Path) -> None:
    got = decision(home, signing.signed(SPAM, "example.org"), client="198.51.100.1")
    assert got["action"] == "reject"
    assert "sender_lists found BLOCKED_SENDER (the node's list blocks .shop.example" in got["because"]
    assert got["because"].endswith("news@shop.example is listed as allowed, but nothing proves the sender")


def test_for_others_the_nodes_list_holds_and_no_signature_comes_in_time(home: Path) -> None:
    got = decision(home, signing.signed(SPAM, "shop.example"), recipient="bob")
    assert (got["action"], got["check"]) == ("reject", "sender_lists")
    assert "listed as allowed" not in got["because"]
