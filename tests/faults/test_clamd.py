"""The scanner killed, stopped, silent and started again during load: nothing is lost, nothing passes unscanned."""

import contextlib
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from tests.fake_clamd import FakeClamd
from tests.fixtures_clamd import EICAR, RunningClamd
from tests.smtpfront.conftest import Serve
from tests.smtpfront.nexthop import NextHop
from tests.smtpfront.running import Gateway, mail, snapshot, until

MESSAGES = 400
SENDERS = 8
ENOUGH = 12  # deferred messages, or accepted ones, of each time that something is wrong, or right again


class Load:
    """Senders as mail servers are: each message is sent until its answer is final. Every fourth is a virus."""

    def __init__(self, gateway: Gateway) -> None:
        self.accepted: list[int] = []
        self.refused: list[int] = []
        self.deferred: Counter[int] = Counter()
        self._gateway = gateway
        self._numbers = iter(range(MESSAGES))
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(SENDERS)]
        for each in self._threads:
            each.start()

    def join(self) -> None:
        for each in self._threads:
            each.join(120)
            assert not each.is_alive()

    def _work(self) -> None:
        while True:
            with self._lock:
                number = next(self._numbers, None)
            if number is None:
                return
            while not self._sent(number):
                time.sleep(0.02)  # as a mail server waits, if not as long

    def _sent(self, number: int) -> bool:
        """Send it; whether the answer is final."""
        body = f"{EICAR.decode()}\r\n" if number % 4 == 0 else "hello\r\n" * (1 + number % 7 * 10_000)
        with self._gateway.client() as client:
            client.open("them@other.test", "alice@example.test")
            reply = client.data(mail(f"{body}message {number}\r\n"))
        with self._lock:
            if reply.startswith("250"):
                self.accepted.append(number)
            elif reply.startswith("550"):
                self.refused.append(number)
            else:
                assert reply.startswith("451 4.7.1"), reply
                self.deferred[number] += 1
                return False
        return True

    def await_more(self, what: str, count: Callable[[], int]) -> None:
        """Wait until a count has grown by enough, or nothing is left to send."""
        goal = count() + ENOUGH
        until(what, lambda: count() >= goal or not any(each.is_alive() for each in self._threads))

    def await_deferred(self, why: str) -> None:
        """Wait until enough mail is deferred."""
        self.await_more(why, self.deferred.total)

    def await_done(self) -> None:
        """Wait until enough mail is through."""
        self.await_more("mail goes on", lambda: len(self.accepted) + len(self.refused))


def test_no_trouble_of_the_scanner_loses_a_message_or_lets_one_pass_unscanned(
    tmp_path: Path, hop: NextHop, serve: Serve
) -> None:
    (tmp_path / "clamd").mkdir()
    scanner = RunningClamd(tmp_path / "clamd")
    try:
        gateway = serve(
            snapshot(hop.port),
            str(scanner.path),
            processes=2,
            BACKSTOP_CLAMD__SECONDS="1",
            BACKSTOP_CLAMD__QUEUE_SECONDS="0.5",
        )
        load = Load(gateway)
        load.await_done()
        scanner.send(signal.SIGSTOP)
        load.await_deferred("deferred while it is stopped")
        scanner.send(signal.SIGCONT)
        load.await_done()
        scanner.end(signal.SIGKILL)
        load.await_deferred("deferred while it is dead")
        scanner.path.unlink(missing_ok=True)
        for behaviour in ("silent", "empty", "cut", "garbage"):
            with contextlib.ExitStack() as stack:
                stack.callback(scanner.path.unlink)
                stack.enter_context(FakeClamd(scanner.path, behaviour))
                load.await_deferred(f"deferred while it is {behaviour}")
        scanner.start()
        load.await_done()
        scanner.end(signal.SIGTERM)
        scanner.start()
        load.join()
    finally:
        scanner.end(signal.SIGKILL)

    viruses = set(range(0, MESSAGES, 4))
    assert sorted(load.refused) == sorted(viruses)
    assert sorted(load.accepted) == sorted(set(range(MESSAGES)) - viruses)
    arrived = Counter(int(kept.content.rsplit(b"message ", 1)[1]) for kept in hop.kept)
    assert arrived == Counter(load.accepted)  # each exactly once
    assert not any(EICAR in kept.content for kept in hop.kept)
    told = {
        seen.detail.partition(":")[0]
        for trace in gateway.traces()
        for seen in trace.observations
        if seen.check == "clamav" and seen.outcome.failed
    }
    assert {"down", "slow", "empty answer", "cut answer", "garbage"} <= told
