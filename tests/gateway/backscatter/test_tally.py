"""Words are found wherever they stand, however the search is made fast."""

import pytest

from gateway.backscatter.kinds import scoring, tally
from gateway.backscatter.kinds.marks import Marks
from gateway.backscatter.kinds.scanning import Leading
from gateway.backscatter.words import Kind

KINDS = {wording.kind: wording for wording in tally._WORDINGS}  # noqa: SLF001 - each word of each kind is meant


@pytest.mark.parametrize("kind", KINDS)
def test_each_phrase_of_a_kind_is_found_alone_and_among_text_of_other_scripts(kind: Kind) -> None:
    missed = [
        text
        for _, said in KINDS[kind].phrases
        for phrase in said
        for text in (phrase, f"before {phrase} behind", f"送 {phrase} ü")
        if not tally.points(kind, Marks("", "", ""), Leading(text=text))[0]
    ]
    assert missed == []


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("host said: 550 5.1.1 no such user", "550 5.1.1"),
        ("host said: 550 <bob> is unknown", "550 <"),
        ("no mailbox (#5.1.1)", "5.1.1"),
        ("554", "554"),
        ("in room 1554, for 5.15 euro", ""),
        ("version 15.1.10 of 1550 a", ""),
    ],
)
def test_a_code_of_refusal_is_told_from_other_numbers(text: str, code: str) -> None:
    found = scoring._CODE.search(text)  # noqa: SLF001 - the pattern is hard to read, so it is specified

    assert (found[0] if found else "") == code


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        ("undelivered mail returned to sender", True),
        ("your order at the shop: delivery failed", True),  # words that may stand anywhere
        ("when delivery failed at the shop we wrote a book", False),  # unless the subject goes on behind them
        ("weekly report of the sales team", False),
        ("", False),
    ],
)
def test_a_subject_of_automatic_mail_is_known_by_its_beginning_or_by_words_within(subject: str, expected: bool) -> None:
    assert tally.any_subject(subject) is expected
