"""The counters as one process sees them, as a child sees them, and as four processes at once see them."""

import asyncio
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import pytest

from gateway.services.counters import (
    Claim,
    CounterClient,
    CounterServer,
    CountersUnreachable,
    LocalCounters,
    tables,
    wire,
)
from gateway.services.counters import server as server_module
from gateway.services.counters.tables import Store, Value, Windows
from gateway.spool.disk import replace_file


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[CounterServer]:
    """A running owner."""
    made = CounterServer(tmp_path / "counters")
    await made.start()
    yield made
    await made.stop()


async def child_of(server: CounterServer, seconds: float = 60.0) -> CounterClient:
    """A child in this process, on a real socket pair."""
    client = CounterClient(server.attach(), seconds)
    await client.start()
    return client


@pytest.fixture(params=["local", "child"])
async def counters(
    request: pytest.FixtureRequest, server: CounterServer
) -> AsyncIterator[LocalCounters | CounterClient]:
    """Both kinds, which must behave alike."""
    if request.param == "local":
        yield LocalCounters()
        return
    client = await child_of(server)
    yield client
    await client.stop()


async def test_slots_are_taken_up_to_the_limit_and_given_back(counters: CounterClient) -> None:
    assert [await counters.acquire("a", 2) for _ in range(3)] == [True, True, False]
    counters.release("a")
    assert await counters.acquire("a", 2)
    assert not await counters.acquire("a", 2)


async def test_several_slots_are_taken_together_or_not_at_all(counters: CounterClient) -> None:
    assert await counters.acquire_all([("node", 10), ("client", 1)]) is None
    assert await counters.acquire_all([("node", 10), ("client", 1)]) == "client"
    counters.release("node", "client")
    assert await counters.acquire("node", 1)


async def test_slots_and_events_are_taken_together_or_not_at_all(counters: CounterClient) -> None:
    slots, events = [("node", 10)], [Claim("rate", 60, 1)]

    assert await counters.acquire_all(slots, events) is None
    assert await counters.acquire_all(slots, events) == "rate"
    assert await counters.acquire_all([("node", 1)], [Claim("other", 60, 1)]) == "node"

    counters.release("node")
    assert await counters.acquire("node", 1), "the refused ones took no slot"
    assert await counters.peek("other", 60) == 0, "nor was their event counted"


async def test_events_are_counted_within_their_window(counters: CounterClient) -> None:
    assert [await counters.count("a", 60) for _ in range(3)] == [1, 2, 3]
    assert await counters.peek("a", 60) == 3
    assert await counters.peek("b", 60) == 0
    assert await counters.peek("a", 0) == 0


async def test_a_value_can_be_read_at_once_until_it_expires_or_is_forgotten(counters: CounterClient) -> None:
    await counters.put("a", "one", 60)
    assert counters.get("a") == "one"
    await counters.put("a", "two", 60, durable=True)
    assert counters.get("a") == "two"
    counters.forget("a")
    assert counters.get("a") is None
    await counters.put("b", "gone", -1)
    assert counters.get("b") is None


async def test_events_slide_out_of_their_window() -> None:
    now = 1000.0
    counters = LocalCounters(lambda: now)
    assert await counters.count("a", 10) == 1
    now = 1005.0
    assert await counters.count("a", 10) == 2
    now = 1010.5
    assert await counters.peek("a", 10) == 1
    assert await counters.count("a", 10) == 2


async def test_every_child_sees_what_one_of_them_stores(server: CounterServer) -> None:
    one, two = await child_of(server), await child_of(server)
    await one.put("a", "x", 60, durable=True)
    await until(lambda: two.get("a") == "x")
    two.forget("a")
    await until(lambda: one.get("a") is None)


async def test_children_that_store_at_once_end_up_the_same(server: CounterServer) -> None:
    one, two = await child_of(server), await child_of(server)
    await asyncio.gather(one.put("a", "1", 60), two.put("a", "2", 60))
    await one.put("done", "", 60, durable=True)
    await until(lambda: two.get("done") == "")
    assert one.get("a") == two.get("a") == server.store.get("a", 0)


async def test_a_child_that_comes_later_gets_the_whole_store(server: CounterServer) -> None:
    one = await child_of(server)
    for number in range(3000):
        await one.put(f"key{number}", "x" * 50, 60)
    await one.put("last", "", 60, durable=True)
    two = await child_of(server)
    assert sum(two.get(f"key{number}") is not None for number in range(3000)) == 3000


async def test_the_slots_of_a_child_that_dies_are_free_again(server: CounterServer) -> None:
    one, two = await child_of(server), await child_of(server)
    for _ in range(3):
        assert await one.acquire("a", 4)
    assert await two.acquire("a", 4)
    assert not await two.acquire("a", 4)
    await one.stop()
    await until(lambda: len(server._lines) == 1)  # noqa: SLF001 - there is no other sign
    assert [await two.acquire("a", 4) for _ in range(4)] == [True, True, True, False]


async def test_a_child_can_not_free_the_slots_of_another(server: CounterServer) -> None:
    one, two = await child_of(server), await child_of(server)
    assert await one.acquire("a", 1)
    two.release("a", "a")
    assert not await two.acquire("a", 1)


async def test_a_parent_that_is_gone_is_an_outcome(server: CounterServer) -> None:
    child = await child_of(server)
    await server.stop()
    await until(lambda: child._line.transport is None)  # noqa: SLF001 - there is no other sign
    with pytest.raises(CountersUnreachable):
        await child.acquire("a", 1)
    with pytest.raises(CountersUnreachable):
        await child.put("a", "b", 60, durable=True)
    child.release("a")
    child.forget("a")
    await child.put("a", "b", 60)
    assert child.get("a") == "b"


async def test_a_parent_that_is_silent_is_an_outcome() -> None:
    ours, theirs = socket.socketpair()
    ours.sendall(wire.frame(wire.Ready()))
    child = CounterClient(theirs, 0.5)
    await child.start()
    with pytest.raises(CountersUnreachable, match="no answer"):
        await child.count("a", 60)
    await child.stop()
    ours.close()


async def test_a_parent_that_never_gets_ready_is_an_outcome() -> None:
    ours, theirs = socket.socketpair()
    child = CounterClient(theirs, 0.1)
    with pytest.raises(CountersUnreachable, match="no copy"):
        await child.start()
    await child.stop()
    ours.close()


async def test_a_slot_that_is_granted_too_late_is_given_back() -> None:
    ours, theirs = socket.socketpair()
    ours.sendall(wire.frame(wire.Ready()))
    child = CounterClient(theirs, 0.5)
    await child.start()
    with pytest.raises(CountersUnreachable):
        await child.acquire("a", 1)
    asked = ours.recv(1000)

    ours.sendall(wire.frame(wire.Full(1, None)))
    ours.settimeout(60)
    given_back = await asyncio.to_thread(ours.recv, 1000)

    assert asked == wire.frame(wire.Acquire(1, [("a", 1)]))
    assert given_back == wire.frame(wire.Release(["a"]))
    await child.stop()
    ours.close()


async def test_store_and_windows_survive_a_restart(tmp_path: Path) -> None:
    first = CounterServer(tmp_path / "counters")
    await first.start()
    child = await child_of(first)
    await child.count("events", 600)
    await child.put("stays", "x", 60)
    await child.put("expires", "x", 0.05, durable=True)
    await first.stop()
    await asyncio.sleep(0.06)

    second = CounterServer(tmp_path / "counters")
    await second.start()
    child = await child_of(second)

    assert child.get("stays") == "x"
    assert child.get("expires") is None
    assert await child.count("events", 600) == 2
    await second.stop()


async def test_a_durable_value_is_in_the_file_before_the_answer(tmp_path: Path) -> None:
    server = CounterServer(tmp_path / "counters")
    await server.start()
    child = await child_of(server)
    await asyncio.gather(*(child.put(f"k{number}", "remembered", 60, durable=True) for number in range(20)))

    other = CounterServer(tmp_path / "counters")
    await other.start()

    assert all(other.store.get(f"k{number}", 0) == "remembered" for number in range(20))
    await other.stop()
    await server.stop()


async def test_what_is_not_durable_is_saved_soon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "SAVE_SECONDS", 0.02)
    server = CounterServer(tmp_path / "counters")
    await server.start()
    child = await child_of(server)
    await child.put("a", "unhurried", 60)
    file = tmp_path / "counters"
    await until(lambda: file.exists() and b"unhurried" in file.read_bytes())
    await server.stop()


async def test_a_stop_waits_for_the_write_under_way_before_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow_disk(path: Path, blocks: Iterable[bytes]) -> None:
        writing.append(path)
        at_once.append(len(writing))
        begun.set()
        go_on.wait(60)
        replace_file(path, blocks)
        writing.remove(path)

    writing: list[Path] = []
    at_once: list[int] = []
    monkeypatch.setattr(server_module, "SAVE_SECONDS", 0.02)
    monkeypatch.setattr(server_module, "replace_file", slow_disk)
    server = CounterServer(tmp_path / "counters")
    await server.start()
    child = await child_of(server)
    await child.put("a", "early", 60)
    assert await asyncio.to_thread(begun.wait, 60)
    await child.put("b", "late", 60)
    await until(lambda: server.store.get("b", 0) == "late")

    stopping = asyncio.create_task(server.stop())
    await asyncio.wait([stopping], timeout=0.1)
    go_on.set()
    await stopping

    assert max(at_once) == 1
    assert b"late" in (tmp_path / "counters").read_bytes()
    assert not caplog.records


@pytest.mark.parametrize("damage", [b"", b"\xc1 no msgpack", b"\x93\x01\x02\x03"])
async def test_a_damaged_file_is_set_aside(tmp_path: Path, damage: bytes, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "counters").write_bytes(damage)
    server = CounterServer(tmp_path / "counters")
    await server.start()
    child = await child_of(server)
    assert await child.count("a", 60) == 1
    (aside,) = (file for file in os.listdir(tmp_path) if "damaged" in file)  # noqa: PTH208 - names are enough
    assert (tmp_path / aside).read_bytes() == damage
    assert "set aside" in caplog.text
    await server.stop()


async def test_a_disk_that_can_not_be_written_makes_a_durable_value_fail(tmp_path: Path) -> None:
    (tmp_path / "folder").write_text("in the way")
    server = CounterServer(tmp_path / "folder" / "counters")
    await server.start()
    child = await child_of(server)
    with pytest.raises(CountersUnreachable, match="could not save"):
        await child.put("a", "b", 60, durable=True)
    await server.stop()


def test_windows_and_store_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "MAX_KEYS", 3)
    windows, store = Windows(), Store()
    for number in range(5):
        windows.count(f"k{number}", 60, 1.0)
        store.put(f"k{number}", Value("v", 60.0))
    assert [windows.peek(f"k{number}", 60, 1.0) for number in range(5)] == [0, 0, 1, 1, 1]
    assert list(store.dump(1.0)) == ["k2", "k3", "k4"]


CHILD = """
import asyncio, os, socket, sys
from gateway.services.counters import CounterClient

async def main():
    child = CounterClient(socket.socket(fileno=int(sys.argv[1])))
    await child.start()
    granted = await asyncio.gather(*(child.acquire("slots", 100) for _ in range(80)))
    totals = await asyncio.gather(*(child.count("events", 600) for _ in range(250)))
    print(sum(granted), max(totals), flush=True)
    sys.stdin.read()
    if sys.argv[2] == "die":
        os._exit(9)
    await child.stop()

asyncio.run(main())
"""


async def test_four_processes_count_exactly(server: CounterServer) -> None:
    children = []
    for number in range(4):
        sock = server.attach()
        children.append(
            await asyncio.create_subprocess_exec(
                sys.executable,
                "-c",
                CHILD,
                str(sock.fileno()),
                "die" if number % 2 else "stop",
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                pass_fds=[sock.fileno()],
                env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])},
            )
        )
        sock.close()
    told = [(await child.stdout.readline()).split() for child in children]

    assert sum(int(granted) for granted, _ in told) == 100
    assert max(int(most) for _, most in told) == 1000

    for child in children:
        child.stdin.close()
        await child.wait()
    await until(lambda: not server._lines)  # noqa: SLF001 - there is no other sign
    assert server.slots.acquire_all([("slots", 1)]) is None


async def until(condition) -> None:  # noqa: ANN001 - anything that can be called
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - what changes is in another process
            await asyncio.sleep(0.005)


async def test_an_event_is_admitted_while_all_its_claims_fit(counters: CounterClient) -> None:
    claims = [Claim("messages:kim", 60.0, 2), Claim("messages:192.0.2.1", 60.0, 10)]
    assert [await counters.admit(claims) for _ in range(3)] == [None, None, "messages:kim"]
    assert await counters.peek("messages:192.0.2.1", 60.0) == 2, "what is not admitted is not counted"


async def test_distinct_values_are_counted_once_each(counters: CounterClient) -> None:
    def claim(sender: str) -> list[Claim]:
        return [Claim("senders:kim", 60.0, 2, sender)]

    assert [await counters.admit(claim(each)) for each in ("a", "b", "a", "c", "b")] == [
        None,
        None,
        None,
        "senders:kim",
        None,
    ]


async def test_forgetting_a_key_unblocks_it(counters: CounterClient) -> None:
    claims = [Claim("messages:kim", 60.0, 1), Claim("senders:kim", 60.0, 1, "a")]
    assert await counters.admit(claims) is None
    assert await counters.admit(claims) == "messages:kim"
    counters.forget("messages:kim")
    counters.forget("senders:kim")
    assert await counters.admit(claims) is None


async def test_admission_is_exact_over_four_children(server: CounterServer) -> None:
    children = [await child_of(server) for _ in range(4)]
    answers = await asyncio.gather(
        *(child.admit([Claim("messages:kim", 60.0, 25)]) for child in children for _ in range(20))
    )
    assert answers.count(None) == 25
    for child in children:
        await child.stop()


async def test_distinct_values_survive_a_restart_of_the_owner(server: CounterServer, tmp_path: Path) -> None:
    child = await child_of(server)
    await child.admit([Claim("senders:kim", 60.0, 1, "a")])
    await child.stop()
    await server.stop()
    again = CounterServer(tmp_path / "counters")
    await again.start()
    child = await child_of(again)
    assert await child.admit([Claim("senders:kim", 60.0, 1, "b")]) == "senders:kim"
    await child.stop()
    await again.stop()


async def test_an_instance_begins_with_what_the_one_before_it_counted(tmp_path: Path) -> None:
    stale, before = CounterServer(tmp_path / "counters-b"), CounterServer(tmp_path / "counters-a")
    for server, value in ((stale, "stale"), (before, "fresh")):
        await server.start()
        child = await child_of(server)
        await child.put("known", value, 60, durable=True)
        await child.count("events", 600)
        await server.stop()
    assert before.store.get("known", 0) == "fresh"

    again = CounterServer(tmp_path / "counters-b")
    await again.start()

    assert again.store.get("known", 0) == "fresh"
    assert await (await child_of(again)).count("events", 600) == 3
    await again.stop()


async def test_two_instances_beside_each_other_hear_of_what_the_other_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "SAVE_SECONDS", 0.02)
    old, new = CounterServer(tmp_path / "counters-a"), CounterServer(tmp_path / "counters-b")
    await old.start()
    await new.start()
    of_old, of_new = await child_of(old), await child_of(new)

    await of_old.count("events", 600)
    await of_new.count("events", 600)
    await of_old.put("known", "yes", 60)
    assert await of_old.admit([Claim("values", 600, 1, "x")]) is None

    await until(lambda: new.windows.peek("events", 600, time.time()) == 2)
    await until(lambda: old.windows.peek("events", 600, time.time()) == 2)
    await until(lambda: of_new.get("known") == "yes")
    assert await of_new.admit([Claim("values", 600, 1, "y")]) == "values"
    await old.stop()
    await new.stop()


async def test_what_two_instances_know_of_each_other_is_not_told_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "SAVE_SECONDS", 0.02)
    old, new = CounterServer(tmp_path / "counters-a"), CounterServer(tmp_path / "counters-b")
    await old.start()
    await new.start()
    await (await child_of(old)).count("events", 600)
    await until(lambda: new.windows.peek("events", 600, time.time()) == 1)
    changes = (old.changes, new.changes)
    await asyncio.sleep(0.2)  # ten looks
    assert (old.changes, new.changes) == changes
    await old.stop()
    await new.stop()


async def test_a_file_that_was_set_aside_is_no_other_instances(tmp_path: Path) -> None:
    (tmp_path / "counters-a.damaged-1").write_bytes(b"no counters")
    (tmp_path / "counters-a.new").write_bytes(b"half")
    server = CounterServer(tmp_path / "counters-b")
    await server.start()
    assert sorted(os.listdir(tmp_path)) == ["counters-a.damaged-1", "counters-a.new"]  # noqa: PTH208 - names are enough
    await server.stop()
