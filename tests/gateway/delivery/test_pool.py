import asyncio

import pytest

from gateway.config import Budget
from gateway.delivery import pool as pool_module
from gateway.delivery.faults import RouteFault
from gateway.delivery.pool import Pool
from gateway.delivery.relay import NextHopTransaction
from gateway.mail.envelope import MailParameters
from gateway.policy.snapshot import NextHop, Route, TlsLevel
from tests import samples
from tests.gateway.delivery.scripted import CUT, SILENT, free_port_of_nobody, scripted, until

NOTHING = MailParameters()


async def deliver(pool: Pool, route: Route) -> NextHopTransaction:
    transaction = await pool.begin("in", route, "a@example.org", NOTHING)
    answer = await transaction.rcpt("b@example.test")
    assert answer.positive
    assert (await transaction.send(b"", samples.content())).positive
    return transaction


async def test_a_connection_is_used_again(pool: Pool) -> None:
    async with scripted() as server:
        for _ in range(5):
            await deliver(pool, Route((server.hop,)))
        assert (server.connections, len(server.messages)) == (1, 5)


async def test_a_connection_is_not_shared_by_routes_that_differ(pool: Pool) -> None:
    async with scripted() as server:
        await deliver(pool, Route((server.hop,)))
        await deliver(pool, Route((server.hop,), tls=TlsLevel.NEVER))
        assert server.connections == 2


async def test_a_connection_is_not_used_for_ever(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_module, "MAX_USES", 2)
    async with scripted() as server:
        for _ in range(4):
            await deliver(pool, Route((server.hop,)))
        await until(lambda: server.verbs.count("QUIT") == 2)
        assert server.connections == 2


async def test_an_idle_connection_is_closed_by_quit() -> None:
    pool = Pool("gateway.example", Budget(), {}.get, idle_seconds=0.05)
    async with scripted() as server:
        await deliver(pool, Route((server.hop,)))
        await until(lambda: not server.writers)
        assert server.verbs[-1] == "QUIT"
    await pool.close()


async def test_a_closed_pool_leaves_no_connection() -> None:
    pool = Pool("gateway.example", Budget(), {}.get)
    async with scripted() as server:
        await deliver(pool, Route((server.hop,)))
        await pool.close()
        await until(lambda: not server.writers)
        assert server.verbs[-1] == "QUIT"


async def test_a_connection_that_comes_back_to_a_closed_pool_is_closed() -> None:
    pool = Pool("gateway.example", Budget(), {}.get)
    async with scripted() as server:
        transaction = await pool.begin("in", Route((server.hop,)), "a@example.org", NOTHING)
        await pool.close()
        await transaction.abandon()
        await until(lambda: not server.writers)
        assert server.verbs[-1] == "QUIT"


async def test_a_next_hop_that_was_started_anew_is_not_noticed(pool: Pool) -> None:
    async with scripted() as server:
        route = Route((server.hop,))
        both = [await pool.begin("in", route, "a@example.org", NOTHING) for _ in range(2)]
        for transaction in both:
            await transaction.abandon()
        server.hang_up()
        await deliver(pool, route)
        assert server.messages == [samples.MESSAGE]


@pytest.mark.parametrize("farewell", ["421 4.4.2 idle for too long", CUT])
async def test_a_connection_that_fails_at_mail_after_it_was_idle_is_replaced_once(pool: Pool, farewell: str) -> None:
    async with scripted({"MAIL": ["250 ok", farewell, "250 ok"]}) as server:
        route = Route((server.hop,))
        await deliver(pool, route)
        await deliver(pool, route)
        assert server.connections == 2
        assert len(server.messages) == 2


async def test_a_fresh_connection_that_fails_at_mail_is_not_tried_again(pool: Pool) -> None:
    async with scripted({"MAIL": CUT}) as server:
        transaction = await pool.begin("in", Route((server.hop,)), "a@example.org", NOTHING)
        with pytest.raises(RouteFault):
            await transaction.rcpt("b@example.test")
        assert server.connections == 1
        await transaction.abandon()


async def test_the_next_host_takes_over_and_its_failure_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    told = []
    pool = Pool("gateway.example", Budget(), {}.get, on_fault=lambda host, fault: told.append((host, fault.step)))
    nobody = free_port_of_nobody()
    async with scripted() as server:
        transaction = await deliver(pool, Route((nobody, server.hop)))
        assert transaction.host == f"127.0.0.1:{server.port}"
        assert told == [(f"127.0.0.1:{nobody.port}", "connect")]
        assert "next hop failed" not in caplog.text, "it is for who is told to say so"
        await pool.close()


@pytest.mark.parametrize(
    "trouble",
    [{"EHLO": "502 5.5.1 no"}, {"BANNER": "554 no"}, {"MAIL": "451 4.3.0 disk"}, {"MAIL": CUT}, {"RCPT": "421 x"}],
)
async def test_the_next_host_takes_over_wherever_the_first_one_fails_before_a_recipient(
    pool: Pool, trouble: dict[str, str | list[str]]
) -> None:
    async with scripted(trouble) as bad, scripted() as good:
        transaction = await deliver(pool, Route((bad.hop, good.hop)))
        assert transaction.host == f"127.0.0.1:{good.port}"


async def test_a_sender_refused_for_good_is_not_offered_elsewhere(pool: Pool) -> None:
    async with scripted({"MAIL": "550 5.7.1 not you"}) as first, scripted() as second:
        transaction = await pool.begin("in", Route((first.hop, second.hop)), "a@example.org", NOTHING)
        with pytest.raises(RouteFault) as caught:
            await transaction.rcpt("b@example.test")
        assert caught.value.step == "mail"
        assert second.connections == 0
        await transaction.abandon()


async def test_hosts_that_all_fail_are_each_tried_once(pool: Pool) -> None:
    async with (
        scripted({"MAIL": "451 no"}) as one,
        scripted({"MAIL": "451 no"}) as two,
        scripted({"MAIL": CUT}) as three,
    ):
        transaction = await pool.begin("in", Route((one.hop, two.hop, three.hop)), "a@example.org", NOTHING)
        with pytest.raises(RouteFault):
            await transaction.rcpt("b@example.test")
        assert [each.verbs.count("MAIL") for each in (one, two, three)] == [1, 1, 1]
        await transaction.abandon()


async def test_a_host_that_failed_is_skipped_for_a_while(pool: Pool) -> None:
    async with scripted({"EHLO": "502 no"}) as bad, scripted() as good:
        route = Route((bad.hop, good.hop))
        for _ in range(3):
            await deliver(pool, route)
        assert bad.connections == 1


async def test_a_host_that_failed_is_tried_again_later() -> None:
    pool = Pool("gateway.example", Budget(), {}.get, down_seconds=0.05)
    async with scripted({"EHLO": ["502 no", "250 x"]}) as first, scripted() as second:
        route = Route((first.hop, second.hop))
        await deliver(pool, route)
        await asyncio.sleep(0.06)
        transaction = await deliver(pool, route)
        assert transaction.host == f"127.0.0.1:{first.port}"
        await pool.close()


async def test_a_host_that_failed_is_tried_when_there_is_no_other(pool: Pool) -> None:
    async with scripted({"EHLO": ["502 no", "250 x"]}) as server:
        route = Route((server.hop,))
        with pytest.raises(RouteFault):
            await pool.begin("in", route, "a@example.org", NOTHING)
        await deliver(pool, route)


async def test_what_a_host_offers_is_known_afterwards(pool: Pool) -> None:
    async with scripted() as server:
        route = Route((server.hop,))
        assert pool.capabilities(route) is None
        await deliver(pool, route)
        offered = pool.capabilities(route)
        assert (offered.size, offered.pipelining, offered.starttls) == (50_000_000, True, False)
        assert not offered.takes_size(50_000_001)


async def test_a_pool_that_is_told_to_forget_asks_anew(pool: Pool) -> None:
    async with scripted({"EHLO": ["502 no", "250 x"]}) as first, scripted() as second:
        route = Route((first.hop, second.hop))
        await deliver(pool, route)
        assert (first.connections, second.connections) == (1, 1)

        pool.forget()

        assert pool.capabilities(route) is None
        await deliver(pool, route)
        assert (first.connections, second.connections) == (2, 1)
        await until(lambda: second.verbs[-1] == "QUIT")


async def test_names_and_ipv6_are_reached(pool: Pool) -> None:
    async with scripted(host="::1") as server:
        transaction = await deliver(pool, Route((NextHop("::1", server.port),)))
        assert transaction.host == f"[::1]:{server.port}"
    async with scripted(host="127.0.0.1") as server:
        transaction = await deliver(pool, Route((NextHop("localhost", server.port),)))
        assert transaction.host == f"localhost:{server.port}"


async def test_a_name_that_does_not_exist_is_a_fault(pool: Pool) -> None:
    with pytest.raises(RouteFault) as caught:
        await pool.begin("in", Route((NextHop("no-such-host.invalid"),)), "", NOTHING)
    assert caught.value.step == "connect"


async def test_a_host_that_is_silent_for_too_long_after_being_idle_is_tried_afresh() -> None:
    pool = Pool("gateway.example", Budget(next_hop=1.5), {}.get)
    async with scripted({"MAIL": ["250 ok", SILENT, "250 ok"], "RCPT": ["250 ok", SILENT, "250 ok"]}) as server:
        route = Route((server.hop,))
        await deliver(pool, route)
        await deliver(pool, route)
        assert server.connections == 2
        await pool.close()
