"""Destinations that refuse tagged senders are learned, renewed, widened to their domain, and forgotten."""

from datetime import timedelta

import pytest
from django.utils import timezone

from gateway.backscatter import batv
from gateway.backscatter.words import Judged, Kind, Verdict
from gateway.checks.judging import findings_of
from gateway.mail.client import Client
from gateway.mail.decisions import Disposition
from gateway.mail.findings import Observation, Outcome
from gateway.mail.stages import Stage
from gateway.mail.trace import RecipientTrace, Trace
from gateway.models import AuditEntry, NeverTag, NodePolicy
from gateway.operations.learning import never_tags
from gateway.policy.learned import FORGED

pytestmark = pytest.mark.django_db

TAGGED = batv.sign("kim@example.test", batv.Key(1, b"secret"), 20_000)
WORDS = "550 5.7.1 you are not a member of this list"
NOW = timezone.now()


def refused(recipient: str = "club@lists.test", words: str = WORDS, told: str = TAGGED) -> Trace:
    """Give the trace of mail that leaves and was refused."""
    return Trace(
        id="01R",
        started=NOW.timestamp(),
        node="mx",
        revision=1,
        listener="outbound",
        client=Client(ip="192.0.2.7"),
        sender="kim@example.test",
        recipients=[
            RecipientTrace(recipient, disposition=Disposition.REJECTED, next_hop_reply=words, sender_told=told)
        ],
    )


def bounced(verdict: Verdict, *destinations: str) -> Trace:
    """Give the trace of a bounce that names who refused."""
    judged = Judged(verdict, Kind.BOUNCE, refused=destinations, blames="not a member")
    seen = Observation(FORGED, Stage.DATA, Outcome.MISS, tuple(findings_of("ANY", 0.0, judged, TAGGED)))
    return Trace(
        id="01B",
        started=NOW.timestamp(),
        node="mx",
        revision=1,
        listener="inbound",
        client=Client(ip="192.0.2.7"),
        sender="",
        observations=[seen],
    )


def learned() -> dict[str, str]:
    return dict(NeverTag.objects.values_list("destination", "because"))


def test_a_refusal_that_blames_the_tag_is_learned_with_its_words_and_sample() -> None:
    never_tags.take_in([refused()])
    row = NeverTag.objects.get()
    assert (row.destination, row.because, row.sample) == ("club@lists.test", "you are not a member", "01R")
    assert row.expires == row.since + never_tags.LASTS


@pytest.mark.parametrize(
    "trace", [refused(words="550 5.1.1 user unknown"), refused(told=""), refused(told="kim@x.test")]
)
def test_what_is_refused_for_another_reason_or_without_a_tag_teaches_nothing(trace: Trace) -> None:
    assert never_tags.take_in([trace]) == 0
    assert not learned()


def test_a_later_refusal_renews_and_an_expired_entry_goes() -> None:
    never_tags.take_in([refused()])
    NeverTag.objects.update(expires=NOW + timedelta(hours=1))
    never_tags.take_in([refused()])
    assert NeverTag.objects.get().expires > NOW + timedelta(days=80)
    never_tags.look_after(NOW + timedelta(days=91))
    assert not learned()


def test_a_genuine_bounce_teaches_and_no_other_one() -> None:
    never_tags.take_in([bounced(Verdict.UNVERIFIABLE, "a@lists.test"), bounced(Verdict.FORGED, "b@lists.test")])
    assert not learned()
    never_tags.take_in([bounced(Verdict.GENUINE, "c@lists.test")])
    assert learned() == {"c@lists.test": "not a member"}


def test_several_addresses_of_a_domain_teach_the_domain() -> None:
    never_tags.take_in([refused(f"{name}@lists.test") for name in "abc"])
    assert "lists.test" in learned()
    never_tags.take_in([refused("a@other.test")])
    assert "other.test" not in learned()


def test_the_list_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(never_tags, "MOST", 5)
    never_tags.take_in([refused(f"club@d{number}.test") for number in range(20)])
    assert len(learned()) == 5


def test_an_entry_is_forgotten_or_kept_for_good() -> None:
    never_tags.take_in([refused("a@lists.test"), refused("b@other.test")])
    never_tags.forget(NeverTag.objects.get(destination="a@lists.test"), "admin")
    never_tags.make_permanent(NeverTag.objects.get(destination="b@other.test"), "admin")
    assert "a@lists.test" not in learned()
    assert NodePolicy.load().never_tag == ["b@other.test"]
    assert AuditEntry.objects.filter(who="admin").count() == 2
