"""Undoing encodings: what each kind of reader makes of the same octets."""

import base64
import binascii
import struct
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.mime.decoding import BLOCK, decoded, readings, whole
from gateway.mime.reader import dissect
from tests.lies.building import mixed, part

ENCODINGS = [
    "7bit",
    "base64",
    "base64-first",
    "base64-joined",
    "base64-stop",
    "base64-lines",
    "base64-url",
    "quoted-printable",
    "quoted-printable-loose",
    "uuencode",
    "uuencode-bare",
    "yenc",
    "binhex",
    "binhex-header",
    "base64+quoted-printable",
    "base64+signed",
    "base64+apple",
    "guess-base64",
    "never-heard-of",
]


def undone(encoding: str, *blocks: bytes) -> bytes:
    """What comes out."""
    return b"".join(decoded(encoding, iter(blocks)))


@pytest.mark.parametrize(
    ("encoding", "encoded", "plain"),
    [
        ("base64", b"aGVs\r\nbG8=\r\n", b"hello"),
        ("base64", b"aGVs*bG8", b"hello"),
        ("base64", b"aGVsbG8=IHdvcmxk", b"hello world"),
        ("base64-first", b"aGVsbG8=IHdvcmxk", b"hello"),
        ("base64-joined", b"aGV=sbG8", b"hello"),
        ("base64-stop", b"aGVs*bG8", b"hel"),
        ("base64-lines", b"aGVsbG8\r\naGVs\r\n", b"hellohel"),
        ("base64-url", b"-_8", b"\xfb\xff"),
        ("quoted-printable", b"a=3Db=\r\nc= \t\r\nd", b"a=bcd"),
        ("quoted-printable", b"no escape: =XY =", b"no escape: =XY "),
        ("quoted-printable-loose", b"=4=\r\n1=\r2", b"A2"),
        ("uuencode", b"see:\r\nbegin 644 x\r\n%:&5L;&\\`\r\n`\r\nend\r\nmore", b"hello"),
        ("uuencode-bare", b"%:&5L;&\\`\r\n`\r\n", b"hello"),
        ("yenc", b"=ybegin line=128 size=6 name=x\r\n\x92\x8f\x96\x96\x99=\x4a\r\n=yend size=6\r\n", b"hello\xe0"),
        ("base64+quoted-printable", base64.b64encode(b"a=3Db"), b"a=b"),
        ("7bit", b"as it is", b"as it is"),
        ("never-heard-of", b"as it is", b"as it is"),
    ],
)
def test_a_reading_of_octets(encoding: str, encoded: bytes, plain: bytes) -> None:
    assert undone(encoding, encoded) == plain


def test_binhex_gives_the_data_behind_its_header() -> None:
    alphabet = b"!\"#$%&'()*+,-012345689@ABCDEFGHIJKLMNPQRSTUVXYZ[`abcdefhijklmpqr"
    usual = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    file = b"\5a.exe\0APPLAPPL\0\0" + (8).to_bytes(4, "big") + b"\0" * 4 + b"\0\0" + b"run\x90\4er"
    text = binascii.b2a_base64(file, newline=False).rstrip(b"=").translate(bytes.maketrans(usual, alphabet))
    raw = b"(This file must be converted with BinHex 4.0)\r\n:" + text + b":\r\n"
    assert undone("binhex", raw).startswith(b"runnnner")


@pytest.mark.parametrize("cut", [1, 30, 1000])
def test_of_an_apple_single_file_the_data_fork_is_given(cut: int) -> None:
    entries = struct.pack(">III", 3, 50, 6) + struct.pack(">III", 1, 56, 2000)
    file = struct.pack(">II16xH", 0x00051600, 0x00020000, 2) + entries + b"letter" + b"program." * 250 + b"rest"
    encoded = base64.b64encode(file)
    blocks = [encoded[at : at + cut] for at in range(0, len(encoded), cut)]
    assert undone("base64+apple", *blocks) == b"program." * 250


def test_what_is_no_apple_single_file_has_no_data_fork() -> None:
    assert undone("base64+apple", base64.b64encode(b"%PDF-1.7 " * 100)) == b""


@given(plain=st.binary(max_size=300), cut=st.integers(1, 50))
@pytest.mark.parametrize("encoding", ["base64", "base64-lines", "quoted-printable", "quoted-printable-loose"])
def test_it_makes_no_difference_in_which_blocks_octets_come(encoding: str, plain: bytes, cut: int) -> None:
    encoded = base64.encodebytes(plain) if encoding.startswith("base64") else binascii.b2a_qp(plain, istext=False)
    blocks = [encoded[at : at + cut] for at in range(0, len(encoded), cut)]
    assert undone(encoding, *blocks) == undone(encoding, encoded) == plain


@given(octets=st.binary(max_size=400))
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_nothing_makes_it_raise(encoding: str, octets: bytes) -> None:
    undone(encoding, octets[:100], octets[100:])


def test_an_overlong_line_is_undone_without_tearing_its_escapes() -> None:
    assert undone("quoted-printable", *[b"=41" * 10_000] * 100, b"=4", b"1") == b"A" * 1_000_001


def test_a_body_is_never_held_whole() -> None:
    raw = mixed(part("Content-Transfer-Encoding: base64", body=b"QUJD" * BLOCK))
    leaf = dissect(raw).parts[-1]
    (reading,) = readings(raw, leaf)
    assert max(map(len, reading.blocks)) <= BLOCK


def test_the_first_octets_are_had_without_the_rest() -> None:
    assert whole((b"%d" % each for each in iter(int, 1)), 5) == b"00000"


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("octet", [b"\n", b"=", b":", b" ", b"=\n", b"M\n", b"\x90", b"A", b"begin \n", b"=y"])
def test_no_octets_take_long(encoding: str, octet: bytes) -> None:
    blocks = (octet * (BLOCK // len(octet)) for _ in range(32))
    began = time.process_time()
    for _ in decoded(encoding, blocks):
        pass
    assert time.process_time() - began < 20  # seconds of this process for two megabytes
