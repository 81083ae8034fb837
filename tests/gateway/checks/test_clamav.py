"""What the check of clamd makes of its answers, and what it sends of a message whose parts readers do not agree on."""

import base64
import gzip
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.checks import streams
from gateway.checks.base import Seen, View
from gateway.checks.clamav import ClamAv
from gateway.checks.dissecting import Dissecting
from gateway.mail.client import Client
from gateway.mail.findings import Outcome
from gateway.mail.message import Content
from gateway.mime.words import Anatomy, Oddity, Part
from gateway.policy.matching import Policy
from gateway.policy.snapshot import Snapshot
from gateway.services.clamd import Clamd
from tests import samples
from tests.fake_clamd import FakeClamd
from tests.fixtures_clamd import EICAR, clamd_socket

__all__ = ["clamd_socket"]

POLICY = Policy(Snapshot(1, "2026-01-01T00:00:00Z", "test"))
ODD = (Oddity("MIME_ODD", "two boundaries", 3.0),)


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[FakeClamd]:
    with FakeClamd(tmp_path / "fake") as made:
        yield made


class Dissected(Dissecting):
    """Gives an anatomy that the test has made."""

    def __init__(self, anatomy: Anatomy) -> None:
        self.anatomy = anatomy

    def of(self, view: View) -> Anatomy:
        del view
        return self.anatomy


async def look(
    address: str,
    content: Content,
    dissecting: Dissecting | None = None,
    until: float | None = None,
    seconds: float = 60.0,
) -> Seen:
    scanner = Clamd(address, seconds, 2)
    view = View(
        policy=POLICY,
        node="mx.example.test",
        listener="inbound",
        client=Client("192.0.2.1"),
        content=content,
        deadline=until,
    )
    try:
        return await ClamAv(scanner, dissecting or Dissecting()).look(view)
    finally:
        scanner.close()


def part(raw: bytes, body: bytes, path: str, *encodings: str, name: str = "") -> Part:
    """A leaf of a message, found by its body."""
    start = raw.index(body)
    names = (name,) if name else ()
    kind = "application/octet-stream" if name else "text/plain"
    return Part(path, (kind,), names, encodings, "", (start, start), (start, start + len(body)))


async def test_what_is_clean_is_a_miss(fake: FakeClamd) -> None:
    assert (await look(fake.address, samples.content())).outcome is Outcome.MISS


@pytest.mark.parametrize(
    ("said", "symbol"),
    [
        ("stream: Win.Worm-1 FOUND", "VIRUS"),
        ("stream: Heuristics.Limits.Exceeded.MaxFiles FOUND", "SCAN_LIMITS"),
        ("stream: Heuristics.Encrypted.RAR FOUND", "ENCRYPTED"),
        ("stream: Heuristics.Encrypted.PDF FOUND", "ENCRYPTED_DOCUMENT"),
        ("stream: Heuristics.Phishing.Email.SpoofedDomain FOUND", "HEURISTIC"),
        ("INSTREAM size limit exceeded. ERROR", "SCAN_TOO_LARGE"),
    ],
)
async def test_each_answer_has_a_symbol_of_its_own(fake: FakeClamd, said: str, symbol: str) -> None:
    fake.behaviour = said
    seen = await look(fake.address, samples.content())
    assert seen.outcome is Outcome.HIT
    assert [each.symbol for each in seen.findings] == [symbol]
    assert set(ClamAv.symbols) >= {symbol}


@pytest.mark.parametrize(
    ("behaviour", "outcome", "word"),
    [
        ("missing", Outcome.ERROR, "down: "),
        ("slow", Outcome.TIMEOUT, "slow: "),
        ("empty", Outcome.ERROR, "empty answer: "),
        ("cut", Outcome.ERROR, "cut answer: "),
        ("garbage", Outcome.ERROR, "garbage: "),
        ("hangs up", Outcome.ERROR, "hung up: "),
        ("no space", Outcome.ERROR, "failed: "),
    ],
)
async def test_a_scanner_that_can_not_tell_is_no_miss(
    tmp_path: Path, behaviour: str, outcome: Outcome, word: str
) -> None:
    octets = b"x" * 3_000_000 if behaviour == "hangs up" else samples.MESSAGE
    with FakeClamd(tmp_path / "own", behaviour) as fake:
        seen = await look(fake.address, samples.content(octets), seconds=0.3 if behaviour == "slow" else 60.0)
    assert seen.outcome is outcome
    assert seen.detail.startswith(word)


async def test_a_budget_that_is_spent_is_a_timeout_that_says_so(fake: FakeClamd) -> None:
    seen = await look(fake.address, samples.content(), until=0.0)
    assert (seen.outcome, seen.detail) == (Outcome.TIMEOUT, "slow: no time was left for a scan")
    assert fake.streams == []


async def test_each_reading_of_each_part_of_a_broken_message_is_scanned(fake: FakeClamd) -> None:
    inner = base64.b64encode(b"first reading")
    raw = b"Subject: x\r\n\r\nplain text\r\n" + inner + b"\r\n<b>html</b>\r\n"
    anatomy = Anatomy(
        (
            part(raw, b"plain text", "1.1", "7bit"),
            part(raw, inner, "1.2", "base64", "7bit", name="x.exe"),
            part(raw, b"<b>html</b>", "1.3", "7bit", name="page.html"),
        ),
        ODD,
    )
    seen = await look(fake.address, samples.content(raw), Dissected(anatomy))
    assert seen.outcome is Outcome.MISS
    assert fake.streams == [raw, b"first reading", inner, b"<b>html</b>"]


async def test_parts_that_all_readers_agree_on_are_left_to_clamd(fake: FakeClamd) -> None:
    raw = b"Subject: x\r\n\r\nSGVsbG8="
    anatomy = Anatomy((part(raw, b"SGVsbG8=", "1", "base64", name="x.exe"),))
    await look(fake.address, samples.content(raw), Dissected(anatomy))
    assert fake.streams == [raw]


@pytest.mark.parametrize("on_disk", [False, True])
async def test_a_virus_in_a_part_that_clamd_does_not_see_is_found(
    clamd_socket: str, tmp_path: Path, *, on_disk: bool
) -> None:
    hidden = base64.b64encode(EICAR)
    raw = b"Subject: x\r\n\r\n" + b"text\r\n" * 20_000 + hidden + b"\r\n"
    content = samples.content(raw, tmp_path / "m" if on_disk else None)
    anatomy = Anatomy((part(raw, hidden, "1.2", "7bit", "base64", name="x.exe"),), ODD)
    assert (await look(clamd_socket, content, Dissected(Anatomy(())))).outcome is Outcome.MISS

    seen = await look(clamd_socket, content, Dissected(anatomy))

    assert seen.outcome is Outcome.HIT
    assert [each.symbol for each in seen.findings] == ["VIRUS"]
    assert seen.findings[0].facts["part"] == "part 1.2 (x.exe) read as base64"


async def test_a_scanner_that_fails_at_a_part_is_no_miss(fake: FakeClamd) -> None:
    raw = b"Subject: x\r\n\r\nSGVsbG8="

    class Breaking(Dissected):
        def of(self, view: View) -> Anatomy:
            fake.behaviour = "empty"
            return super().of(view)

    anatomy = Anatomy((part(raw, b"SGVsbG8=", "1", "base64", name="x.exe"),), ODD)
    assert (await look(fake.address, samples.content(raw), Breaking(anatomy))).outcome is Outcome.ERROR


@pytest.mark.parametrize(("bound", "value"), [("MAX_STREAMS", 3), ("MAX_OCTETS", 30)])
async def test_what_the_bound_cuts_is_a_finding(
    fake: FakeClamd, monkeypatch: pytest.MonkeyPatch, bound: str, value: int
) -> None:
    monkeypatch.setattr(streams, bound, value)
    bodies = [b"0123456789", b"1234567890", b"2345678901", b"3456789012", b"4567890123"]
    raw = b"Subject: x\r\n\r\n" + b"".join(bodies)
    anatomy = Anatomy(tuple(part(raw, body, f"1.{at}", "7bit", name="x") for at, body in enumerate(bodies)), ODD)
    seen = await look(fake.address, samples.content(raw), Dissected(anatomy))
    assert [each.symbol for each in seen.findings] == ["SCAN_LIMITS"]
    assert seen.findings[0].detail == "2 of 5 readings of its parts were not scanned"
    assert len(fake.streams) == 4


async def test_parts_that_were_not_found_are_a_finding(fake: FakeClamd) -> None:
    seen = await look(fake.address, samples.content(), Dissected(Anatomy((), cut="more than 1000 parts")))
    assert [each.symbol for each in seen.findings] == ["SCAN_LIMITS"]


async def test_the_same_finding_of_many_parts_is_told_once(fake: FakeClamd) -> None:
    fake.behaviour = "stream: Heuristics.Encrypted.Zip FOUND"
    raw = b"Subject: x\r\n\r\none two three"
    words = (b"one", b"two", b"three")
    anatomy = Anatomy(tuple(part(raw, each, f"1.{each.decode()}", "7bit", name="x") for each in words), ODD)
    seen = await look(fake.address, samples.content(raw), Dissected(anatomy))
    assert len(fake.streams) == 4
    assert [each.symbol for each in seen.findings] == ["ENCRYPTED"]


Hide = Callable[[bytes], bytes]


def two_boundaries(attachment: bytes) -> bytes:
    return (
        b"From: a@b.test\r\nMIME-Version: 1.0\r\n"
        b'Content-Type: multipart/mixed; boundary="one"; boundary="two"\r\n\r\n'
        b"--one\r\nContent-Type: text/plain\r\n\r\nhello\r\n--one--\r\n"
        b'--two\r\nContent-Type: application/octet-stream; name="x.exe"\r\n'
        b"Content-Transfer-Encoding: base64\r\n\r\n" + base64.b64encode(attachment) + b"\r\n--two--\r\n"
    )


def two_encodings(attachment: bytes) -> bytes:
    return (
        b"From: a@b.test\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=one\r\n\r\n"
        b'--one\r\nContent-Type: application/octet-stream; name="x.exe"\r\n'
        b"Content-Transfer-Encoding: 7bit\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + base64.b64encode(attachment)
        + b"\r\n--one--\r\n"
    )


@pytest.mark.parametrize("hide", [two_boundaries, two_encodings])
async def test_eicar_does_not_hide_behind_broken_mime(clamd_socket: str, hide: Hide) -> None:
    seen = await look(clamd_socket, samples.content(hide(EICAR)))
    assert [each.symbol for each in seen.findings] == ["VIRUS"]


def signed(attachment: bytes) -> bytes:
    return (
        b"From: a@b.test\r\nMIME-Version: 1.0\r\nContent-Type: multipart/signed; boundary=one\r\n\r\n"
        b"--one\r\nContent-Type: text/plain\r\n\r\nhello\r\n"
        b'--one\r\nContent-Type: application/octet-stream; name="x.exe"\r\n'
        b"Content-Transfer-Encoding: base64\r\n\r\n" + base64.b64encode(attachment) + b"\r\n--one--\r\n"
    )


def forwarded(attachment: bytes) -> bytes:
    return (
        b"From: a@b.test\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=two\r\n\r\n"
        b"--two\r\nContent-Type: message/rfc822\r\n\r\n" + signed(attachment) + b"\r\n--two--\r\n"
    )


def message_of_no_kind(attachment: bytes) -> bytes:
    return (
        b"From: a@b.test\r\nMIME-Version: 1.0\r\nContent-Type: message/x-unknown\r\n"
        b"Content-Transfer-Encoding: base64\r\n\r\n" + base64.b64encode(attachment) + b"\r\n"
    )


def apple_single(attachment: bytes) -> bytes:
    file = struct.pack(">II16xHIII", 0x00051600, 0x00020000, 1, 1, 38, len(attachment)) + attachment
    return (
        b"From: a@b.test\r\nMIME-Version: 1.0\r\nContent-Type: application/applefile\r\n"
        b"Content-Transfer-Encoding: base64\r\n\r\n" + base64.b64encode(file) + b"\r\n"
    )


def in_one_long_line(attachment: bytes) -> bytes:
    named = attachment[:3] + b"\x08" + attachment[4:10] + b"letter" * 100 + b"\0" + attachment[10:]  # RFC 1952 2.3
    escaped = b"".join(b"=%02X" % each for each in named)
    return (
        b"From: a@b.test\r\nMIME-Version: 1.0\r\nContent-Type: application/octet-stream\r\n"
        b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + escaped + b"\r\n"
    )


@pytest.mark.parametrize("hide", [signed, forwarded, message_of_no_kind, apple_single, in_one_long_line])
async def test_eicar_does_not_hide_in_sound_mime_that_clamd_passes_over(clamd_socket: str, hide: Hide) -> None:
    content = samples.content(hide(gzip.compress(EICAR)))
    assert (await look(clamd_socket, content, Dissected(Anatomy(())))).outcome is Outcome.MISS
    seen = await look(clamd_socket, content)
    assert [each.symbol for each in seen.findings] == ["VIRUS"]


async def test_only_what_stands_in_an_unusual_container_is_scanned_again(fake: FakeClamd) -> None:
    raw = (
        b"From: a@b.test\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=one\r\n\r\n"
        b"--one\r\nContent-Type: application/pdf; name=a.pdf\r\n\r\nfirst\r\n"
        b"--one\r\nContent-Type: multipart/signed; boundary=two\r\n\r\n"
        b"--two\r\nContent-Type: application/pdf; name=b.pdf\r\n\r\nsecond\r\n--two--\r\n"
        b"--one--\r\n"
    )
    await look(fake.address, samples.content(raw))
    assert fake.streams[0] == raw
    assert b"second" in fake.streams
    assert b"first" not in fake.streams


async def test_what_several_readers_cut_out_alike_is_scanned_once(fake: FakeClamd) -> None:
    raw = b"Subject: x\r\n\r\n0123456789"
    anatomy = Anatomy(tuple(part(raw, b"0123456789", f"1.{at}", "7bit", name=f"{at}.exe") for at in range(5)), ODD)
    await look(fake.address, samples.content(raw), Dissected(anatomy))
    assert fake.streams == [raw, b"0123456789"]


async def test_what_holds_other_parts_is_scanned_where_some_readers_undo_an_encoding_of_it(fake: FakeClamd) -> None:
    inner = base64.b64encode(b"--one\r\n\r\n")
    raw = b"Subject: x\r\n\r\n" + inner
    start = raw.index(inner)
    whole = Part("1", ("multipart/mixed",), (), ("7bit", "base64"), "", (0, start), (start, len(raw)), multipart=True)
    await look(fake.address, samples.content(raw), Dissected(Anatomy((whole,), ODD)))
    assert fake.streams == [raw, b"--one\r\n\r\n"]
