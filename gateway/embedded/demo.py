"""The demo: sends real messages through the running gateway and compares what became of them with what must.

Three sources are asked, and must agree: the reply, the trace in the database, and the bundled sink's folder.
"""

import json
import re
import smtplib
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from gateway import installation
from gateway.config import Config
from gateway.embedded.demo_messages import Sample
from gateway.embedded.ports import split
from gateway.mail.decisions import Disposition
from gateway.models import Transaction
from gateway.services.clamd import ScannerError, ping_version

TRACE_SECONDS = 5.0  # that a trace may take into the database
SCANNER_SECONDS = 90.0  # that clamd may take to load its signatures
_POLL_SECONDS = 0.1
_REPLY_SECONDS = 60.0
_ID = re.compile(r"\bid ([0-9A-Z]{26})\b")


class DemoError(Exception):
    """The demo can't be run. The text says why, and what to do."""


class Row(msgspec.Struct, frozen=True):
    """What was sent, the reply, what became of it, what was expected. ``differs`` is empty where all is as expected."""

    sent: str
    reply: str
    became: str
    expected: str
    differs: str
    page: str = ""


def require_scanner(config: Config) -> None:
    """Wait until clamd answers, for every message would be deferred before. Raises DemoError."""
    until = time.monotonic() + SCANNER_SECONDS
    while True:
        try:
            ping_version(config.clamd_address)
        except ScannerError as error:
            if time.monotonic() > until:
                raise DemoError(f"clamd doesn't answer, so mail is deferred: {error}") from error
            time.sleep(_POLL_SECONDS)
        else:
            return


def play(config: Config, sample: Sample, token: str) -> Row:
    """Send one message and find out what became of it. Raises DemoError where nobody listens."""
    sink = config.home / "sink"
    before = set(sink.glob("*.eml"))
    helo = f"{re.sub(r'[^a-z]+', '-', sample.name.lower())}.{token}.demo.example.net"
    reply = _send(config, sample, helo)
    found = _trace(reply, helo)
    kept = _kept(sorted(set(sink.glob("*.eml")) - before), token)
    return Row(
        sent=f"{sample.name}: <{sample.sender}> to {', '.join(sample.recipients)}",
        reply=_short(reply),
        became=_became(found),
        expected=_expected(sample),
        differs="; ".join(_differences(sample, reply, found, kept)),
        page=f"{config.console.url.rstrip('/')}/messages/{found.pk}/" if found is not None else "",
    )


class _Kept(msgspec.Struct, frozen=True):
    """One message at the sink."""

    recipients: tuple[str, ...]
    content: bytes


def _send(config: Config, sample: Sample, helo: str) -> str:
    """Send over SMTP; gives the reply that decided: the first refusal, or the one to the final dot."""
    listeners = config.smtp.outbound if sample.listener == "outbound" else config.smtp.inbound
    if not listeners:
        raise DemoError(f"there is no {sample.listener} listener; see smtp.{sample.listener}")
    host, port = split(listeners[0])
    try:
        with smtplib.SMTP(host, port, local_hostname=helo, timeout=_REPLY_SECONDS) as client:
            return _text(_talk(client, sample))
    except OSError as error:
        # smtplib's own errors are of this kind as well.
        raise DemoError(
            f"{host}:{port}: {error}; is the gateway running? Start it with: {installation.START}"
        ) from error


def _talk(client: smtplib.SMTP, sample: Sample) -> tuple[int, bytes]:
    """Hold the conversation up to the reply that decides."""
    client.ehlo_or_helo_if_needed()
    said = client.mail(sample.sender, [f"SIZE={sample.declared}"] if sample.declared else [])
    for recipient in sample.recipients:
        if said[0] >= 400:  # noqa: PLR2004 - the first code that refuses
            return said
        said = client.rcpt(recipient)
    if said[0] >= 400:  # noqa: PLR2004 - as above
        return said
    if not sample.raw:
        return client.data(sample.content)
    said = client.docmd("DATA")
    if said[0] == 354:  # noqa: PLR2004 - go ahead, RFC 5321 4.2.3
        client.send(sample.content)
        said = client.getreply()
    return said


def _text(said: tuple[int, bytes]) -> str:
    """Give a reply as one line."""
    return f"{said[0]} {said[1].decode('ascii', 'replace')}".replace("\n", " ")


def _short(reply: str) -> str:
    """Give a reply without the id, which the page's address holds."""
    return _ID.sub("", reply).rstrip(", ")


def _trace(reply: str, helo: str) -> Transaction | None:
    """Find the transaction, by the id in the reply or by the name that we gave; waits for ingest."""
    until = time.monotonic() + TRACE_SECONDS
    wanted = {"pk": named[1]} if (named := _ID.search(reply)) else {"helo": helo}
    while True:
        found = Transaction.objects.filter(**wanted).prefetch_related("recipients").first()
        if found is not None or time.monotonic() > until:
            return found
        time.sleep(_POLL_SECONDS)


def _kept(files: list[Path], token: str) -> list[_Kept]:
    """Read what has come to the sink of this run."""
    kept = []
    for path in files:
        content = path.read_bytes()
        if token.lower().encode() in content.lower():
            described = json.loads(path.with_suffix(".json").read_text())
            kept.append(_Kept(tuple(described["recipients"]), content))
    return kept


def _became(found: Transaction | None) -> str:
    """Say what the trace says."""
    if found is None:
        return "no trace"
    fates = [
        f"{each.address.partition('@')[0]}: {_fate(each.disposition, each.action)}" for each in found.recipients.all()
    ]
    return ", ".join(fates) or found.disposition


def _fate(disposition: str, action: str) -> str:
    """Say what became of one copy."""
    return f"{disposition}, tagged" if (disposition, action) == ("delivered", "tag") else disposition


def _expected(sample: Sample) -> str:
    """Say what must become of it."""
    tag = ", tagged" if sample.tagged else ""
    fates = (
        f"{who.partition('@')[0]}: {what.value}{tag if what is Disposition.DELIVERED else ''}"
        for who, what in sample.fates.items()
    )
    return f"{sample.code} {sample.enhanced}; {', '.join(fates)}"


def _differences(sample: Sample, reply: str, found: Transaction | None, kept: list[_Kept]) -> Iterator[str]:
    """Say each thing that is not as expected."""
    if not reply.startswith(f"{sample.code} {sample.enhanced} "):
        yield f"the reply is {reply}"
    if found is None:
        yield f"no trace in the database within {TRACE_SECONDS:.0f} s"
    else:
        fates = {each.address: each.disposition for each in found.recipients.all()}
        for who, what in sample.fates.items():
            # A message refused at MAIL has no recipients; then the transaction's own word counts.
            if fates.get(who, found.disposition) != what:
                yield f"{who} is {fates.get(who, found.disposition) or 'open'}"
    yield from _differences_at_sink(sample, kept)


def _differences_at_sink(sample: Sample, kept: list[_Kept]) -> Iterator[str]:
    """Say what the sink has too much, or lacks."""
    if sample.never and any(sample.never in each.content for each in kept):
        yield "what was smuggled has reached the sink"
    if not sample.delivered_to:
        if kept:
            yield f"{len(kept)} at the sink"
        return
    if len(kept) != 1:
        yield f"{len(kept)} at the sink instead of one"
        return
    if sorted(kept[0].recipients) != sorted(sample.delivered_to):
        yield f"at the sink for {', '.join(kept[0].recipients)}"
    if not kept[0].content.endswith(sample.content):
        yield "at the sink with other octets than were sent"
    if sample.tagged and b"\r\nX-Spam-Flag: YES\r\n" not in b"\r\n" + kept[0].content:
        yield "at the sink without X-Spam-Flag"
