"""Recipients that a directory knows, aliases, and what the next hop is told: against a real slapd."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from gateway.mail.decisions import Action, Disposition
from gateway.mail.findings import Outcome
from gateway.policy.snapshot import CheckRule, ClientRules, Ldap, Mode, Snapshot, Validation
from gateway.services import secrets
from gateway.services.dns.cache import CLEAR
from tests.fixtures_slapd import BASE, PASSWORD, READER, Slapd, slapd
from tests.smtpfront.conftest import Serve
from tests.smtpfront.nexthop import NextHop
from tests.smtpfront.running import FORWARDER, PATIENCE, Gateway, mail, snapshot, until

__all__ = ["slapd"]

Start = Callable[..., Gateway]


@pytest.fixture
def start(tmp_path: Path, hop: NextHop, serve: Serve, slapd: Slapd) -> Start:
    """Starts a gateway whose domain example.test asks the directory, and nobody else."""
    secrets.write(tmp_path / "secrets", "ldap", PASSWORD)

    def begin(rule: CheckRule | None = None, seconds: float = PATIENCE, **changes: object) -> Gateway:
        ldap = Ldap(slapd.url, BASE, "(mail={address})", READER, "ldap", seconds=seconds, ca=str(slapd.certificate))
        return serve(of_directory(snapshot(hop.port), ldap, rule, **changes))

    return begin


def of_directory(policy: Snapshot, ldap: Ldap, rule: CheckRule | None, **changes: object) -> Snapshot:
    """The policy, where the domain asks the directory."""
    values = {"recipients": {}, "validation": (Validation.LDAP,), "ldap": ldap, **changes}
    domain = msgspec.structs.replace(policy.domains["example.test"], **values)
    if rule is not None:
        checks = {**domain.rules.checks, "recipient_known": rule}
        domain = msgspec.structs.replace(domain, rules=msgspec.structs.replace(domain.rules, checks=checks))
    clients = ClientRules(connections_per_minute=None, unknown_per_hour=None)
    return msgspec.structs.replace(policy, domains={"example.test": domain}, clients=clients)


def told(gateway: Gateway, *recipients: str, source: str = "127.0.0.1") -> list[str]:
    """What one session of a client is told for its recipients."""
    with gateway.client(source=source) as client:
        return client.open("them@other.test", *recipients)


def test_whom_the_directory_has_is_accepted_and_nobody_else_is(start: Start, hop: NextHop) -> None:
    gateway = start()

    replies = told(
        gateway, "Alice+shop@example.test", "nobody@example.test", "*@example.test", "x)(mail=*@example.test"
    )

    assert [each[:9] for each in replies] == ["250 2.1.5", "550 5.1.1", "550 5.1.1", "553 5.1.3"]
    assert [line for line in hop.log if line.startswith("RCPT")] == ["RCPT TO:<Alice+shop@example.test>"]


def test_while_it_is_down_mail_waits_and_the_administrator_is_told(start: Start, slapd: Slapd) -> None:
    slapd.stop()
    gateway = start()

    (reply,) = told(gateway, "alice@example.test")

    assert reply.startswith("451 4.7.1")
    assert gateway.trace_of(reply).because.startswith("recipient_known failed: ldap://localhost:")
    until("alarm", lambda: any("recipient_known: error: ldap://localhost" in each for each in gateway.alarms()))


def test_once_it_is_back_mail_flows_again(start: Start, slapd: Slapd) -> None:
    slapd.stop()
    gateway = start()
    told(gateway, "alice@example.test")

    slapd.start()

    until("answer", lambda: told(gateway, "alice@example.test")[0].startswith("250"))


def test_a_new_recipient_is_known_at_once_where_answers_are_forgotten(start: Start, slapd: Slapd) -> None:
    gateway = start()
    assert told(gateway, "carol@example.test")[0].startswith("550")

    slapd.add("carol")
    assert told(gateway, "carol@example.test")[0].startswith("550")  # as it was a moment ago
    (gateway.home / "status" / CLEAR).touch()

    until("answer", lambda: told(gateway, "carol@example.test")[0].startswith("250"))


def test_one_that_hangs_costs_no_session_more_than_its_budget(start: Start, slapd: Slapd) -> None:
    gateway = start(seconds=1.0)
    slapd.hang()

    replies = told(gateway, "alice@example.test", "nobody@example.test")

    assert [each[:3] for each in replies] == ["451", "451"]
    because = gateway.trace_of(replies[-1]).because
    assert "gave no answer within 1 s" in because


def test_a_wrong_password_is_no_unknown_recipient(start: Start, tmp_path: Path) -> None:
    secrets.write(tmp_path / "secrets", "ldap", "wrong")
    gateway = start()

    (reply,) = told(gateway, "alice@example.test")

    assert reply.startswith("451")
    assert "invalidCredentials; mend the name" in gateway.trace_of(reply).because


def test_a_domain_may_have_its_mail_delivered_meanwhile(start: Start, slapd: Slapd) -> None:
    slapd.stop()
    gateway = start(validation_down=Action.DELIVER)

    with gateway.client() as client:
        assert client.open("them@other.test", "alice@example.test")[0].startswith("250")
        trace = gateway.trace_of(client.data(mail()))

    (seen,) = [each for each in trace.observations if each.check == "recipient_known"]
    assert (seen.outcome, trace.disposition) == (Outcome.ERROR, "delivered")


def test_with_the_next_hop_behind_it_that_one_answers_meanwhile(start: Start, slapd: Slapd, hop: NextHop) -> None:
    hop.script.rcpt = {"nobody": "550 5.1.1 no such user"}
    slapd.stop()
    gateway = start(validation=(Validation.LDAP, Validation.NEXT_HOP))

    replies = told(gateway, "alice@example.test", "nobody@example.test")

    assert [each[:3] for each in replies] == ["250", "550"]


def test_a_trusted_forwarder_never_sees_a_5xx_from_it(start: Start, slapd: Slapd) -> None:
    gateway = start()

    with gateway.client(source=FORWARDER) as client:
        assert client.open("them@other.test", "nobody@example.test")[0].startswith("250")
        trace = gateway.trace_of(client.data(mail()))
    slapd.stop()
    (later,) = told(gateway, "another@example.test", source=FORWARDER)

    assert trace.recipients[0].disposition is Disposition.DROPPED
    assert later.startswith("451")


def test_observed_it_refuses_nobody_and_the_trace_says_whom_it_would(start: Start) -> None:
    gateway = start(CheckRule(mode=Mode.OBSERVE))

    with gateway.client() as client:
        assert client.open("them@other.test", "nobody@example.test")[0].startswith("250")
        trace = gateway.trace_of(client.data(mail()))

    assert [each.outcome for each in trace.observations if each.check == "recipient_known"] == [Outcome.HIT]


def test_the_next_hop_is_told_whom_an_alias_stands_for_once(own_gateway: Gateway, hop: NextHop) -> None:
    with own_gateway.client() as client:
        replies = client.open("them@other.test", "info+x@people.test", "alice+x@people.test")
        trace = own_gateway.trace_of(client.data(mail()))

    assert [each[:3] for each in replies] == ["250", "250"]
    assert hop.kept[0].recipients == ["alice+x@people.test"]
    assert (trace.recipients[0].address, trace.recipients[0].mailbox) == ("info+x@people.test", "alice+x@people.test")


def test_an_alias_takes_the_route_of_the_address_that_it_stands_for(hop: NextHop, serve: Serve) -> None:
    with NextHop() as other:
        gateway = serve(snapshot(hop.port, other.port))
        with gateway.client() as client:
            assert client.open("them@other.test", "far@people.test")[0].startswith("250")
            assert client.data(mail()).startswith("250")

    assert (hop.kept, other.kept[0].recipients) == ([], ["dora@elsewhere.test"])
    assert told(gateway, "far@people.test")[0].startswith("451")
