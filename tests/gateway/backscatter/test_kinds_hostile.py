"""Hostile input: the work is bounded, and nothing raises."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.backscatter.kinds import classify
from gateway.backscatter.words import Kind

HEAD = b"From: MAILER-DAEMON@example.com\r\nSubject: failure notice\r\n"
SECONDS = 5.0  # of this process: far from what it takes, and from what the square of megabytes would

NESTED = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (at, at) for at in range(1000))
HOSTILE = {
    "megabytes of headers": HEAD + b"X-A: b\r\n" * 500_000 + b"\r\nx",
    "one header of megabytes": HEAD + b"Subject: " + b"a" * 5_000_000 + b"\r\n\r\nx",
    "a header folded without end": HEAD + b"Content-Type: text/plain\r\n" + b" a=b;\r\n" * 500_000,
    "a hundred thousand parts": HEAD
    + b"Content-Type: multipart/report; boundary=b\r\n\r\n"
    + b"--b\r\nContent-Type: message/rfc822\r\n\r\nx\r\n" * 100_000,
    "a thousand multiparts inside each other": HEAD + NESTED,
    "a charset that is no charset": HEAD + b"Content-Type: text/plain; charset=punycode\r\n\r\n" + b"a-" * 100_000,
    "encoded words without end": HEAD[:-2] + b"=?utf-8?q?" * 100_000 + b"\r\n\r\n",
    "a character reference of many digits": HEAD + b"Content-Type: text/html\r\n\r\n&#" + b"9" * 10_000 + b";",
    "tags that never close": HEAD + b"Content-Type: text/html\r\n\r\n" + b"<style" * 100_000,
    "quotes without end": HEAD + b"\r\n" + b">" * 1_000_000,
    "no line at all": b"a" * 10_000_000,
}


@pytest.mark.parametrize("raw", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_mail_costs_little(raw: bytes) -> None:
    started = time.process_time()
    assert classify(raw, sender="").kind in {Kind.BOUNCE, Kind.NONE}
    assert time.process_time() - started < SECONDS


PIECES = st.sampled_from(
    [
        b"From: MAILER-DAEMON@example.com\n", b"Subject: failure notice\n", b"Subject: =?utf-16?b?//8=?=\n", b"\n",
        b"Content-Type: multipart/report; report-type=delivery-status; boundary=b\n", b"--b\n", b"--b--\n",
        b"Content-Type: message/delivery-status\n", b"Content-Type: text/html; charset=hz\n", b"Action: failed\n",
        b"Content-Transfer-Encoding: base64\n", b"Content-Transfer-Encoding: quoted-printable\n", b"&#xD800;<a",
        b"=\n=3", b"\r\n",
    ]
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(PIECES, st.binary(max_size=40)), max_size=30), st.sampled_from([None, "", "a@example.com"]))
def test_nothing_raises(pieces: list[bytes], sender: str | None) -> None:
    assert classify(b"".join(pieces), sender=sender).kind in Kind
