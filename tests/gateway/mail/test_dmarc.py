"""DMARC by RFC 9989: its own examples, and its rules one by one."""

import pytest

from gateway.mail.dmarc import Record, Wish, applied, organizational_domain, record_of, walk, wish_for


def found(**records: str) -> dict[str, Record]:
    """Records by domain, ``__`` standing for a dot."""
    made = {name.replace("__", "."): record_of([text]) for name, text in records.items()}
    return {name: record for name, record in made.items() if record is not None}


def test_the_example_of_the_tree_walk() -> None:
    """RFC 9989 4.10."""
    assert walk("a.b.c.d.e.f.g.h.i.j.mail.example.com") == (
        "a.b.c.d.e.f.g.h.i.j.mail.example.com",
        "g.h.i.j.mail.example.com",
        "h.i.j.mail.example.com",
        "i.j.mail.example.com",
        "j.mail.example.com",
        "mail.example.com",
        "example.com",
        "com",
    )


def test_the_example_of_a_zone_cut_that_is_never_asked() -> None:
    """RFC 9989 5.1.7: the record with psd=n lies where the walk does not come by."""
    domain = "mail.a.b.c.d.e.f.g.example.com"
    assert walk(domain)[:3] == (domain, "c.d.e.f.g.example.com", "d.e.f.g.example.com")
    assert len(walk(domain)) == 8


@pytest.mark.parametrize(("domain", "count"), [("com", 1), ("a.b.c.d.e.f.com", 7), ("a.b.c.d.e.f.g.com", 8)])
def test_a_walk_asks_for_every_label_up_to_eight(domain: str, count: int) -> None:
    assert len(walk(domain)) == count
    assert walk(domain)[-1] == "com"


@pytest.mark.parametrize(
    ("records", "organization"),
    [
        ({"mail__example__com": "v=DMARC1; p=none", "example__com": "v=DMARC1; p=none"}, "example.com"),
        ({"mail__example__com": "v=DMARC1; p=none; psd=n", "example__com": "v=DMARC1; p=none"}, "mail.example.com"),
        ({"com": "v=DMARC1; p=none; psd=y"}, "example.com"),
        ({"com": "v=DMARC1; p=none"}, "com"),
        ({}, "a.mail.example.com"),
    ],
)
def test_the_examples_of_organizational_domains(records: dict[str, str], organization: str) -> None:
    """RFC 9989 4.10.2, and what follows where there is no record at all."""
    assert organizational_domain("a.mail.example.com", found(**records)) == organization


def test_the_simple_example() -> None:
    """RFC 9989 B.4.1: example.com, signed by signing.example.com."""
    records = found(example__com="v=DMARC1; p=reject", signing__example__com="v=DMARC1; p=none")
    assert organizational_domain("example.com", records) == "example.com"
    assert organizational_domain("signing.example.com", records) == "example.com"
    assert applied("example.com", records) == ("example.com", records["example.com"])


def test_the_deep_example() -> None:
    """RFC 9989 B.4.2."""
    records = found(example__com="v=DMARC1; p=reject", signing__example__com="v=DMARC1; p=none")
    author = "a.b.c.d.e.f.g.h.i.j.k.example.com"
    assert organizational_domain(author, records) == "example.com"
    assert applied(author, records) == ("example.com", records["example.com"])


def test_the_example_of_a_public_suffix() -> None:
    """RFC 9989 B.4.3."""
    records = found(bank__example="v=DMARC1; p=reject; psd=y", giant__bank__example="v=DMARC1; p=quarantine")
    assert organizational_domain("giant.bank.example", records) == "giant.bank.example"
    assert organizational_domain("mail.giant.bank.example", records) == "giant.bank.example"
    assert organizational_domain("mail.mega.bank.example", records) == "mega.bank.example"
    assert applied("giant.bank.example", records) == ("giant.bank.example", records["giant.bank.example"])
    assert applied("mail.mega.bank.example", records) == ("bank.example", records["bank.example"])


def test_a_public_suffix_that_sends_mail_is_its_own_organization() -> None:
    records = found(bank__example="v=DMARC1; p=reject; psd=y", example="v=DMARC1; p=none")
    assert organizational_domain("bank.example", records) == "bank.example"


def test_the_highest_record_applies_not_the_nearest() -> None:
    records = found(mid__example__com="v=DMARC1; p=none", example__com="v=DMARC1; p=reject")
    assert applied("x.mid.example.com", records) == ("example.com", records["example.com"])


@pytest.mark.parametrize(
    "texts",
    [
        [],
        ["v=spf1 -all"],
        ["v=DMARC2; p=none"],
        ["v=dmarc1; p=none"],
        ["v=DMARC10; p=none"],
        ["p=none; v=DMARC1"],
        ["v=DMARC1; p=none", "v=DMARC1; p=reject"],
    ],
)
def test_what_is_no_record(texts: list[str]) -> None:
    assert record_of(texts) is None


@pytest.mark.parametrize(
    ("text", "wish"),
    [
        ("v=DMARC1; p=reject", Wish.REJECT),
        ("v = DMARC1 ; p = Quarantine", Wish.QUARANTINE),
        ("v=DMARC1;p=none;", Wish.NONE),
        ("v=DMARC1", None),
        ("v=DMARC1; p=block", None),
        ("v=DMARC1; rua=mailto:d@example.com", Wish.NONE),
        ("v=DMARC1; p=block; rua=mailto:d@example.com", Wish.NONE),
        ("v=DMARC1; p=reject; sp=block", None),
        ("v=DMARC1; p=reject; np=block; rua=https://example.com/x", Wish.NONE),
        ("v=DMARC1; p=reject; rua=nonsense", Wish.REJECT),
        ("v=DMARC1; p=reject; pct=0; fo=1; unknown=x; =; ;;", Wish.REJECT),
        ("v=DMARC1; p=reject; adkim=x; aspf=; psd=maybe; t=perhaps", Wish.REJECT),
    ],
)
def test_a_record_with_odd_tags(text: str, wish: Wish | None) -> None:
    record = record_of([text, "another text"])
    assert record is not None
    assert record.wish is wish
    assert (record.psd, record.strict_dkim, record.strict_spf, record.testing) == ("u", False, False, False)


@pytest.mark.parametrize(
    ("text", "own", "exists", "wish"),
    [
        ("v=DMARC1; p=reject; sp=none; np=none", True, True, Wish.REJECT),
        ("v=DMARC1; p=none; sp=reject", False, True, Wish.REJECT),
        ("v=DMARC1; p=reject", False, True, Wish.REJECT),
        ("v=DMARC1; p=none; sp=quarantine; np=reject", False, False, Wish.REJECT),
        ("v=DMARC1; p=none; sp=quarantine; np=reject", False, True, Wish.QUARANTINE),
        ("v=DMARC1; p=none; sp=quarantine", False, False, Wish.QUARANTINE),
        ("v=DMARC1; p=reject; np=none", False, False, Wish.NONE),
        ("v=DMARC1; p=reject; t=y", True, True, Wish.QUARANTINE),
        ("v=DMARC1; p=quarantine; t=y", True, True, Wish.NONE),
        ("v=DMARC1; p=none; t=y", True, True, Wish.NONE),
    ],
)
def test_which_policy_applies(text: str, *, own: bool, exists: bool, wish: Wish) -> None:
    record = record_of([text])
    assert record is not None
    assert wish_for(record, own=own, exists=exists) is wish
