"""Which refusals blame the tag on a sender, in the wordings of list managers and mail servers."""

import pytest

from gateway.backscatter.refusals import blames_tag, in_bounce, speaks_of_members


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
        "550 5.7.1 <prvs=1001abcdef=kim@example.test>: Sender address rejected: not owned by user kim",
        "550 you may not have permission to post messages to the group: you do not have permission to post",
        "554 you are not a list subscriber",
        "550 You are not authorized to send mail to the NEWS list",
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
        "554 5.7.1 <prvs=1001abcdef=kim@example.test>: Sender address rejected: Access denied",
        "450 4.1.8 <prvs=1001abcdef=kim@example.test>: Sender address rejected: Domain not found",
        "550 prvs=1001abcdef=kim@example.test wrote to an account that does not exist",
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


BOUNCE = """--b
Content-Type: text/plain

This is the mail system at host mx.far.test. Your message could not be delivered.

<bob@far.test>: host mx.far.test said: {why}

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.far.test
X-Postfix-Sender: rfc822; prvs=1001abcdef=kim@example.test

Final-Recipient: rfc822; bob@far.test
Action: failed
Status: 5.0.0
Diagnostic-Code: smtp; {why}

--b
Content-Type: message/rfc822

Return-Path: <prvs=1001abcdef=kim@example.test>
From: Kim <kim@example.test>
Subject: only subscribers may post, and I am not a member

hello
--b--
"""
PLAIN = """Hi. This is the mail program at far.test. I could not deliver your message.

<bob@far.test>:
{why}

--- Below this line is a copy of the message.

Return-Path: <prvs=1001abcdef=kim@example.test>
From: Kim <kim@example.test>
Subject: only subscribers may post
"""
OTHERS = [
    "550 5.1.1 The email account that you tried to reach does not exist",
    "552 5.3.4 Message size exceeds fixed limit",
    "554 5.7.1 Access denied",
    "550 5.2.1 The account is disabled",
    "550 5.1.1 user unknown",
]


@pytest.mark.parametrize("form", [BOUNCE, PLAIN])
@pytest.mark.parametrize("why", OTHERS)
def test_a_whole_bounce_for_another_reason_blames_nobody_though_it_quotes_our_tag(form: str, why: str) -> None:
    assert in_bounce(form.replace("{why}", why)) == []


def test_a_report_names_the_destination_that_blames_the_tag() -> None:
    why = "550 5.7.1 you are not a member of this list"
    assert in_bounce(BOUNCE.replace("{why}", why)) == [("bob@far.test", "you are not a member")]


def test_free_text_names_no_destination() -> None:
    assert in_bounce(PLAIN.replace("{why}", "only subscribers may post here")) == [("", "only subscribers")]


def test_a_list_speaks_of_its_members() -> None:
    assert speaks_of_members("you are not a member")
    assert not speaks_of_members("bad sender")
