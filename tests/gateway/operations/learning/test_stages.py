"""A guided domain goes from observe to reject by itself when that is safe, and back when it is not."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from django.conf import settings

from gateway.backscatter.words import Verdict
from gateway.models import Alarm, AuditEntry, DomainStage, JudgedBounce, Transaction
from gateway.operations import mine
from gateway.operations.doctor import stages as doctor
from gateway.operations.learning import readiness, stages
from gateway.operations.learning.readiness import Readiness
from gateway.policy import codec, defaults, learned
from gateway.policy.learned import Stage
from gateway.policy.snapshot import BatvKey, DomainPolicy, Marking, Route, Rules, Snapshot
from gateway.policy.snapshot import NextHop as Hop
from gateway.services import secrets

pytestmark = pytest.mark.django_db

NAME = "example.test"
MARKED = date(2026, 9, 1)
START = datetime(2026, 9, 1, tzinfo=UTC)
SAFE = START + timedelta(days=14)

Publish = Callable[..., Snapshot]


@pytest.fixture
def publish(home: Path) -> Publish:
    """Put a policy with one guided domain in force; it has all that marking needs, but for what a test changes."""
    secrets.write(home / "secrets", "batv-1", "secret of the key")
    secrets.write(home / "secrets", "seal", "secret of the seal")

    def put(
        *, keys: int = 1, seal: str = "seal", guided: bool = True, since: str = MARKED.isoformat(), on: str = ""
    ) -> Snapshot:
        domain = DomainPolicy("in", Rules(checks=defaults.CHECKS), marks_since=since, guided=guided, switch_on=on)
        marking = Marking(tuple(BatvKey(at, f"batv-{at}") for at in range(1, 1 + keys)), seal)
        routes = {"in": Route((Hop("127.0.0.1", 25),))}
        made = Snapshot(1, "2026-09-01T00:00:00Z", "test", domains={NAME: domain}, routes=routes, marking=marking)
        (home / "policy").mkdir(exist_ok=True)
        (home / "policy" / "current.json").write_bytes(codec.encode(made))
        return made

    return put


@pytest.fixture
def safe(publish: Publish) -> Snapshot:
    return publish()


def judged(
    at: datetime, verdict: Verdict = Verdict.FORGED, *, ip: str = "192.0.2.1", **columns: object
) -> JudgedBounce:
    number = JudgedBounce.objects.count()
    message = Transaction.objects.create(
        id=f"m{number}", started=at, node="mx", revision=1, listener="inbound", client_ip=ip, trace={}
    )
    values: dict[str, object] = {
        "transaction": message,
        "recipient": f"kim@{NAME}",
        "domain": NAME,
        "at": at,
        "client_ip": ip,
        "null_sender": True,
        "kind": "bounce",
        "verdict": verdict,
        "refused": False,
        "hinted": False,
        "past_gateway": False,
    }
    return JudgedBounce.objects.create(**{**values, **columns})


def reply(at: datetime, ip: str) -> JudgedBounce:
    return judged(at, Verdict.NOT_AUTOMATIC, ip=ip, kind="none", past_gateway=True)


def stage_at(snapshot: Snapshot, now: datetime) -> str:
    stages.move_all(snapshot, now)
    row = DomainStage.objects.filter(domain=NAME).first()
    return row.stage if row is not None else Stage.OBSERVE


def seen_at(snapshot: Snapshot, now: datetime) -> Readiness:
    return readiness.readiness(NAME, snapshot, now)


def test_it_quarantines_once_absence_counts_and_rejects_a_week_later(safe: Snapshot) -> None:
    assert stage_at(safe, SAFE - timedelta(seconds=1)) == "observe"
    assert stage_at(safe, SAFE) == "quarantine"
    assert stage_at(safe, SAFE + timedelta(days=6, hours=23)) == "quarantine"
    assert stage_at(safe, SAFE + timedelta(days=7)) == "reject"
    assert stage_at(safe, SAFE + timedelta(days=70)) == "reject"


def test_each_move_is_on_record_with_its_reason(safe: Snapshot) -> None:
    judged(SAFE - timedelta(days=1))
    stages.move_all(safe, SAFE)
    stages.move_all(safe, SAFE + timedelta(minutes=1))

    entry = AuditEntry.objects.get()
    assert (entry.who, entry.verb, entry.target) == ("guide", "stage", NAME)
    assert entry.detail.startswith("from observe to quarantine: all mail is marked since 2026-09-01; in 14 days 1 of 1")


def test_it_waits_for_the_day_that_an_administrator_set(publish: Publish) -> None:
    later = publish(on="2026-10-20")
    assert stage_at(later, SAFE + timedelta(days=1)) == "observe"
    assert seen_at(later, SAFE).earliest == datetime(2026, 10, 20, tzinfo=UTC)
    assert stage_at(later, datetime(2026, 10, 20, tzinfo=UTC)) == "quarantine"


def test_without_the_day_since_which_all_mail_is_marked_it_stays(publish: Publish) -> None:
    unset = publish(since="")
    assert stage_at(unset, SAFE + timedelta(days=90)) == "observe"
    (blocker,) = seen_at(unset, SAFE).blockers
    assert "set the day since which it does" in blocker.remedy
    assert seen_at(unset, SAFE).earliest is None


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"keys": 0}, "no key signs the envelope sender"),
        ({"keys": 2}, "the secret of key 2 is missing"),
        ({"seal": ""}, "mail leaves without a seal"),
        ({"seal": "lost"}, "the seal has no secret"),
    ],
)
def test_it_does_not_begin_while_a_mark_is_missing(publish: Publish, change: dict[str, object], reason: str) -> None:
    lacking = publish(**change)
    assert stage_at(lacking, SAFE + timedelta(days=1)) == "observe"
    assert [each.text for each in seen_at(lacking, SAFE).blockers] == [reason]


@pytest.mark.parametrize("change", [{"since": ""}, {"keys": 0}, {"seal": "lost"}])
def test_it_falls_back_when_what_judging_rests_on_vanishes(publish: Publish, change: dict[str, object]) -> None:
    before = publish()
    stage_at(before, SAFE)
    now = SAFE + timedelta(days=8)
    assert stage_at(before, now) == "reject"

    assert stage_at(publish(**change), now) == "observe"

    assert Alarm.objects.get(cleared=None).text.startswith(f"forged bounces to {NAME} are only observed again")
    assert stage_at(publish(), now + timedelta(days=13)) == "observe"
    assert stage_at(publish(), now + timedelta(days=14)) == "quarantine"
    assert not Alarm.objects.filter(cleared=None).exists()


def test_replies_that_several_hosts_bring_postpone_the_next_move(safe: Snapshot) -> None:
    last = SAFE - timedelta(days=2)
    reply(last, "192.0.2.1")
    reply(last, "192.0.2.2")
    assert not seen_at(safe, SAFE).blockers
    reply(last, "192.0.2.3")

    (blocker,) = seen_at(safe, SAFE).blockers
    assert "still leaves past the gateway: 3 signs, the last 2 days ago" in blocker.text
    assert set(blocker.samples) == {"m0", "m1", "m2"}
    assert stage_at(safe, SAFE) == "observe"
    assert seen_at(safe, SAFE).earliest == last + timedelta(days=14)
    assert stage_at(safe, last + timedelta(days=14, seconds=1)) == "quarantine"


def test_a_bounce_with_a_hint_that_names_unknown_mail_postpones_it_too(safe: Snapshot) -> None:
    judged(SAFE - timedelta(days=1), Verdict.UNVERIFIABLE, hinted=True, past_gateway=True)
    assert stage_at(safe, SAFE) == "observe"


def test_what_spammers_make_up_is_counted_and_postpones_nothing(safe: Snapshot) -> None:
    for _ in range(20):
        judged(SAFE - timedelta(days=1), past_gateway=True)
    assert seen_at(safe, SAFE).figures.signs == 20
    assert stage_at(safe, SAFE) == "quarantine"


def test_answers_to_mail_from_before_the_day_are_no_signs(safe: Snapshot) -> None:
    for at in range(3):
        reply(START + timedelta(days=4), f"192.0.2.{at}")
    assert stage_at(safe, SAFE) == "quarantine"


def test_the_figures_say_what_would_have_been_refused_and_what_looked_genuine(safe: Snapshot) -> None:
    at = SAFE - timedelta(days=1)
    judged(at)
    judged(at, Verdict.UNVERIFIABLE)
    judged(at, Verdict.UNVERIFIABLE, kind="autoreply")
    judged(at, Verdict.UNVERIFIABLE, hinted=True)
    judged(at, Verdict.GENUINE)
    judged(at, recipient=f"postmaster@{NAME}")
    judged(SAFE - timedelta(days=15))
    reply(at, "192.0.2.9")

    assert seen_at(safe, SAFE).figures == readiness.Figures(6, 1, refusable=2, hinted=1, mine=0, signs=1)


def test_this_was_mine_puts_the_domain_back_at_once_and_tells_the_smtp_side(safe: Snapshot) -> None:
    now = datetime.now(UTC)
    stages.move_all(safe, now)
    row = judged(now, refused=True)

    assert mine.report_mine(row.transaction_id, row.recipient, "berta")

    stage = DomainStage.objects.get()
    assert stage.stage == "observe"
    assert stage.not_before is not None
    assert stage.not_before - now >= timedelta(days=14)
    file = learned.decode((settings.CONFIG.learned_folder / learned.FILE).read_bytes(), name="learned")
    assert file.stages[NAME].stage is Stage.OBSERVE
    assert AuditEntry.objects.filter(who="berta", verb="this was mine", target__contains=row.transaction_id).exists()
    assert Alarm.objects.filter(text__contains=f"this was mine, said of message {row.transaction_id}").exists()
    assert stage_at(safe, now + timedelta(days=13)) == "observe"
    assert stage_at(safe, now + timedelta(days=15)) == "quarantine"


def test_a_report_is_news_once_and_a_proven_bounce_needs_none(safe: Snapshot) -> None:  # noqa: ARG001 - it is in force
    doubted, proven = judged(SAFE), judged(SAFE, Verdict.GENUINE)
    assert mine.report_mine(doubted.transaction_id, doubted.recipient, "berta")
    assert not mine.report_mine(doubted.transaction_id, doubted.recipient, "berta")
    assert not mine.report_mine(proven.transaction_id, proven.recipient, "berta")
    assert not mine.report_mine("unknown", proven.recipient, "berta")


def test_a_report_that_is_taken_back_lets_the_domain_go_on(safe: Snapshot) -> None:
    now = datetime.now(UTC)
    row = judged(now)
    mine.report_mine(row.transaction_id, row.recipient, "berta")
    assert stage_at(safe, now + timedelta(minutes=1)) == "observe"

    assert mine.take_back_mine(row.transaction_id, row.recipient, "berta")

    assert stage_at(safe, now + timedelta(minutes=2)) == "quarantine"
    assert AuditEntry.objects.filter(verb="this was not mine").exists()
    assert not mine.take_back_mine(row.transaction_id, row.recipient, "berta")


def test_of_two_reports_one_taken_back_still_holds_the_domain(safe: Snapshot) -> None:
    now = datetime.now(UTC)
    first, second = judged(now), judged(now)
    for row in (first, second):
        mine.report_mine(row.transaction_id, row.recipient, "berta")
    mine.take_back_mine(second.transaction_id, second.recipient, "berta")
    assert stage_at(safe, now + timedelta(days=1)) == "observe"


def test_an_administrator_can_put_a_domain_back_by_hand(safe: Snapshot) -> None:
    stage_at(safe, SAFE)
    stages.fall_back(NAME, "put back by hand", "admin", SAFE, alarm=False)
    assert stage_at(safe, SAFE + timedelta(days=1)) == "observe"
    assert AuditEntry.objects.filter(who="admin", detail="from quarantine to observe: put back by hand").exists()
    assert not Alarm.objects.exists()


def test_a_domain_that_is_gone_or_not_guided_has_no_stage(publish: Publish) -> None:
    stage_at(publish(), SAFE)
    DomainStage.objects.create(domain="gone.test", since=SAFE)
    stages.move_all(publish(guided=False), SAFE)
    assert not DomainStage.objects.exists()


def test_without_a_policy_nothing_moves(home: Path) -> None:  # noqa: ARG001 - it is empty
    DomainStage.objects.create(domain=NAME, stage=Stage.REJECT, since=SAFE)
    stages.look_after(datetime(2001, 1, 1, tzinfo=UTC))
    assert DomainStage.objects.get().stage == "reject"


def test_doctor_tells_the_stage_and_the_next_move(publish: Publish) -> None:
    publish(since=(datetime.now(UTC).date() - timedelta(days=4)).isoformat())
    (line,) = doctor.guided(settings.CONFIG)
    assert (line.name, line.level) == (f"stage {NAME}", "ok")
    due = datetime.now(UTC).date() + timedelta(days=10)
    assert line.text == f"forged bounces: observe; quarantine on {due} at the earliest"


def test_doctor_warns_of_what_is_in_the_way(publish: Publish) -> None:
    publish(keys=0)
    (line,) = doctor.guided(settings.CONFIG)
    assert line.level == "warn"
    assert "no key signs" in line.text
    assert "Marking" in line.remedy
