"""A 5xx as the 4xx that is closest to it."""

import pytest

from gateway.mail.client import Client
from gateway.mail.reply import Reply

FOR_NOW = {
    500: 451,
    501: 451,
    502: 451,
    503: 451,
    521: 451,
    530: 451,
    550: 450,
    551: 450,
    552: 452,
    553: 450,
    554: 451,
    555: 455,
    556: 451,
}


@pytest.mark.parametrize(("code", "temporary"), FOR_NOW.items())
def test_a_refusal_for_good_becomes_one_for_now_and_keeps_subject_detail_and_text(code: int, temporary: int) -> None:
    assert Reply(code, "5.7.26", "not proven").for_now() == Reply(temporary, "4.7.26", "not proven")


@pytest.mark.parametrize("code", [220, 250, 354, 421, 451])
def test_what_is_no_refusal_for_good_stays(code: int) -> None:
    reply = Reply(code, f"{code // 100}.0.0", "so be it")

    assert reply.for_now() is reply


@pytest.mark.parametrize("code", [504, 535, 538])
def test_what_only_auth_gives_stays(code: int) -> None:
    reply = Reply(code, "5.7.8", "login or password is wrong")

    assert reply.for_now() is reply


def test_only_a_trusted_forwarder_hears_it_so() -> None:
    reply = Reply(550, "5.1.1", "no such recipient here")

    assert Client("192.0.2.1").hears(reply) is reply
    assert Client("192.0.2.1", forwarder="partner").hears(reply) == reply.for_now()
