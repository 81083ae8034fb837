"""The rest of the world on loopback: listeners that take all mail and count it. It keeps no mail and sends none.

Each listener has a name, so that mail is told apart by the server that sends it there. Prints JSON lines: first
``{"ports": {name: port}}``, then ``{"counts": {name: {kind: N}}}`` whenever something has come; the kind is that of the
forged sender (see ``campaign``), which a bounce has for its recipient, or what a bounce of a storm says of itself; the
word ``tagged`` follows where the message is marked as doubtful.
"""

import argparse
import asyncio
import fnmatch
import json
import re
import sys
from collections import Counter
from collections.abc import Sequence

from smtpfront.lab.bounces import kind_in
from smtpfront.lab.campaign import kind_of
from smtpfront.lab.peer import OK, Reply, listen

_REPORT_SECONDS = 0.2
_DOUBTED = re.compile(rb"^X-Spam-Flag: YES\r$", re.MULTILINE)


class Counting:
    """One listener. ``refuse`` is a pattern, as the shell has it, for recipients whose mailbox is full."""

    def __init__(self, refuse: str = "") -> None:
        """Count from zero."""
        self.counts: Counter[str] = Counter()
        self._refuse = refuse

    def recipient(self, _sender: str, address: str) -> Reply:
        """Answer RCPT."""
        if self._refuse and fnmatch.fnmatchcase(address.lower(), self._refuse):
            return Reply(552, "5.2.2 mailbox full")
        return OK

    async def content(self, _sender: str, recipients: list[str], stuffed: bytes) -> Reply:
        """Count a message for each of its recipients."""
        head = stuffed.partition(b"\r\n\r\n")[0] + b"\r\n"
        kind = kind_in(head)
        tagged = " tagged" if _DOUBTED.search(head) else ""
        self.counts.update((kind or kind_of(each)) + tagged for each in recipients)
        return OK


async def _run(options: argparse.Namespace) -> None:
    """Listen, and report until the process is told to stop."""
    counting = {name: Counting(options.refuse if name == options.mailboxes else "") for name in options.listen}
    listening = {name: await listen(each, "127.0.0.1", 0) for name, each in counting.items()}
    print(json.dumps({"ports": {name: port for name, (_, port) in listening.items()}}), flush=True)  # noqa: T201 - how it is read
    last = 0
    while True:
        await asyncio.sleep(_REPORT_SECONDS)
        now = sum(each.counts.total() for each in counting.values())
        if now != last:
            last = now
            print(json.dumps({"counts": {name: each.counts for name, each in counting.items()}}), flush=True)  # noqa: T201 - as above


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it until it is stopped; gives the exit status."""
    parser = argparse.ArgumentParser(prog="python -m smtpfront.lab.world", description="Take all mail and count it.")
    parser.add_argument("--listen", action="append", required=True, metavar="NAME", help="a listener's name")
    parser.add_argument("--mailboxes", default="", metavar="NAME", help="the listener that refuses")
    parser.add_argument("--refuse", default="", metavar="PATTERN", help="the recipients that it refuses with 552")
    asyncio.run(_run(parser.parse_args(arguments)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
