"""DKIM: what each signature of a message comes to, over a real name server."""

import base64
import re
import subprocess
import time
from pathlib import Path

import dkim
import pytest

from gateway.services.dkim.signature import domain_of
from gateway.services.dkim.tags import tag_list
from gateway.services.dkim.verifier import LIMIT
from smtpfront.lab.nameserver import Zone
from tests.gateway.services.dkim import signing
from tests.gateway.services.dkim.signing import MESSAGE, ed_signed, record, signed, verified
from tests.samples import content

SAMPLES = Path(__file__).parents[4] / ".tools" / "samples"


def held_key(text: str) -> Zone:
    """A zone with another key record."""
    return {"s1._domainkey.example.org": text if text in {"silent", "servfail"} else {"TXT": [text]}}


async def result(message: bytes, **more: object) -> tuple[str, str]:
    """Result and reason of the one signature."""
    (one,) = await verified(message, **more)  # type: ignore[arg-type]
    return one.result, one.detail


@pytest.mark.parametrize("head", [b"simple", b"relaxed"])
@pytest.mark.parametrize("body", [b"simple", b"relaxed"])
async def test_a_good_signature_passes(head: bytes, body: bytes) -> None:
    (one,) = await verified(signed(canonicalize=(head, body)))
    assert (one.result, one.domain, one.selector, one.bits) == ("pass", "example.org", "s1", 2048), one


async def test_ed25519_passes() -> None:
    assert await result(ed_signed()) == ("pass", "")


async def test_an_unsigned_message_asks_nothing() -> None:
    asked = signing.Asked()
    async with asked as verifier:
        assert await verifier.signatures(content(MESSAGE)) == ()
    assert not asked.server.asked


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (b"bye", b"buy", "the body was changed"),
        (b"Ann <", b"Eve <", "the header was changed"),
        (b"\r\n\r\nHello", b"\r\nFrom: eve@evil.test\r\n\r\nHello", "the header was changed"),
    ],
)
async def test_a_changed_message_fails(old: bytes, new: bytes, why: str) -> None:
    assert await result(signed().replace(old, new)) == ("fail", why)


async def test_what_relaxed_ignores_changes_nothing() -> None:
    changed = signed().replace(b"hello\r\n\tworld", b"hello \t world").replace(b"Hello  Bob, \r\n", b"Hello Bob,\r\n")
    assert await result(changed + b"\r\n\r\n") == ("pass", "")


async def test_every_signature_has_its_own_result() -> None:
    twice = signed(signed(domain="list.test").replace(b"d=list.test", b"d=example.net"))
    assert [(one.domain, one.result) for one in await verified(twice)] == [
        ("example.org", "pass"),
        ("example.net", "permerror"),
    ]


async def test_the_same_signature_twice_counts_once() -> None:
    field = signed()[: -len(MESSAGE)]
    assert len(await verified(field * 3 + MESSAGE)) == 1


async def test_no_more_than_eight_are_verified_and_the_rest_is_told() -> None:
    many = b"".join(b"DKIM-Signature: v=%d\r\n" % n for n in range(20))
    found = await verified(many + signed())
    assert len(found) == LIMIT + 1
    assert found[-1].detail == "13 more were not looked at"


@pytest.mark.parametrize(
    ("key", "wanted"),
    [
        ("silent", ("temperror", "DNS gave no answer on the key")),
        ("servfail", ("temperror", "DNS gave no answer on the key")),
        ('"v=DKIM1; p="', ("permerror", "the key was revoked")),
        ('"v=DKIM1; p=AAAA"', ("permerror", "the key can't be read")),
        ('"v=DKIM2; p=AAAA"', ("permerror", "the key record is of another version")),
        ('"hello"', ("permerror", "the key record is no tag list")),
        ('"v=DKIM1"', ("permerror", "the key record has no key")),
    ],
)
async def test_a_key_that_is_no_use(key: str, wanted: tuple[str, str]) -> None:
    assert await result(signed(), held=held_key(key)) == wanted


async def test_a_key_that_is_not_published() -> None:
    assert await result(signed(), held={}) == ("permerror", "the key is not published")


@pytest.mark.parametrize(
    ("more", "wanted"),
    [
        ("h=sha1; ", ("permerror", "the key may not be used with sha256")),
        ("h=sha1:sha256; ", ("pass", "")),
        ("s=tlsrpt; ", ("permerror", "the key is not for mail")),
        ("s=*; ", ("pass", "")),
        ("t=y; ", ("pass", "the domain only tries DKIM (t=y)")),
    ],
)
async def test_what_the_key_record_says_of_itself(more: str, wanted: tuple[str, str]) -> None:
    assert await result(signed(), held=held_key(record(more=more))) == wanted


async def test_a_key_for_the_domain_alone_does_not_sign_for_those_below() -> None:
    held = held_key(record(more="t=s; "))
    assert await result(signed(identity=b"ann@sub.example.org"), held=held) == (
        "permerror",
        "the key is not for subdomains",
    )


def short_key(folder: Path) -> tuple[bytes, str]:
    """A key of 768 bits, which only OpenSSL still makes: PEM, and the record."""
    private, public = folder / "private", folder / "public"
    subprocess.run(["openssl", "genrsa", "-traditional", "-out", private, "768"], check=True, capture_output=True)
    write = ["openssl", "rsa", "-in", private, "-pubout", "-outform", "DER", "-out", public]
    subprocess.run(write, check=True, capture_output=True)
    return private.read_bytes(), f'"p={base64.b64encode(public.read_bytes()).decode()}"'


async def test_a_short_key_proves_nothing(tmp_path: Path) -> None:
    private, text = short_key(tmp_path)
    message = bytes(dkim.sign(MESSAGE, b"s1", b"example.org", private)) + MESSAGE
    assert await result(message, held=held_key(text)) == ("policy", "a key of 768 bits proves nothing")


async def test_what_stands_behind_l_makes_a_signature_count_for_nothing() -> None:
    message = signed(length=True)
    assert await result(message) == ("pass", "")
    assert await result(message + b"PS: send money\r\n") == ("policy", "l= leaves 20 octets of the body unsigned")


def with_tags(**tags: str) -> bytes:
    """A signature made of tags, in front of the message; an empty value leaves the tag out."""
    usual = {"v": "1", "a": "rsa-sha256", "d": "example.org", "s": "s1", "h": "from", "bh": "AAAA", "b": "AAAA"}
    text = "; ".join(f"{name}={value}" for name, value in {**usual, **tags}.items() if value)
    return f"DKIM-Signature: {text}\r\n".encode() + MESSAGE


@pytest.mark.parametrize(
    ("tags", "wanted"),
    [
        ({"v": "2"}, "the signature is of another version"),
        ({"v": ""}, "the signature has no v="),
        ({"b": ""}, "the signature has no b="),
        ({"a": "rsa-md5"}, "the signing algorithm is unknown"),
        ({"d": "-"}, "d= or s= is no domain name"),
        ({"d": "a..b"}, "d= or s= is no domain name"),
        ({"d": "x" * 64 + ".org"}, "d= or s= is no domain name"),
        ({"s": "a b"}, "d= or s= is no domain name"),
        ({"h": "to:date"}, "the From field is not signed"),
        ({"h": "from" + ":x" * 400}, "the signature names too many fields"),
        ({"c": "strict"}, "the canonicalization is unknown"),
        ({"q": "http"}, "the query method is unknown"),
        ({"l": "-1"}, "l= is no number"),
        ({"t": "9" * 20}, "t= is no number"),
        ({"t": "20", "x": "10"}, "the signature expires before it was made"),
        ({"i": "@other.org"}, "i= is not below d="),
        ({"i": "@badexample.org"}, "i= is not below d="),
        ({"bh": "%%%"}, "b= or bh= is no base64"),
        ({"z": "x; z=y"}, "the signature is no tag list"),
        ({"z": "x" * 20_000}, "the signature is too long"),
    ],
)
async def test_a_malformed_signature_is_a_permanent_error(tags: dict[str, str], wanted: str) -> None:
    assert await result(with_tags(**tags)) == ("permerror", wanted)


async def test_sha1_proves_nothing_any_more() -> None:
    assert (await result(with_tags(a="rsa-sha1")))[0] == "policy"


async def test_an_expired_signature_fails() -> None:
    assert await result(with_tags(t="1000", x="2000")) == ("fail", "the signature has expired")


async def test_lines_that_are_no_fields_stop_nothing() -> None:
    """dkimpy raises on such messages."""
    message = b" leading blank\r\nno field at all\r\n" + signed()
    assert await result(message) == ("pass", "")


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\r\n",
        b"DKIM-Signature:",
        b"DKIM-Signature:\r\n",
        b"DKIM-Signature: \xff\xfe=\x00;\r\n\r\n",
        b"DKIM-Signature: " + b"a=b;" * 3000,
        b"DKIM-Signature: v=1; d=\xc3\xbc.org; s=\xff\r\n\r\nx",
        b"DKIM-Signature" * 20_000,
    ],
)
async def test_nothing_raises(message: bytes) -> None:
    for one in await verified(message):
        assert one.result in {"fail", "policy", "neutral", "temperror", "permerror"}


@pytest.mark.skipif(not SAMPLES.exists(), reason="scripts/samples has not fetched the samples")
async def test_no_mail_that_people_have_sent_raises() -> None:
    seen = 0
    async with signing.Asked({}) as verifier:
        for path in sorted(SAMPLES.glob("flufl_bounce-*/tests/data/*")):
            if path.is_file():
                seen += 1
                await verifier.signatures(content(path.read_bytes()))
    assert seen > 100


async def test_hostile_blanks_cost_no_time() -> None:
    """A run of blanks makes dkimpy's regular expressions take the square of its length."""
    body = b" " * 3_000_000 + b"x" + b"\r\n" * 500_000
    message = signed().replace(b"bye\r\n", b"bye\r\n" + body)
    began = time.process_time()
    assert await result(message) == ("fail", "the body was changed")
    assert time.process_time() - began < 20  # the square of three millions takes hours


async def test_a_large_message_comes_from_its_file(tmp_path: Path) -> None:
    message = signed(MESSAGE + b"line of text\r\n" * 60_000)
    async with signing.Asked() as verifier:
        (one,) = await verifier.signatures(content(message, tmp_path / "large"))
    assert one.result == "pass"


async def test_dead_dns_costs_no_more_than_its_bound() -> None:
    began = time.monotonic()
    many = b"".join(re.sub(rb"s=s1", b"s=k%d" % n, signed()[: -len(MESSAGE)], count=1) for n in range(8))
    held = {f"k{n}._domainkey.example.org": "silent" for n in range(8)}
    assert {one.result for one in await verified(many + MESSAGE, held)} == {"temperror"}
    assert time.monotonic() - began < 6  # one key after the other would take eight budgets of a second


def test_a_name_beyond_ascii_is_asked_for_as_an_a_label() -> None:
    assert domain_of("Bücher.example".encode()) == "xn--bcher-kva.example"
    assert tag_list(b"a=1; b = 2 ;") == {b"a": b"1", b"b": b"2"}
