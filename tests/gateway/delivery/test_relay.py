import asyncio

import pytest

from gateway.config import Budget
from gateway.delivery.faults import RouteFault
from gateway.delivery.pool import Pool
from gateway.mail.envelope import MailParameters
from gateway.mail.reply import Reply
from gateway.policy.snapshot import NextHop, Route
from tests import samples
from tests.gateway.delivery.conftest import PATIENT
from tests.gateway.delivery.scripted import CUT, PLAIN_EHLO, SILENT, Scripted, scripted, until

NOTHING = MailParameters()


async def first_recipient(pool: Pool, server: Scripted) -> Reply:
    transaction = await pool.begin("in", Route((server.hop,)), "a@example.org", NOTHING)
    return await transaction.rcpt("b@example.test")


async def test_a_message_goes_through(pool: Pool) -> None:
    async with scripted() as server:
        transaction = await pool.begin("in", Route((server.hop,)), "a@example.org", NOTHING)

        answer = await transaction.rcpt("b@example.test")
        last = await transaction.send(b"Received: us\r\n", samples.content())

        assert answer == Reply(250, "2.1.5", "ok")
        assert last == Reply(250, "2.0.0", "taken")
        assert server.messages == [b"Received: us\r\n" + samples.MESSAGE]
        assert server.commands == [
            "EHLO gateway.example",
            "MAIL FROM:<a@example.org>",
            "RCPT TO:<b@example.test>",
            "DATA",
        ]
        assert transaction.host == f"127.0.0.1:{server.port}"


async def test_the_null_sender_stays_null(pool: Pool) -> None:
    async with scripted() as server:
        transaction = await pool.begin("in", Route((server.hop,)), "", NOTHING)
        await transaction.rcpt("b@example.test")
        assert server.commands[1] == "MAIL FROM:<>"
        await transaction.abandon()


async def test_parameters_go_on_where_they_are_offered(pool: Pool) -> None:
    declared = MailParameters(size=1234, body="8BITMIME", smtputf8=True)
    async with scripted() as server:
        transaction = await pool.begin("in", Route((server.hop,)), "ä@example.org", declared, unproven=True)
        await transaction.rcpt("b@example.test")
        assert server.commands[1:] == [
            "MAIL FROM:<ä@example.org> SIZE=1234 BODY=8BITMIME SMTPUTF8",
            "RCPT TO:<b@example.test> NOTIFY=NEVER",
        ]
        await transaction.abandon()


async def test_parameters_stay_away_where_they_are_not(pool: Pool) -> None:
    declared = MailParameters(size=1234, body="8BITMIME", smtputf8=True)
    async with scripted({"EHLO": PLAIN_EHLO}) as server:
        transaction = await pool.begin("in", Route((server.hop,)), "a@example.org", declared, unproven=True)
        await transaction.rcpt("b@example.test")
        assert server.commands[1:] == ["MAIL FROM:<a@example.org>", "RCPT TO:<b@example.test>"]
        await transaction.abandon()


async def test_refused_recipients_are_answers_and_the_others_get_the_message(pool: Pool) -> None:
    async with scripted({"RCPT": ["250 2.1.5 ok", "452 4.2.2 full", "550 5.1.1 who?"]}) as server:
        transaction = await pool.begin("in", Route((server.hop,)), "a@example.org", NOTHING)

        answers = [await transaction.rcpt(f"{name}@example.test") for name in "bcd"]
        last = await transaction.send(b"", samples.content())

        assert [answer.code for answer in answers] == [250, 452, 550]
        assert transaction.accepted == ["b@example.test"]
        assert last.positive


@pytest.mark.parametrize("code", [452, 554])
async def test_the_answer_to_the_final_dot_is_a_value_and_the_connection_stays(pool: Pool, code: int) -> None:
    async with scripted({"DOT": [f"{code} no", "250 ok"]}) as server:
        route = Route((server.hop,))
        first = await pool.begin("in", route, "a@example.org", NOTHING)
        await first.rcpt("b@example.test")
        refused = await first.send(b"", samples.content())
        second = await pool.begin("in", route, "a@example.org", NOTHING)
        await second.rcpt("b@example.test")

        taken = await second.send(b"", samples.content())

        assert refused == Reply(code, f"{code // 100}.0.0", "no")
        assert taken.positive
        assert server.connections == 1


@pytest.mark.parametrize(
    ("answers", "step"),
    [
        ({"BANNER": "554 go away"}, "banner"),
        ({"BANNER": "ftp?"}, "banner"),
        ({"BANNER": CUT}, "cut"),
        ({"BANNER": SILENT}, "timeout"),
        ({"EHLO": "502 5.5.1 never heard of it"}, "ehlo"),
        ({"EHLO": "421 4.3.2 later"}, "ehlo"),
        ({"EHLO": CUT}, "cut"),
        ({"MAIL": "451 4.3.0 trouble"}, "mail"),
        ({"MAIL": "550 5.7.1 not you"}, "mail"),
        ({"MAIL": CUT}, "cut"),
        ({"MAIL": "250-one\r\n251 two"}, "mail"),
        ({"MAIL": "999 what"}, "mail"),
        ({"MAIL": "25"}, "mail"),
        ({"MAIL": SILENT, "RCPT": SILENT}, "timeout"),
        ({"RCPT": "421 4.3.2 closing"}, "rcpt"),
        ({"RCPT": "354 go on"}, "rcpt"),
        ({"RCPT": "x" * 10_000}, "mail"),
        ({"RCPT": "\r\n".join(["250-more"] * 200)}, "mail"),
    ],
)
async def test_trouble_before_the_recipient_is_a_fault_of_the_route(
    answers: dict[str, str | list[str]], step: str
) -> None:
    budget = Budget(connect=1.0, next_hop=0.3) if step == "timeout" else PATIENT
    pool = Pool("gateway.example", budget, {}.get)
    async with scripted(answers) as server:
        with pytest.raises(RouteFault) as caught:
            await first_recipient(pool, server)
        assert caught.value.step == step
        assert caught.value.host == f"127.0.0.1:{server.port}"
    await pool.close()


@pytest.mark.parametrize(
    ("answers", "step", "after_dot"),
    [
        ({"DATA": "451 4.3.0 not now"}, "data", False),
        ({"DATA": "554 5.5.1 no"}, "data", False),
        ({"DATA": "250 ok"}, "data", False),
        ({"DATA": CUT}, "cut", False),
        ({"DATA": SILENT}, "timeout", False),
        ({"DATA": "354 go on\r\n552 5.3.4 too big"}, "data", False),
        ({"DOT": CUT}, "cut", True),
        ({"DOT": SILENT}, "timeout", True),
        ({"DOT": "354 more"}, "data", True),
        ({"DOT": "hello"}, "data", True),
    ],
)
async def test_trouble_after_the_recipient_is_a_fault_of_the_route(
    answers: dict[str, str | list[str]], step: str, *, after_dot: bool
) -> None:
    impatient = {"final_dot": 0.3} if after_dot else {"next_hop": 2.0}  # the answer to RCPT is wanted
    pool = Pool("gateway.example", Budget(**impatient) if step == "timeout" else PATIENT, {}.get)
    async with scripted(answers) as server:
        transaction = await pool.begin("in", Route((server.hop,)), "a@example.org", NOTHING)
        await transaction.rcpt("b@example.test")
        with pytest.raises(RouteFault) as caught:
            await transaction.send(b"", samples.content())
        assert (caught.value.step, caught.value.after_dot) == (step, after_dot)
        await transaction.abandon()
    await pool.close()


async def test_some_of_the_recipients_get_it_in_a_transaction_of_their_own(pool: Pool) -> None:
    async with scripted() as server:
        transaction = await pool.begin("in", Route((server.hop,)), "a@example.org", NOTHING)
        for name in "bcd":
            await transaction.rcpt(f"{name}@example.test")

        answer = await transaction.send(b"", samples.content(), recipients=["b@example.test", "d@example.test"])

        assert answer.positive
        assert server.commands[5:] == [
            "RSET",
            "MAIL FROM:<a@example.org>",
            "RCPT TO:<b@example.test>",
            "RCPT TO:<d@example.test>",
            "DATA",
        ]


@pytest.mark.parametrize("ehlo", [PLAIN_EHLO, "250-x\r\n250 PIPELINING"])
async def test_nothing_is_sent_when_one_of_them_is_refused_now(pool: Pool, ehlo: str) -> None:
    async with scripted({"EHLO": ehlo, "RCPT": ["250 ok", "250 ok", "450 4.2.0 later"]}) as server:
        transaction = await pool.begin("in", Route((server.hop,)), "a@example.org", NOTHING)
        for name in "bc":
            await transaction.rcpt(f"{name}@example.test")

        with pytest.raises(RouteFault, match="450") as caught:
            await transaction.send(b"", samples.content(), recipients=["b@example.test"])

        assert caught.value.step == "rcpt"
        assert server.messages == []


async def test_past_the_deadline_nothing_is_delivered(pool: Pool) -> None:
    async with scripted({"DATA": [SILENT]}) as server:
        transaction = await pool.begin("in", Route((server.hop,)), "a@example.org", NOTHING)
        await transaction.rcpt("b@example.test")
        with pytest.raises(RouteFault) as caught:
            await transaction.send(b"", samples.content(), deadline=asyncio.get_running_loop().time() + 0.1)
        assert (caught.value.step, caught.value.after_dot) == ("timeout", False)
        assert server.messages == []


async def test_a_next_hop_that_stops_reading_meets_the_deadline(pool: Pool) -> None:
    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for said in (b"220 x\r\n", b"250 x\r\n", b"250 ok\r\n", b"250 ok\r\n", b"354 go on\r\n"):
            writer.write(said)
            if not said.startswith(b"354"):
                await reader.readline()
        await gone.wait()
        writer.close()

    gone = asyncio.Event()
    listener = await asyncio.start_server(deaf, "127.0.0.1", 0, limit=1024)
    port = listener.sockets[0].getsockname()[1]
    transaction = await pool.begin("in", Route((NextHop("127.0.0.1", port),)), "a@example.org", NOTHING)
    await transaction.rcpt("b@example.test")

    with pytest.raises(RouteFault) as caught:
        await transaction.send(
            b"", samples.content(b"x" * 30_000_000), deadline=asyncio.get_running_loop().time() + 0.5
        )

    assert (caught.value.step, caught.value.after_dot) == ("timeout", False)
    gone.set()
    listener.close()


async def test_abandoned_after_a_recipient_the_connection_is_reset_and_used_again(pool: Pool) -> None:
    async with scripted() as server:
        route = Route((server.hop,))
        transaction = await pool.begin("in", route, "a@example.org", NOTHING)
        await transaction.rcpt("b@example.test")

        await transaction.abandon()
        await until(lambda: "RSET" in server.verbs)
        await asyncio.sleep(0)
        again = await pool.begin("in", route, "c@example.org", NOTHING)
        await again.rcpt("b@example.test")

        assert server.verbs == ["EHLO", "MAIL", "RCPT", "RSET", "MAIL", "RCPT"]
        await again.abandon()
        await again.abandon()


async def test_abandoned_while_an_answer_is_due_the_connection_is_closed(pool: Pool) -> None:
    async with scripted({"RCPT": SILENT}) as server:
        transaction = await pool.begin("in", Route((server.hop,)), "a@example.org", NOTHING)
        asking = asyncio.create_task(transaction.rcpt("b@example.test"))
        await until(lambda: "RCPT" in server.verbs)
        asking.cancel()
        await asyncio.wait([asking])

        await transaction.abandon()

        await until(lambda: not server.writers)
        assert "RSET" not in server.verbs


async def test_cancelled_in_the_middle_of_the_message_nothing_is_delivered(pool: Pool) -> None:
    async with scripted({"DATA": SILENT}) as server:
        transaction = await pool.begin("in", Route((server.hop,)), "a@example.org", NOTHING)
        await transaction.rcpt("b@example.test")
        sending = asyncio.create_task(transaction.send(b"", samples.content()))
        await until(lambda: "DATA" in server.verbs)
        sending.cancel()
        await asyncio.wait([sending])
        await transaction.abandon()
        await until(lambda: not server.writers)
        assert server.messages == []


async def test_an_address_can_not_smuggle_a_command(pool: Pool) -> None:
    async with scripted() as server:
        transaction = await pool.begin("in", Route((server.hop,)), "a@example.org", NOTHING)
        with pytest.raises(ValueError, match="line end"):
            await transaction.rcpt("b@example.test>\r\nDATA")
        assert server.verbs == ["EHLO"]
        await transaction.abandon()


async def test_the_next_hops_words_are_made_printable(pool: Pool) -> None:
    async with scripted({"RCPT": "550-5.1.1 \x1b[2J\r\n550 5.1.1 näh"}) as server:
        transaction = await pool.begin("in", Route((server.hop,)), "a@example.org", NOTHING)
        assert await transaction.rcpt("b@example.test") == Reply(550, "5.1.1", "?[2J n?h")
        await transaction.abandon()
