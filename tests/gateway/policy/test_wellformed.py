import pytest

from gateway.policy.wellformed import (
    code_fault,
    entry_fault,
    host_fault,
    ldap_filter_fault,
    ldap_url_fault,
    limit_fault,
    normal_entry,
    probe_fault,
)


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("ann@example.org", "ann@example.org"),
        (" Ann@Example.ORG ", "ann@example.org"),
        ("*@example.org", "example.org"),
        ("@example.org", "example.org"),
        ("*.example.org", ".example.org"),
        ("bücher.example", "xn--bcher-kva.example"),
        (".RU", ".ru"),
        ("192.0.2.7", "192.0.2.7/32"),
        ("2001:DB8::/32", "2001:db8::/32"),
    ],
)
def test_an_entry_of_a_sender_list_is_brought_into_the_form_that_policies_have(typed: str, kept: str) -> None:
    assert normal_entry(typed) == kept
    assert entry_fault(kept) is None
    assert typed == kept or entry_fault(typed) == (f"{typed!r} is not in its plain form", f"write {kept}")


@pytest.mark.parametrize("typed", ["", "@", "sender", "1.2.3", "<>", "a b@example.org", "192.0.2.7/24", "[192.0.2.1]"])
def test_what_is_no_entry_of_a_sender_list_is_told_with_a_remedy(typed: str) -> None:
    wrong = entry_fault(typed)
    assert wrong is not None
    assert wrong[1].startswith("write ")


def test_a_network_with_bits_behind_its_prefix_is_never_widened() -> None:
    assert normal_entry("192.0.2.7/24") == "192.0.2.7/24"
    assert entry_fault("192.0.2.7/24") == (
        "'192.0.2.7/24' has bits set behind its prefix",
        "write 192.0.2.0/24, or a longer prefix",
    )


@pytest.mark.parametrize("code", ["127.0.0.2", "127.0.0.0/29", "127.0.1.0/24"])
def test_a_return_code_is_an_address_or_a_network(code: str) -> None:
    assert code_fault(code) is None


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("127.255.255.254", "takes in 127.255.255.0/24, by which lists tell errors"),
        ("127.0.0.0/8", "takes in 127.255.255.0/24, by which lists tell errors"),
        ("192.0.2.1", "lies outside of 127.0.0.0/8"),
        ("::1", "lies outside of 127.0.0.0/8"),
        ("listed", "is no return code"),
    ],
)
def test_an_error_of_a_list_is_never_a_return_code(code: str, says: str) -> None:
    wrong = code_fault(code)
    assert wrong is not None
    assert says in wrong[0]


def test_a_test_point_is_an_address_or_nothing() -> None:
    assert probe_fault("") is None
    assert probe_fault("127.0.0.2") is None
    assert probe_fault("::ffff:7f00:2") is None
    assert probe_fault("two") == (
        "'two' is no address",
        "give the test point that the list documents, or leave it empty",
    )


def test_a_limit_lies_within_what_can_be_counted() -> None:
    assert limit_fault(None) is None
    assert limit_fault(0) is None
    assert limit_fault(10_000) is None
    assert limit_fault(-1) == ("-1 is out of bounds", "give a number from 0 to 10,000")
    assert limit_fault(10_001) is not None
    assert limit_fault(float("nan")) is not None


@pytest.mark.parametrize("url", ["ldap://directory", "ldaps://directory.example.test:636", "ldap://[::1]:3890/"])
def test_a_directory_is_named_by_its_url(url: str) -> None:
    assert ldap_url_fault(url) is None


@pytest.mark.parametrize(
    "url", ["", "directory", "http://directory", "ldap://", "ldap://h:0", "ldap://h:x", "ldap://me@h", "ldap://h/dc=x"]
)
def test_what_is_no_url_of_a_directory_is_told(url: str) -> None:
    wrong = ldap_url_fault(url)
    assert wrong is not None
    assert wrong[1] == "write ldap://host, ldaps://host, or either with :port"


@pytest.mark.parametrize("text", ["(mail={address})", "(&(uid={local})(|(dc={domain})(o={domain})))"])
def test_a_filter_asks_for_the_recipient(text: str) -> None:
    assert ldap_filter_fault(text) is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "do not match"),
        ("mail={address}", "do not match"),
        ("((mail={address})", "do not match"),
        ("(mail={address}))(", "do not match"),
        ("(mail={address})(uid={local})", "do not match"),
        ("(mail={mail})", "the filter holds {mail}"),
        ("(objectClass=person)", "does not ask for the recipient"),
    ],
)
def test_a_filter_that_can_not_work_is_told(text: str, says: str) -> None:
    wrong = ldap_filter_fault(text)
    assert wrong is not None
    assert says in wrong[0]


@pytest.mark.parametrize(
    "host", ["mail.example.org", "mail.example.org.", "MAIL", "smtp_1.inside", "192.0.2.1", "2001:db8::1", "x" * 63]
)
def test_a_name_or_an_address_is_a_host(host: str) -> None:
    assert host_fault(host) is None


@pytest.mark.parametrize(
    "host",
    ["", " ", ".", "a..b", "http://a.test", "a.test:25", "[::1]", "1.2.3", "-a.test", "a b", "bücher.test", "x" * 64],
)
def test_what_is_no_host_is_told_with_what_to_give(host: str) -> None:
    wrong = host_fault(host)
    assert wrong is not None
    assert wrong[1].startswith("give a name or an address alone")
