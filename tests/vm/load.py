"""A load of mail from outside, which keeps book of what every letter was told.

It sends as mail servers do: over several connections, some of them encrypted, pipelined, or used for many letters; what
is deferred or cut comes again, octet by octet the same. It bears a server that vanishes, and never says that something
was taken without having read the ``250``.

::

    with Sink(PEOPLE) as sink, Load(machine.forward(SMTP), PEOPLE) as load:
        load.wait_for(50, seconds=600)
        machine.kill_hard()
        machine.boot()
        load.wait_for(20, seconds=600)
        report = load.settle(seconds=900)
"""

import copy
import heapq
import itertools
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from tests.vm.letters import LARGE, MIDDLE, SMALL, Letter
from tests.vm.session import CutError, GoneError, RefusedError, Reply, Session, TurnedAwayError

SENDER = "newsletter@sender.example"
_TRIES = 60
_AGAIN_SECONDS = (1.0, 2.0, 4.0, 8.0, 15.0)  # and so on as the last: what a mail server does in hours
_CONNECT_AGAIN_SECONDS = 0.5
_POLL = 0.1
_END_SECONDS = 5.0
_LETTERS_A_SESSION = (1, 6, 2, 1, 12)


class LoadError(Exception):
    """The load did not get as far as it was to; says how far it got."""


@dataclass
class Fate:
    """What one letter was told. ``accepted`` maps recipients to the id that the ``250`` named."""

    letter: Letter
    accepted: dict[str, str] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    cut: set[str] = field(default_factory=set)  # it was not known, at some time, whether their copy was taken
    last: str = ""
    tries: int = 0

    @property
    def waiting(self) -> tuple[str, ...]:
        """Those of its recipients who were told neither yes nor no."""
        return tuple(each for each in self.letter.recipients if each not in self.accepted and each not in self.refused)


@dataclass
class Report:
    """What was seen so far."""

    fates: dict[str, Fate] = field(default_factory=dict)  # by the letters' ids
    replies: Counter[str] = field(default_factory=Counter)  # codes that recipients got, tries that were deferred too
    connections: int = 0
    refused: int = 0  # nobody took the connection
    silent: int = 0  # taken, and no answer came; or what came was none
    turned_away: Counter[str] = field(default_factory=Counter)  # greeted with a refusal: by its code
    cut: int = 0  # transactions that ended without a reply to the final dot
    broken: int = 0  # those that ended before it: they may have been no delivery
    slowest: float = 0.0  # seconds of one transaction
    longest_gap: float = 0.0  # seconds between one 250 and the next
    seconds: float = 0.0

    @property
    def accepted(self) -> int:
        """How many letters got a 250, for one recipient at least."""
        return sum(1 for each in self.fates.values() if each.accepted)

    @property
    def waiting(self) -> list[Fate]:
        """Letters of which somebody's copy was told neither yes nor no."""
        return [each for each in self.fates.values() if each.waiting]

    @property
    def refusals(self) -> dict[str, str]:
        """What was refused for good: the reply, by letter and recipient."""
        return {f"{name} {who}": said for name, fate in self.fates.items() for who, said in fate.refused.items()}

    def __str__(self) -> str:
        turned_away = sum(self.turned_away.values())
        return (
            f"{self.accepted} of {len(self.fates)} letters got 250 in {self.seconds:.0f} s,"
            f" {self.connections} connections ({self.refused} refused, {self.silent} silent, {turned_away} turned"
            f" away), {self.cut} replies cut, slowest {self.slowest:.1f} s, longest gap {self.longest_gap:.1f} s"
        )


class Load:
    """Sends from the moment it is entered. ``report`` may be asked at any time."""

    def __init__(  # noqa: PLR0913 - each is a property of the mail
        self,
        port: int,
        recipients: Sequence[str],
        *,
        sender: str = SENDER,
        sessions: int = 4,
        pause: float = 0.05,
        doubtful: int = 0,
        large: int = LARGE,
    ) -> None:
        """Send to a port of 127.0.0.1, over so many connections at a time, with a pause (seconds) after each letter.

        Every ``doubtful``-th letter has a script attached, which is quarantined by default; 0 for none.
        """
        self._port = port
        self._recipients = tuple(recipients)
        self._sender = sender
        self._pause = pause
        self._doubtful = doubtful
        self._sizes = (SMALL, MIDDLE, large)
        self._name = f"{int(time.time()):x}{secrets.token_hex(3)}"
        self._again: list[tuple[float, int]] = []  # when, and which letter
        self._report = Report()
        self._fates: dict[int, Fate] = {}  # those of the report, by the letters' numbers
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._began = self._last = time.monotonic()
        self._making = True
        self._ended = threading.Event()
        self._open: set[Session] = set()
        self._threads = [threading.Thread(target=self._run, args=(at,), daemon=True) for at in range(sessions)]
        self._failure: BaseException | None = None

    def __enter__(self) -> Self:
        self._began = self._last = time.monotonic()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Hang up, whatever is under way, and end."""
        self._ended.set()
        with self._lock:
            for session in self._open:
                session.abort()
        for thread in self._threads:
            thread.join(_END_SECONDS)

    def report(self) -> Report:
        """Give a copy of the book as it is now."""
        with self._lock:
            report = copy.deepcopy(self._report)
            now = time.monotonic()
            report.seconds = now - self._began
            if self._making:
                report.longest_gap = max(report.longest_gap, now - self._last)
            return report

    def wait_for(self, letters: int, seconds: float) -> float:
        """Wait until so many *more* letters have got their 250; gives the seconds. Raises LoadError."""
        began = time.monotonic()
        with self._lock:
            goal = self._report.accepted + letters
            self._until(lambda: self._report.accepted >= goal, began + seconds, f"{letters} more letters got their 250")
        return time.monotonic() - began

    def settle(self, seconds: float) -> Report:
        """Write no new letters, try those again that wait, and give the report. Raises LoadError if some still wait."""
        with self._lock:
            self._making = False
            self._until(lambda: not self._report.waiting, time.monotonic() + seconds, "every letter was told yes or no")
        return self.report()

    def _until(self, holds: Callable[[], bool], end: float, what: str) -> None:
        """Wait until a condition of the book holds; the lock is held. Raises LoadError."""
        while not holds():
            if self._failure is not None:
                raise LoadError("a session of the load failed, which is its own fault") from self._failure
            left = end - time.monotonic()
            if left <= 0:
                said = Counter(each.last for each in self._report.waiting).most_common(3)
                raise LoadError(f"time is over before {what}: {self._report}; those that wait were told {said}")
            self._changed.wait(min(left, 1.0))

    # What each thread does.

    def _run(self, thread: int) -> None:
        """Hold sessions, one after the other, until the load ends."""
        try:
            for number in itertools.count(3 * thread):
                if self._ended.is_set():
                    return
                fate = self._take()
                if fate is None:
                    self._ended.wait(_POLL)
                elif session := self._connect(number, fate):
                    self._send(session, fate, _LETTERS_A_SESSION[number % len(_LETTERS_A_SESSION)])
        except BaseException as error:  # noqa: BLE001 - whoever waits for the load is told
            with self._lock:
                self._failure = error
                self._changed.notify_all()

    def _connect(self, number: int, fate: Fate) -> Session | None:
        """Open a session of one kind or another; where there is none the letter waits a little."""
        try:
            session = Session(self._port, tls=number % 4 == 1, pipelining=number % 3 > 0)
        except GoneError as error:
            with self._lock:
                if isinstance(error, TurnedAwayError):
                    self._report.turned_away[str(error.reply.code)] += 1
                elif isinstance(error, RefusedError):
                    self._report.refused += 1
                else:
                    self._report.silent += 1
                fate.last = str(error)
                self._later(fate, _CONNECT_AGAIN_SECONDS)
            self._ended.wait(_CONNECT_AGAIN_SECONDS)
            return None
        with self._lock:
            self._report.connections += 1
            self._open.add(session)
        if self._ended.is_set():
            session.abort()
        return session

    def _send(self, session: Session, first: Fate, letters: int) -> None:
        """Send over one session, as long as it is of use and there is something to send."""
        fate: Fate | None = first
        try:
            with session:
                while fate is not None:
                    letters -= 1
                    self._deliver(session, fate)
                    self._ended.wait(self._pause)
                    fate = self._take() if letters and session.usable and not self._ended.is_set() else None
        finally:
            with self._lock:
                self._open.discard(session)

    def _deliver(self, session: Session, fate: Fate) -> None:
        """Hold one transaction, and write down what each recipient's copy was told."""
        began = time.monotonic()
        unknown: tuple[str, ...] | None = None
        try:
            replies = session.deliver(fate.letter, fate.waiting)
        except CutError as error:
            replies, unknown, fate.last = error.replies, error.unknown, str(error)
        now = time.monotonic()
        with self._lock:
            fate.tries += 1
            report = self._report
            report.slowest = max(report.slowest, now - began)
            for who, reply in replies.items():
                self._note(fate, who, reply, now)
            if unknown is not None:
                fate.cut.update(unknown)
                report.cut += bool(unknown)
                report.broken += not unknown
            if fate.waiting:
                self._later(fate, _AGAIN_SECONDS[min(fate.tries, len(_AGAIN_SECONDS)) - 1])
            self._changed.notify_all()

    def _note(self, fate: Fate, who: str, reply: Reply, now: float) -> None:
        """Write one recipient's reply down."""
        report = self._report
        report.replies[str(reply.code)] += 1
        if reply.good:
            fate.accepted[who] = reply.id
            report.longest_gap = max(report.longest_gap, now - self._last) if self._making else report.longest_gap
            self._last = now
        elif reply.later:
            fate.last = str(reply)
        else:
            fate.refused[who] = str(reply)

    def _later(self, fate: Fate, seconds: float) -> None:
        """Put a letter aside, unless it was tried too often; it waits for good then."""
        if fate.tries < _TRIES:
            heapq.heappush(self._again, (time.monotonic() + seconds, fate.letter.number))

    def _take(self) -> Fate | None:
        """Give the letter that is due, or a new one."""
        with self._lock:
            if self._again and self._again[0][0] <= time.monotonic():
                return self._fates[heapq.heappop(self._again)[1]]
            if not self._making:
                return None
            letter = self._letter(len(self._fates) + 1)
            fate = self._fates[letter.number] = self._report.fates[letter.id] = Fate(letter)
            return fate

    def _letter(self, number: int) -> Letter:
        """Write a letter: most are small and for one, some are large, for several, or doubtful."""
        people = itertools.islice(itertools.cycle(self._recipients), number, None)
        several = min(3 if number % 4 == 0 else 1, len(self._recipients))
        size = self._sizes[2 if number % 40 == 7 else 1 if number % 5 == 2 else 0]
        doubtful = self._doubtful > 0 and number % self._doubtful == 0
        return Letter(
            self._name, number, self._sender, tuple(itertools.islice(people, several)), time.time(), size, doubtful
        )
