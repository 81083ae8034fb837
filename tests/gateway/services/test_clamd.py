"""The client of clamd, against a real one where it can be had to do so, else against one that does as it is told."""

import asyncio
import io
import socket
import threading
import zipfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from gateway.services.clamd import (
    Clamd,
    ScannerError,
    ScannerTimeout,
    ScanResult,
    Trouble,
    Verdict,
    ping_version,
    read_answer,
    reload,
    remedy,
    stats,
)
from tests import samples
from tests.fake_clamd import FakeClamd
from tests.fixtures_clamd import EICAR, STREAM_MAX

CLEAN = ScanResult(Verdict.CLEAN)
LARGE = b"x" * 3_000_000

Reach = Callable[..., Clamd]


@pytest.fixture
async def reach() -> AsyncIterator[Reach]:
    """Makes scanners, and closes them behind the test."""
    made: list[Clamd] = []

    def make(addresses: str | list[str], seconds: float = 60.0, concurrent: int = 2, **more: object) -> Clamd:
        made.append(Clamd(addresses, seconds, concurrent, **more))  # type: ignore[arg-type] # as the test says
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[FakeClamd]:
    with FakeClamd(tmp_path / "fake") as made:
        yield made


def zipped(octets: bytes, times: int = 1) -> bytes:
    for _ in range(times):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("inside", octets)
        octets = out.getvalue()
    return octets


def encrypted_zip() -> bytes:
    """A zip whose one member says that it is encrypted."""
    out = bytearray(zipped(EICAR))
    for sign, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        out[out.index(sign) + at] |= 1
    return bytes(out)


async def until(ready: Callable[[], object]) -> None:
    async with asyncio.timeout(60):
        while not ready():  # noqa: ASYNC110 - a thread makes it true
            await asyncio.sleep(0.01)


# What a real one says.


async def test_clean_is_clean(clamd_socket: str, reach: Reach) -> None:
    assert await reach(clamd_socket).scan(samples.content()) == CLEAN


async def test_an_empty_message_is_clean(clamd_socket: str, reach: Reach) -> None:
    assert await reach(clamd_socket).scan(samples.content(b"")) == CLEAN


@pytest.mark.parametrize("on_disk", [False, True])
async def test_a_virus_is_found_and_named(clamd_socket: str, reach: Reach, tmp_path: Path, *, on_disk: bool) -> None:
    octets = zipped(EICAR)
    found = await reach(clamd_socket).scan(samples.content(octets, tmp_path / "m" if on_disk else None))
    assert found.verdict is Verdict.VIRUS
    assert not found.clean
    assert found.name.startswith("Eicar-Test")


async def test_a_virus_behind_many_blocks_is_found(clamd_socket: str, reach: Reach, tmp_path: Path) -> None:
    octets = b"Subject: x\r\n\r\n" + b"text " * 300_000 + EICAR
    found = await reach(clamd_socket).scan(samples.content(octets, tmp_path / "m"))
    assert found.verdict is Verdict.VIRUS


async def test_a_virus_behind_an_empty_block_is_found(clamd_socket: str, reach: Reach) -> None:
    found = await reach(clamd_socket).scan_stream(lambda: iter([b"text", b"", EICAR, b""]))
    assert found.verdict is Verdict.VIRUS


async def test_an_archive_deeper_than_clamd_looks_is_a_limit_not_clean(clamd_socket: str, reach: Reach) -> None:
    found = await reach(clamd_socket).scan(samples.content(zipped(EICAR, 17)))
    assert found.verdict is Verdict.LIMITS
    assert found.name.startswith("Heuristics.Limits.Exceeded")


async def test_an_encrypted_archive_is_encrypted_not_clean(clamd_socket: str, reach: Reach) -> None:
    found = await reach(clamd_socket).scan(samples.content(encrypted_zip()))
    assert found == ScanResult(Verdict.ENCRYPTED, "Heuristics.Encrypted.Zip")


async def test_a_stream_past_clamds_limit_is_too_large_not_clean(
    clamd_socket: str, reach: Reach, tmp_path: Path
) -> None:
    octets = b"x" * (STREAM_MAX * 4)
    scanner = reach(clamd_socket)
    for content in (samples.content(octets), samples.content(octets, tmp_path / "m")):
        assert (await scanner.scan(content)).verdict is Verdict.TOO_LARGE
        assert await scanner.scan(samples.content()) == CLEAN  # and it goes on


async def test_many_scans_at_once_all_end_with_their_own_answer(clamd_socket: str, reach: Reach) -> None:
    scanner = reach(clamd_socket, 30, 8)
    contents = [samples.content(samples.MESSAGE + (EICAR if number % 2 else b"")) for number in range(60)]
    results = await asyncio.gather(*map(scanner.scan, contents))
    assert [result.clean for result in results] == [number % 2 == 0 for number in range(60)]


async def test_a_kept_socket_outlives_new_signatures(clamd_socket: str, reach: Reach) -> None:
    scanner = reach(clamd_socket)
    assert await scanner.scan(samples.content()) == CLEAN
    await asyncio.to_thread(reload, clamd_socket)
    assert (await scanner.scan(samples.content(EICAR))).verdict is Verdict.VIRUS


# The answers.


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "stream: ok",
        "stream: OK\n",
        " stream: OK",
        "stream: OK\0stream: OK",
        "OK",
        "stream: FOUND",
        "stream:  FOUND",
        "stream: X ERROR",
        "COMMAND READ TIMED OUT",
        "stream: OK FOUND extra",
        "\ufffd\ufffd",
    ],
)
def test_nothing_but_the_exact_answers_is_taken_for_one(answer: str) -> None:
    with pytest.raises(ScannerError):
        read_answer(answer)


@pytest.mark.parametrize(
    ("answer", "result"),
    [
        ("stream: OK", CLEAN),
        ("stream: A.B-1 FOUND", ScanResult(Verdict.VIRUS, "A.B-1")),
        ("stream: OK FOUND", ScanResult(Verdict.VIRUS, "OK")),
        (
            "stream: Heuristics.Limits.Exceeded.MaxRecursion FOUND",
            ScanResult(Verdict.LIMITS, "Heuristics.Limits.Exceeded.MaxRecursion"),
        ),
        ("stream: Heuristics.Encrypted.7Zip FOUND", ScanResult(Verdict.ENCRYPTED, "Heuristics.Encrypted.7Zip")),
        ("stream: Heuristics.Encrypted.PDF FOUND", ScanResult(Verdict.ENCRYPTED_DOCUMENT, "Heuristics.Encrypted.PDF")),
        (
            "stream: Heuristics.Phishing.Email.SpoofedDomain FOUND",
            ScanResult(Verdict.HEURISTIC, "Heuristics.Phishing.Email.SpoofedDomain"),
        ),
        ("INSTREAM size limit exceeded. ERROR", ScanResult(Verdict.TOO_LARGE, "larger than clamd's StreamMaxLength")),
    ],
)
def test_the_exact_answers(answer: str, result: ScanResult) -> None:
    assert read_answer(answer) == result


# Each way to fail has a word of its own.


@pytest.mark.parametrize(
    ("behaviour", "trouble"),
    [
        ("missing", Trouble.DOWN),
        ("silent", Trouble.SLOW),
        ("slow", Trouble.SLOW),
        ("empty", Trouble.EMPTY),
        ("cut", Trouble.CUT),
        ("garbage", Trouble.GARBAGE),
        ("misnumbered", Trouble.GARBAGE),
        ("no space", Trouble.FAILED),
        ("x" * 10_000, Trouble.GARBAGE),
    ],
)
@pytest.mark.parametrize("octets", [b"small", LARGE], ids=["small", "large"])
async def test_a_scanner_that_can_not_tell_says_why(
    reach: Reach, tmp_path: Path, behaviour: str, trouble: Trouble, octets: bytes
) -> None:
    with FakeClamd(tmp_path / "fake", behaviour) as fake, pytest.raises(ScannerError) as caught:
        await reach(fake.address, 0.3 if trouble is Trouble.SLOW else 60).scan(samples.content(octets))
    assert caught.value.trouble is trouble
    assert str(caught.value).startswith(f"{trouble}: ")
    assert isinstance(caught.value, ScannerTimeout) == (trouble is Trouble.SLOW)


async def test_a_connection_that_is_cut_in_mid_send_has_a_word_of_its_own(reach: Reach, tmp_path: Path) -> None:
    with FakeClamd(tmp_path / "fake", "hangs up") as fake, pytest.raises(ScannerError) as caught:
        await reach(fake.address).scan(samples.content(LARGE))
    assert caught.value.trouble is Trouble.HUNG_UP


@pytest.mark.parametrize("networked", [False, True])
async def test_what_was_said_before_everything_was_sent_is_read(
    reach: Reach, tmp_path: Path, *, networked: bool
) -> None:
    with FakeClamd(None if networked else tmp_path / "fake", "large") as fake:
        found = await reach(fake.address).scan(samples.content(LARGE))
    assert found.verdict is Verdict.TOO_LARGE


async def test_a_port_where_nobody_listens_is_down(reach: Reach) -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        with pytest.raises(ScannerError, match="down: "):
            await reach(f"127.0.0.1:{sock.getsockname()[1]}").scan(samples.content())


async def test_a_message_that_can_not_be_read_is_no_fault_of_the_scanner(reach: Reach, fake: FakeClamd) -> None:
    content = samples.content(path=Path(fake.address).with_name("m"))
    assert content.path is not None
    content.path.unlink()
    scanner = reach(fake.address)
    with pytest.raises(FileNotFoundError):
        await scanner.scan(content)
    assert await scanner.scan(samples.content()) == CLEAN


def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="no address of clamd"):
        Clamd("localhost:clamd")


# Sockets are kept.


@pytest.mark.parametrize("networked", [False, True])
async def test_a_socket_serves_many_scans(reach: Reach, tmp_path: Path, *, networked: bool) -> None:
    with FakeClamd(None if networked else tmp_path / "fake") as fake:
        scanner = reach(fake.address)
        for number in range(20):
            assert await scanner.scan(samples.content(b"%d" % number)) == CLEAN
    assert fake.connections == 1
    assert fake.streams == [b"%d" % number for number in range(20)]


async def test_as_many_sockets_are_kept_as_scans_ran_at_once(reach: Reach, fake: FakeClamd) -> None:
    fake.delay = 0.2
    scanner = reach(fake.address, concurrent=3)
    for _ in range(2):
        await asyncio.gather(*(scanner.scan(samples.content()) for _ in range(9)))
    assert (fake.connections, fake.most_at_once) == (3, 3)


async def test_a_kept_socket_that_was_closed_is_replaced_once(reach: Reach, fake: FakeClamd) -> None:
    scanner = reach(fake.address)
    assert await scanner.scan(samples.content()) == CLEAN
    fake.hang_up()
    assert await scanner.scan(samples.content(b"again")) == CLEAN
    assert (fake.connections, fake.streams[-1]) == (2, b"again")


async def test_a_kept_socket_that_closes_instead_of_answering_is_replaced_once_and_never_clean(
    reach: Reach, fake: FakeClamd
) -> None:
    scanner = reach(fake.address)
    assert await scanner.scan(samples.content()) == CLEAN
    fake.behaviour = "empty"
    with pytest.raises(ScannerError) as caught:
        await scanner.scan(samples.content(b"again"))
    assert caught.value.trouble is Trouble.EMPTY
    assert fake.streams[1:] == [b"again", b"again"]


async def test_a_socket_that_was_idle_for_too_long_is_not_used_again(reach: Reach, fake: FakeClamd) -> None:
    scanner = reach(fake.address, idle_seconds=-1.0)
    for _ in range(2):
        assert await scanner.scan(samples.content()) == CLEAN
    assert fake.connections == 2


async def test_a_socket_is_not_used_again_once_its_scan_took_too_long(reach: Reach, fake: FakeClamd) -> None:
    fake.delay = 0.5
    scanner = reach(fake.address)
    with pytest.raises(ScannerTimeout):
        await scanner.scan(samples.content(b"late"), until=asyncio.get_running_loop().time() + 0.2)
    fake.delay = 0.0
    assert await scanner.scan(samples.content()) == CLEAN
    assert fake.connections == 3  # the second one carried PING


# A queue goes before it.


async def test_no_more_scans_run_at_once_than_may(reach: Reach, fake: FakeClamd) -> None:
    fake.delay = 0.1
    scanner = reach(fake.address, concurrent=2)
    await asyncio.gather(*(scanner.scan(samples.content()) for _ in range(12)))
    assert fake.most_at_once == 2


async def test_waiting_for_a_scanner_is_told_from_waiting_for_its_answer(reach: Reach, fake: FakeClamd) -> None:
    fake.behaviour = "slow"
    scanner = reach(fake.address, 1.0, 1, queue_seconds=0.3)
    results = await asyncio.gather(*(scanner.scan(samples.content()) for _ in range(3)), return_exceptions=True)
    assert [getattr(result, "trouble", None) for result in results] == [Trouble.SLOW, Trouble.BUSY, Trouble.BUSY]
    assert "no clamd became free within 0.3 seconds" in str(results[1])


async def test_what_is_left_of_the_time_bounds_wait_and_scan(reach: Reach, fake: FakeClamd) -> None:
    fake.behaviour = "silent"  # so that it does not become free for the second
    scanner = reach(fake.address, 60, 1, connect_seconds=60)
    until = asyncio.get_running_loop().time() + 0.3
    results = await asyncio.gather(
        *(scanner.scan(samples.content(), until=until) for _ in range(2)), return_exceptions=True
    )
    assert [getattr(result, "trouble", None) for result in results] == [Trouble.SLOW, Trouble.BUSY]
    assert asyncio.get_running_loop().time() < until + 30
    with pytest.raises(ScannerTimeout, match="no time was left"):
        await scanner.scan(samples.content(), until=until)


async def test_clients_take_turns(reach: Reach, fake: FakeClamd) -> None:
    fake.delay = 0.02
    scanner = reach(fake.address, concurrent=1)
    many = [scanner.scan(samples.content(b"many"), who="192.0.2.1") for _ in range(6)]
    one = scanner.scan(samples.content(b"one"), who="192.0.2.2")
    await asyncio.gather(*many, one)
    assert fake.streams.index(b"one") <= 2


async def test_who_ceases_to_wait_takes_nobodys_turn(reach: Reach, fake: FakeClamd) -> None:
    fake.delay = 1.0
    scanner = reach(fake.address, concurrent=1)
    tasks = [asyncio.create_task(scanner.scan(samples.content(b"%d" % number))) for number in range(4)]
    await until(lambda: fake.at_once)
    fake.delay = 0.0
    for task in (tasks[0], tasks[2]):
        task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [result == CLEAN for result in results] == [False, True, False, True]


async def test_a_full_backlog_is_waited_for(tmp_path: Path, reach: Reach) -> None:
    path = str(tmp_path / "busy")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(0)
        first = socket.socket(socket.AF_UNIX)
        first.connect(path)
        scanning = asyncio.create_task(reach(path).scan(samples.content()))
        await asyncio.sleep(0.05)
        first.close()
        listener.accept()[0].close()
        accepted = await asyncio.to_thread(lambda: listener.accept()[0])
        with accepted:
            await asyncio.to_thread(accepted.recv, 10_000)
            accepted.sendall(b"1: stream: OK\0")
            assert await scanning == CLEAN


# Several share the work.


async def test_scans_are_spread_over_all(reach: Reach, tmp_path: Path) -> None:
    with FakeClamd(tmp_path / "a") as one, FakeClamd(None) as other:
        one.delay = other.delay = 0.3
        scanner = reach([one.address, other.address], concurrent=2)
        await asyncio.gather(*(scanner.scan(samples.content()) for _ in range(12)))
    assert len(one.streams) == len(other.streams) == 6
    assert (one.most_at_once, other.most_at_once) == (2, 2)


async def test_a_busy_one_gets_less(reach: Reach, tmp_path: Path) -> None:
    with FakeClamd(tmp_path / "a") as slow, FakeClamd(tmp_path / "b") as quick:
        slow.delay = 30.0
        scanner = reach([slow.address, quick.address], concurrent=2)
        held = asyncio.create_task(scanner.scan(samples.content()))
        await until(lambda: slow.at_once)
        for _ in range(5):
            assert await scanner.scan(samples.content()) == CLEAN
        assert len(quick.streams) == 5
        held.cancel()


@pytest.mark.parametrize("behaviour", ["missing", "empty", "cut", "garbage", "no space"])
async def test_where_one_fails_another_scans(reach: Reach, tmp_path: Path, behaviour: str) -> None:
    troubles: list[str] = []
    with FakeClamd(tmp_path / "a", behaviour) as broken, FakeClamd(tmp_path / "b") as well:
        scanner = reach([broken.address, well.address], on_trouble=troubles.append)
        for _ in range(5):
            assert await scanner.scan(samples.content()) == CLEAN
        assert len(well.streams) == 5
    assert len(troubles) == 1  # and the broken one was left alone


async def test_one_that_failed_is_asked_and_comes_back(
    reach: Reach, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.services.clamd.scanning.REST_SECONDS", 0.05)
    with FakeClamd(tmp_path / "a", "empty") as ill, FakeClamd(tmp_path / "b") as well:
        scanner = reach([ill.address, well.address])
        assert await scanner.scan(samples.content()) == CLEAN
        ill.behaviour = "clean"
        async with asyncio.timeout(60):
            while len(ill.streams) < 2:
                await asyncio.gather(*(scanner.scan(samples.content()) for _ in range(4)))
        assert ill.pings


async def test_where_all_fail_it_is_an_error(reach: Reach, tmp_path: Path) -> None:
    with FakeClamd(tmp_path / "a", "missing") as one, FakeClamd(tmp_path / "b", "empty") as other:
        scanner = reach([one.address, other.address])
        with pytest.raises(ScannerError):
            await scanner.scan(samples.content())


async def test_one_that_does_not_answer_ping_keeps_nobody_waiting(reach: Reach, fake: FakeClamd) -> None:
    fake.behaviour = "silent"
    scanner = reach(fake.address, 0.2)
    with pytest.raises(ScannerTimeout):
        await scanner.scan(samples.content())
    results = await asyncio.gather(*(scanner.scan(samples.content()) for _ in range(20)), return_exceptions=True)
    assert {getattr(result, "trouble", None) for result in results} == {Trouble.DOWN}
    assert "does not answer PING" in str(results[0])


async def test_one_that_is_back_is_used_at_once_where_there_is_no_other(reach: Reach, tmp_path: Path) -> None:
    scanner = reach(str(tmp_path / "late"))
    with pytest.raises(ScannerError, match="No such file"):
        await scanner.scan(samples.content())
    with FakeClamd(tmp_path / "late"):
        assert await scanner.scan(samples.content()) == CLEAN


# What is asked now and then.


def test_version_is_told(clamd_socket: str) -> None:
    status = ping_version(clamd_socket)
    assert status.version.startswith("ClamAV ")
    assert status.engine[0].isdigit()
    assert status.signatures is None
    assert status.days(1_800_000_000) is None


def test_how_busy_it_is_is_told(clamd_socket: str) -> None:
    assert "THREADS: live" in stats(clamd_socket)


def test_the_age_of_official_signatures_is_told() -> None:
    with answering_version(b"ClamAV 1.0.7/27291/Wed May 29 08:29:12 2024\n") as address:
        status = ping_version(address)
    assert (status.engine, status.signatures, status.signatures_at) == ("1.0.7", 27291, 1_716_971_352.0)
    assert status.days(1_716_971_352 + 43_200) == 0.5


def test_a_version_that_is_empty_is_an_error() -> None:
    with answering_version(b"") as address, pytest.raises(ScannerError):
        ping_version(address)


def test_a_scanner_that_is_away_has_no_version(tmp_path: Path) -> None:
    with pytest.raises(ScannerError, match="nobody"):
        ping_version(str(tmp_path / "nobody"))


def test_one_that_takes_no_connection_is_not_waited_for_forever(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as first:
        listener.bind(str(tmp_path / "full"))
        listener.listen(0)
        first.connect(str(tmp_path / "full"))
        with pytest.raises(ScannerError):
            ping_version(str(tmp_path / "full"), 0.2)


def test_one_that_hangs_is_told_from_one_that_is_down(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "hangs"))
        listener.listen(1)
        with pytest.raises(ScannerError, match=r"hangs gave no answer to VERSION within 0\.2 seconds"):
            ping_version(str(tmp_path / "hangs"), 0.2)


class answering_version:  # noqa: N801 - reads like the function that it is
    """A blocking server on loopback that answers one VERSION."""

    def __init__(self, answer: bytes) -> None:
        self.answer = answer

    def __enter__(self) -> str:
        self.listener = socket.create_server(("127.0.0.1", 0))

        def serve() -> None:
            accepted, _ = self.listener.accept()
            with accepted:
                accepted.recv(100)
                accepted.sendall(self.answer)

        self.thread = threading.Thread(target=serve)
        self.thread.start()
        return f"127.0.0.1:{self.listener.getsockname()[1]}"

    def __exit__(self, *_: object) -> None:
        self.thread.join(60)
        self.listener.close()


@pytest.mark.parametrize("trouble", Trouble)
def test_each_way_to_fail_has_a_remedy(trouble: Trouble) -> None:
    said = remedy(str(ScannerError("clamd at /run/clamd.sock said something", trouble)))
    assert said != remedy("no answer within 90.0 s")
    assert said.startswith(("see ", "raise "))
