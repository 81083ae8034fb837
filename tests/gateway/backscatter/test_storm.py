import pytest

from gateway.backscatter import storm
from gateway.backscatter.storm import Bounce, Reporter
from gateway.backscatter.words import Kind, Verdict

FORGED, UNVERIFIABLE = storm.FORGED, storm.UNVERIFIABLE


def every(seconds: float, count: int, points: int = FORGED, start: float = 0.0) -> list[Bounce]:
    return [Bounce(start + at * seconds, points) for at in range(count)]


def test_twenty_forged_bounces_within_ten_minutes_are_a_storm_and_nineteen_are_none() -> None:
    assert storm.began(every(30, 20)) == 0.0
    assert storm.began(every(30, 19)) is None


def test_where_nothing_can_be_proven_forged_it_takes_a_hundred() -> None:
    assert storm.began(every(5, 100, UNVERIFIABLE)) == 0.0
    assert storm.began(every(5, 99, UNVERIFIABLE)) is None


def test_what_trickles_in_is_no_storm_however_long() -> None:
    assert storm.began(every(60, 500)) is None


def test_a_storm_begins_with_its_burst_and_not_with_what_came_hours_before() -> None:
    assert storm.began([*every(1, 5), *every(1, 20, start=9000)]) == 9000


def test_the_order_in_which_bounces_are_read_does_not_matter() -> None:
    assert storm.began(reversed(every(30, 20))) == 0.0


@pytest.mark.parametrize(
    ("verdict", "kind", "hinted", "points"),
    [
        (Verdict.FORGED, Kind.BOUNCE, False, FORGED),
        (Verdict.FORGED, Kind.NONE, False, FORGED),
        (Verdict.UNVERIFIABLE, Kind.BOUNCE, False, UNVERIFIABLE),
        (Verdict.UNVERIFIABLE, Kind.DELAY_NOTICE, False, UNVERIFIABLE),
        (Verdict.UNVERIFIABLE, Kind.NONE, False, UNVERIFIABLE),
        (Verdict.UNVERIFIABLE, Kind.BOUNCE, True, 0),
        (Verdict.UNVERIFIABLE, Kind.AUTOREPLY, False, 0),
        (Verdict.UNVERIFIABLE, Kind.RECEIPT, False, 0),
        (Verdict.GENUINE, Kind.BOUNCE, True, 0),
        (Verdict.GENUINE, Kind.BOUNCE, False, 0),
        (Verdict.NOT_AUTOMATIC, Kind.NONE, False, 0),
    ],
)
def test_only_false_bounces_count(verdict: Verdict, kind: Kind, hinted: bool, points: int) -> None:
    assert storm.points(verdict, kind, hinted=hinted) == points


def test_a_word_that_is_no_verdict_or_kind_counts_nothing() -> None:
    assert storm.points("guessed", Kind.BOUNCE, hinted=False) == 0
    assert storm.points(Verdict.UNVERIFIABLE, "greeting", hinted=False) == 0


def test_the_servers_that_bring_most_are_named_and_their_number_is_bounded() -> None:
    loud = [("192.0.2.7", "mx.loud.test")] * 50
    many = [(f"2001:db8::{at:x}", "") for at in range(1000)]
    known = storm.reported(storm.reported({}, loud), many)
    assert len(known) == storm.REPORTERS
    assert next(iter(known.items())) == ("192.0.2.7", Reporter("mx.loud.test", 50))
    assert storm.reported(known, loud)["192.0.2.7"].count == 100
