"""The reader of plain answers against dnspython: what it reads, dnspython reads the same; the rest it leaves alone."""

import random

import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest

from gateway.services.dns import plain, wire
from gateway.services.dns.words import Answer, Status

KINDS = ("A", "AAAA", "TXT", "MX", "PTR")
LABELS = ("a", "mail", "x_y", "EX", "b-c", "very-long-label-" + "z" * 20)
SPOILERS = (0, 1, 3, 12, 0xC0, 0xFF)


def message(question: wire.Question, *answers: str, authority: str = "", code: int = 0) -> bytes:
    """An answer with these records, each ``name ttl type data``; ``@`` is the name in question."""
    response = dns.message.make_response(dns.message.from_wire(question.octets(b"\0\7")))
    response.set_rcode(dns.rcode.Rcode(code))
    for section, texts in ((response.answer, answers), (response.authority, [authority] if authority else [])):
        for text in texts:
            owner, ttl, kind, data = text.split(" ", 3)
            name = f"{question.name}." if owner == "@" else owner
            section.append(dns.rrset.from_text(name, int(ttl), "IN", kind, *data.split("|")))
    return response.to_wire(max_size=65_535)


def read(octets: bytes, question: wire.Question) -> tuple[Answer, float] | None:
    return plain.read(octets, question.name, question.kind, len(question.section), negative_ttl=900.0)


@pytest.mark.parametrize(
    ("kind", "answers", "records"),
    [
        ("A", ["@ 60 A 192.0.2.1"], ("192.0.2.1",)),
        ("AAAA", ["@ 60 AAAA 2001:DB8:0:0::1"], ("2001:db8::1",)),
        ("TXT", ['@ 60 TXT "v=spf1 " "-all"'], ("v=spf1 -all",)),
        ("MX", ["@ 60 MX 10 Mail.Other.test."], ("10 mail.other.test",)),
        ("MX", ["@ 60 MX 0 ."], ("0 .",)),
        ("PTR", ["@ 60 PTR Mail.Other.test."], ("mail.other.test",)),
        ("A", ["@ 90 CNAME x.test.", "x.test. 60 A 192.0.2.1"], ("192.0.2.1",)),
    ],
)
def test_plain_answers_are_read(kind: str, answers: list[str], records: tuple[str, ...]) -> None:
    question = wire.question("name.test", kind)
    assert read(message(question, *answers), question) == (Answer(Status.FOUND, records), 60.0)


def test_nothing_is_nothing_for_as_long_as_the_zone_says() -> None:
    question = wire.question("name.test", "A")
    soa = "test. 300 SOA ns.test. host.test. 1 2 3 4 77"
    assert read(message(question, authority=soa), question) == (Answer(Status.NO_DATA), 77.0)
    assert read(message(question, authority=soa, code=3), question) == (Answer(Status.NO_NAME), 77.0)
    assert read(message(question, code=3), question) == (Answer(Status.NO_NAME), 60.0)


@pytest.mark.parametrize(
    ("kind", "answers", "code"),
    [
        ("A", ["@ 60 A 192.0.2.1"], 2),
        ("A", ["odd\\032name.test. 60 A 192.0.2.1"], 0),
        ("PTR", ["@ 60 PTR odd\\032name.test."], 0),
        ("A", ["@ 60 CNAME x.test.", "x.test. 60 CNAME @"], 0),
        ("NS", ["@ 60 NS ns.test."], 0),
    ],
)
def test_what_is_not_plain_is_left_alone(kind: str, answers: list[str], code: int) -> None:
    question = wire.question("name.test", kind)
    octets = message(question, *(each.replace("CNAME @", "CNAME name.test.") for each in answers), code=code)
    assert read(octets, question) is None


def test_pointers_that_lead_in_circles_end() -> None:
    question = wire.question("name.test", "A")
    head = question.octets(b"\0\7")[:2] + b"\x81\x80\0\1\0\1\0\0\0\0" + question.section
    at = len(head)
    octets = head + bytes((0xC0, at)) + b"\0\1\0\1\0\0\0\x3c\0\4\1\2\3\4"
    assert read(octets, question) is None


def _name(chance: random.Random) -> str:
    return ".".join(chance.choice(LABELS) for _ in range(chance.randint(1, 5))) + "."


def _data(chance: random.Random, kind: str) -> str:
    match kind:
        case "A":
            return f"192.0.2.{chance.randint(0, 255)}"
        case "AAAA":
            return chance.choice(["2001:db8::7", "::1", f"2001:db8::{chance.randint(0, 9999):x}"])
        case "TXT":
            return " ".join(f'"{"v" * chance.randint(0, 90)}"' for _ in range(chance.randint(1, 3)))
        case "MX":
            return f"{chance.randint(0, 99)} {chance.choice([_name(chance), '.'])}"
        case "SOA":
            return f"{_name(chance)} {_name(chance)} 1 2 3 4 {chance.randint(0, 4000)}"
        case _:
            return _name(chance)


def _some_message(chance: random.Random, question: wire.Question) -> bytes:
    """A proper answer of any kind."""
    owners, answers = ["@", "@", _name(chance)], []
    for _ in range(chance.choice([0, 1, 1, 1, 2, 3])):
        kind = chance.choice([*KINDS, *[dns.rdatatype.to_text(dns.rdatatype.RdataType(question.kind))] * 6, "CNAME"])
        data = [_data(chance, kind) for _ in range(1 if kind == "CNAME" else chance.randint(1, 4))]
        answers.append(f"{chance.choice(owners)} {chance.randint(0, 5000)} {kind} {'|'.join(data)}")
        owners += data if kind == "CNAME" else []
    powers = ["", f"{_name(chance)} 300 SOA {_data(chance, 'SOA')}", f"{_name(chance)} 300 NS {_name(chance)}"]
    return message(question, *answers, authority=chance.choice(powers), code=chance.choice([0, 0, 0, 0, 0, 3, 2]))


def _spoil(chance: random.Random, octets: bytes, question: wire.Question) -> bytes:
    """The same with a few octets changed, cut or added; the question itself stays."""
    spoilt, safe = bytearray(octets), 12 + len(question.section)
    for _ in range(chance.randint(0, 3)):
        at = chance.randrange(2, len(spoilt))
        if not 12 <= at < safe:
            spoilt[at] = chance.choice([*SPOILERS, chance.randrange(256)])
    if chance.random() < 0.1:
        del spoilt[chance.randrange(safe, len(spoilt) + 1) :]
    return bytes(spoilt) + bytes(chance.randrange(5) if chance.random() < 0.1 else 0)


@pytest.mark.parametrize("seed", range(4))
def test_what_it_reads_of_any_octets_dnspython_reads_the_same(seed: int) -> None:
    chance, compared = random.Random(seed), 0  # noqa: S311 - a test's own choices
    for number in range(1500):
        question = wire.question(_name(chance).rstrip(".").lower(), chance.choice(KINDS))
        octets = _some_message(chance, question)
        octets = _spoil(chance, octets, question) if number % 2 else octets
        if not wire.answers(octets, question, octets[:2]):
            continue
        found = read(octets, question)
        if found is not None:
            compared += 1
            assert found == wire.read_any(octets, question, negative_ttl=900.0), octets.hex()
    assert compared > 400


def test_any_octets_at_all_raise_nothing() -> None:
    chance = random.Random(5)  # noqa: S311 - as above
    question = wire.question("name.test", "MX")
    head = question.octets(b"\0\7")[:12] + question.section
    for _ in range(5000):
        octets = head[:4] + chance.randbytes(8) + head[12:] + chance.randbytes(chance.randrange(60))
        wire.read(octets, question, negative_ttl=900.0)
