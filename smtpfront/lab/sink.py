"""A next hop that keeps what it gets: for the first start, the demo and tests. It never sends mail on.

Each message becomes two files, ``<time>-<number>.eml`` with its octets as they came and ``.json`` with its envelope. It
can be told to misbehave, so that what a gateway does then can be seen.
"""

import argparse
import asyncio
import fnmatch
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from aiosmtpd.smtp import SMTP, Envelope, Session

_LINE_LIMIT = 1024 * 1024  # octets; real mail has lines beyond the 1,000 of RFC 5321 4.5.3.1.6
_SIZE_LIMIT = 100 * 1024 * 1024  # octets


class Behaviour(msgspec.Struct, frozen=True):
    """How it misbehaves. Codes are reply codes, 0 for the normal one.

    ``refuse`` pairs a pattern for recipients, as the shell has it, with the code that they get; the first that fits
    counts. ``hang_up_after`` is ``rcpt`` (the reply to RCPT is sent) or ``dot`` (no reply, and nothing kept). ``delay``
    is in seconds, before the reply to the final dot.
    """

    ehlo: int = 0
    mail: int = 0
    refuse: tuple[tuple[str, int], ...] = ()
    data: int = 0
    hang_up_after: str = ""
    delay: float = 0.0


class Sink:
    """One listening sink. ``behaviour`` may be changed at any time; it holds for the commands that follow."""

    def __init__(self, folder: Path, behaviour: Behaviour | None = None) -> None:
        """Keep mail in ``folder``, which is made when it starts."""
        self.folder = folder
        self.behaviour = behaviour or Behaviour()
        self.port = 0
        self._server: asyncio.Server | None = None
        self._count = 0

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen; port 0 takes a free one, which ``port`` then names. Raises OSError."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Session(self), host, port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()
            await asyncio.sleep(0)
            self._server = None

    def keep(self, session: Session, envelope: Envelope) -> Path:
        """Write a message and its envelope; the message appears last, and whole."""
        self._count += 1
        now = time.time()
        stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime(now)) + f".{int(now % 1 * 1e6):06d}"
        path = self.folder / f"{stamp}-{self._count:06d}.eml"
        described = {
            "received": now,
            "helo": session.host_name,
            "peer": session.peer[0] if session.peer else "",
            # aiosmtpd keeps the null sender as these two signs, and takes an empty one for none.
            "sender": (envelope.mail_from or "").removeprefix("<>"),
            "parameters": list(envelope.mail_options),
            "recipients": list(envelope.rcpt_tos),
        }
        path.with_suffix(".json").write_text(json.dumps(described, indent=1) + "\n")
        draft = path.with_suffix(".new")
        draft.write_bytes(envelope.original_content or b"")
        return draft.rename(path)

    # What aiosmtpd asks.

    async def handle_EHLO(  # noqa: N802 - aiosmtpd's name and arguments
        self, _server: SMTP, session: Session, _envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        """Answer EHLO."""
        session.host_name = hostname
        if self.behaviour.ehlo:
            return [f"{self.behaviour.ehlo} not today"]
        return [responses[0], "250-PIPELINING", *responses[1:]]

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's name and arguments
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Answer MAIL."""
        if self.behaviour.mail:
            return f"{self.behaviour.mail} not from there"
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 OK"

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name and arguments
        self, server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Answer RCPT."""
        for pattern, code in self.behaviour.refuse:
            if fnmatch.fnmatchcase(address.lower(), pattern.lower()):
                return f"{code} not for {address}"
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        if self.behaviour.hang_up_after == "rcpt":
            _hang_up_soon(server)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - as above
        """Answer the final dot."""
        await asyncio.sleep(self.behaviour.delay)
        if self.behaviour.hang_up_after == "dot":
            if server.transport is not None:
                server.transport.close()
            return "421 4.3.0 gone"
        if self.behaviour.data:
            return f"{self.behaviour.data} not this one"
        return f"250 2.0.0 kept as {self.keep(session, envelope).name}"


class _Session(SMTP):
    """aiosmtpd's server for one connection, with room for long lines."""

    line_length_limit = _LINE_LIMIT

    def __init__(self, sink: Sink) -> None:
        """Serve for a sink."""
        super().__init__(
            sink,
            hostname="sink.example.test",
            ident="Backstop sink",
            data_size_limit=_SIZE_LIMIT,
            enable_SMTPUTF8=True,
            loop=asyncio.get_running_loop(),
        )


def _hang_up_soon(server: SMTP) -> None:
    """Close the connection in the next turn of the loop: the reply that is due is written in this one."""
    if server.transport is not None:
        asyncio.get_running_loop().call_soon(server.transport.close)


def _refusal(text: str) -> tuple[str, int]:
    """Read ``PATTERN=CODE``."""
    pattern, equals, code = text.rpartition("=")
    if not (equals and pattern and code.isdigit() and len(code) == len("550")):
        raise argparse.ArgumentTypeError(f"{text}: the form is PATTERN=CODE, as in bob@*=452")
    return pattern, int(code)


def _parser() -> argparse.ArgumentParser:
    """Give the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m smtpfront.lab.sink", description="A next hop that keeps all it gets."
    )
    parser.add_argument("--listen", default="127.0.0.1:2626", metavar="HOST:PORT", help="where (default: %(default)s)")
    parser.add_argument("--folder", type=Path, required=True, help="where mail is kept")
    parser.add_argument(
        "--refuse-rcpt", type=_refusal, action="append", default=[], metavar="PATTERN=CODE", help="refuse recipients"
    )
    parser.add_argument("--ehlo-reply", type=int, default=0, metavar="CODE", help="answer EHLO with it")
    parser.add_argument("--mail-reply", type=int, default=0, metavar="CODE", help="answer MAIL with it")
    parser.add_argument("--data-reply", type=int, default=0, metavar="CODE", help="answer the final dot with it")
    parser.add_argument("--hang-up-after", choices=("rcpt", "dot"), default="", help="close the connection there")
    parser.add_argument("--delay", type=float, default=0.0, metavar="SECONDS", help="before the last reply")
    return parser


async def _serve(options: Any) -> None:  # noqa: ANN401 - argparse's namespace
    """Listen until the process is told to stop."""
    behaviour = Behaviour(
        ehlo=options.ehlo_reply,
        mail=options.mail_reply,
        refuse=tuple(options.refuse_rcpt),
        data=options.data_reply,
        hang_up_after=options.hang_up_after,
        delay=options.delay,
    )
    sink = Sink(options.folder, behaviour)
    host, _, port = options.listen.rpartition(":")
    await sink.start(host.strip("[]"), int(port))
    print(f"ready: bundled sink on {host}:{sink.port}, keeping mail in {options.folder}", flush=True)  # noqa: T201 - its log
    await asyncio.Event().wait()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a sink; gives the exit status."""
    options = _parser().parse_args(arguments)
    try:
        asyncio.run(_serve(options))
    except OSError as error:
        sys.stderr.write(f"sink: {options.listen}: {error.strerror}\n")
        return 1
    except KeyboardInterrupt:
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
