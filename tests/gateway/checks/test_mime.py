"""The check of what mail programs do not agree on."""

import asyncio
import hashlib
from pathlib import Path

import pytest

from gateway.checks.base import Seen, View
from gateway.checks.dissecting import AT_ONCE, Dissecting, opened
from gateway.checks.mime import SMALL, Mime
from gateway.mail.client import Client
from gateway.mail.decisions import Action
from gateway.mail.findings import Outcome
from gateway.mail.message import Content, head_of
from gateway.mime.words import Anatomy
from gateway.policy.defaults import CHECKS, THRESHOLDS
from gateway.policy.matching import Policy
from gateway.policy.snapshot import Mode, Snapshot
from tests.lies.building import TEXT, ZIP, base64_of, message, mixed, part

POLICY = Policy(Snapshot(1, "2026-01-01T00:00:00Z", "test"))
ATTACHED = part("Content-Type: application/zip", "Content-Transfer-Encoding: base64", body=base64_of(ZIP))
HIDDEN = mixed(TEXT, ATTACHED, parameters='boundary="decoy"; boundary="outer"')


def view(raw: bytes, path: Path | None = None) -> View:
    """A view of a message in memory, or in a file."""
    memory = None if path is not None else raw
    if path is not None:
        path.write_bytes(raw)
    content = Content(len(raw), hashlib.sha256(raw).hexdigest(), head_of(raw), memory=memory, path=path)
    return View(policy=POLICY, node="mx.example.test", listener="inbound", client=Client("192.0.2.1"), content=content)


async def look(at: View) -> Seen:
    """What the check sees."""
    seen = Mime(Dissecting()).look(at)
    return seen if isinstance(seen, Seen) else await seen


def weights(seen: Seen) -> dict[str, float]:
    """The symbols with their weights."""
    return {each.symbol: each.weight for each in seen.findings}


async def test_well_formed_mail_is_a_miss() -> None:
    assert (await look(view(mixed(TEXT, ATTACHED)))).outcome is Outcome.MISS


async def test_a_hidden_attachment_weighs_enough_to_quarantine() -> None:
    seen = await look(view(HIDDEN))
    assert weights(seen)["MIME_HIDDEN_ATTACHMENT"] >= THRESHOLDS.quarantine
    assert seen.findings[0].facts == {"part": "1"}


async def test_oddities_with_nothing_behind_them_never_add_up_to_much() -> None:
    fields = [f"Content-Type: text/{each}\r\nContent-Transfer-Encoding: {each}bit" for each in range(9)]
    raw = message(
        " Content-Type: text/html", "Content-Type : text/plain; boundary=b; boundary=c", *fields, body=b"hello"
    )
    seen = await look(view(raw))
    assert len(seen.findings) > 2
    assert sum(weights(seen).values()) <= SMALL < THRESHOLDS.tag


async def test_what_was_not_read_to_its_end_weighs_enough_to_quarantine() -> None:
    seen = await look(view(b"X-A: " + b"a" * 300_000 + b"\r\n\r\nhello"))
    assert weights(seen) == {"MIME_LIMITS": THRESHOLDS.quarantine}


async def test_a_piece_of_a_message_weighs_enough_to_quarantine() -> None:
    seen = await look(view(message("Content-Type: message/partial; number=1; total=2; id=x", body=b"x")))
    assert weights(seen)["MIME_PARTIAL"] >= THRESHOLDS.quarantine


async def test_a_symbol_is_told_once_with_how_often_it_was_seen() -> None:
    seen = await look(view(mixed(*[part("Content-Type: text/plain;; charset=x", body=b"x")] * 3)))
    (finding,) = seen.findings
    assert (finding.symbol, finding.detail.endswith("(and 2 more)")) == ("MIME_TYPE", True)


async def test_each_symbol_that_can_come_is_explained() -> None:
    seen = await look(view(HIDDEN))
    assert set(weights(seen)) <= set(Mime.symbols)


async def test_a_message_in_a_file_is_read_in_a_thread_and_seen_alike(tmp_path: Path) -> None:
    raw = HIDDEN + b"x" * AT_ONCE
    of_file = view(raw, tmp_path / "message")
    assert isinstance(Dissecting().of(of_file), asyncio.Future)
    assert weights(await look(view(raw, tmp_path / "message"))) == weights(await look(view(raw)))


async def test_checks_share_one_anatomy(tmp_path: Path) -> None:
    for shared in (view(HIDDEN), view(HIDDEN, tmp_path / "message")):
        assert Dissecting().of(shared) is Dissecting().of(shared)


async def test_a_file_that_is_gone_is_an_error_and_never_a_miss(tmp_path: Path) -> None:
    gone = view(HIDDEN, tmp_path / "message")
    (tmp_path / "message").unlink()
    with pytest.raises(OSError, match="message"):
        await look(gone)


def test_an_empty_file_can_be_opened(tmp_path: Path) -> None:
    content = view(b"", tmp_path / "message").content
    assert content is not None
    with opened(content) as raw:
        assert raw == b""


async def test_without_content_it_is_skipped() -> None:
    nothing = View(policy=POLICY, node="mx", listener="inbound", client=Client("192.0.2.1"))
    assert (await look(nothing)).outcome is Outcome.SKIPPED
    assert Dissecting().of(nothing) == Anatomy(())


def test_it_is_scored_by_default_and_defers_where_it_can_not_tell() -> None:
    assert (CHECKS["mime"].mode, CHECKS["mime"].on_failure) == (Mode.SCORE, Action.DEFER)
