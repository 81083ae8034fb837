import pytest

from gateway.backscatter import batv, evidence
from gateway.backscatter.evidence import Case
from gateway.backscatter.quoted import Quoted
from gateway.backscatter.words import Force
from gateway.mail.message import Headers
from tests.gateway.backscatter import bounces
from tests.gateway.backscatter.bounces import ALICE, DAY, FAR, NOW


def case(quoted: Quoted = Quoted(), head: bytes = b"", **changes: object) -> Case:  # noqa: B008 - frozen
    return Case(ALICE, quoted, Headers(head), bounces.tools(**changes), NOW, b"")


@pytest.mark.parametrize(
    ("result", "force"),
    [
        ("valid", Force.PROOF),
        ("expired", Force.HINT),
        ("suspect", Force.HINT),
        ("forged", Force.AGAINST),
        ("missing", Force.NEUTRAL),
    ],
)
def test_what_each_tag_is_worth(result: str, force: Force) -> None:
    assert evidence.of_tag(batv.Result(result)).force is force


@pytest.mark.parametrize(("days", "fresh"), [(0, True), (13.9, True), (14, False), (-0.9, True), (-1.1, False)])
def test_a_proof_is_younger_than_14_days_and_not_of_the_future(days: float, fresh: bool) -> None:
    assert case().is_fresh(NOW - days * DAY) is fresh


@pytest.mark.parametrize(("days", "words"), [(0.5, "today"), (1.5, "yesterday"), (3.2, "3 days ago")])
def test_an_age_is_told_in_words(days: float, words: str) -> None:
    assert case().age(NOW - days * DAY) == words


def test_nothing_quoted_is_no_evidence() -> None:
    assert list(evidence.of_quotation(case(), count=True)) == []
    assert list(evidence.of_circumstances(case())) == []


def test_a_seal_that_is_not_good_is_told() -> None:
    quoted = Quoted(message_ids=("a@b",), dates=("x",), seals=("1-00000000-" + "0" * 32,))
    assert [each.force for each in evidence.of_quotation(case(quoted), count=True)] == [Force.NEUTRAL]


def test_looking_without_counting_uses_no_proof_up() -> None:
    tools = {"ledger": bounces.ledger(at=NOW - DAY)}
    quoted = Quoted(message_ids=(bounces.ID.strip("<>"),))

    found = [list(evidence.of_quotation(case(quoted, **tools), count=False)) for _ in range(30)]

    assert all(each[0].force is Force.PROOF for each in found)


def test_who_an_answer_comes_from_is_sender_and_author_without_tags() -> None:
    headers = Headers(b"From: Carol <Carol@far.test>\r\nReply-To: c@other.test\r\n")

    found = evidence.correspondents(headers, "prvs=1234abcdef=carol@far.test")

    assert found == ["carol@far.test", "c@other.test"]


def test_having_written_long_ago_is_not_lately() -> None:
    known = bounces.ledger()
    known.sent("<1@example.org>", ALICE, [FAR], NOW - 40 * DAY)

    assert evidence.written_to(case(ledger=known), [FAR], 30) is None
    assert evidence.written_to(case(ledger=known), [FAR], 60) is not None
