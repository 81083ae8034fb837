import email
import email.policy

import pytest

from gateway.delivery import headers
from gateway.mail.client import Client
from gateway.mail.decisions import Action, Decision

CLIENT = Client(ip="192.0.2.1", helo="mail.example.org", esmtp=True)


def received(client: Client = CLIENT, recipients: tuple[str, ...] = ("b@example.test",), **more: object) -> str:
    return headers.received(client, by="mx.example.test", id="T1", at=0.0, recipients=recipients, **more).decode()


def test_received_tells_who_where_how_and_when() -> None:
    assert received(listener="inbound") == (
        "Received: from mail.example.org ([192.0.2.1])\r\n"
        "\tby mx.example.test (Backstop inbound) with ESMTP id T1\r\n"
        "\tfor <b@example.test>;\r\n"
        "\tThu, 01 Jan 1970 00:00:00 -0000\r\n"
    )


def test_received_names_no_recipient_where_there_are_two() -> None:
    assert "for <" not in received(recipients=("b@example.test", "c@example.test"))


def test_received_writes_an_ipv6_address_as_a_literal() -> None:
    assert "([IPv6:2001:db8::1])" in received(Client(ip="2001:db8::1", helo="x", esmtp=True))


@pytest.mark.parametrize(
    ("client", "utf8", "name"),
    [
        (Client(ip="192.0.2.1"), False, "SMTP"),
        (CLIENT, False, "ESMTP"),
        (Client(ip="192.0.2.1", esmtp=True, tls="TLSv1.3 AES"), False, "ESMTPS"),
        (Client(ip="192.0.2.1", esmtp=True, tls="TLSv1.3 AES", account="ann"), False, "ESMTPSA"),
        (CLIENT, True, "UTF8SMTP"),
        (Client(ip="192.0.2.1", esmtp=True, tls="TLSv1.3 AES", account="ann"), True, "UTF8SMTPSA"),
    ],
)
def test_the_protocol_has_its_registered_name(client: Client, name: str, *, utf8: bool) -> None:
    assert headers.protocol(client, utf8=utf8) == name


def test_received_names_the_client_as_dns_does() -> None:
    assert "from mail.example.org (mx1.example.org [192.0.2.1])" in received(name="mx1.example.org")


@pytest.mark.parametrize("name", ["a) by other (b", "a\r\nX-Evil: 1", "x" * 5000])
def test_a_hostile_name_of_dns_stays_a_name(name: str) -> None:
    text = received(name=name)
    assert email.message_from_string(text + "\r\n").keys() == ["Received"]
    assert max(map(len, text.split("\r\n"))) < 998
    assert text.count("(") == 2


@pytest.mark.parametrize(
    "helo", ["a\r\nX-Evil: 1", "a) by mx.example.test (", "", "\udcff\x00", "x" * 5000, "a; b <c>"]
)
def test_a_hostile_name_stays_a_name(helo: str) -> None:
    text = received(Client(ip="192.0.2.1", helo=helo, esmtp=True))
    parsed = email.message_from_string(text + "\r\n")
    assert parsed.keys() == ["Received"]
    assert max(map(len, text.split("\r\n"))) < 998
    assert text.count("(") == 2


def test_an_international_recipient_stands_there_only_where_utf8_may() -> None:
    assert "for <" not in received(recipients=("ä@example.test",))
    assert "for <ä@example.test>" in received(recipients=("ä@example.test",), utf8=True)


def test_spam_headers_tell_score_and_symbols() -> None:
    decision = Decision(Action.TAG, "the score is high", score=6.25)
    assert headers.spam_headers(decision, {"A": 5.0, "B\r\nX": 1.25}, flag=True).decode() == (
        "X-Spam-Flag: YES\r\nX-Spam-Score: 6.2\r\nX-Spam-Status: Yes, score=6.2 tests=\r\n\tA=5.0\r\n\tB__X=1.2\r\n"
    )


def test_spam_headers_of_a_clean_message() -> None:
    text = headers.spam_headers(Decision(Action.DELIVER, "nothing was found"), {}, flag=False).decode()
    assert text == "X-Spam-Flag: NO\r\nX-Spam-Score: 0.0\r\nX-Spam-Status: No, score=0.0 tests=none\r\n"


def test_authentication_results_of_a_stranger() -> None:
    assert headers.authentication_results("mx.example.test") == b"Authentication-Results: mx.example.test; none\r\n"
