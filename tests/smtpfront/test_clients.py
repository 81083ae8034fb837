"""What a client's address, names and manners lead to, over a real SMTP front with a real name server."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from gateway.mail.decisions import Action
from gateway.policy import defaults
from gateway.policy.snapshot import CheckRule, ClientRules, DomainPolicy, Mode, RecipientPolicy, Rules, Snapshot
from smtpfront.lab.nameserver import Nameserver, Records
from tests.nameserving import serving
from tests.smtpfront.dialogues import dialogues, play
from tests.smtpfront.nexthop import NextHop
from tests.smtpfront.running import Gateway, dns, snapshot

NAMED = ("reverse_dns", "helo")
HELD = ("client_networks", "rates", "early_talker")
ZONE: dict[str, Records | str] = {
    "1.0.0.127.in-addr.arpa": {"PTR": ["one.other.test."]},
    "one.other.test": {"A": ["127.0.0.1"]},
    "1.3.0.127.in-addr.arpa": {"PTR": ["liar.other.test."]},
    "liar.other.test": {"A": ["192.0.2.1"]},
    "2.3.0.127.in-addr.arpa": "silent",
    "silent.other.test": "silent",
}


def policy(next_hop: int) -> Snapshot:
    """Domains by what they make of what is found."""

    def domain(mode: Mode, on_failure: Action = Action.DELIVER) -> DomainPolicy:
        named = CheckRule(mode, Action.REJECT, on_failure)
        held = {name: msgspec.structs.replace(defaults.CHECKS[name], mode=mode) for name in HELD}
        checks = defaults.CHECKS | dict.fromkeys(NAMED, named) | held
        return DomainPolicy("inner", Rules(checks=checks), {"kim": RecipientPolicy()})

    clients = ClientRules(blocked=("127.0.3.9/32",), allowed=("127.0.3.8/32",), messages_per_hour=2, greet_delay=0.3)
    return msgspec.structs.replace(
        snapshot(next_hop, clients=clients),
        domains={
            "enforcing.test": domain(Mode.ENFORCE),
            "insisting.test": domain(Mode.ENFORCE, Action.DEFER),
            "observing.test": domain(Mode.OBSERVE),
        },
    )


@pytest.fixture
def nameserver() -> Iterator[Nameserver]:
    with serving(ZONE) as server:
        yield server


@pytest.fixture
def gateway(path: Path, tmp_path: Path, hop: NextHop, clamd: str, nameserver: Nameserver) -> Iterator[Gateway]:
    """A gateway that asks the name server, without patience in a dialogue that needs no answer of it."""
    asking = dns(nameserver, seconds=1) if path.stem.endswith("silent") else dns(nameserver)
    with Gateway(tmp_path, policy(hop.port), clamd, **asking) as running:
        yield running


@dialogues("clients")
def test_dialogue(gateway: Gateway, path: Path) -> None:
    play(gateway, path)
