"""``kill -9`` in the middle of mail that is redirected or copied: what got 250 is kept for its mailbox, only once."""

import contextlib
import os
import random
import signal
import threading
import time
from collections import Counter

from gateway.spool.quarantine import Quarantine
from tests.faults.test_kill import living
from tests.smtpfront.conftest import Serve
from tests.smtpfront.nexthop import NextHop
from tests.smtpfront.running import Gateway, mail, until
from tests.smtpfront.test_actions import policy

MESSAGES = 300
KINDS = ("kim@redirects.test", "lee@copies.test")  # one for spam@, one delivered and copied to archive@ and kim@
KEPT = ({"spam@copies.test"}, {"archive@copies.test", "kim@copies.test"})


def send(gateway: Gateway, number: int) -> None:
    """Send one message until it gets its 250, as a mail server would."""
    content = mail(f"message {number}\r\n", Date=None, Message_ID=None, Subject="BUY THIS NOW $$$", To=None)
    for attempt in range(50):
        time.sleep(0.1 * min(attempt, 10))  # as a mail server waits, if not as long
        with contextlib.suppress(OSError, AssertionError), gateway.client() as client:
            (reply,) = client.open("them@other.test", KINDS[number % 2])
            if reply.startswith("250") and client.data(content).startswith("250"):
                return
    raise AssertionError(number)


def test_what_got_250_is_kept_for_its_mailbox_and_only_once(hop: NextHop, serve: Serve) -> None:
    gateway = serve(policy(hop.port), processes=2)
    numbers, accepted, lock = iter(range(MESSAGES)), list[int](), threading.Lock()

    def work() -> None:
        while True:
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            send(gateway, number)
            with lock:
                accepted.append(number)

    senders = [threading.Thread(target=work) for _ in range(4)]
    for sender in senders:
        sender.start()
    chance = random.Random(11)  # noqa: S311 - whom to kill is no secret
    for goal in range(30, MESSAGES, 45):
        until(f"{goal} messages", lambda goal=goal: len(accepted) >= goal, 120)
        until("somebody to kill", lambda: living(gateway))
        with contextlib.suppress(ProcessLookupError):
            os.kill(chance.choice(living(gateway)), signal.SIGKILL)
    for sender in senders:
        sender.join(120)
    gateway.stop()

    assert len(accepted) == MESSAGES
    quarantine, held = Quarantine(gateway.home / "spool"), Counter[tuple[int, str]]()
    for message in quarantine.ids():
        item, content = quarantine.read(message)
        held.update((int(content.read().rsplit(b"message ", 1)[1]), copy.recipient) for copy in item.copies)
    assert held == {(number, who): 1 for number in accepted for who in KEPT[number % 2]}
    delivered = {int(kept.content.rsplit(b"message ", 1)[1]) for kept in hop.kept}
    assert delivered == {number for number in accepted if number % 2}
