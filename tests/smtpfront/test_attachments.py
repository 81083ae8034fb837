"""Attachments through the real SMTP front: refused, quarantined, tagged, let pass by a rule, only observed."""

from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import msgspec
import pytest

from gateway.mail.decisions import Action
from gateway.mail.findings import Observation, Outcome
from gateway.mail.trace import Trace
from gateway.policy import defaults
from gateway.policy.snapshot import AttachmentRule, CheckRule, DomainPolicy, Mode, RecipientPolicy, Rules, Snapshot
from tests.gateway.attaching import PROGRAM, encrypted_zip, office, zipped
from tests.smtpfront.conftest import prepare
from tests.smtpfront.dialogues import dialogues, play
from tests.smtpfront.nexthop import NextHop
from tests.smtpfront.running import Gateway, snapshot

REFUSES = CheckRule(Mode.ENFORCE, Action.REJECT)
RULES = (
    AttachmentRule("ours", names=("ours.js",), action=Action.DELIVER),
    AttachmentRule("rich text", names=("*.rtx",), action=Action.REJECT),
)


def policy(next_hop: int) -> Snapshot:
    """Domains that refuse what is dangerous, only observe, have rules, or take what a new domain begins with."""

    def domain(check: CheckRule, rules: tuple[AttachmentRule, ...] = ()) -> DomainPolicy:
        others = {**defaults.CHECKS, "clamav": CheckRule(Mode.OFF)}  # it has an opinion of what is encrypted as well
        wanted = Rules(checks={**others, "attachments": check}, attachments=rules)
        return DomainPolicy("inner", wanted, {"kim": RecipientPolicy()})

    domains = {
        "refusing.test": domain(REFUSES),
        "observing.test": domain(CheckRule(Mode.OBSERVE)),
        "ruling.test": domain(defaults.CHECKS["attachments"], RULES),
        "new.test": domain(defaults.CHECKS["attachments"]),
    }
    return msgspec.structs.replace(snapshot(next_hop), domains=domains)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, module_hop: NextHop, clamd: str) -> Iterator[Gateway]:
    with Gateway(prepare(tmp_path_factory.mktemp("attachments")), policy(module_hop.port), clamd) as running:
        yield running


@dialogues("attachments")
def test_dialogue(gateway: Gateway, path: Path) -> None:
    play(gateway, path)


def letter(name: str, octets: bytes) -> bytes:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "Them <them@other.test>", "kim@new.test", "Lunch"
    message["Date"], message["Message-ID"] = "Fri, 20 Nov 2026 10:00:00 +0000", f"<{name.replace(' ', '')}@other.test>"
    message.set_content("Here it is.\n")
    message.add_attachment(octets, maintype="application", subtype="octet-stream", filename=name)
    return message.as_bytes(policy=message.policy.clone(linesep="\r\n"))


def brought(gateway: Gateway, name: str, octets: bytes, recipient: str = "kim@new.test") -> Trace:
    with gateway.client() as client:
        assert client.open("them@other.test", recipient)[0].startswith("250")
        return gateway.trace_of(client.data(letter(name, octets)))


def seen(trace: Trace) -> Observation:
    return next(each for each in trace.observations if each.check == "attachments")


@pytest.mark.parametrize(
    ("name", "octets", "action"),
    [
        ("run.zip", zipped({"a/run.exe": PROGRAM}), Action.QUARANTINE),
        ("holiday.jpg", PROGRAM, Action.QUARANTINE),
        ("plan.docx", office({"word/vbaProject.bin": b"x"}), Action.QUARANTINE),
        ("broken.zip", zipped({"a": b"x" * 100})[:80], Action.QUARANTINE),
        ("statement.zip", encrypted_zip("statement.pdf"), Action.TAG),
        ("plan2.docx", office({}), Action.DELIVER),
        ("notes.zip", zipped({"notes.txt": b"x"}), Action.DELIVER),
    ],
)
def test_what_a_new_domain_does_with_attachments(gateway: Gateway, name: str, octets: bytes, action: Action) -> None:
    trace = brought(gateway, name, octets)

    assert trace.recipients[0].decision is not None
    assert trace.recipients[0].decision.action is action
    assert (gateway.quarantined(trace.id) is not None) is (action is Action.QUARANTINE)


def test_the_trace_names_each_attachment_also_where_nothing_is_found(gateway: Gateway) -> None:
    noted = seen(brought(gateway, "papers.zip", zipped({"a.txt": b"x"})))

    assert noted.outcome is Outcome.MISS
    assert [each.facts for each in noted.findings] == [
        {"part": "1.2", "names": "papers.zip", "type": "application/zip"},
        {"part": "1.2", "names": "a.txt", "type": "text/plain", "in": "papers.zip"},
    ]


def test_an_observing_domain_sees_and_delivers(gateway: Gateway) -> None:
    trace = brought(gateway, "seen.exe", PROGRAM, "kim@observing.test")

    assert seen(trace).findings[0].symbol == "ATTACHMENT_EXECUTABLE"
    assert trace.disposition == "delivered"


def test_a_large_archive_is_looked_into(gateway: Gateway) -> None:
    large = zipped({"film": bytes(range(256)) * 2000, "run.exe": PROGRAM}, compression=0)

    assert seen(brought(gateway, "large.zip", large)).findings[0].detail.startswith("run.exe in large.zip")
