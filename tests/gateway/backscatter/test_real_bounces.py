"""The real bounces of flufl.bounce's sdist (``scripts/samples``), as they stand, and turned into ones of ours."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.backscatter import batv, quoted, seal
from gateway.backscatter.judge import judge
from gateway.backscatter.ledger import HashedLedger
from gateway.backscatter.words import Verdict
from tests.gateway.backscatter import bounces
from tests.gateway.backscatter.bounces import ALICE, BOB, DAY, KEY, NOW, SEAL, TODAY

FOLDER = Path(__file__).resolve().parents[3] / ".tools/samples/flufl_bounce-6.0.0/tests/data"
FILES = sorted(FOLDER.glob("*.txt"))
REAL = [path.read_bytes() for path in FILES]
_QUOTED_ID = re.compile(rb"^([> \t]*)message-id:[ \t]*(<[^>\r\n]+>)", re.IGNORECASE | re.MULTILINE)
_QUOTED_DATE = re.compile(rb"^[> \t]*date:[ \t]*([^\r\n]+)", re.IGNORECASE | re.MULTILINE)

pytestmark = pytest.mark.skipif(not REAL, reason="run scripts/samples first")


def verdict(raw: bytes, recipient: str = ALICE, ledger: HashedLedger | None = None) -> Verdict:
    known = bounces.tools(ledger=ledger or bounces.ledger())
    return judge(raw, recipient, sender="", tools=known, now=NOW).verdict


def quoting(raw: bytes, mail: bytes) -> bytes:
    """The same bounce, with the head of a mail of ours as its last part."""
    head = mail.partition(b"\r\n\r\n")[0].replace(b"\r\n", b"\n")
    return raw.rstrip().removesuffix(b"--") + b"\n\n" + head + b"\n"


def with_seal(raw: bytes, sender: str, at: float) -> bytes | None:
    """The same bounce, with a seal beside the Message-ID that it quotes; None where it quotes none, or no date."""
    start = quoted.start_of_body(raw)
    message_id = _QUOTED_ID.search(raw, start)
    date = _QUOTED_DATE.search(raw, start)
    if message_id is None or date is None:
        return None
    value = seal.make(
        SEAL, message_id=message_id[2].decode("latin-1"), date=date[1].decode("latin-1"), sender=sender, now=at
    )
    line = message_id[1] + f"{seal.HEADER}: {value}\n".encode()
    return raw[: message_id.start()] + line + raw[message_id.start() :]


def of_all(turn: Callable[[bytes], Verdict | None]) -> list[str]:
    """Give which files have a verdict other than genuine."""
    return [path.name for path, raw in zip(FILES, REAL, strict=True) if turn(raw) not in {Verdict.GENUINE, None}]


def genuine(turn: Callable[[bytes], Verdict | None]) -> list[str]:
    return [path.name for path, raw in zip(FILES, REAL, strict=True) if turn(raw) is Verdict.GENUINE]


def test_with_a_signed_recipient_each_is_genuine() -> None:
    assert of_all(lambda raw: verdict(raw, batv.sign(ALICE, KEY, TODAY))) == []


@pytest.mark.parametrize("mail", [bounces.sealed, bounces.signed])
def test_with_a_mail_of_ours_quoted_each_is_genuine(mail: Callable[..., bytes]) -> None:
    ours = mail()
    assert of_all(lambda raw: verdict(quoting(raw, ours))) == []


def test_with_a_message_id_of_ours_quoted_each_is_genuine() -> None:
    ours = bounces.original()
    assert of_all(lambda raw: verdict(quoting(raw, ours), ledger=bounces.ledger(at=NOW - DAY))) == []


def test_with_a_seal_beside_the_quoted_message_id_each_is_genuine() -> None:
    turned = [with_seal(raw, ALICE, NOW - DAY) for raw in REAL]

    assert sum(each is not None for each in turned) >= 20
    assert [verdict(each) for each in turned if each is not None and verdict(each) is not Verdict.GENUINE] == []


def test_with_its_own_message_id_in_the_ledger_each_is_genuine() -> None:
    found = 0
    for path, raw in zip(FILES, REAL, strict=True):
        message_id = _QUOTED_ID.search(raw, quoted.start_of_body(raw))
        if message_id is not None:
            found += 1
            ledger = bounces.ledger()
            ledger.sent(message_id[2].decode("latin-1"), ALICE, [bounces.FAR], NOW - DAY)
            assert verdict(raw, ledger=ledger) is Verdict.GENUINE, path.name
    assert found >= 20


def test_as_it_stands_none_is_genuine() -> None:
    assert genuine(verdict) == []


@pytest.mark.parametrize(("sender", "at"), [(BOB, NOW - DAY), (ALICE, NOW - 15 * DAY)])
def test_with_another_user_s_mark_or_an_old_one_none_is_genuine(sender: str, at: float) -> None:
    sealed, signed = bounces.sealed(sender, at), bounces.signed(sender, at)

    assert genuine(lambda raw: verdict(quoting(raw, sealed))) == []
    assert genuine(lambda raw: verdict(quoting(raw, signed))) == []
    assert genuine(lambda raw: None if (one := with_seal(raw, sender, at)) is None else verdict(one)) == []
