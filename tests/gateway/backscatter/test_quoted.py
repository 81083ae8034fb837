import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.backscatter import quoted
from tests.gateway.backscatter import bounces

Form = Callable[[bytes], bytes]


@pytest.mark.parametrize("form", bounces.FORMS)
def test_the_message_id_is_found_however_it_is_quoted(form: Form) -> None:
    found = quoted.find(form(bounces.original()))

    assert bounces.ID.strip("<>") in found.message_ids


@pytest.mark.parametrize("form", bounces.FORMS)
def test_the_date_and_the_seal_are_found_however_they_are_quoted(form: Form) -> None:
    found = quoted.find(form(bounces.sealed()))

    assert bounces.DATE in found.dates
    assert len(found.seals) == 1


@pytest.mark.parametrize("form", [bounces.rfc3464, bounces.qmail, bounces.quoting])
def test_who_failed_is_found_in_report_and_text(form: Form) -> None:
    assert bounces.FAR in quoted.find(form(bounces.original())).failed


def test_received_lines_of_the_original_are_found() -> None:
    line = "Received: from pc (pc [192.0.2.9])\r\n\tby mx.example.org; Sun, 20 Sep 2026 10:00:00 +0200"
    assert quoted.find(bounces.rfc3464(bounces.original(line))).received == (
        "from pc (pc [192.0.2.9]) by mx.example.org; Sun, 20 Sep 2026 10:00:00 +0200",
    )


def test_the_bounce_s_own_header_is_no_quotation() -> None:
    found = quoted.find(b"Message-ID: <own@far.test>\r\nReceived: by mx.example.org\r\n\r\nno such user\r\n")

    assert found == quoted.Quoted()


def test_a_message_id_folded_in_its_middle_is_mended() -> None:
    found = quoted.find(b"Subject: x\r\n\r\nMessage-ID: <abc\r\n .def@example.org>\r\n")
    assert found.message_ids == ("abc.def@example.org",)


def test_an_id_named_in_the_text_is_found() -> None:
    found = quoted.find(b"Subject: x\r\n\r\nYour message <abc@example.org> was not delivered.\r\n")
    assert found.message_ids == ("abc@example.org",)


def test_a_message_without_body_quotes_nothing() -> None:
    assert quoted.find(b"Subject: x\r\nMessage-ID: <a@b>\r\n") == quoted.Quoted()
    assert quoted.find(b"") == quoted.Quoted()


def test_more_than_is_looked_at_is_told() -> None:
    assert quoted.find(b"Subject: x\r\n\r\n" + b"a" * (quoted.LIMIT + 1)).cut
    assert not quoted.find(b"Subject: x\r\n\r\n" + b"a" * (quoted.LIMIT - 10)).cut


HOSTILE = {
    "megabytes of headers": b"X-A: b\r\n" * 400_000,
    "a header of megabytes": b"Message-ID: <" + b"a" * 3_000_000 + b"@b>\r\n",
    "a fold of megabytes": b"Message-ID: <a@b>\r\n" + b" c\r\n" * 700_000,
    "a thousand parts": b"--b\r\nContent-Transfer-Encoding: base64\r\n\r\n" * 1000 + b"=" * 100_000,
    "ids by the thousand": b"<a@b> <c@d>\r\n" * 100_000,
    "seals by the thousand": b"".join(b"X-Backstop-Seal: 1-00000000-%032x\r\n\r\n" % n for n in range(20_000)),
    "signatures by the thousand": b"DKIM-Signature: d=example.org; s=s1\r\n\r\n" * 20_000,
    "quoting marks": b"\r\n" + b">" * 3_000_000,
    "blanks": b"\r\n" + b" " * 3_000_000 + b"a:",
    "lines of blanks": b" \r\n" * 1_000_000,
    "angle brackets": b"<" * 3_000_000 + b"&lt;",
    "open tags": b"<a" * 1_000_000 + b"&lt; message-id",
    "ats": b"@" * 3_000_000,
    "words": b"a" * 3_000_000,
    "colons": b"a:" * 1_500_000,
    "no line end": b"\r\nmessage-id" * 1 + b"\x00\xff" * 1_000_000,
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_bounces_cost_a_bounded_time(body: bytes) -> None:
    began = time.process_time()
    found = quoted.find(b"Subject: failure\r\n\r\n" + body)
    spent = time.process_time() - began

    assert spent < 10  # seconds of this process; one at most where nothing else runs
    assert max(len(found.message_ids), len(found.seals), len(found.signed), len(found.failed)) <= quoted.KEPT


@given(st.binary(max_size=400))
def test_whatever_comes_nothing_raises(body: bytes) -> None:
    quoted.find(b"Subject: x\n\n" + body)


@given(
    st.lists(
        st.sampled_from(
            [
                b"\r\n",
                b"\n",
                b"> ",
                b"--b",
                b"Message-ID:",
                b"<a@b>",
                b" ",
                b"Content-Transfer-Encoding: base64",
                b"\r\n\r\n",
                b"&lt;",
                b"<br>",
                b"QUJD",
                b"=",
                b"=0",
                b"Date:",
                b"DKIM-Signature:",
                b"\xff",
                b"Final-Recipient:",
                b"@",
            ]
        ),
        max_size=40,
    )
)
def test_whatever_is_put_together_nothing_raises(pieces: list[bytes]) -> None:
    quoted.find(b"".join(pieces))
