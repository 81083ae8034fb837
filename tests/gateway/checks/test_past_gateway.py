"""A reply to mail that the ledger lacks is a sign that some mail goes past the gateway."""

from datetime import UTC, datetime

import pytest

from gateway.backscatter.ledger import NoLedger
from gateway.checks.base import Seen, View
from gateway.checks.past_gateway import PastGateway
from gateway.mail.address import parse_mailbox
from gateway.mail.client import Client
from gateway.mail.findings import Outcome
from gateway.policy import defaults
from gateway.policy.matching import Policy
from gateway.policy.snapshot import BatvKey, DomainPolicy, Marking, Rules, Snapshot
from tests.samples import content

NOW = datetime(2026, 11, 20, tzinfo=UTC).timestamp()
KIM = "kim@example.test"


class Known(NoLedger):
    """A ledger that has one message of Alice's, and counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    def message(self, message_id: str, sender: str) -> float | None:
        self.asked += 1
        return NOW if (message_id, sender) == ("sent@example.test", "alice@example.test") else None


def look(
    *, marks_since: str = "2026-11-01", keys: tuple[BatvKey, ...] = (), to: str = KIM, **fields: str
) -> tuple[Seen, Known]:
    ledger = Known()
    domains = {
        "example.test": DomainPolicy("in", Rules(checks=defaults.CHECKS), marks_since=marks_since),
        "other.test": DomainPolicy("in", Rules(checks=defaults.CHECKS)),
    }
    policy = Policy(Snapshot(1, "2026-01-01T00:00:00Z", "test", domains=domains, marking=Marking(keys)))
    head = {"From": "carol@far.test", "To": to} | {name.replace("_", "-"): value for name, value in fields.items()}
    view = View(
        policy=policy,
        node="mx",
        listener="inbound",
        client=Client("192.0.2.1"),
        sender=parse_mailbox("carol@far.test"),
        content=content("".join(f"{name}: {value}\r\n" for name, value in head.items()).encode() + b"\r\nyes\r\n"),
        recipients=(KIM,),
    )
    return PastGateway(ledger, now=lambda: NOW).look(view), ledger


def test_a_reply_to_mail_that_did_not_leave_here_is_a_sign_without_weight() -> None:
    seen, _ = look(In_Reply_To="<unknown@example.test>")
    (finding,) = seen.findings
    assert (finding.symbol, finding.weight, finding.recipient) == ("PAST_GATEWAY", 0.0, KIM)
    assert "<unknown@example.test>" in finding.detail


def test_ordinary_mail_costs_no_look_into_the_ledger() -> None:
    seen, ledger = look(Subject="Lunch")
    assert seen.outcome is Outcome.SKIPPED
    assert not ledger.asked


def test_a_reply_to_what_a_colleague_sent_is_none() -> None:
    seen, _ = look(In_Reply_To="<sent@example.test>", to=f"{KIM}, Alice <alice@example.test>")
    assert seen.outcome is Outcome.MISS


def test_the_last_of_references_counts_where_there_is_no_in_reply_to() -> None:
    assert look(References="<inside@example.test> <theirs@far.test>")[0].outcome is Outcome.SKIPPED
    assert look(References="<theirs@far.test> <unknown@example.test>")[0].outcome is Outcome.HIT


@pytest.mark.parametrize(
    "fields",
    [
        {"In_Reply_To": "<20261031.1200@example.test>"},
        {"In_Reply_To": "<unknown@far.test>"},
        {"In_Reply_To": "<unknown@other.test>"},
        {"In_Reply_To": "<unknown@example.test>", "List_Id": "<talk.lists.test>"},
        {"In_Reply_To": "<unknown@example.test>", "Auto_Submitted": "auto-replied"},
        {"In_Reply_To": "<unknown@example.test>", "marks_since": "2026-11-18"},
        {"In_Reply_To": "<unknown@example.test>", "marks_since": ""},
        {"In_Reply_To": "no id"},
    ],
)
def test_what_the_ledger_could_not_know_is_no_sign(fields: dict[str, str]) -> None:
    seen, ledger = look(**fields)  # type: ignore[arg-type]
    assert seen.outcome is Outcome.SKIPPED
    assert not ledger.asked


def test_a_reply_that_a_list_brought_to_another_user_is_no_sign() -> None:
    assert look(In_Reply_To="<unknown@example.test>", to="talk@lists.test")[0].outcome is Outcome.MISS


def test_a_domain_that_has_keys_but_no_day_yet_is_watched_since_its_first_key() -> None:
    day = int(NOW // 86400)
    assert look(In_Reply_To="<unknown@example.test>", marks_since="", keys=(BatvKey(1, "k", day - 9),))[0].findings
    assert not look(In_Reply_To="<unknown@example.test>", marks_since="", keys=(BatvKey(1, "k", day - 2),))[0].findings
