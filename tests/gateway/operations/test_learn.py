"""Lessons for spam engines: asked for by a person, taught by a worker, and never kept alive by bytes that must go."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.utils import timezone
from msgspec import structs

from gateway.mail.message import Content
from gateway.mail.reply import Reply
from gateway.models import AuditEntry, Lesson, QuarantinedCopy
from gateway.models.lesson import LessonKind, LessonState
from gateway.operations import adopt, broker, delete, learn, release, retention
from gateway.operations.attempt import Result
from gateway.policy import codec
from gateway.policy.snapshot import CheckRule, DomainPolicy, Mode, NextHop, Outbound, Route, Rules, Snapshot
from gateway.services import secrets
from gateway.services.engines import EngineError, EngineRefusal
from gateway.spool.quarantine import Quarantine
from gateway.spool.staging import Spool
from tests import samples
from tests.fixtures_rspamd import PASSWORD, RunningRspamd
from tests.fixtures_spamd import RunningSpamd
from tests.gateway.services.engines.letters import letter

pytestmark = pytest.mark.django_db
AS_SPAM, AS_HAM = LessonKind.SPAM, LessonKind.HAM


class Pupil:
    """An engine that learns, or fails as it is told to."""

    max_size = 10_000

    def __init__(self) -> None:
        self.troubles: list[Exception] = []
        self.learned: list[tuple[int, bool]] = []
        self.closed = 0

    async def learn(self, content: Content, *, spam: bool) -> str:
        if self.troubles:
            raise self.troubles.pop(0)
        self.learned.append((len(content.read()), spam))
        return "learned"

    async def close(self) -> None:
        self.closed += 1


@pytest.fixture
def pupil(monkeypatch: pytest.MonkeyPatch) -> Pupil:
    """One that stands for both engines."""
    made = Pupil()
    monkeypatch.setattr(learn, "engines", lambda *_: {"rspamd": made, "spamassassin": made})
    return made


@pytest.fixture(autouse=True)
def bells(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, str]]:
    """For what workers were rung; no broker is asked."""
    rung: list[tuple[int, str]] = []
    monkeypatch.setattr(broker, "ring", lambda number, task=broker.DELIVER: rung.append((number, task)))
    return rung


def on(*names: str, mode: Mode = Mode.SCORE) -> Rules:
    return Rules(checks={name: CheckRule(mode=mode) for name in names})


def publish(home: Path, rules: Rules, outbound: Rules = Rules()) -> None:  # noqa: B008 - frozen
    domains = {"example.test": DomainPolicy("main", rules)}
    routes = {"main": Route((NextHop("127.0.0.1", 9),))}
    policy = Snapshot(
        1, "2026-11-21T00:00:00Z", "test", domains=domains, routes=routes, outbound=Outbound((), "main", outbound)
    )
    (home / "policy").mkdir(exist_ok=True)
    (home / "policy" / "current.json").write_bytes(codec.encode(policy))


def keep(spool: Spool, octets: bytes = samples.MESSAGE) -> str:
    """Put a message into quarantine; gives its id."""
    spool.stage(samples.item(octets=octets), samples.content(octets)).commit()
    adopt.adopt()
    return "01a"


def only() -> Lesson:
    return Lesson.objects.get()


def later() -> None:
    """Let the time pass that lessons have to wait."""
    Lesson.objects.filter(state=LessonState.WAITING).update(next_attempt=timezone.now())


def test_every_engine_that_is_on_anywhere_is_asked(
    home: Path, spool: Spool, bells: list[tuple[int, str]], django_capture_on_commit_callbacks: pytest.FixtureRequest
) -> None:
    publish(home, on("rspamd", mode=Mode.OBSERVE), outbound=on("spamassassin"))
    with django_capture_on_commit_callbacks(execute=True):
        assert learn.ask(keep(spool), AS_SPAM, "admin") == ("rspamd", "spamassassin")
    lessons = learn.of_message("01a")
    assert [(each.engine, each.kind, each.state) for each in lessons] == [
        ("rspamd", "spam", "waiting"),
        ("spamassassin", "spam", "waiting"),
    ]
    assert bells == [(each.pk, broker.TEACH) for each in lessons]
    entry = AuditEntry.objects.get()
    assert (entry.who, entry.verb, entry.target, entry.detail) == (
        "admin",
        "learn as spam",
        "01a",
        "rspamd, spamassassin",
    )


@pytest.mark.parametrize("published", [True, False])
def test_where_none_is_on_nothing_is_asked(home: Path, spool: Spool, *, published: bool) -> None:
    if published:
        publish(home, on("rspamd", mode=Mode.OFF))
    assert learn.ask(keep(spool), AS_SPAM, "admin") == ()
    assert not Lesson.objects.exists()
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize(("kind", "spam"), [(AS_SPAM, True), (AS_HAM, False)])
def test_the_engine_learns_the_stored_bytes(
    home: Path, spool: Spool, pupil: Pupil, kind: LessonKind, *, spam: bool
) -> None:
    publish(home, on("rspamd"))
    learn.ask(keep(spool), kind, "admin")
    assert learn.teach(only().pk) is LessonState.LEARNED
    assert pupil.learned == [(len(samples.MESSAGE), spam)]
    assert pupil.closed == 1
    assert (only().state, only().detail, only().attempts) == ("learned", "learned", 1)
    assert AuditEntry.objects.filter(who="learn", verb="learned", target=f"01a as {kind} for rspamd").exists()


def test_a_lesson_is_taught_once_even_if_two_workers_hear_of_it(home: Path, spool: Spool, pupil: Pupil) -> None:
    publish(home, on("rspamd"))
    learn.ask(keep(spool), AS_SPAM, "admin")
    assert learn.teach(only().pk)
    assert learn.teach(only().pk) is None
    assert len(pupil.learned) == 1


def test_what_is_learned_is_not_asked_again_but_the_other_word_is(home: Path, spool: Spool, pupil: Pupil) -> None:
    publish(home, on("rspamd"))
    message = keep(spool)
    learn.ask(message, AS_SPAM, "admin")
    learn.teach(only().pk)
    assert learn.ask(message, AS_SPAM, "admin") == ()
    assert learn.ask(message, AS_HAM, "admin") == ("rspamd",)
    assert learn.teach(only().pk) is LessonState.LEARNED
    assert [spam for _, spam in pupil.learned] == [True, False]


def test_an_engine_that_is_away_is_asked_again_later(
    home: Path, spool: Spool, pupil: Pupil, bells: list[tuple[int, str]]
) -> None:
    publish(home, on("rspamd"))
    learn.ask(keep(spool), AS_SPAM, "admin")
    pupil.troubles = [EngineError("rspamd is down")]
    assert learn.teach(only().pk) is LessonState.WAITING
    assert (only().detail, only().attempts) == ("rspamd is down", 1)
    assert only().next_attempt > timezone.now() + timedelta(seconds=50)
    assert learn.ring_due() == 0
    later()
    bells.clear()
    assert learn.ring_due() == 1
    assert bells == [(only().pk, broker.TEACH)]
    assert learn.teach(only().pk) is LessonState.LEARNED


def test_it_is_given_up_one_day(home: Path, spool: Spool, pupil: Pupil) -> None:
    publish(home, on("rspamd"))
    learn.ask(keep(spool), AS_SPAM, "admin")
    pupil.troubles = [EngineError("rspamd is down")] * learn.ATTEMPTS
    states = []
    for _ in range(learn.ATTEMPTS):
        states.append(learn.teach(only().pk))
        later()
    assert states == [LessonState.WAITING] * (learn.ATTEMPTS - 1) + [LessonState.FAILED]
    assert AuditEntry.objects.filter(who="learn", verb="failed").count() == 1


def test_what_the_engine_will_not_learn_fails_at_once(home: Path, spool: Spool, pupil: Pupil) -> None:
    publish(home, on("rspamd"))
    learn.ask(keep(spool), AS_SPAM, "admin")
    pupil.troubles = [EngineRefusal("too little text")]
    assert learn.teach(only().pk) is LessonState.FAILED
    assert only().detail == "too little text"


def test_what_is_too_large_for_the_engine_fails(home: Path, spool: Spool, pupil: Pupil) -> None:
    publish(home, on("rspamd"))
    learn.ask(keep(spool, b"Subject: x\r\n\r\n" + b"x" * 10_000), AS_SPAM, "admin")
    assert learn.teach(only().pk) is LessonState.FAILED
    assert "are more than the 10000 that rspamd is handed" in only().detail
    assert not pupil.learned


@pytest.mark.usefixtures("pupil")
def test_a_lesson_keeps_nothing_alive_and_says_that_the_bytes_are_gone(home: Path, spool: Spool) -> None:
    publish(home, on("rspamd"))
    learn.ask(keep(spool), AS_SPAM, "admin")
    assert delete.delete(QuarantinedCopy.objects.all(), "admin") == 1
    assert learn.teach(only().pk) is LessonState.FAILED
    assert "not kept any more" in only().detail


def test_a_released_message_is_taught_before_its_bytes_go(
    home: Path, spool: Spool, pupil: Pupil, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(home, on("rspamd"))
    message = keep(spool)
    learn.ask(message, AS_HAM, "admin")
    release.release(QuarantinedCopy.objects.all(), "admin")
    monkeypatch.setattr(release, "attempt", lambda _: Result(reply=Reply(250, "2.0.0", "ok")))
    release.deliver(QuarantinedCopy.objects.get().pk)
    assert only().state == "learned"
    assert pupil.learned == [(len(samples.MESSAGE), False)]
    assert not Quarantine(spool.folder).exists(message)


def test_a_lesson_asked_for_anew_while_it_is_taught_is_taught_anew(
    home: Path, spool: Spool, pupil: Pupil, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(home, on("rspamd"))
    message = keep(spool)
    learn.ask(message, AS_SPAM, "admin")
    number = only().pk
    attempt = learn._attempt  # noqa: SLF001 - somebody changes his mind while the engine learns
    monkeypatch.setattr(learn, "_attempt", lambda lesson: (attempt(lesson), learn.ask(message, AS_HAM, "admin"))[0])
    assert learn.teach(number) is None
    monkeypatch.setattr(learn, "_attempt", attempt)
    assert (only().kind, only().state) == ("ham", "waiting")
    assert learn.teach(number) is LessonState.LEARNED
    assert [spam for _, spam in pupil.learned] == [True, False]


def test_old_lessons_are_forgotten(home: Path, spool: Spool) -> None:
    publish(home, on("rspamd"))
    learn.ask(keep(spool), AS_SPAM, "admin")
    retention.expire()
    assert Lesson.objects.count() == 1
    Lesson.objects.update(asked=timezone.now() - timedelta(days=31))
    retention.expire()
    assert Lesson.objects.count() == 0


def test_the_command_asks_and_says_who_learns(home: Path, spool: Spool, capsys: pytest.CaptureFixture[str]) -> None:
    publish(home, on("rspamd"))
    call_command("learn", keep(spool), "spam")
    assert capsys.readouterr().out == "rspamd: asked to learn 01a as spam\n"
    assert (only().kind, only().by) == ("spam", "command line")


def test_the_command_says_what_is_missing(home: Path, spool: Spool) -> None:
    with pytest.raises(CommandError, match="not stored"):
        call_command("learn", "nothing", "ham")
    publish(home, on("rspamd", mode=Mode.OFF))
    with pytest.raises(CommandError, match="no spam engine is on"):
        call_command("learn", keep(spool), "ham")


def test_both_real_engines_learn(
    home: Path, spool: Spool, monkeypatch: pytest.MonkeyPatch, rspamd: RunningRspamd, spamd: RunningSpamd
) -> None:
    publish(home, on("rspamd", "spamassassin"))
    known = structs.replace(settings.CONFIG, rspamd=rspamd.settings, spamassassin=spamd.settings)
    monkeypatch.setattr(settings, "CONFIG", known)
    secrets.write(home / "secrets", "rspamd", PASSWORD)
    words = "A parcel with seven marble elephants waits at the harbour for whoever sends coins to our captain {0}"
    learn.ask(keep(spool, letter(words).read()), AS_SPAM, "admin")
    for lesson in Lesson.objects.all():
        learn.teach(lesson.pk)
    assert {each.engine: (each.state, each.detail) for each in Lesson.objects.all()} == {
        "rspamd": ("learned", "learned"),
        "spamassassin": ("learned", "learned"),
    }
