"""MIME that lies through the real SMTP front: refused where enforced, quarantined where scored, else only seen."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from gateway.mail.decisions import Action
from gateway.mail.trace import Trace
from gateway.policy import defaults
from gateway.policy.snapshot import CheckRule, DomainPolicy, Mode, RecipientPolicy, Rules, Snapshot
from tests.lies.building import TEXT, base64_of, joined, message, mixed, part
from tests.smtpfront.conftest import prepare
from tests.smtpfront.dialogues import dialogues, play
from tests.smtpfront.nexthop import NextHop
from tests.smtpfront.running import Gateway, snapshot

PDF = part("Content-Type: application/pdf", "Content-Transfer-Encoding: base64", body=base64_of(b"%PDF-1.4\n%%EOF\n"))
HIDDEN = mixed(TEXT, PDF, parameters="boundary=decoy; boundary=outer")


def policy(next_hop: int) -> Snapshot:
    """Domains that refuse, only observe, or do what a new domain does."""

    def domain(check: CheckRule) -> DomainPolicy:
        return DomainPolicy("inner", Rules(checks={**defaults.CHECKS, "mime": check}), {"kim": RecipientPolicy()})

    domains = {
        "enforcing.test": domain(CheckRule(Mode.ENFORCE, Action.REJECT)),
        "observing.test": domain(CheckRule(Mode.OBSERVE)),
        "new.test": domain(defaults.CHECKS["mime"]),
    }
    return msgspec.structs.replace(snapshot(next_hop), domains=domains)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, module_hop: NextHop, clamd: str) -> Iterator[Gateway]:
    with Gateway(prepare(tmp_path_factory.mktemp("mime")), policy(module_hop.port), clamd) as running:
        yield running


@dialogues("mime")
def test_dialogue(gateway: Gateway, path: Path) -> None:
    play(gateway, path)


def brought(gateway: Gateway, octets: bytes, recipient: str = "kim@new.test") -> Trace:
    with gateway.client() as client:
        assert client.open("them@other.test", recipient)[0].startswith("250")
        return gateway.trace_of(client.data(octets))


@pytest.mark.parametrize(
    ("octets", "action"),
    [
        (HIDDEN, Action.QUARANTINE),
        (mixed(*[TEXT] * 1001), Action.QUARANTINE),
        (message("X-Long: " + "a" * 300_000, body=b"hello\r\n"), Action.QUARANTINE),
        (mixed(TEXT, PDF), Action.DELIVER),
        (mixed(TEXT, PDF).removesuffix(b"--outer--\r\n"), Action.DELIVER),
        (message("Content-Type: multipart/mixed; boundary=outer", body=joined("other", TEXT)), Action.DELIVER),
    ],
    ids=["hidden", "1001 parts", "a long header", "well formed", "no final boundary", "no boundary comes"],
)
def test_what_a_new_domain_does_with_broken_mime(gateway: Gateway, octets: bytes, action: Action) -> None:
    trace = brought(gateway, octets)
    assert trace.recipients[0].decision is not None
    assert trace.recipients[0].decision.action is action
    assert (gateway.quarantined(trace.id) is not None) is (action is Action.QUARANTINE)


def test_a_large_message_is_read_alike(gateway: Gateway) -> None:
    trace = brought(gateway, HIDDEN + b"the end\r\n" * 20_000)
    assert trace.disposition == "quarantined"


def test_an_observing_domain_sees_and_delivers(gateway: Gateway) -> None:
    trace = brought(gateway, HIDDEN, "kim@observing.test")
    seen = next(each for each in trace.observations if each.check == "mime")
    assert seen.findings[0].symbol == "MIME_HIDDEN_ATTACHMENT"
    assert trace.disposition == "delivered"
