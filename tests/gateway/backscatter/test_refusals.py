"""Which refusals blame the tag on a sender, in the wordings of list managers and mail servers."""

import pytest

from gateway.backscatter.refusals import blames_tag


@pytest.mark.parametrize(
    "words",
    [
        "550 5.7.1 prvs=1001abcdef=kim@example.test is not a member of this list",
        "550 You are not allowed to post to this mailing list",
        "554 5.7.1 Only subscribers may post to announce@lists.test",
        "550 Sorry, only members are allowed to post here",
        "550 5.1.7 The sender's address was syntactically invalid",
        "501 5.1.7 Bad sender address syntax",
        "553 malformed sender address",
        "550 Sender address has invalid characters",
        "550 5.1.0 Unknown sender",
        "550 Sender is not registered with this service",
        "554 non-member posts are not accepted",
        "550 sender address not owned by user kim@example.test",
        "550 posting from non-subscribers is closed",
        "501 local-part too long",
    ],
)
def test_words_about_the_sender_blame_the_tag(words: str) -> None:
    assert blames_tag(words)


@pytest.mark.parametrize(
    "words",
    [
        "550 5.1.1 User unknown",
        "550 5.1.1 <bob@far.test>: Recipient address rejected: User unknown in virtual mailbox table",
        "550 5.7.23 SPF validation failed: sender is not allowed to send to us",
        "550 5.7.26 Unauthenticated mail is not accepted by the DMARC policy; you are not permitted to post",
        "554 Service unavailable; client blocked using a blocklist",
        "550 spam message rejected, unknown sender",
        "552 5.2.2 mailbox full",
        "450 4.2.0 try again later",
        "550 relay access denied",
        "554 5.7.1 message looks like spam",
        "550 5.4.6 mail loop",
        "",
        "x" * 100_000,
    ],
)
def test_every_other_reason_is_not_the_tags_fault(words: str) -> None:
    assert not blames_tag(words)


def test_the_reason_is_short_and_on_one_line() -> None:
    reason = blames_tag("550 only\r\n subscribers may post, and " + "more " * 1000)
    assert len(reason) <= 80
    assert "\n" not in reason
