import pytest

from gateway.backscatter import batv
from gateway.checks.base import Seen, View
from gateway.checks.batv import Batv
from gateway.mail.address import parse_mailbox
from gateway.mail.client import Client
from gateway.mail.findings import Outcome
from gateway.policy.matching import Policy
from gateway.policy.snapshot import BatvKey, DomainPolicy, Marking, Snapshot

TODAY = 20778
TAGGED = batv.sign("us@ours.test", batv.Key(1, b"secret"), TODAY)


def look(recipient: str, sender: str | None = None, *, keys: bool = True, lost: bool = False) -> Seen:
    marking = Marking((BatvKey(1, "key"),)) if keys else Marking()
    policy = Policy(
        Snapshot(revision=1, published="", by="", domains={"ours.test": DomainPolicy(route="main")}, marking=marking)
    )
    address = parse_mailbox(recipient)
    view = View(
        policy=policy,
        node="mx.test",
        listener="inbound",
        client=Client("192.0.2.1"),
        sender=parse_mailbox(sender) if sender else None,
        recipient=address,
        match=policy.match(address),
    )
    return Batv(lambda _: None if lost else "secret", lambda: TODAY).look(view)


@pytest.mark.parametrize(
    ("recipient", "symbol"),
    [
        (TAGGED, "BATV_VALID"),
        (TAGGED.upper(), "BATV_VALID"),
        (batv.sign("us@ours.test", batv.Key(1, b"secret"), TODAY - 8), "BATV_EXPIRED"),
        (TAGGED.replace("us@", "them@"), "BATV_FORGED"),
        ("us@ours.test", "BATV_MISSING"),
    ],
)
def test_the_tag_of_a_bounce_is_told(recipient: str, symbol: str) -> None:
    seen = look(recipient)

    assert [finding.symbol for finding in seen.findings] == [symbol]
    assert all(finding.weight == 0 for finding in seen.findings)


def test_mail_with_a_sender_needs_no_tag() -> None:
    assert look("us@ours.test", "them@theirs.test").outcome is Outcome.MISS


def test_a_tag_is_told_whoever_sends() -> None:
    assert look(TAGGED, "them@theirs.test").findings[0].symbol == "BATV_VALID"


def test_without_keys_there_is_nothing_to_say() -> None:
    assert look(TAGGED, keys=False).outcome is Outcome.SKIPPED


def test_the_tag_of_a_key_whose_file_is_not_there_can_not_be_told() -> None:
    seen = look(TAGGED, lost=True)

    assert (seen.outcome, "secrets/key is not there" in seen.detail) == (Outcome.ERROR, True)


def test_others_domains_have_no_tags_of_ours() -> None:
    assert look(TAGGED.replace("ours.test", "theirs.test")).outcome is Outcome.SKIPPED
