"""The resolver against a real server on loopback, as it answers, fails, lies and stays silent."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from gateway.config import Dns
from gateway.services.dns import Answer, DnsResolver, Status, udp
from gateway.services.dns.resolver import SILENCE
from smtpfront.lab.nameserver import Nameserver, Records, Zone

ZONE: dict[str, Records | str] = {
    "example.test": {
        "A": ["192.0.2.1", "192.0.2.2"],
        "AAAA": ["2001:db8:0:0::1"],
        "MX": ["10 MX.example.test."],
        "TXT": ['"v=spf1 " "-all"', '"other"'],
    },
    "null.test": {"MX": ["0 ."]},
    "1.2.0.192.in-addr.arpa": {"PTR": ["Mail.Example.test."]},
    "alias.test": {"CNAME": ["example.test"]},
    "big.test": "cut",
    "big.test/tcp": {"TXT": [f'"{"x" * 200}" "{"y" * 200}"'] * 20},
    "bad.test": "malformed",
    "broken.test": "servfail",
    "silent.test": "silent",
    "round.test": "loop",
    "lie.test": "foreign",
}


@asynccontextmanager
async def asking(zone: Zone = ZONE, **changes: object) -> AsyncIterator[tuple[DnsResolver, Nameserver]]:
    """Give a resolver and the server that it asks."""
    server = Nameserver(zone)
    address = await server.start()
    bounds: dict[str, float] = {"seconds": 60.0, "attempt_seconds": 20.0, **changes}  # type: ignore[dict-item]
    resolver = DnsResolver(Dns(servers=(address,), **bounds))  # type: ignore[arg-type]
    try:
        yield resolver, server
    finally:
        await resolver.close()
        await server.stop()


def ask(name: str, kind: str, **changes: object) -> Answer:
    """Ask one question of a server of its own."""

    async def run() -> Answer:
        async with asking(**changes) as (resolver, _):  # type: ignore[arg-type]
            return await resolver.query(name, kind)

    return asyncio.run(run())


def open_files() -> int:
    """How many files this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


def within(work: Callable[[], Awaitable[None]]) -> None:
    """Run a coroutine function."""

    async def run() -> None:
        await work()

    asyncio.run(run())


@pytest.mark.parametrize(
    ("name", "kind", "records"),
    [
        ("example.test", "A", ("192.0.2.1", "192.0.2.2")),
        ("EXAMPLE.test.", "AAAA", ("2001:db8::1",)),
        ("example.test", "MX", ("10 mx.example.test",)),
        ("null.test", "MX", ("0 .",)),
        ("example.test", "TXT", ("v=spf1 -all", "other")),
        ("1.2.0.192.in-addr.arpa", "PTR", ("mail.example.test",)),
        ("alias.test", "A", ("192.0.2.1", "192.0.2.2")),
    ],
)
def test_records_come_in_one_form(name: str, kind: str, records: tuple[str, ...]) -> None:
    answer = ask(name, kind)
    assert answer.status is Status.FOUND
    assert sorted(answer.records) == sorted(records)  # servers shuffle


def test_a_cut_answer_is_asked_for_again_over_tcp() -> None:
    answer = ask("big.test", "TXT")
    assert answer.status is Status.FOUND
    assert len(answer.records[0]) == 400


def test_no_name_and_no_data_are_told_apart() -> None:
    assert ask("nowhere.test", "A").status is Status.NO_NAME
    assert ask("null.test", "A").status is Status.NO_DATA


@pytest.mark.parametrize("name", ["bad.test", "broken.test", "round.test"])
def test_what_is_no_answer_is_a_failure_with_its_reason(name: str) -> None:
    answer = ask(name, "A")
    assert answer.status is Status.FAILED
    assert answer.detail


@pytest.mark.parametrize("name", ["silent.test", "lie.test"])
def test_silence_and_answers_to_other_questions_end_with_the_budget(name: str) -> None:
    answer = ask(name, "A", seconds=0.4, attempt_seconds=0.15)
    assert answer.status is Status.TIMEOUT


@pytest.mark.parametrize(
    "name", ["", "a..b", "x" * 64 + ".test", "y." * 130, "naïve.test", "bad\\.test", "\udcff.test"]
)
def test_a_name_that_can_not_be_asked_for_never_raises(name: str) -> None:
    assert ask(name, "A").status in {Status.FAILED, Status.NO_NAME, Status.NO_DATA}


def test_a_dead_server_fails_at_once_and_the_other_one_answers() -> None:
    async def work() -> None:
        server = Nameserver(ZONE)
        address = await server.start()
        gone = Nameserver({})
        dead = await gone.start()
        await gone.stop()
        await asyncio.sleep(0)  # the socket closes in the loop's next turn
        resolver = DnsResolver(Dns(servers=(dead, address)))
        assert (await resolver.query("example.test", "A")).status is Status.FOUND
        await resolver.close()
        await server.stop()

    within(work)


def test_without_any_server_every_question_fails() -> None:
    async def work() -> None:
        resolver = DnsResolver(Dns(servers=("127.0.0.1:1",), seconds=1.0, attempt_seconds=0.2))
        assert (await resolver.query("example.test", "A")).status.failed
        await resolver.close()

    within(work)


def test_an_answer_is_asked_for_once_while_it_is_good_and_again_when_cleared() -> None:
    async def work() -> None:
        async with asking() as (resolver, server):
            for _ in range(3):
                await resolver.query("example.test", "A")
                await resolver.query("nowhere.test", "A")
            assert server.asked == {("example.test", "A"): 1, ("nowhere.test", "A"): 1}
            assert resolver.clear() == 2
            await resolver.query("example.test", "A")
            assert server.asked["example.test", "A"] == 2

    within(work)


def test_an_answer_expires_with_its_time_to_live() -> None:
    clock = [0.0]

    async def work() -> None:
        server = Nameserver(ZONE)
        resolver = DnsResolver(Dns(servers=(await server.start(),)), now=lambda: clock[0])
        await resolver.query("example.test", "A")
        clock[0] = 299.0
        await resolver.query("example.test", "A")
        clock[0] = 301.0
        await resolver.query("example.test", "A")
        assert server.asked["example.test", "A"] == 2
        await resolver.close()
        await server.stop()

    within(work)


def test_a_question_in_flight_is_shared_by_all_who_ask_it() -> None:
    async def work() -> None:
        async with asking() as (resolver, server):
            server.latency = 0.05
            answers = await asyncio.gather(*(resolver.query("example.test", "A") for _ in range(50)))
            assert {each.status for each in answers} == {Status.FOUND}
            assert server.asked["example.test", "A"] == 1

    within(work)


def test_one_who_gives_up_does_not_take_the_answer_from_the_others() -> None:
    async def work() -> None:
        async with asking() as (resolver, server):
            server.latency = 0.2
            short, long = await asyncio.gather(
                resolver.query("example.test", "A", seconds=0.02), resolver.query("example.test", "A")
            )
            assert short.status is Status.TIMEOUT
            assert long.status is Status.FOUND

    within(work)


def test_the_cache_is_bounded() -> None:
    async def work() -> None:
        async with asking(cache=10) as (resolver, _):
            for number in range(50):
                await resolver.query(f"n{number}.test", "A")
            assert resolver.clear() == 10

    within(work)


def test_a_failure_is_kept_for_seconds_only() -> None:
    clock = [0.0]

    async def work() -> None:
        server = Nameserver(ZONE)
        resolver = DnsResolver(Dns(servers=(await server.start(),)), now=lambda: clock[0])
        await resolver.query("broken.test", "A")
        first = server.asked["broken.test", "A"]
        await resolver.query("broken.test", "A")
        assert server.asked["broken.test", "A"] == first
        clock[0] = 6.0
        await resolver.query("broken.test", "A")
        assert server.asked["broken.test", "A"] > first
        await resolver.close()
        await server.stop()

    within(work)


def test_look_ups_begin_when_they_are_called_and_not_when_somebody_waits() -> None:
    async def work() -> None:
        async with asking() as (resolver, server):
            server.latency = 0.2
            questions = [resolver.query(name, "A") for name in ("example.test", "alias.test", "nowhere.test")]
            async with asyncio.timeout(60):
                while len(server.asked) < len(questions):  # noqa: ASYNC110 - the server has no event for it
                    await asyncio.sleep(0.01)
            found = [(await each).status for each in questions]
            assert found == [Status.FOUND, Status.FOUND, Status.NO_NAME]

    within(work)


def test_who_waits_when_the_resolver_closes_gets_a_failure() -> None:
    async def work() -> None:
        async with asking() as (resolver, _):
            question = resolver.query("silent.test", "A")
            await resolver.close()
            assert (await question).status is Status.FAILED

    within(work)


def test_answers_to_nobody_are_dropped_and_harm_nothing() -> None:
    async def work() -> None:
        async with asking(attempt_seconds=0.1, seconds=0.15) as (resolver, server):
            server.latency = 0.3
            assert (await resolver.query("example.test", "A")).status is Status.TIMEOUT
            await asyncio.sleep(0.3)
            server.latency = 0.0
            resolver.config = msgspec.structs.replace(resolver.config, seconds=60.0, attempt_seconds=20.0)
            assert (await resolver.query("null.test", "MX")).status is Status.FOUND

    within(work)


def test_sockets_are_renewed_and_none_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(udp, "QUESTIONS", 50)

    async def work() -> None:
        async with asking() as (resolver, _):
            before = open_files()
            for number in range(600):
                await resolver.query(f"n{number}.test", "A")
            assert open_files() <= before + 8

    within(work)


def test_it_is_told_when_no_server_answers_anything_and_not_for_one_broken_domain() -> None:
    told: list[str] = []

    async def work() -> None:
        server = Nameserver(ZONE)
        resolver = DnsResolver(Dns(servers=(await server.start(),)), on_silence=told.append)
        for number in range(2 * SILENCE):
            server.zone = {f"n{number}.test": "servfail"}
            await resolver.query(f"n{number}.test", "A")
        assert not told
        await server.stop()
        for number in range(SILENCE):
            await resolver.query(f"m{number}.test", "A")
        await resolver.close()

    within(work)
    assert len(told) == 1
