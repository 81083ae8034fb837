import pytest
from hypothesis import given
from hypothesis import strategies as some

from gateway.backscatter import batv, seal

SECRET = b"the secret of the seal"
NOW = 1_795_000_000.0
PARTS = {"message_id": "<abc.123@example.org>", "date": "Sat, 21 Nov 2026 10:00:00 +0000", "sender": "user@example.org"}
VALUE = seal.make(SECRET, **PARTS, now=NOW)
LINE = f"{seal.HEADER}: {VALUE}"


def test_a_seal_holds_and_tells_its_age() -> None:
    sealed = seal.verify(VALUE, SECRET, **PARTS)

    assert sealed is not None
    assert sealed.age(NOW + 3.5 * 86400) == 3.5


@pytest.mark.parametrize(
    "other",
    [{"message_id": "<abc.124@example.org>"}, {"date": "Sat, 21 Nov 2026 10:00:01 +0000"}, {"sender": "u@example.org"}],
)
def test_a_seal_holds_for_its_message_and_its_sender_only(other: dict[str, str]) -> None:
    assert seal.verify(VALUE, SECRET, **(PARTS | other)) is None


def test_what_stands_in_one_part_can_not_stand_in_the_next() -> None:
    value = seal.make(SECRET, message_id="<a@b>", date="1", sender="user@example.org", now=NOW)

    assert seal.verify(value, SECRET, message_id="<a@b>1", date="", sender="user@example.org") is None


@pytest.mark.parametrize("secret", [b"", b"another"])
def test_a_seal_holds_with_its_secret_only(secret: bytes) -> None:
    assert seal.verify(VALUE, secret, **PARTS) is None


@pytest.mark.parametrize(
    "value", ["", "1-", "x" * 43, VALUE[:-1], VALUE + "0", "2" + VALUE[1:], VALUE[:2] + "0" + VALUE[3:]]
)
def test_a_changed_value_does_not_hold(value: str) -> None:
    assert seal.verify(value, SECRET, **PARTS) is None


def test_the_tag_of_a_sender_does_not_matter() -> None:
    tagged = batv.sign("user@example.org", batv.Key(1, b"k"), 20000)

    assert seal.make(SECRET, **(PARTS | {"sender": tagged}), now=NOW) == VALUE


def test_refolded_and_recased_parts_do_not_matter() -> None:
    changed = {
        "message_id": "\r\n <ABC.123@Example.ORG>",
        "date": "Sat, 21 Nov 2026\r\n\t10:00:00\t+0000",
        "sender": "User@EXAMPLE.org",
    }

    assert seal.verify(VALUE.upper(), SECRET, **changed) is not None


@pytest.mark.parametrize(
    "text",
    [
        LINE,
        LINE.upper(),
        LINE.lower(),
        f"> {LINE}\r\n> Subject: x",
        f">>{LINE}",
        f"{seal.HEADER}:\r\n\t{VALUE}",
        f"{seal.HEADER}:\n>  {VALUE}",
        f"> {seal.HEADER} : {VALUE[:20]}\r\n>     {VALUE[20:]}\r\nDate: x",
        f"{seal.HEADER}: {VALUE[:30]}=\r\n{VALUE[30:]}\r\n",
        f"{LINE}\r\nabcdef\r\n",
        f"{seal.HEADER}: 1-bad\r\n{LINE}",
    ],
)
def test_a_seal_is_found_in_each_form_in_which_it_comes_back(text: str) -> None:
    assert VALUE in list(seal.find(text.encode()))


def test_seals_by_the_thousand_are_bounded_work() -> None:
    forged = b"".join(b"%s: 1-00000000-%032x\r\n" % (seal.HEADER.encode(), n) for n in range(5000))

    assert len(list(seal.find(forged))) == 16


@given(some.binary(max_size=400))
def test_nothing_that_comes_raises_or_holds(text: bytes) -> None:
    for value in seal.find(LINE.encode()[:20] + text):
        assert seal.verify(value, SECRET, **PARTS) is None


@given(some.text(), some.text(), some.text(), some.floats(0, 4e9))
def test_whatever_is_sealed_holds(message_id: str, date: str, sender: str, now: float) -> None:
    value = seal.make(SECRET, message_id=message_id, date=date, sender=sender, now=now)

    assert seal.verify(value, SECRET, message_id=message_id, date=date, sender=sender) == seal.Sealed(int(now))
