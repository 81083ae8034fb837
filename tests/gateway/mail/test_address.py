"""Addresses and paths: what is accepted, and what hostile ones are told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.mail.address import AddressError, domain_key, parse_mailbox, parse_path


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("<alice@example.test>", "alice@example.test"),
        ("<Alice.B+tag@Example.TEST>", "alice.b+tag@example.test"),
        ("<prvs=1234567890=alice@example.test>", "prvs=1234567890=alice@example.test"),
        ('<"odd local"@example.test>', '"odd local"@example.test'),
        ('<"with > bracket"@example.test>', '"with > bracket"@example.test'),
        ("<@relay.test,@other.test:alice@example.test>", "alice@example.test"),
        ("<alice@[192.0.2.1]>", "alice@[192.0.2.1]"),
        ("<alice@[IPv6:2001:db8::1]>", "alice@[ipv6:2001:db8::1]"),
        ("<åse@exämple.test>", "åse@xn--exmple-cua.test"),
    ],
)
def test_a_well_formed_path_is_parsed(path: str, key: str) -> None:
    address, rest = parse_path(path)

    assert address is not None
    assert address.key == key
    assert rest == ""


def test_the_null_sender_is_none() -> None:
    assert parse_path("<> SIZE=100") == (None, "SIZE=100")


def test_postmaster_needs_no_domain() -> None:
    address, _ = parse_path("<Postmaster>")

    assert address is not None
    assert (str(address), address.key, address.domain_key) == ("Postmaster", "postmaster", "")


@pytest.mark.parametrize(
    "path",
    [
        "alice@example.test",
        "<alice@example.test",
        "<alice>",
        "<@example.test>",
        "<alice@>",
        "<al ice@example.test>",
        "<alice@exam ple.test>",
        "<.alice@example.test>",
        "<alice..b@example.test>",
        "<alice@-example.test>",
        "<alice@example..test>",
        "<alice@example.test.>",
        "<alice@[300.1.1.1]>",
        "<alice@[IPv6:zz]>",
        f"<{'a' * 260}@example.test>",
        f"<a@{'a.' * 150}test>",
        f"<a@{'b' * 64}.test>",
        "<a\udcff@example.test>",
        '<"open@example.test>',
        "<a@b>c",
        "",
        "<",
    ],
)
def test_a_malformed_path_is_an_error_in_words(path: str) -> None:
    with pytest.raises(AddressError, match=r"."):
        parse_path(path)


@given(st.text(max_size=80))
def test_nothing_but_an_address_error_ever_escapes(text: str) -> None:
    try:
        parse_path(text)
        parse_mailbox(text)
        domain_key(text)
    except AddressError:
        pass


def test_only_addresses_beyond_ascii_need_smtputf8() -> None:
    assert parse_mailbox("åse@example.test").needs_utf8
    assert not parse_mailbox("alice@example.test").needs_utf8
