"""Hostile mail is shown as far as it goes, and never breaks the page."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.samples import content
from webadmin.quarantine.preview import LINKS, PARTS, Preview, preview, sanitise


def seen(text: str | bytes) -> Preview:
    octets = text if isinstance(text, bytes) else text.encode()
    return preview(content(octets.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")))


def test_plain_text_and_headers_are_shown_with_encoded_words_decoded() -> None:
    shown = seen("From: =?utf-8?q?J=C3=BCrgen?= <j@example.org>\nSubject: =?utf-8?b?R3LDvMOfZQ==?=\n\nHallo\n")
    assert shown.headers == (("From", "Jürgen <j@example.org>"), ("Subject", "Grüße"))
    assert shown.text.strip() == "Hallo"
    assert shown.html == ""


@pytest.mark.parametrize(
    "message",
    [
        "Subject: =?nonsense?q?=FF?=\n\nx",
        "Subject: =?utf-8?b?!!!?=\n\nx",
        "Content-Type: text/plain; charset=nonsense\n\nx",
        "Content-Type: text/plain; charset*=%FF'%FF'%FF\n\nx",
        'Content-Type: text/plain; charset="utf-8\\\x00"\n\nx',
        "Content-Type: multipart/mixed\n\nno boundary",
        "Content-Type: multipart/mixed; boundary=\n\n--\n\nx",
        "Content-Transfer-Encoding: base64\n\n!!!not base64",
        "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\neA==",
        "Content-Disposition: attachment; filename*=%ZZ'%ZZ'%ZZ\n\nx",
        "no header at all",
        "",
        "\xff\xfe\x00",
    ],
)  # fmt: skip
def test_malformed_mail_is_shown_as_far_as_it_goes(message: str) -> None:
    seen(message.encode("latin-1"))


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=600))
def test_no_octets_whatever_break_it(octets: bytes) -> None:
    preview(content(b"Content-Type: multipart/mixed; boundary=b\r\n" + octets + b"\r\n--b\r\n" + octets))


def test_multiparts_nested_without_end_are_told_not_raised() -> None:
    deep = "".join(f"Content-Type: multipart/mixed; boundary=b{at}\n\n--b{at}\n" for at in range(3000))
    shown = seen(deep + "\nx")
    assert shown.notes or shown.text or shown.attachments


def test_attachments_are_listed_by_name_type_and_decoded_size() -> None:
    shown = seen(
        "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\n\nhi\n--b\n"
        "Content-Type: application/pdf; name=a.pdf\n"
        "Content-Disposition: attachment; filename*=utf-8''..%2Fa%E2%80%AEfdp.exe\n"
        "Content-Transfer-Encoding: base64\n\neHh4eA==\n--b\nContent-Type: image/png\n\nx\n--b--\n"
    )
    assert [(each.name, each.type, each.size) for each in shown.attachments] == [
        ("../afdp.exe", "application/pdf", 4),
        ("(no name)", "image/png", 1),
    ]
    assert shown.text == "hi"


def test_too_many_parts_are_cut_and_told() -> None:
    shown = seen(
        "Content-Type: multipart/mixed; boundary=b\n\n"
        + "--b\nContent-Type: image/gif\n\nx\n" * (PARTS + 5)
        + "--b--\n"
    )
    assert len(shown.attachments) == PARTS
    assert f"Only {PARTS} of {PARTS + 5} parts" in shown.notes[0]


@pytest.mark.parametrize(
    "markup",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "<svg onload=alert(1)><script>alert(1)</script></svg>",
        "<a href='javascript:alert(1)'>x</a>",
        "<a href=' java\nscript:alert(1)'>x</a>",
        "<a href='http://evil.test'>x</a>",
        "<p style='background:url(http://evil.test)'>x</p>",
        "<style>@import url(http://evil.test)</style>",
        "<link rel=stylesheet href=http://evil.test>",
        "<meta http-equiv=refresh content='0;url=http://evil.test'>",
        "<base href=http://evil.test>",
        "<iframe src=http://evil.test></iframe>",
        "<form action=http://evil.test><input><button>x</button></form>",
        "<object data=http://evil.test></object><embed src=http://evil.test>",
        "<video src=http://evil.test poster=http://evil.test></video>",
        "<table background=http://evil.test><tr><td>x</td></tr></table>",
        "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)></style></mglyph></table></mtext></math>",
        "<noscript><p title='</noscript><img src=x onerror=alert(1)>'></noscript>",
        "<p title='javascript:alert(1)' onclick=alert(1)>x</p>",
    ],
)
def test_nothing_active_survives(markup: str) -> None:
    clean = sanitise(markup, []).lower()
    for evil in ("alert", "evil.test", "script", "http", "style", "<img", "href", "src", "on"):
        assert f"{evil}" not in clean.replace("button", "")


def test_what_links_point_to_is_listed_as_text() -> None:
    links: list[str] = []
    sanitise('<a href="http://evil.test/a?b=1&amp;c=2">bank</a><img src=http://evil.test/p.gif>', links)
    assert links == ["http://evil.test/a?b=1&c=2", "http://evil.test/p.gif"]
    many: list[str] = []
    sanitise("".join(f"<a href=http://evil.test/{at}>x</a>" for at in range(500)), many)
    assert len(many) == LINKS


@pytest.mark.parametrize("markup", ["<a " * 300_000, "<!--" * 200_000, "href=" * 200_000, "&" * 500_000])
def test_hostile_markup_takes_no_time(markup: str) -> None:
    began = time.process_time()
    sanitise(markup, [])
    assert time.process_time() - began < 20


def test_only_the_start_of_a_huge_message_is_looked_at() -> None:
    shown = seen(b"Subject: big\n\n" + b"x" * (9 * 1024 * 1024))
    assert shown.notes[0].startswith("Only the first")
    assert len(shown.text) <= 200_000
