"""Who must wait and who need not, by what was noted; told with a clock of its own."""

import asyncio
import time

import pytest

from gateway.backscatter.ledger import HashedLedger, Ledger, Mac, NoLedger
from gateway.checks.base import Seen, View
from gateway.checks.greylisting import Greylisting, fold, signed_key
from gateway.mail.address import parse_mailbox
from gateway.mail.client import Client
from gateway.mail.findings import Finding, Observation, Outcome
from gateway.mail.message import Content
from gateway.mail.stages import Stage
from gateway.policy.matching import Policy
from gateway.policy.snapshot import ClientRules, DomainPolicy, Forwarder, RecipientPolicy, Snapshot
from gateway.services.counters import LocalCounters

KIM = "kim@example.test"
SENDER = "alice@shop.test"
NOW = 1_795_000_000.0
DAY = 86_400.0


class Clock:
    """A clock that is set."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


class Memory:
    """A store of hashes."""

    def __init__(self) -> None:
        self.kept: dict[Mac, float] = {}

    def put(self, mac: Mac, at: float) -> None:
        self.kept[mac] = at

    def get(self, mac: Mac) -> float | None:
        return self.kept.get(mac)


class World:
    """The check, its clock and what was noted."""

    def __init__(self, ledger: Ledger | None = None) -> None:
        self.clock = Clock()
        self.counters = LocalCounters(self.clock)
        self.check = Greylisting(self.counters, ledger or NoLedger(), now=self.clock)

    def keep(self, key: str) -> None:
        asyncio.run(self.counters.put(key, f"{self.clock.now}", 36 * DAY))

    def came(self, sender: str = SENDER, **how: object) -> str:
        """What is said of an attempt, which is noted as the SMTP side does."""
        seen = self.check.look(view(sender, **how))  # type: ignore[arg-type] # a test's own part
        if seen.outcome is Outcome.SKIPPED:
            return seen.detail
        facts = seen.findings[0].facts
        if facts["state"] == "first":
            asyncio.run(self.counters.put(facts["attempt"], f"{self.clock.now}", DAY))
        if facts["state"] == "passed" and "passed" in facts:
            self.keep(facts["passed"])
        return facts["state"]


def spf(result: str, domain: str = "shop.test", identity: str = "mailfrom") -> Observation:
    facts = {"result": result, "domain": domain, "identity": identity}
    return Observation("spf", Stage.MAIL, Outcome.MISS, (Finding("SPF", facts=facts, informs=True),))


def view(  # noqa: PLR0913 - one value for each thing that varies
    sender: str = SENDER,
    *,
    ip: str = "192.0.2.7",
    recipient: str = KIM,
    earlier: tuple[Observation, ...] = (),
    forwarder: str = "",
    listener: str = "inbound",
    at_data: bool = False,
) -> View:
    people = {"kim": RecipientPolicy(), "lee": RecipientPolicy(), "info": RecipientPolicy(alias=KIM)}
    domains = {"example.test": DomainPolicy("inner", recipients=people), "other.test": DomainPolicy("inner")}
    policy = Policy(
        Snapshot(
            1,
            "2026-01-01T00:00:00Z",
            "test",
            domains=domains,
            clients=ClientRules(allowed=("198.51.100.0/24",)),
            forwarders={"partner": Forwarder(("203.0.113.1/32",))},
        )
    )
    address = parse_mailbox(recipient)
    return View(
        policy=policy,
        node="mx",
        listener=listener,
        client=Client(ip, helo="mx.shop.test", forwarder=forwarder),
        sender=parse_mailbox(sender) if sender else None,
        recipient=None if at_data else address,
        match=None if at_data else policy.match(address),
        content=Content(0, "", b"", memory=b"") if at_data else None,
        recipients=(recipient,) if at_data else (),
        earlier=earlier,
    )


def test_a_first_attempt_waits_a_hasty_one_too_and_who_comes_back_in_time_passes() -> None:
    world = World()

    told = [world.came()]
    for seconds in (0, 299, 1):
        world.clock.now += seconds
        told.append(world.came())

    assert told == ["first", "early", "early", "passed"]


def test_who_waits_is_a_hit_and_who_passes_is_none() -> None:
    world = World()
    first: Seen = world.check.look(view())
    world.came()
    world.clock.now += 300
    later = world.check.look(view())

    assert (first.outcome, first.findings[0].symbol) == (Outcome.HIT, "GREYLISTED")
    assert (later.outcome, later.findings[0].informs) == (Outcome.MISS, True)


def test_after_the_window_it_is_a_first_attempt_again() -> None:
    world = World()
    world.came()
    world.clock.now += DAY + 1

    assert world.came() == "first"


def test_a_clock_that_was_set_back_makes_a_first_attempt() -> None:
    world = World()
    world.came()
    world.clock.now -= 3600

    assert world.came() == "first"


def test_a_pass_holds_for_the_domain_and_an_attempt_for_one_recipient() -> None:
    world = World()
    world.came()
    world.clock.now += 300

    assert world.came(recipient="lee@example.test") == "first"
    assert world.came() == "passed"
    assert world.came(recipient="lee@example.test") == "known"
    assert world.came(recipient="kim@other.test") == "first"


def test_a_pass_holds_for_its_days() -> None:
    world = World()
    world.came()
    world.clock.now += 300
    world.came()
    world.clock.now += 36 * DAY - 1
    assert world.came() == "known"
    world.clock.now += 2
    assert world.came() == "first"


@pytest.mark.parametrize(
    ("first", "second", "state"),
    [
        ("192.0.2.7", "192.0.2.200", "early"),
        ("192.0.2.7", "192.0.3.7", "first"),
        ("2001:db8::1", "2001:db8:0:0:ffff::2", "early"),
        ("2001:db8::1", "2001:db8:0:1::1", "first"),
    ],
)
def test_networks_are_folded(first: str, second: str, state: str) -> None:
    world = World()
    world.came(ip=first)
    assert world.came(ip=second) == state


@pytest.mark.parametrize(
    ("sender", "folded"),
    [
        ("Alice@Shop.test", "alice@shop.test"),
        ("news-4711-kim=example.test@list.test", "news-#@list.test"),
        ("news+kim=example.test@list.test", "news@list.test"),
        ("prvs=12345abcde=alice@shop.test", "alice@shop.test"),
        ("prvs=1234567890=alice@shop.test", "alice@shop.test"),
        ("0100018c-ab12-000000@ses.test", "#@ses.test"),
        ("SRS0=AbCd=XY=shop.test=alice@forwarder.test", "alice@shop.test"),
    ],
)
def test_senders_are_folded(sender: str, folded: str) -> None:
    assert fold(parse_mailbox(sender), KIM) == folded


def test_an_alias_and_its_mailbox_are_one_recipient() -> None:
    world = World()
    world.came(recipient="info@example.test")
    assert world.came() == "early"


def test_whom_spf_proves_need_not_wait() -> None:
    assert World().came(earlier=(spf("pass"),)) == "SPF proves the sender"


@pytest.mark.parametrize(
    "seen", [spf("pass", "mx.shop.test", "helo"), spf("pass", "elsewhere.test"), spf("none"), spf("softfail")]
)
def test_any_other_word_of_spf_spares_nobody(seen: Observation) -> None:
    assert World().came(earlier=(seen,)) == "first"


@pytest.mark.parametrize("how", [{"forwarder": "partner"}, {"ip": "198.51.100.9"}])
def test_trusted_clients_need_not_wait(how: dict[str, str]) -> None:
    assert World().came(**how) == "the client is trusted"


def test_mail_that_leaves_need_not_wait() -> None:
    assert World().came(listener="outbound") == "mail that leaves is not greylisted"


@pytest.mark.parametrize(
    ("user", "to", "days", "spared"),
    [
        (KIM, SENDER, 59, True),
        (KIM, "bob@shop.test", 59, True),
        (KIM, SENDER, 61, False),
        ("lee@example.test", SENDER, 1, False),
        (KIM, "bob@elsewhere.test", 1, False),
    ],
)
def test_a_known_correspondent_need_not_wait(user: str, to: str, days: int, *, spared: bool) -> None:
    ledger = HashedLedger(b"secret", Memory(), time.time)
    ledger.sent("<1@example.test>", user, [to], NOW - days * DAY)

    assert (World(ledger).came() == "the recipient wrote to the sender lately") is spared


@pytest.mark.parametrize(
    ("signed", "earlier", "state"),
    [
        ("shop.test", (), "signed"),
        ("shop.test", (spf("neutral"),), "signed"),
        ("shop.test", (spf("fail"),), "first"),
        ("shop.test", (spf("softfail"),), "first"),
        ("eu.shop.test", (), "first"),
        ("test", (), "first"),
    ],
)
def test_a_signature_that_held_spares_its_domain_unless_spf_doubts(
    signed: str, earlier: tuple[Observation, ...], state: str
) -> None:
    world = World()
    world.keep(signed_key(signed))
    assert world.came(earlier=earlier) == state


def test_a_signature_spares_what_lies_below_its_domain_from_any_network() -> None:
    world = World()
    world.keep(signed_key("shop.test"))
    assert world.came("a@eu.shop.test", ip="2001:db8::9") == "signed"


def test_the_null_sender_waits_at_the_end_of_data_only() -> None:
    world = World()

    assert world.came("") == "the null sender waits for the end of DATA"
    assert world.came("", at_data=True) == "first"
    assert world.came(at_data=True) == "RCPT has asked"


def test_nothing_is_learned_of_the_null_sender() -> None:
    world = World()
    world.came("", at_data=True)
    world.clock.now += 300

    passed = world.check.look(view("", at_data=True)).findings[0]

    assert passed.facts["state"] == "passed"
    assert "passed" not in passed.facts  # no key under which a pass could be kept


def test_a_bounce_need_not_wait_where_spf_proves_the_host_or_a_tag_of_ours_holds() -> None:
    valid = Observation("batv", Stage.RCPT, Outcome.MISS, (Finding("BATV_VALID", informs=True),), KIM)

    assert World().came("", at_data=True, earlier=(spf("pass", "mx.shop.test", "helo"),)) == (
        "SPF proves the client's name"
    )
    assert World().came("", at_data=True, earlier=(valid,)) == "it answers mail of ours"


def test_what_is_kept_holds_no_address() -> None:
    facts = World().check.look(view()).findings[0].facts
    assert "alice" not in facts["attempt"]
    assert len(facts["attempt"]) < 50
