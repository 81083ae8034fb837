"""What taking messages apart costs, and how often ordinary mail has something odd about it.

    python -m bench.mime [--figures | --odd]

The figures are microseconds of CPU, the best of many rounds, for a multipart mail of 20 KB and a plain one of 12 KB,
beside Python's email parser (compat32); and seconds for mails that are made to take long. The oddities are counted in
ordinary mail from outside (scripts/samples), by symbol and words.
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable
from email import message_from_bytes, policy
from email.mime.application import MIMEApplication
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText

from gateway.mime.reader import dissect
from tests.gateway.mime.test_reader import HOSTILE
from tests.lies import outside

ROUNDS, EACH = 60, 20
TEXT = "Lorem ipsum dolor sit amet, consectetur\nadipiscing elit.\n" * 40
MEGABYTE = 1024 * 1024


def tell(line: str) -> None:
    """Print a line."""
    sys.stdout.write(line + "\n")


def letter() -> bytes:
    """Make a mail of 20 KB: a text, the same as HTML, a file."""
    both, whole = MIMEMultipart("alternative"), MIMEMultipart("mixed")
    both.attach(MIMEText(TEXT))
    both.attach(MIMEText("<html><body>" + TEXT.replace("\n", "<br>\n") * 2 + "</body></html>", "html", "utf-8"))
    whole.attach(both)
    whole.attach(MIMEApplication(bytes(each * 7 % 256 for each in range(7000)), Name="report.pdf"))
    whole["Subject"], whole["From"], whole["To"] = "The report", "them@other.test", "alice@example.test"
    for number in range(12):
        whole[f"X-Field-{number}"] = "a value of a field that nobody reads"
    return whole.as_bytes().replace(b"\n", b"\r\n")


def plain() -> bytes:
    """Make a mail without any field of MIME."""
    return b"Subject: hello\r\nFrom: them@other.test\r\n\r\n" + TEXT.encode().replace(b"\n", b"\r\n") * 5


def best(*works: Callable[[], object]) -> list[float]:
    """Give the least CPU that each takes, in microseconds, measured by turns."""
    least = [float("inf")] * len(works)
    for _ in range(ROUNDS):
        for at, work in enumerate(works):
            began = time.process_time_ns()
            for _ in range(EACH):
                work()
            least[at] = min(least[at], (time.process_time_ns() - began) / EACH / 1000)
    return least


def figures() -> None:
    """Print what it costs."""
    for name, raw in (("multipart", letter()), ("plain", plain())):
        parser, ours = best(
            lambda raw=raw: message_from_bytes(raw, policy=policy.compat32),  # type: ignore[misc]
            lambda raw=raw: dissect(raw),  # type: ignore[misc]
        )
        tell(f"{name:12} {len(raw):7} octets  compat32 {parser:6.0f} us  dissect {ours:6.0f} us  {ours / parser:.2f}")
    for name, made in HOSTILE.items():
        raw = made()
        began = time.process_time()
        anatomy = dissect(raw)
        took = time.process_time() - began
        tell(f"{name:32} {len(raw) / MEGABYTE:5.1f} MB {took:6.2f} s  {len(anatomy.parts):4} parts  {anatomy.cut}")


def odd() -> None:
    """Print how often ordinary mail has something odd about it."""
    symbols: Counter[str] = Counter()
    words: Counter[tuple[str, float, str]] = Counter()
    mails = multiparts = 0
    for _, _, raw in outside.mails():
        anatomy = dissect(raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))
        mails += 1
        multiparts += len(anatomy.parts) > 1
        symbols.update({each.symbol for each in anatomy.oddities} | ({"MIME_LIMITS"} if anatomy.cut else set()))
        words.update({(each.symbol, each.points, each.detail.partition("'")[0]) for each in anatomy.oddities})
    tell(f"{mails} mails, {multiparts} of several parts")
    for symbol, count in symbols.most_common():
        tell(f"{symbol:24} {count:5} {count / mails:7.2%}")
        for (of, points, detail), times in words.most_common():
            if of == symbol:
                tell(f"    {times:5}  {points:3} points  {detail}")


def main() -> int:
    """Print both, or one."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--figures", action="store_true", help="what it costs only")
    arguments.add_argument("--odd", action="store_true", help="what is odd in ordinary mail only")
    asked = arguments.parse_args()
    if not asked.odd:
        figures()
    if not asked.figures:
        odd()
    return 0


if __name__ == "__main__":
    sys.exit(main())
