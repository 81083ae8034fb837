"""What judging costs, beside what Python's email parser (compat32) needs for the same message.

    python -m bench.judge [--json]

A bounce of 10 KB may cost five times the parser's time, mail that is not automatic half of it. The ledger is a real
file, and the bounce quotes mail of ours with a seal, so that every proof is looked for.
"""

import argparse
import email
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from gateway.backscatter import batv, seal
from gateway.backscatter.judge import Tools, judge
from gateway.services.ledger import open_ledger

ALICE = "alice@example.org"
ID = "<20261120.77@example.org>"
DATE = "Fri, 20 Nov 2026 10:00:00 +0000"
SECRET = b"the secret of the bench"
DAY = 86_400
BOUNDS = {
    "bounce": 5.0,
    "text bounce": 5.0,
    "short text bounce": 6.0,
    "ordinary mail": 0.5,
    "short ordinary mail": 0.6,
}  # the short ones have no bound of their own in the design: theirs only tell when they become much slower
ROUNDS = 30
REPEATS = 50

_WAY = "".join(
    f"Received: from relay{hop}.far.test (relay{hop}.far.test [192.0.2.{hop}])\r\n\tby mx{hop}.far.test (Postfix) with"
    f" ESMTPS id 4ABC{hop}\r\n\tfor <carol@far.test>; Fri, 20 Nov 2026 10:00:0{hop} +0000 (UTC)\r\n"
    for hop in range(1, 5)
)
_TEXT = "".join(
    f"This is line {line} of what people write to each other on any day of the week.\r\n" for line in range(200)
)


def mail(size: int, *, sealed: bool) -> str:
    """Give ordinary mail of about that many octets, with the headers that mail has."""
    head = (
        f"{_WAY}Authentication-Results: mx1.far.test; spf=pass smtp.mailfrom=example.org; dkim=pass\r\n"
        f"From: Alice <{ALICE}>\r\nTo: Carol <carol@far.test>\r\nSubject: the offer\r\nDate: {DATE}\r\n"
        f"Message-ID: {ID}\r\nMIME-Version: 1.0\r\nUser-Agent: Mozilla Thunderbird\r\nContent-Language: en-GB\r\n"
        "Content-Type: text/plain; charset=UTF-8; format=flowed\r\nContent-Transfer-Encoding: 8bit\r\n"
    )
    if sealed:
        value = seal.make(SECRET, message_id=ID, date=DATE, sender=ALICE, now=time.time() - DAY)
        head += f"{seal.HEADER}: {value}\r\n"
    return (head + "\r\n" + _TEXT)[:size]


_TOP = (
    "Received: from mx1.far.test (mx1.far.test [192.0.2.1]) by mx.example.org; Fri, 20 Nov 2026 10:01:00 +0000\r\n"
    f"From: MAILER-DAEMON@far.test (Mail Delivery System)\r\nTo: {ALICE}\r\nDate: Fri, 20 Nov 2026 10:01:00 +0000\r\n"
    "Subject: Undelivered Mail Returned to Sender\r\nMessage-ID: <1.bounce@far.test>\r\n"
    "Auto-Submitted: auto-replied\r\n"
)
_WORDS = (
    "This is the mail system at host mx1.far.test.\r\n\r\nI'm sorry to have to inform you that your message could\r\n"
    "not be delivered to one or more recipients.\r\n\r\n<carol@far.test>: 550 5.1.1 User unknown\r\n\r\n"
)
_STATUS = (
    "Reporting-MTA: dns; mx1.far.test\r\n\r\n"
    "Final-Recipient: rfc822; carol@far.test\r\nAction: failed\r\nStatus: 5.1.1\r\n"
)


def report(size: int) -> str:
    """Give a bounce in the form of RFC 3464, as Postfix makes it."""
    parts = (("text/plain", _WORDS), ("message/delivery-status", _STATUS), ("message/rfc822", mail(size, sealed=True)))
    kind = 'multipart/report; report-type=delivery-status; boundary="b/1"'
    head = f"{_TOP}MIME-Version: 1.0\r\nContent-Type: {kind}\r\n\r\n"
    body = "".join(f"--b/1\r\nContent-Type: {kind}\r\n\r\n{text}\r\n" for kind, text in parts)
    return f"{head}{body}--b/1--\r\n"


def text_bounce(size: int) -> str:
    """Give a bounce in free text, as qmail makes it."""
    return f"{_TOP}\r\n{_WORDS}--- Below this line is a copy of the message.\r\n\r\n{mail(size, sealed=True)}"


def cost(work: Callable[[], object]) -> float:
    """Give the CPU time of one call, in microseconds, over one round of calls."""
    began = time.process_time()
    for _ in range(REPEATS):
        work()
    return (time.process_time() - began) / REPEATS * 1_000_000


def compare(parsing: Callable[[], object], judging: Callable[[], object]) -> dict[str, float]:
    """Give what both cost, round by round in turn, and the median of the ratios: what slows one slows the other."""
    rounds = [(cost(parsing), cost(judging)) for _ in range(ROUNDS)]
    return {
        "parser": statistics.median(parsed for parsed, _ in rounds),
        "judge": statistics.median(judged for _, judged in rounds),
        "ratio": statistics.median(judged / parsed for parsed, judged in rounds),
    }


def measure() -> dict[str, dict[str, float]]:
    """Measure each kind of message: octets, parser and judge in microseconds, and their ratio."""
    figures = {}
    cases = {
        "bounce": (report(8500), ""),
        "text bounce": (text_bounce(9000), ""),
        "short text bounce": (text_bounce(1000), ""),
        "short ordinary mail": (mail(1300, sealed=False), "carol@far.test"),
        "ordinary mail": (mail(10_000, sealed=False), "carol@far.test"),
    }
    with tempfile.TemporaryDirectory(prefix="bench-") as home:
        ledger, store = open_ledger(Path(home), Path(home) / "secrets")
        ledger.sent(ID, ALICE, ["carol@far.test"], time.time() - DAY)
        tools = Tools(
            keys=(batv.Key(1, SECRET),),
            seal=SECRET,
            ledger=ledger,
            domains={"example.org": time.time() - 100 * DAY},
            nodes=("mx.example.org",),
        )
        for name, (text, sender) in cases.items():
            raw = text.encode()

            def judging(raw: bytes = raw, sender: str = sender) -> object:
                return judge(raw, ALICE, sender=sender, tools=tools, now=time.time())

            def parsing(raw: bytes = raw) -> object:
                return email.message_from_bytes(raw)

            figures[name] = {"octets": len(raw), **compare(parsing, judging)}
        store.close()
    return figures


def main() -> int:
    """Measure, tell, and fail where a bound is broken."""
    parser = argparse.ArgumentParser(description="What judging costs, beside the email parser.")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    figures = measure()
    if parser.parse_args().json:
        sys.stdout.write(json.dumps(figures) + "\n")
    else:
        for name, each in figures.items():
            sys.stdout.write(
                f"{name}, {each['octets']:.0f} octets: parser {each['parser']:.0f} us, judge {each['judge']:.0f} us,"
                f" ratio {each['ratio']:.2f} (bound {BOUNDS[name]})\n"
            )
    return 0 if all(each["ratio"] <= BOUNDS[name] for name, each in figures.items()) else 1


if __name__ == "__main__":
    sys.exit(main())
