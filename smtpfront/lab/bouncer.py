"""An after-queue content filter as it is widely run: its mail server has said 250 long ago, so its 550 makes a bounce.

It stands for what this gateway is compared with, and is used by nothing else. It judges by the facts that the gateway
judges by, the same spam rules and the same clamd; what it lets pass goes back to its mail server's second port.
"""

import argparse
import asyncio
import json
import re
import sys
from collections.abc import Sequence

from gateway.checks.base import View
from gateway.checks.spam import Spam
from gateway.mail.client import Client as ConnectedClient
from gateway.mail.message import Content, head_of
from gateway.policy.matching import Policy
from gateway.policy.snapshot import Snapshot, Thresholds
from gateway.services.clamd import Clamd, ScannerError
from smtpfront.lab.peer import OK, Client, Reply, listen

_SCANS_AT_ONCE = 8
_SCAN_SECONDS = 30.0
_STUFFED = re.compile(rb"^\.\.", re.MULTILINE)


class ContentFilter:
    """The filter: one handler for all connections of its mail server."""

    def __init__(self, clamd: Clamd, host: str, port: int) -> None:
        """Take the scanner, and where mail goes back to."""
        self._clamd = clamd
        self._back = host, port
        self._idle: list[Client] = []
        self._spam = Spam()
        self._policy = Policy(Snapshot(revision=1, published="", by="lab"))

    def recipient(self, _sender: str, _address: str) -> Reply:
        """Accept everybody: it knows no users."""
        return OK

    async def content(self, sender: str, recipients: list[str], stuffed: bytes) -> Reply:
        """Refuse spam and viruses, hand the rest back."""
        raw = _STUFFED.sub(b".", stuffed)
        content = Content(len(raw), "", head_of(raw), memory=raw)
        if self._score(content) >= Thresholds().reject:
            return Reply(550, "5.7.1 this is spam")
        try:
            if not (await self._clamd.scan(content)).clean:
                return Reply(550, "5.7.1 this is a virus")
        except ScannerError as error:
            return Reply(451, f"4.3.0 {error}")
        for recipient in recipients:
            if not (reply := await self._hand_back(sender, recipient, stuffed)).good:
                return reply if reply.code else Reply(451, "4.3.0 the mail server has gone")
        return OK

    def _score(self, content: Content) -> float:
        """Give the points of the gateway's spam rules."""
        view = View(
            policy=self._policy, node="lab", listener="inbound", client=ConnectedClient("127.0.0.1"), content=content
        )
        return sum(finding.weight for finding in self._spam.look(view).findings)

    async def _hand_back(self, sender: str, recipient: str, stuffed: bytes) -> Reply:
        """Give a message back to the mail server."""
        client = self._idle.pop() if self._idle else await Client.connect(*self._back, "filter.invalid")
        if client is None:
            return Reply(0)
        reply = await client.deliver(sender, recipient, stuffed)
        if client.usable:
            self._idle.append(client)
        return reply


async def _run(options: argparse.Namespace) -> None:
    """Listen until the process is told to stop."""
    host, _, port = options.back.rpartition(":")
    clamd = Clamd(options.clamd, _SCAN_SECONDS, _SCANS_AT_ONCE)
    server, own = await listen(ContentFilter(clamd, host, int(port)), "127.0.0.1", 0)
    print(json.dumps({"ports": {"filter": own}}), flush=True)  # noqa: T201 - how it is read
    await server.serve_forever()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it until it is stopped; gives the exit status."""
    parser = argparse.ArgumentParser(prog="python -m smtpfront.lab.bouncer", description="An after-queue filter.")
    parser.add_argument("--back", required=True, metavar="HOST:PORT", help="where clean mail goes back to")
    parser.add_argument("--clamd", required=True, metavar="ADDRESS", help="the scanner's socket, or host:port")
    asyncio.run(_run(parser.parse_args(arguments)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
