"""``kill -9`` in the middle of mail: what got 250 is at the next hop or in quarantine, there only once."""

import contextlib
import os
import random
import signal
import threading
import time
from collections import Counter
from pathlib import Path

from gateway.spool.quarantine import Quarantine
from tests.smtpfront.conftest import Serve
from tests.smtpfront.nexthop import NextHop
from tests.smtpfront.running import Gateway, mail, snapshot, until

MESSAGES = 700
SENDERS = 8
KINDS = (
    ("alice@example.test",),  # relayed
    ("carol@example.test",),  # quarantined: the message scores 6, her limit is 5
    ("alice@example.test", "carol@example.test"),  # mixed
)


def send(gateway: Gateway, number: int) -> bool:
    """Send one message until it gets its 250, as a mail server would; False where it never did."""
    content = mail(f"message {number}\r\n", Date=None, Message_ID=None, Subject="BUY THIS NOW $$$", To=None)
    for attempt in range(50):
        time.sleep(0.1 * min(attempt, 10))  # as a mail server waits, if not as long
        with contextlib.suppress(OSError, AssertionError), gateway.client() as client:
            replies = client.open("them@other.test", *KINDS[number % 3])
            if all(reply.startswith("250") for reply in replies) and client.data(content).startswith("250"):
                return True
    return False


def living(gateway: Gateway) -> list[int]:
    """The SMTP processes that live: the status file of one that was killed stays until another takes its slot."""
    said = [int(str(status["pid"])) for status in gateway.statuses()]
    return [pid for pid in said if Path(f"/proc/{pid}").exists()]


def test_nothing_that_got_250_is_lost_or_quarantined_twice(  # noqa: C901 - senders, killer and count in one story
    tmp_path: Path, hop: NextHop, serve: Serve
) -> None:
    gateway = serve(snapshot(hop.port), processes=2)
    numbers = iter(range(MESSAGES))
    accepted: list[int] = []
    lock = threading.Lock()

    def work() -> None:
        while True:
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            if send(gateway, number):
                with lock:
                    accepted.append(number)

    senders = [threading.Thread(target=work) for _ in range(SENDERS)]
    for sender in senders:
        sender.start()
    kills = 0
    chance = random.Random(7)  # noqa: S311 - whom to kill is no secret
    for goal in range(100, MESSAGES, 100):
        until(f"{goal} messages", lambda goal=goal: len(accepted) >= goal, 120)
        until("somebody to kill", lambda: living(gateway))
        pid = chance.choice(living(gateway))
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            kills += 1
    for sender in senders:
        sender.join(120)
    gateway.stop()

    assert kills >= 5
    assert len(accepted) == MESSAGES
    at_next_hop = Counter(
        int(kept.content.rsplit(b"message ", 1)[1]) for kept in hop.kept if kept.recipients == ["alice@example.test"]
    )
    quarantine = Quarantine(tmp_path / "spool")
    held = Counter()
    for message in quarantine.ids():
        item, content = quarantine.read(message)
        for copy in item.copies:
            held[int(content.read().rsplit(b"message ", 1)[1]), copy.recipient] += 1
    for number in accepted:
        if "alice@example.test" in KINDS[number % 3]:
            assert at_next_hop[number] >= 1, number
        if "carol@example.test" in KINDS[number % 3]:
            assert held[number, "carol@example.test"] == 1, number
    assert set(held.values()) == {1}
    assert "Traceback" not in gateway.log, gateway.log
