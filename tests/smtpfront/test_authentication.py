"""DKIM, DMARC and ARC over a real SMTP front, with a real name server: what the client hears, and what is passed on."""

import re
from pathlib import Path

import msgspec
import pytest

from gateway.mail.decisions import Action
from gateway.policy import defaults
from gateway.policy.snapshot import CheckRule, DomainPolicy, Mode, RecipientPolicy, Rules, Snapshot
from smtpfront.lab.nameserver import Zone
from tests.gateway.services.dkim.signing import record, signed
from tests.gateway.services.dkim.test_arc import sealed
from tests.smtpfront.conftest import Begun
from tests.smtpfront.dialogues import dialogues, play
from tests.smtpfront.nexthop import NextHop
from tests.smtpfront.running import Gateway, snapshot
from tests.smtpfront.running import mail as mail_of

ZONE: Zone = {
    "_dmarc.reject.test": {"TXT": ['"v=DMARC1; p=reject"']},
    "_dmarc.quarantine.test": {"TXT": ['"v=DMARC1; p=quarantine"']},
    "_dmarc.none.test": {"TXT": ['"v=DMARC1; p=none"']},
    "_dmarc.dead.test": "silent",
    "elsewhere.test": {"A": ["127.0.0.1"]},
    "client.test": {"A": ["127.0.0.1"]},
    "spf.test": {"A": ["127.0.0.1"], "TXT": ['"v=spf1 ip4:127.0.0.1 -all"']},
    "_dmarc.spf.test": {"TXT": ['"v=DMARC1; p=reject"']},
    **{f"s1._domainkey.{name}.test": {"TXT": [record()]} for name in ("reject", "none", "list")},
}


def policy(next_hop: int) -> Snapshot:
    """Five domains, by what the checks are good for to them."""

    def domain(*checks: str, rule: CheckRule) -> DomainPolicy:
        return DomainPolicy(
            "inner", Rules(checks=defaults.CHECKS | dict.fromkeys(checks, rule)), {"kim": RecipientPolicy()}
        )

    enforce = CheckRule(Mode.ENFORCE, Action.REJECT, Action.DELIVER)
    domains = {
        "enforcing.test": domain("dmarc", rule=enforce),
        "signed.test": domain("dkim", rule=enforce),
        "insisting.test": domain("dmarc", rule=CheckRule(Mode.ENFORCE, Action.REJECT, Action.DEFER)),
        "scoring.test": domain(rule=enforce),
        "observing.test": domain("dkim", "dmarc", rule=CheckRule(Mode.OBSERVE)),
    }
    return msgspec.structs.replace(snapshot(next_hop), domains=domains, arc_sealers=("list.test",))


def mail(author: str) -> bytes:
    """A proper message of an author."""
    return mail_of("hello\r\nbye\r\n", From=f"Ann <{author}>")


MAILS = {
    "unsigned": mail("ann@reject.test"),
    "signed": signed(mail("ann@reject.test"), domain="reject.test"),
    "changed": signed(mail("ann@reject.test"), domain="reject.test").replace(b"bye", b"buy"),
    "quarantine": mail("ann@quarantine.test"),
    "none": mail("ann@none.test"),
    "two": mail("ann@reject.test>, <bob@none.test"),
    "dead": mail("ann@dead.test"),
    "sealed": sealed(mail("ann@reject.test"), "list.test", "dmarc=pass header.from=reject.test"),
    "broken": signed(mail("ann@none.test"), domain="none.test").replace(b"bye", b"buy"),
}


@pytest.fixture(scope="module")
def gateway(begun: Begun) -> Gateway:
    """A gateway that waits for answers."""
    return begun()


@dialogues("authentication")
def test_dialogue(gateway: Gateway, hasty: Gateway, path: Path) -> None:
    octets = {name: repr(message + b".\r\n")[2:-1] for name, message in MAILS.items()}
    play(hasty if "dead" in path.stem else gateway, path, **octets)


@pytest.mark.parametrize(
    ("name", "recipient", "disposition"),
    [
        ("unsigned", "kim@scoring.test", "quarantined"),
        ("unsigned", "kim@observing.test", "delivered"),
        ("unsigned", "kim@enforcing.test", "rejected"),
        ("quarantine", "kim@enforcing.test", "quarantined"),
        ("quarantine", "kim@scoring.test", "delivered"),
        ("two", "kim@enforcing.test", "quarantined"),
        ("signed", "kim@enforcing.test", "delivered"),
        ("sealed", "kim@enforcing.test", "delivered"),
    ],
)
def test_what_becomes_of_a_message(gateway: Gateway, name: str, recipient: str, disposition: str) -> None:
    with gateway.client() as client:
        client.open("them@elsewhere.test", recipient)
        trace = gateway.trace_of(client.data(MAILS[name]))
    assert trace.disposition == disposition, trace.because


def results_told(module_hop: NextHop) -> str:
    """The Authentication-Results field of the last message, unfolded."""
    found = re.search(rb"^Authentication-Results: (.*\r\n(?:\t.*\r\n)*)", module_hop.kept[-1].content, re.MULTILINE)
    assert found is not None
    return re.sub(r"\s+", " ", found[1].decode()).strip()


def test_the_next_hop_is_told_what_every_method_came_to(gateway: Gateway, module_hop: NextHop) -> None:
    with gateway.client() as client:
        client.open("ann@spf.test", "kim@enforcing.test")
        forged = b"Authentication-Results: mx.example.test;\r\n\tdmarc=pass header.from=bank.test\r\n"
        assert client.data(forged + signed(mail("ann@reject.test"), domain="reject.test")).startswith("250")
    told = results_told(module_hop)
    assert told.startswith(
        "mx.example.test; spf=pass smtp.mailfrom=spf.test; spf=none smtp.helo=client.test; dkim=pass "
    )
    assert "header.d=reject.test header.s=s1" in told
    assert "; dmarc=pass (p=reject) header.from=reject.test;" in told
    assert "iprev=fail policy.iprev=127.0.0.1" in told
    assert b"bank.test" not in module_hop.kept[-1].content


def test_spf_of_the_same_organization_proves_the_author(gateway: Gateway) -> None:
    with gateway.client() as client:
        client.open("ann@spf.test", "kim@enforcing.test")
        assert client.data(mail("ann@spf.test")).startswith("250")


def test_what_is_quarantined_keeps_its_results(gateway: Gateway) -> None:
    with gateway.client() as client:
        client.open("ann@reject.test", "kim@scoring.test")
        trace = gateway.trace_of(client.data(mail("other@reject.test")))
    folder = gateway.quarantined(trace.id)
    assert folder is not None
    assert "dmarc=fail (p=reject) header.from=reject.test" in (folder / "item.json").read_text()


def test_a_strangers_dead_dns_raises_no_alarm_and_the_trace_tells_it(hasty: Gateway) -> None:
    with hasty.client() as client:
        client.open("ann@dead.test", "kim@scoring.test")
        reply = client.data(MAILS["dead"].replace(b"Subject: ", b"Subject: once "))
        assert reply.startswith("250")
    assert not [each for each in hasty.alarms() if "DMARC" in each or "dmarc" in each]
    trace = hasty.trace_of(reply)
    seen = {each.check: each.outcome for each in trace.observations}
    assert trace.disposition == "delivered"
    assert seen["dmarc"].failed
