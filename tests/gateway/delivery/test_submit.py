import asyncio

import pytest

from gateway.config import Budget
from gateway.delivery.faults import RouteFault
from gateway.delivery.submit import deliver, probe
from gateway.mail.envelope import MailParameters
from gateway.mail.reply import Reply
from gateway.policy.snapshot import Route
from tests import samples
from tests.gateway.delivery.conftest import Certificate
from tests.gateway.delivery.scripted import Scripted, free_port_of_nobody, scripted


async def submitted(server: Scripted, **more: object) -> Reply:
    return await asyncio.to_thread(
        deliver,
        Route((server.hop,)),
        None,
        "me",
        "",
        "b@example.test",
        MailParameters(),
        samples.content(),
        b"",
        **more,
    )


async def test_a_delivery_gives_the_answer_to_the_final_dot_and_leaves_politely() -> None:
    async with scripted() as server:
        assert await submitted(server) == Reply(250, "2.0.0", "taken")
        assert server.verbs == ["EHLO", "MAIL", "RCPT", "DATA", "QUIT"]


async def test_a_delivery_gives_the_answer_to_a_refused_recipient() -> None:
    async with scripted({"RCPT": "550 5.1.1 who?"}) as server:
        assert await submitted(server) == Reply(550, "5.1.1", "who?")
        assert server.verbs == ["EHLO", "MAIL", "RCPT", "RSET", "QUIT"]


async def test_a_delivery_that_fails_on_the_way_raises() -> None:
    with pytest.raises(RouteFault):
        await asyncio.to_thread(
            deliver,
            Route((free_port_of_nobody(),)),
            None,
            "me",
            "",
            "b@example.test",
            MailParameters(),
            samples.content(),
            b"",
        )


async def test_a_probe_says_what_each_host_offers_or_what_is_wrong_with_it(certificate: Certificate) -> None:
    nobody = free_port_of_nobody()
    answers = {"EHLO": ["250-x\r\n250 STARTTLS", "250-x\r\n250 SIZE 99"], "STARTTLS": "220 go on"}
    async with scripted(answers, tls=certificate.server) as good, scripted({"EHLO": "502 5.5.1 no"}) as bad:
        found = await asyncio.to_thread(
            probe, Route((good.hop, bad.hop, nobody)), None, "me", budget=Budget(connect=60)
        )

    assert [each.step for each in found] == ["", "ehlo", "connect"]
    assert found[0].capabilities.size == 99
    assert found[0].banner == "scripted.example ESMTP"
    assert found[0].tls.startswith("TLSv1")
    assert found[2].fault == f"127.0.0.1:{nobody.port}: connect: Connection refused"
