"""What storms and known backscatterers mean to a bounce whose verdict has fallen."""

import asyncio

import msgspec
import pytest

from gateway.backscatter.ledger import NoLedger
from gateway.backscatter.words import Evidence, Force, Judged, Kind, Verdict
from gateway.checks.base import Check, Seen, View
from gateway.checks.bounce_storm import BounceStorm
from gateway.checks.judging import Judging
from gateway.checks.known_backscatterer import KnownBackscatterer, weight
from gateway.mail.address import parse_mailbox
from gateway.mail.client import Client
from gateway.mail.findings import Outcome
from gateway.mail.message import Content
from gateway.policy import learned
from gateway.policy.learned import LISTED, Backscatterer, Learned, Storm
from gateway.policy.matching import Policy
from gateway.policy.snapshot import DomainPolicy, Snapshot

NOW = 1_795_233_600.0  # 2026-11-21 04:00 UTC
KIM, LEE = "kim@example.test", "lee@example.test"
HOST, NAME = "192.0.2.7", "mx.reporter.test"
STORMS = {each: Storm(12, NOW - 600, NOW + 3000) for each in (KIM, "postmaster@example.test")}
HOSTS = {HOST: Backscatterer(7, NOW - 86_400, 200.0, NOW), NAME: Backscatterer(8, NOW - 86_400, 100.0, NOW)}
HINT = Evidence("pair", Force.HINT, "they wrote")


def judged(verdict: Verdict = Verdict.FORGED, kind: Kind = Kind.BOUNCE, *evidence: Evidence) -> Judged:
    return Judged(verdict, kind, evidence, "so it is")


def view(known: Learned, verdicts: dict[str, Judged], sender: str | None = None, **client: str) -> View:
    snapshot = Snapshot(1, "2026-01-01T00:00:00Z", "test", domains={"example.test": DomainPolicy("inner")})
    made = View(
        policy=Policy(snapshot, known),
        node="mx",
        listener="inbound",
        client=msgspec.convert({"ip": HOST, "helo": NAME, **client}, Client),
        sender=parse_mailbox(sender) if sender else None,
        content=Content(0, "", b"", memory=b""),
        recipients=tuple(verdicts),
    )
    made.shared["judge"] = verdicts
    return made


def check(kind: type[BounceStorm | KnownBackscatterer], now: float = NOW) -> Check:
    return kind(Judging(NoLedger(), lambda _: None), now=lambda: now)


def look(kind: type[BounceStorm | KnownBackscatterer], seen: View, now: float = NOW) -> Seen:
    answer = check(kind, now).look(seen)
    assert isinstance(answer, Seen)
    return answer


def storm(verdict: Judged, recipient: str = KIM, now: float = NOW) -> Seen:
    return look(BounceStorm, view(Learned(1, storms=STORMS), {recipient: verdict}), now)


def test_a_false_bounce_to_a_victim_is_hit_and_cites_the_storm() -> None:
    (found,) = storm(judged()).findings
    assert found.symbol == "BOUNCE_STORM"
    assert found.detail == "storm 12 since 2026-11-21 03:50; so it is"
    assert (found.recipient, found.facts["storm"]) == (KIM, "12")


@pytest.mark.parametrize("recipient", ["Kim@Example.Test", "prvs=1001abcdef=kim@example.test"])
def test_however_the_victim_is_written(recipient: str) -> None:
    assert storm(judged(), recipient).outcome is Outcome.HIT


@pytest.mark.parametrize("kind", [Kind.BOUNCE, Kind.NONE, Kind.VIRUS_NOTICE, Kind.AUTOREPLY, Kind.CHALLENGE])
def test_what_nothing_speaks_for_is_hit_too(kind: Kind) -> None:
    assert storm(judged(Verdict.UNVERIFIABLE, kind)).outcome is Outcome.HIT


@pytest.mark.parametrize(
    "verdict",
    [
        judged(Verdict.GENUINE),
        judged(Verdict.UNVERIFIABLE, Kind.BOUNCE, HINT),
        judged(Verdict.UNVERIFIABLE, Kind.AUTOREPLY, HINT),
        judged(Verdict.UNVERIFIABLE, Kind.RECEIPT),
        judged(Verdict.UNVERIFIABLE, Kind.REPORT),
    ],
)
def test_what_is_proven_or_hinted_at_or_no_answer_to_a_forged_sender_is_spared(verdict: Judged) -> None:
    assert storm(verdict).outcome is Outcome.MISS


def test_other_people_postmaster_and_the_time_after_a_storm_are_spared() -> None:
    assert storm(judged(), LEE).outcome is Outcome.MISS
    assert storm(judged(), "postmaster@example.test").outcome is Outcome.MISS
    assert storm(judged(), "postmaster").outcome is Outcome.MISS
    assert storm(judged(), now=NOW + 3001).outcome is Outcome.MISS


def test_each_recipient_has_a_finding_of_its_own() -> None:
    seen = look(BounceStorm, view(Learned(1, storms=STORMS), {LEE: judged(), KIM: judged()}))
    assert [each.recipient for each in seen.findings] == [KIM]


def bounce_of(known: Learned, verdict: Judged, sender: str | None = None, **client: str) -> Seen:
    return look(KnownBackscatterer, view(known, {KIM: verdict}, sender, **client))


LIST = Learned(1, backscatterers=HOSTS)


def test_a_listed_host_is_weighed_and_cited() -> None:
    (found,) = bounce_of(LIST, judged(Verdict.UNVERIFIABLE)).findings
    assert found.detail == "backscatterer 7: 192.0.2.7, known since 2026-11-20, has 200.0 points"
    assert (found.weight, found.recipient) == (weight(200.0), KIM)


def test_its_name_counts_where_its_address_is_not_listed() -> None:
    (found,) = bounce_of(LIST, judged(), ip="198.51.100.1", helo="MX.Reporter.Test.").findings
    assert found.facts["name"] == NAME
    assert found.weight == 2.0 < weight(100.0)


def test_a_genuine_bounce_of_a_backscatterer_is_spared_and_so_is_postmaster() -> None:
    assert bounce_of(LIST, judged(Verdict.GENUINE)).outcome is Outcome.MISS
    seen = look(KnownBackscatterer, view(LIST, {"postmaster@example.test": judged()}))
    assert seen.outcome is Outcome.MISS


def test_only_mail_from_the_null_sender_is_looked_at_and_no_forwarders() -> None:
    assert bounce_of(LIST, judged(), sender="daemon@reporter.test").outcome is Outcome.SKIPPED
    assert bounce_of(LIST, judged(), forwarder="partner").outcome is Outcome.SKIPPED


def test_points_that_have_decayed_are_no_longer_weighed() -> None:
    half_lives = 8 * learned.HALF_LIFE_DAYS * 86_400
    assert look(KnownBackscatterer, view(LIST, {KIM: judged()}), NOW + half_lives).outcome is Outcome.MISS
    assert bounce_of(Learned(), judged()).outcome is Outcome.MISS


def test_the_weight_grows_slowly_and_never_quarantines_alone() -> None:
    assert weight(LISTED) == 1.0
    assert weight(LISTED * 4) == 2.0
    assert weight(500.0) == 4.0
    assert weight(1e9) == 4.0


async def test_a_judgement_that_is_under_way_is_waited_for() -> None:
    seen = view(Learned(1, storms=STORMS), {KIM: judged()})
    verdicts, seen.shared["judge"] = seen.shared["judge"], asyncio.get_running_loop().create_future()
    answer = check(BounceStorm).look(seen)
    seen.shared["judge"].set_result(verdicts)
    assert not isinstance(answer, Seen)
    assert (await answer).outcome is Outcome.HIT
