import pytest
from hypothesis import given
from hypothesis import strategies as some

from gateway.backscatter import batv
from gateway.backscatter.batv import Key, Result

KEY = Key(1, b"secret")
TODAY = 20778
ADDRESS = "user@example.org"
TAGGED = batv.sign(ADDRESS, KEY, TODAY)


@pytest.mark.parametrize("signed_on", [20778, 20985, 20992, 20993, 20999, 21000])
def test_a_tag_is_valid_for_seven_days_also_across_the_wrap(signed_on: int) -> None:
    tag = batv.sign(ADDRESS, KEY, signed_on)

    results = [batv.check(tag, [KEY], signed_on + age).result for age in range(9)]

    assert results == [Result.VALID] * 8 + [Result.EXPIRED]


def test_a_tag_that_expires_later_than_any_of_today_is_expired() -> None:
    assert batv.check(batv.sign(ADDRESS, KEY, TODAY + 1), [KEY], TODAY).result is Result.EXPIRED


def test_an_address_is_never_signed_twice() -> None:
    assert batv.sign(TAGGED, KEY, TODAY + 1) == TAGGED


@pytest.mark.parametrize(("length", "signed"), [(48, True), (49, False)])
def test_a_local_part_over_64_octets_stays_unsigned(length: int, *, signed: bool) -> None:
    address = f"{'l' * length}@example.org"

    assert batv.is_tagged(batv.sign(address, KEY, TODAY)) is signed


@pytest.mark.parametrize("address", ["", "postmaster", "@example.org", "user@"])
def test_an_address_without_a_domain_is_an_error(address: str) -> None:
    with pytest.raises(ValueError, match="domain"):
        batv.sign(address, KEY, TODAY)


def test_the_tag_is_the_same_all_day_and_another_one_the_next() -> None:
    assert batv.sign(ADDRESS, KEY, TODAY) == TAGGED
    assert batv.sign(ADDRESS, KEY, TODAY + 1) != TAGGED


@pytest.mark.parametrize("change", [str.upper, str.title, lambda tag: tag.replace("prvs", "PRVS")])
def test_a_tag_that_came_back_in_another_case_is_valid(change) -> None:  # noqa: ANN001 - a function of str
    assert batv.check(change(TAGGED), [KEY], TODAY).result is Result.VALID


def test_what_was_signed_in_mixed_case_is_valid_as_it_was_signed_only() -> None:
    tag = batv.sign("User@Example.ORG", KEY, TODAY)

    assert batv.check(tag, [KEY], TODAY) == batv.Checked("User@Example.ORG", Result.VALID, 1)
    assert batv.check(tag.lower(), [KEY], TODAY).result is Result.FORGED


@pytest.mark.parametrize(
    "tag",
    [
        TAGGED.replace("user", "other"),
        TAGGED.replace("prvs=1", "prvs=2"),
        f"prvs=1785000000={ADDRESS}",
        batv.sign(ADDRESS, Key(1, b"not the secret"), TODAY),
    ],
)
def test_what_no_key_made_is_forged(tag: str) -> None:
    assert batv.check(tag, [KEY], TODAY).result is Result.FORGED


@pytest.mark.parametrize(
    "address",
    [
        ADDRESS,
        "",
        "prvs=",
        "prvs=12=user@example.org",
        f"prvs=1785g00000={ADDRESS}",
        "prvs=user=1785abcdef@example.org",
    ],
)
def test_an_address_without_a_tag_of_our_form_is_missing_one(address: str) -> None:
    assert batv.check(address, [KEY], TODAY) == batv.Checked(address, Result.MISSING)


def test_the_newest_key_that_has_begun_signs() -> None:
    old, new, later = Key(1, b"a", since=10), Key(2, b"b", since=20), Key(3, b"c", since=30)

    assert batv.signing_key([old, later, new], 20) is new
    assert batv.signing_key([later], 20) is None
    assert batv.signing_key([old, Key(2, b"b", since=20, retired=True)], 25) is old


@pytest.mark.parametrize(("age", "result"), [(0, Result.VALID), (7, Result.VALID), (8, Result.EXPIRED)])
def test_an_old_key_is_accepted_until_its_last_tag_has_expired(age: int, result: Result) -> None:
    old, new = Key(1, b"a", since=10), Key(2, b"b", since=20)

    assert batv.check(batv.sign(ADDRESS, old, 20), [old, new], 20 + age).result is result


def test_an_old_key_that_somebody_goes_on_using_is_not_accepted() -> None:
    old, new = Key(1, b"a", since=10), Key(2, b"b", since=20)

    assert batv.check(batv.sign(ADDRESS, old, 28), [old, new], 28).result is Result.EXPIRED


def test_two_keys_of_one_number_are_both_tried() -> None:
    old, new = Key(1, b"a", since=10), Key(1, b"b", since=20)

    assert batv.check(batv.sign(ADDRESS, old, 19), [new, old], 21).result is Result.VALID
    assert batv.check(batv.sign(ADDRESS, new, 20), [new, old], 21).result is Result.VALID


@pytest.mark.parametrize("secret", [b"secret", b""])
def test_a_tag_of_a_retired_key_is_suspect_and_not_forged(secret: bytes) -> None:
    retired = Key(1, secret, retired=True)

    assert batv.check(TAGGED, [retired, Key(2, b"b")], TODAY).result is Result.SUSPECT


def test_the_number_of_a_retired_key_does_not_spoil_a_good_tag() -> None:
    assert batv.check(TAGGED, [Key(1, b"", retired=True), KEY], TODAY).result is Result.VALID


@pytest.mark.parametrize(
    ("address", "original"),
    [
        (TAGGED, ADDRESS),
        (TAGGED.upper(), "USER@EXAMPLE.ORG"),
        ("prvs=user=1785abcdef@example.org", ADDRESS),
        ("prvs=user/1785abcdef@example.org", ADDRESS),
        ("btv1==78566f5a8aa==user@example.org", ADDRESS),
        ("msprvs1=18456abcDEF=user@example.org", ADDRESS),
        (ADDRESS, ADDRESS),
        ("prvs=user@example.org", "prvs=user@example.org"),
        ("postmaster", "postmaster"),
        ("", ""),
    ],
)
def test_the_original_of_an_address_has_no_tag_of_anybody(address: str, original: str) -> None:
    assert batv.original_of(address) == original


def test_only_our_own_form_is_stripped() -> None:
    assert batv.without_tag(TAGGED) == ADDRESS
    assert batv.without_tag("btv1==78566f5a8aa==user@example.org") == "btv1==78566f5a8aa==user@example.org"


@given(some.text(max_size=100), some.integers(0, 40000))
def test_nothing_that_comes_raises_or_is_valid(text: str, today: int) -> None:
    assert batv.check(text, [KEY], today).result is not Result.VALID
    assert isinstance(batv.original_of(text), str)


@given(some.integers(0, 100_000), some.binary(min_size=1), some.integers(0, 9), some.emails())
def test_what_is_signed_is_valid(today: int, secret: bytes, number: int, address: str) -> None:
    key = Key(number, secret)
    tag = batv.sign(address.lower(), key, today)

    assert batv.check(tag, [key], today).result is (Result.VALID if batv.is_tagged(tag) else Result.MISSING)


def test_nothing_is_said_of_a_tag_whose_key_has_lost_its_secret() -> None:
    lost = Key(KEY.number, b"", name="batv-1")

    assert batv.check(TAGGED, [lost], TODAY) == batv.Checked(ADDRESS, Result.UNKNOWN, KEY.number)
    assert batv.check(TAGGED, [lost, KEY], TODAY).result is Result.VALID
    assert batv.check(TAGGED, [Key(9, b"", name="batv-9"), Key(KEY.number, b"another")], TODAY).result is Result.FORGED


@pytest.mark.parametrize("since", [TODAY + 1, TODAY - 30])
def test_a_key_that_has_not_begun_or_is_over_needs_no_secret(since: int) -> None:
    keys = [Key(KEY.number, b"", since), Key(9, b"another", TODAY - 20)]

    assert batv.check(TAGGED, keys, TODAY).result is Result.FORGED
