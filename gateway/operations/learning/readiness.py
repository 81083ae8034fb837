"""The readiness of a guided domain: could what is forged be refused, and from when on? It looks, and changes nothing.

Signs of mail that leaves past the gateway are weighed, for anybody can write a Message-ID of ours into a bounce, and
what spammers make up would hold up the very domains that suffer: a bounce is a sound sign only with a hint beside it,
replies are once several hosts bring them. All are counted and shown; only sound ones postpone.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta

import msgspec
from django.conf import settings
from django.db.models import Q, QuerySet

from gateway.backscatter.evidence import PROOF_DAYS
from gateway.backscatter.words import Kind, Verdict
from gateway.checks.past_gateway import ANSWERED_DAYS
from gateway.models import DomainStage, JudgedBounce
from gateway.policy import codec
from gateway.policy.feed import FILE
from gateway.policy.learned import Stage
from gateway.policy.recipients import ALWAYS_DELIVERABLE
from gateway.policy.snapshot import Marking, Snapshot
from gateway.services import secrets

WINDOW = timedelta(days=PROOF_DAYS)  # so long is looked back, and waited after trouble
IN_QUARANTINE = timedelta(days=7)
HOSTS = 3  # so many hosts must bring replies to mail that the ledger lacks; one or two may be late answers
SAMPLES = 3
_DAY = timedelta(days=1)
_EPOCH = date(1970, 1, 1)

Rows = QuerySet[JudgedBounce]


class Blocker(msgspec.Struct, frozen=True):
    """Why a domain can't go on, and what to do about it. ``lost`` is whether it makes judging unsafe at all.

    ``samples`` are ids of messages.
    """

    text: str
    remedy: str
    lost: bool = False
    samples: tuple[str, ...] = ()


class Figures(msgspec.Struct, frozen=True):
    """What came in during the last 14 days, for one domain."""

    judged: int = 0
    proven: int = 0
    refusable: int = 0
    hinted: int = 0
    mine: int = 0
    signs: int = 0


class Readiness(msgspec.Struct, frozen=True):
    """How ready a domain is.

    ``earliest`` is the first moment at which the next move is safe, None while it can't be known; ``next_stage`` is
    None where there is none. ``since`` is None where the domain has been at ``stage`` from the beginning.
    """

    domain: str
    stage: Stage
    since: datetime | None
    because: str
    marks_since: date | None
    switch_on: date | None
    figures: Figures
    blockers: tuple[Blocker, ...]
    next_stage: Stage | None
    earliest: datetime | None

    def is_ready(self, now: datetime) -> bool:
        """Whether the next move may be made."""
        return self.earliest is not None and not self.blockers and self.earliest <= now

    @property
    def lost(self) -> Blocker | None:
        """What makes judging unsafe, so that the domain must fall back; None where nothing does."""
        return next((each for each in self.blockers if each.lost), None)


def in_force() -> Snapshot | None:
    """Give the policy in force, None where none can be read."""
    try:
        return codec.load(settings.CONFIG.policy_folder / FILE)
    except codec.PolicyError:
        return None


def readiness(domain: str, snapshot: Snapshot, now: datetime, *, count: bool = True) -> Readiness:
    """Say how ready a domain of the policy is. Raises KeyError where the policy does not have it.

    The figures, which cost most, are nought unless they are to be counted.
    """
    policy = snapshot.domains[domain]
    row = DomainStage.objects.filter(domain=domain).first()
    stage = Stage(row.stage) if row is not None else Stage.OBSERVE
    marks_since, switch_on = _day(policy.marks_since), _day(policy.switch_on)
    blockers = tuple(_blockers(marks_since, snapshot.marking, now))
    moments = []
    if marks_since is not None:
        moments.append(_start(marks_since) + WINDOW)
        if switch_on is not None:
            moments.append(_start(switch_on))
        signs, last_sign = _signs(domain, marks_since, now)
        blockers += signs
        moments += [each + WINDOW for each in (last_sign, _last_mine(domain)) if each is not None]
        if row is not None:
            moments += [row.not_before] if row.not_before is not None else []
            moments += [row.since + IN_QUARANTINE] if stage is Stage.QUARANTINE else []
    return Readiness(
        domain=domain,
        stage=stage,
        since=row.since if row is not None else None,
        because=row.because if row is not None else "",
        marks_since=marks_since,
        switch_on=switch_on,
        figures=figures_of(domain, now) if count else Figures(),
        blockers=blockers,
        next_stage=_NEXT[stage],
        earliest=max(moments, default=None),
    )


def next_move(seen: Readiness, now: datetime) -> str:
    """Say in words what comes next, and when."""
    if seen.next_stage is None:
        return "it has come all the way"
    if seen.earliest is None:
        return f"{seen.next_stage} has no date yet"
    if seen.earliest > now:
        return f"{seen.next_stage} on {seen.earliest.astimezone(UTC).date()} at the earliest"
    return f"{seen.next_stage} waits" if seen.blockers else f"{seen.next_stage} within a minute"


_NEXT = {Stage.OBSERVE: Stage.QUARANTINE, Stage.QUARANTINE: Stage.REJECT, Stage.REJECT: None}


def rows_of(domain: str, figure: str, now: datetime) -> Rows:
    """Give the rows behind a figure. Raises KeyError for one that there is not."""
    return JudgedBounce.objects.filter(FIGURES[figure], domain=domain, at__gte=now - WINDOW)


_TO_PEOPLE = Q(*(~Q(recipient__startswith=f"{local}@") for local in sorted(ALWAYS_DELIVERABLE)))
_BOUNCES = Q(kind__in=[each.value for each in Kind if each is Kind.NONE or each.answers_delivery])
_AUTOMATIC = ~Q(verdict=Verdict.NOT_AUTOMATIC)

# What each figure counts: its rows, told by their columns.
FIGURES: Mapping[str, Q] = {
    "judged": _AUTOMATIC,
    "proven": Q(verdict=Verdict.GENUINE),
    # Forged; and what would be, once absence counts.
    "refusable": _TO_PEOPLE & (Q(verdict=Verdict.FORGED) | (Q(verdict=Verdict.UNVERIFIABLE, hinted=False) & _BOUNCES)),
    "hinted": Q(verdict=Verdict.UNVERIFIABLE, hinted=True),
    "mine": Q(mine__isnull=False),
    "signs": Q(past_gateway=True),
}


def figures_of(domain: str, now: datetime) -> Figures:
    """Count what came in during the last 14 days."""
    return Figures(**{name: rows_of(domain, name, now).count() for name in FIGURES})


def _signs(domain: str, marks_since: date, now: datetime) -> tuple[tuple[Blocker, ...], datetime | None]:
    """Give what the sound signs of mail past the gateway say, and when the last one came."""
    # What answers mail from before that day comes a little later.
    first = max(now - WINDOW, _start(marks_since) + ANSWERED_DAYS * _DAY)
    signs = JudgedBounce.objects.filter(domain=domain, past_gateway=True, at__gte=first)
    replies = signs.filter(verdict=Verdict.NOT_AUTOMATIC)
    sound = Q(hinted=True) & ~Q(verdict=Verdict.NOT_AUTOMATIC)
    if len(set(replies.order_by().values_list("client_ip", flat=True).distinct()[:HOSTS])) >= HOSTS:
        sound |= Q(verdict=Verdict.NOT_AUTOMATIC)
    rows = signs.filter(sound)
    count = rows.count()
    if not count:
        return (), None
    newest = list(rows[:SAMPLES])
    text = (
        f"mail of {domain} still leaves past the gateway: {count} sign{'s' if count > 1 else ''}, "
        f"the last {_ago(now, newest[0].at)}"
    )
    remedy = (
        "find what sends in your name (a web site, a newsletter service, a second server), and have it send through "
        "here; the wait ends 14 days after the last sign"
    )
    return (Blocker(text, remedy, samples=tuple(each.transaction_id for each in newest)),), newest[0].at


def _last_mine(domain: str) -> datetime | None:
    """Give when somebody last said: this was mine."""
    row = JudgedBounce.objects.filter(domain=domain, mine__isnull=False).order_by("-mine").first()
    return row.mine if row is not None else None


def _blockers(marks_since: date | None, marking: Marking, now: datetime) -> Iterator[Blocker]:
    """Say what is missing, so that a bounce without a proof proves nothing."""
    if marks_since is None:
        yield Blocker(
            "not all its mail is known to leave here, marked",
            "have all its mail leave through this gateway, then set the day since which it does, and publish",
            lost=True,
        )
    today = (now.astimezone(UTC).date() - _EPOCH).days
    signing = [each for each in marking.keys if not each.retired and each.since <= today]
    if not signing:
        yield Blocker("no key signs the envelope sender", "make a key on the page Marking, and publish", lost=True)
    for each in signing:
        if not _has(each.secret):
            yield Blocker(
                f"the secret of key {each.number} is missing",
                "put its file back, or make a new key on the page Marking, and publish",
                lost=True,
            )
    if not marking.seal:
        yield Blocker("mail leaves without a seal", "make the seal's secret on the page Marking, and publish")
    elif not _has(marking.seal):
        yield Blocker("the seal has no secret", "put the file of its secret back", lost=True)


def _has(secret: str) -> bool:
    """Whether a secret can be read."""
    try:
        return bool(secrets.read(settings.CONFIG.secrets_folder, secret))
    except (OSError, ValueError):
        return False


def _day(text: str) -> date | None:
    """Read a day (ISO 8601); None where there is none."""
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None


def _start(day: date) -> datetime:
    """Give the start of a day, in UTC."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _ago(now: datetime, at: datetime) -> str:
    """Say on which day something was."""
    days = (now.astimezone(UTC).date() - at.astimezone(UTC).date()).days
    return "today" if days < 1 else "yesterday" if days == 1 else f"{days} days ago"
