"""What our own checks of a message's content cost, beside what Python's email parser (compat32) needs for the same.

    python -m bench.pipeline [--json] [--checks]

All that runs when a message is there, with the decision, without the engines (clamd, rspamd, SpamAssassin) and without
what verifies signatures or asks DNS. CPU time of this process and of the helpers that it starts, round by round in turn
with the parser. The bound is twice the parser's time, for a multipart message of 20 KB.
"""

import argparse
import asyncio
import base64
import email
import json
import os
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from random import Random

from bench import rig
from gateway import pipeline
from gateway.checks import catalog
from gateway.checks.base import Check, View
from gateway.config import Config
from gateway.explain import content_of
from gateway.mail.address import parse_mailbox
from gateway.mail.client import Client
from gateway.mail.envelope import MailParameters
from gateway.mail.stages import Stage
from gateway.mail.trace import RecipientTrace, Trace
from gateway.policy.decide import decide, rules_for
from gateway.policy.matching import Policy
from gateway.services.clamd import Clamd
from gateway.services.counters import LocalCounters
from gateway.services.dns import DnsResolver
from gateway.services.ledger import peek

BOUND = 2.0
ROUNDS = 30
REPEATS = 40
RECIPIENT = "alice@example.test"
NOT_OURS = {"clamav", "rspamd", "spamassassin", "dkim", "arc", "dmarc"}
_WAY = "".join(
    f"Received: from relay{hop}.far.test (relay{hop}.far.test [192.0.2.{hop}])\r\n\tby mx{hop}.far.test (Postfix) with"
    f" ESMTPS id 4ABC{hop}\r\n\tfor <alice@example.test>; Fri, 20 Nov 2026 10:00:0{hop} +0000 (UTC)\r\n"
    for hop in range(1, 5)
)
_HEAD = (
    f"{_WAY}From: Carol <carol@far.test>\r\nTo: Alice <{RECIPIENT}>\r\nSubject: the offer\r\n"
    "Date: Fri, 20 Nov 2026 10:00:00 +0000\r\nMessage-ID: <77@far.test>\r\nMIME-Version: 1.0\r\n"
    "User-Agent: Mozilla Thunderbird\r\nContent-Language: en-GB\r\n"
)
_LINE = "This is line {} of what people write to each other on any day of the week.\r\n"


def message(attached: bytes, kind: str, name: str) -> bytes:
    """Give a message of about 20 KB, as mail programs write it: text and HTML, and a file."""
    text = "".join(_LINE.format(line) for line in range(60))
    html = "<html><body>" + "".join(f"<p>{_LINE.format(line)}</p>\r\n" for line in range(60)) + "</body></html>\r\n"
    lines = base64.encodebytes(attached).replace(b"\n", b"\r\n").decode()
    return (
        f'{_HEAD}Content-Type: multipart/mixed; boundary="------------0A1B2C"\r\n\r\n'
        "This is a multi-part message in MIME format.\r\n--------------0A1B2C\r\n"
        'Content-Type: multipart/alternative; boundary="------------3D4E5F"\r\n\r\n--------------3D4E5F\r\n'
        "Content-Type: text/plain; charset=UTF-8; format=flowed\r\nContent-Transfer-Encoding: 7bit\r\n\r\n"
        f"{text}\r\n--------------3D4E5F\r\n"
        "Content-Type: text/html; charset=UTF-8\r\nContent-Transfer-Encoding: 7bit\r\n\r\n"
        f"{html}\r\n--------------3D4E5F--\r\n\r\n--------------0A1B2C\r\n"
        f'Content-Type: {kind}; name="{name}"\r\nContent-Disposition: attachment; filename="{name}"\r\n'
        f"Content-Transfer-Encoding: base64\r\n\r\n{lines}--------------0A1B2C--\r\n"
    ).encode()


def cases() -> dict[str, bytes]:
    """Give the messages by name."""
    noise = Random(20).randbytes(6000)  # noqa: S311 - any octets
    return {
        "multipart with a picture": message(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + noise, "image/png", "picture.png"),
        "multipart with a document": message(b"%PDF-1.4\n" + noise + b"\n%%EOF\n", "application/pdf", "offer.pdf"),
    }


class Ours:
    """The stage DATA, for one message after the other."""

    def __init__(self, home: Path) -> None:
        """Prepare checks and policy; ``home`` is an empty folder."""
        clamd = Clamd("127.0.0.1:9", 1.0, 1)
        self.resolver = DnsResolver(Config().dns)
        services = catalog.Services(clamd, lambda _: None, peek(home, home / "secrets"), self.resolver, LocalCounters())
        every = catalog.build(services)[Stage.DATA]
        self.checks: tuple[Check, ...] = tuple(each for each in every if each.name not in NOT_OURS)
        self._policy = Policy(rig.snapshot(9))
        self._client = Client("192.0.2.1", helo="client.far.test", esmtp=True)
        self._sender = parse_mailbox("carol@far.test")

    async def judge(self, raw: bytes, checks: tuple[Check, ...] = ()) -> str:
        """Look at one message and decide; gives the action."""
        content = content_of(raw)
        trace = Trace(
            id="bench", started=0.0, node="mx.example.test", revision=1, learned=0, listener="inbound",
            client=self._client, sender="carol@far.test", parameters=MailParameters(), size=content.size,
            sha256=content.sha256, recipients=[RecipientTrace(RECIPIENT, route="next")],
        )  # fmt: skip
        view = View(
            policy=self._policy, node="mx.example.test", listener="inbound", client=self._client, sender=self._sender,
            content=content, recipients=(RECIPIENT,),
        )  # fmt: skip
        rules = [rules_for(self._policy, RECIPIENT)]
        trace.observations = await pipeline.run(Stage.DATA, checks or self.checks, view, rules, seconds=60.0)
        return str(decide(trace, self._policy, RECIPIENT).action)


def spent() -> float:
    """Give the CPU time that this process and the helpers below it have used, in seconds."""
    return time.process_time() + sum(rig.cpu_seconds(pid) for pid in rig.children(os.getpid()))


async def cost(work: Callable[[], Awaitable[object]], repeats: int = REPEATS) -> float:
    """Give the CPU time of one call, in microseconds, over one round of calls."""
    began = spent()
    for _ in range(repeats):
        await work()
    return (spent() - began) / repeats * 1_000_000


async def compare(ours: Ours, raw: bytes) -> dict[str, float]:
    """Give what both cost, round by round in turn, and the median of the ratios: what slows one slows the other."""

    async def parsing() -> object:
        return email.message_from_bytes(raw)

    async def judging() -> object:
        return await ours.judge(raw)

    await cost(judging)  # the first pays for what is made once
    rounds = [(await cost(parsing), await cost(judging)) for _ in range(ROUNDS)]
    return {
        "octets": len(raw),
        "parser": statistics.median(parsed for parsed, _ in rounds),
        "ours": statistics.median(judged for _, judged in rounds),
        "ratio": statistics.median(judged / parsed for parsed, judged in rounds),
    }


async def by_check(ours: Ours, raw: bytes) -> dict[str, float]:
    """Give what each check costs alone, in microseconds, with what the pipeline itself costs taken off."""
    nothing = await cost(lambda: ours.judge(raw, ours.checks[:1]))
    return {each.name: await cost(lambda each=each: ours.judge(raw, (each,))) - nothing for each in ours.checks[1:]}


async def measure(home: Path, *, checks: bool) -> dict[str, dict[str, float]]:
    """Measure each message; with ``checks`` each check instead."""
    ours = Ours(home)
    try:
        return {name: await (by_check(ours, raw) if checks else compare(ours, raw)) for name, raw in cases().items()}
    finally:
        await ours.resolver.close()


def main() -> int:
    """Measure, tell, and fail where the bound is broken."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--checks", action="store_true", help="only tell what each check costs, in microseconds")
    options = parser.parse_args()
    with rig.folder() as home:
        figures = asyncio.run(measure(home, checks=options.checks))
    if options.json:
        sys.stdout.write(json.dumps(figures) + "\n")
    for name, each in {} if options.json else figures.items():
        if options.checks:
            told = ", ".join(f"{check} {value:.0f}" for check, value in sorted(each.items(), key=lambda pair: -pair[1]))
        else:
            told = (
                f"{each['octets']:.0f} octets: parser {each['parser']:.0f} us, ours {each['ours']:.0f} us,"
                f" ratio {each['ratio']:.2f} (bound {BOUND})"
            )
        sys.stdout.write(f"{name}, {told}\n")
    return 0 if options.checks or all(each["ratio"] <= BOUND for each in figures.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
