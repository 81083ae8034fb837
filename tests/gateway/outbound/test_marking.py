import pytest

from gateway.backscatter import batv
from gateway.mail.address import parse_mailbox
from gateway.mail.message import Headers
from gateway.outbound import marking
from gateway.outbound.marking import MarkingError, Marks
from gateway.policy.matching import Policy
from gateway.policy.snapshot import BatvKey, Dkim, DomainPolicy, Marking, Snapshot

TODAY = 20778
SECRETS = {"old": "old secret", "new": "new secret", "seal": "seal secret", "pem": "a private key"}
US = parse_mailbox("Us@Ours.test")
THEM = parse_mailbox("them@theirs.test")


def policy(*keys: BatvKey, never_tag: tuple[str, ...] = (), seal: str = "seal") -> Policy:
    return Policy(
        Snapshot(
            revision=1,
            published="",
            by="",
            domains={
                "ours.test": DomainPolicy(route="main", dkim=Dkim("s", "pem")),
                "also.test": DomainPolicy(route="main", dkim=Dkim("s", "gone")),
                ".".join(["o" * 47] * 4) + ".test": DomainPolicy(route="main"),
            },
            marking=Marking(keys or (BatvKey(1, "new"),), seal, never_tag),
        )
    )


def marks(of: Policy, sender: str = "us@ours.test") -> Marks:
    return marking.load(of, parse_mailbox(sender), SECRETS.get, TODAY)


def test_the_newest_key_that_has_begun_signs() -> None:
    keys = (BatvKey(1, "old", since=1), BatvKey(2, "new", since=TODAY), BatvKey(3, "new", since=TODAY + 1))
    of = policy(*keys)

    assert marks(of).sender_towards(US, THEM, of).startswith("prvs=2785")


def test_a_sender_is_signed_in_lower_case() -> None:
    of = policy()

    assert marks(of).sender_towards(US, THEM, of) == batv.sign("us@ours.test", batv.Key(1, b"new secret"), TODAY)


@pytest.mark.parametrize(
    ("sender", "recipient"),
    [
        ("Us@Ours.test", "Other@also.test"),
        ("Us@elsewhere.test", "them@theirs.test"),
        ("Us@Ours.test", "Picky@Theirs.test"),
        ("Us@Ours.test", "any@lists.test"),
        ('"Us All"@Ours.test', "them@theirs.test"),
        ("U" * 49 + "@Ours.test", "them@theirs.test"),
        ("U" * 48 + "@" + ".".join(["o" * 47] * 4) + ".test", "them@theirs.test"),
    ],
)
def test_a_sender_that_must_not_be_signed_stays_as_it_is(sender: str, recipient: str) -> None:
    of = policy(never_tag=("picky@theirs.test", "lists.test"))

    assert marks(of).sender_towards(parse_mailbox(sender), parse_mailbox(recipient), of) == sender


def test_a_tag_that_a_sender_brings_is_replaced_by_ours() -> None:
    of = policy()
    brought = parse_mailbox("prvs=1785000000=us@ours.test")

    assert marks(of).sender_towards(brought, THEM, of) == marks(of).sender_towards(US, THEM, of)


def test_without_a_key_a_sender_stays_as_it_is() -> None:
    of = Policy(Snapshot(revision=1, published="", by=""))

    assert marking.load(of, US, SECRETS.get, TODAY).sender_towards(US, THEM, of) == "Us@Ours.test"


@pytest.mark.parametrize(
    "of",
    [
        policy(BatvKey(1, "lost")),
        policy(BatvKey(1, "old", since=1), BatvKey(2, "lost", since=2)),
        policy(seal="lost"),
    ],
)
def test_a_secret_that_is_gone_is_an_error(of: Policy) -> None:
    with pytest.raises(MarkingError, match="restore it"):
        marks(of)


def test_the_dkim_key_of_the_senders_domain_must_be_there_and_no_other() -> None:
    assert set(marks(policy()).dkim) == {"ours.test"}
    with pytest.raises(MarkingError, match=r"also\.test"):
        marks(policy(), "us@also.test")


@pytest.mark.parametrize("key", [BatvKey(1, "lost", retired=True), BatvKey(1, "lost", since=TODAY + 1)])
def test_a_key_that_does_not_sign_needs_no_secret(key: BatvKey) -> None:
    assert marks(policy(key, BatvKey(2, "new"))).key == batv.Key(2, b"new secret", name="new")


def test_a_secret_that_can_not_be_read_is_an_error() -> None:
    def refuse(name: str) -> str | None:
        raise PermissionError(13, "Permission denied", name)

    with pytest.raises(MarkingError, match="can't be read"):
        marking.load(policy(), US, refuse, TODAY)


@pytest.mark.parametrize(
    ("sender", "field", "domain"),
    [
        ("us@ours.test", "Boss <boss@also.test>", "ours.test"),
        ("us@elsewhere.test", "Us <us@ours.test>", None),
        (None, "Mail Delivery System <mailer-daemon@Ours.test>", "ours.test"),
        (None, "nobody", None),
    ],
)
def test_the_envelope_senders_domain_chooses_who_signs(sender: str | None, field: str, domain: str | None) -> None:
    dkim = {"ours.test": marking.DkimKey("ours.test", "s", b""), "also.test": marking.DkimKey("also.test", "s", b"")}
    headers = Headers(f"From: {field}\r\n".encode())

    key = Marks(dkim=dkim).dkim_for(parse_mailbox(sender) if sender else None, headers)

    assert (key.domain if key else None) == domain
