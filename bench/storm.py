"""How fast a storm of false bounces is refused, beside how fast as many clean messages are accepted.

One SMTP process with everything on, the same clamd and smtp-sink for both; blocks of both take turns, so that the
machine's own ups and downs hit both. The bounces have the null sender and come, one a connection, to one victim of a
domain that marks everything and rejects what is forged: each must be refused with 5xx at the end of DATA, and each
clean message must be accepted.

    python -m bench.storm [--messages 72000] [--block 4000] [--json]
"""

import argparse
import asyncio
import datetime
import itertools
import json
import statistics
import sys
import time
from collections import Counter
from collections.abc import Iterator

import msgspec

from bench import rig
from bench.judge import mail
from gateway.mail.decisions import Action
from gateway.policy.snapshot import BatvKey, CheckRule, Marking, Mode, Snapshot
from smtpfront.lab.bounces import Forged, bounces

AT_ONCE = 50  # connections
KINDS = {Forged.REPORT: 1, Forged.TEXT: 2}  # those that a domain refuses
VICTIM = "alice@example.test"
SECRET = ("batv-1", "the secret of the bench")
MARKED_DAYS = 60  # for so long all mail has left marked
WAIT_SECONDS = 60.0  # for one conversation
CLEAN_OCTETS = 1200  # about what a bounce of the storm has
REFUSED, ACCEPTED = "refused after DATA", "accepted"

Message = tuple[str, bytes]  # envelope sender and content, no line of which begins with a dot


class Block(msgspec.Struct, frozen=True):
    """One block: messages a second, milliseconds of CPU a message, and how many ended in which way."""

    rate: float
    cpu_ms: float
    outcomes: dict[str, int]


class Conversation(asyncio.Protocol):
    """One message over one connection: pipelined as far as RFC 2920 allows, and cut once it is answered."""

    def __init__(self, message: Message, told: asyncio.Future[str]) -> None:
        """Take the message; ``told`` gets the outcome in words."""
        sender, content = message
        envelope = f"MAIL FROM:<{sender}>\r\nRCPT TO:<{VICTIM}>\r\nDATA\r\n".encode()
        # What is said upon each reply: to the banner, EHLO, MAIL, RCPT, DATA and the final dot.
        self._says = iter((b"EHLO client.test\r\n", envelope, b"", b"", content + b".\r\n", b"QUIT\r\n"))
        self._expected = iter((b"220", b"250", b"250", b"250", b"354"))
        self._told = told
        self._line = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the connection."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - of TCP it is one
        self._transport = transport

    def data_received(self, octets: bytes) -> None:
        """Go on, one step for each reply that is whole."""
        *lines, self._line = (self._line + octets).split(b"\r\n")
        for line in lines:
            if line[3:4] != b"-" and not self._told.done():
                self._step(line[:3])

    def _step(self, code: bytes) -> None:
        """Take one reply."""
        expected = next(self._expected, None)
        if expected is None:
            self._end({b"2": ACCEPTED, b"5": REFUSED}.get(code[:1], f"{code.decode()} after DATA"), next(self._says))
        elif code != expected:
            self._end(f"{code.decode()} where {expected.decode()} should come", b"QUIT\r\n")
        else:
            self._transport.write(next(self._says))

    def _end(self, outcome: str, farewell: bytes) -> None:
        """Say what came of it, and hang up."""
        self._told.set_result(outcome)
        self._transport.write(farewell)
        self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        """Count a connection that was cut."""
        if not self._told.done():
            self._told.set_result(f"connection lost: {error}")


async def send(port: int, messages: Iterator[Message]) -> Counter[str]:
    """Send messages over many connections at once; gives how many ended in which way."""
    outcomes: Counter[str] = Counter()
    loop = asyncio.get_running_loop()

    async def one_after_the_other() -> None:
        for message in messages:
            told: asyncio.Future[str] = loop.create_future()
            await loop.create_connection(lambda m=message, t=told: Conversation(m, t), "127.0.0.1", port)  # type: ignore[misc]
            async with asyncio.timeout(WAIT_SECONDS):
                outcomes[await told] += 1

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(one_after_the_other())
    return outcomes


def measure(server: rig.Running, messages: list[Message]) -> Block:
    """Send one block and take the times."""
    cpu, began = rig.cpu_seconds(server.pid), time.perf_counter()
    outcomes = asyncio.run(send(server.port, iter(messages)))
    took = time.perf_counter() - began
    return Block(len(messages) / took, (rig.cpu_seconds(server.pid) - cpu) * 1000 / len(messages), dict(outcomes))


def policy(next_hop: int) -> Snapshot:
    """Give the bench's policy, for a domain that has marked all its mail for long and rejects forged bounces."""
    base = rig.snapshot(next_hop)
    since = datetime.datetime.now(datetime.UTC).date() - datetime.timedelta(days=MARKED_DAYS)
    rules = msgspec.structs.replace(
        base.outbound.rules,
        checks=base.outbound.rules.checks | {"forged_bounce": CheckRule(mode=Mode.ENFORCE, action=Action.REJECT)},
    )
    domains = {
        name: msgspec.structs.replace(domain, rules=rules, marks_since=since.isoformat())
        for name, domain in base.domains.items()
    }
    return msgspec.structs.replace(base, domains=domains, marking=Marking(keys=(BatvKey(1, SECRET[0]),)))


def clean() -> Iterator[Message]:
    """Give clean messages without end, no two the same."""
    text = mail(CLEAN_OCTETS, sealed=False)
    for number in itertools.count():
        yield "them@other.test", f"X-Number: {number}\r\n{text}\r\n".encode()


def compare(messages: int, block: int) -> dict[str, object]:
    """Send storm and clean mail in turn, block by block; gives the figures."""
    storm = ((each.sender, each.content) for each in bounces(messages + block, (), VICTIM, 1, KINDS))
    ordinary = clean()
    pairs: list[tuple[Block, Block]] = []
    with (
        rig.folder() as home,
        rig.clamd(home) as scanner,
        rig.sink() as next_hop,
        rig.gateway(home, policy(next_hop), scanner, secret=SECRET) as gateway,
    ):
        for warm in (storm, ordinary):
            measure(gateway, list(itertools.islice(warm, min(block, 500))))
        left = messages
        while left:
            size = min(block, left)
            left -= size
            # Which one goes first changes with each pair.
            first, second = (storm, ordinary) if len(pairs) % 2 == 0 else (ordinary, storm)
            done = [measure(gateway, list(itertools.islice(each, size))) for each in (first, second)]
            pairs.append((done[0], done[1]) if first is storm else (done[1], done[0]))
            rates = f"{pairs[-1][0].rate:6.0f}/s refused, {pairs[-1][1].rate:6.0f}/s accepted"
            print(f"  {messages - left}/{messages}: {rates}", file=sys.stderr)  # noqa: T201 - progress
    return sum_up(pairs)


def sum_up(pairs: list[tuple[Block, Block]]) -> dict[str, object]:
    """Give the figures of all blocks."""
    outcomes = [sum((Counter(pair[at].outcomes) for pair in pairs), Counter[str]()) for at in (0, 1)]
    return {
        "storm": dict(outcomes[0]),
        "clean": dict(outcomes[1]),
        "refused_per_second": round(statistics.median(storm.rate for storm, _ in pairs)),
        "accepted_per_second": round(statistics.median(other.rate for _, other in pairs)),
        "ratio": round(statistics.median(storm.rate / other.rate for storm, other in pairs), 3),
        "refused_cpu_ms": round(statistics.median(storm.cpu_ms for storm, _ in pairs), 3),
        "accepted_cpu_ms": round(statistics.median(other.cpu_ms for _, other in pairs), 3),
        "complete": outcomes[0].keys() == {REFUSED} and outcomes[1].keys() == {ACCEPTED},
    }


def main() -> int:
    """Print a table, or one JSON object; fails where a false bounce got in, or a clean message did not."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=72_000, help="false bounces, and as many clean messages")
    parser.add_argument("--block", type=int, default=4000, help="messages of one kind in a row")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = compare(options.messages, options.block)
    if options.json:
        print(json.dumps(found))  # noqa: T201 - the result
    else:
        print("                   messages  a second  CPU (ms a message)")  # noqa: T201 - the result
        for name, outcomes, rate, cpu in (
            ("false bounces", found["storm"], found["refused_per_second"], found["refused_cpu_ms"]),
            ("clean messages", found["clean"], found["accepted_per_second"], found["accepted_cpu_ms"]),
        ):
            assert isinstance(outcomes, dict)  # noqa: S101 - see sum_up
            for outcome, count in outcomes.items():
                print(f"{name:15s} {count:11d}  {rate:8}  {cpu:18}  {outcome}")  # noqa: T201 - the result
        print(f"ratio of the rates: {found['ratio']}")  # noqa: T201 - the result
    return 0 if found["complete"] else 1


if __name__ == "__main__":
    sys.exit(main())
