import asyncio
import io
import socket
import threading
import zipfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateway.services.clamd import Clamd, ScannerError, ScannerTimeout, ScanResult, Verdict, ping_version, read_answer
from tests import samples
from tests.fixtures_clamd import EICAR, STREAM_MAX

CLEAN = ScanResult(Verdict.CLEAN)


def zipped(octets: bytes, times: int = 1) -> bytes:
    for _ in range(times):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("inside", octets)
        octets = out.getvalue()
    return octets


async def test_clean_is_clean(clamd_socket: str) -> None:
    assert await Clamd(clamd_socket, 10, 2).scan(samples.content()) == CLEAN


async def test_an_empty_message_is_clean(clamd_socket: str) -> None:
    assert await Clamd(clamd_socket, 10, 2).scan(samples.content(b"")) == CLEAN


@pytest.mark.parametrize("on_disk", [False, True])
async def test_a_virus_is_found_and_named(clamd_socket: str, tmp_path: Path, *, on_disk: bool) -> None:
    octets = zipped(EICAR)
    found = await Clamd(clamd_socket, 10, 2).scan(samples.content(octets, tmp_path / "m" if on_disk else None))
    assert found.verdict is Verdict.VIRUS
    assert not found.clean
    assert found.name.startswith("Eicar-Test")


async def test_a_virus_behind_many_blocks_is_found(clamd_socket: str, tmp_path: Path) -> None:
    octets = b"Subject: x\r\n\r\n" + b"text " * 300_000 + EICAR
    found = await Clamd(clamd_socket, 10, 2).scan(samples.content(octets, tmp_path / "m"))
    assert found.verdict is Verdict.VIRUS


async def test_an_archive_deeper_than_clamd_looks_is_a_limit_not_clean(clamd_socket: str) -> None:
    found = await Clamd(clamd_socket, 10, 2).scan(samples.content(zipped(EICAR, 17)))
    assert found.verdict is Verdict.LIMITS
    assert found.name.startswith("Heuristics.Limits.Exceeded")


async def test_a_message_past_clamds_size_limit_is_an_error_in_its_words(clamd_socket: str, tmp_path: Path) -> None:
    octets = b"x" * (STREAM_MAX * 4)
    for content in (samples.content(octets), samples.content(octets, tmp_path / "m")):
        with pytest.raises(ScannerError, match=r"size limit|hung up"):
            await Clamd(clamd_socket, 10, 2).scan(content)


async def test_many_scans_at_once_all_end(clamd_socket: str) -> None:
    scanner = Clamd(clamd_socket, 30, 8)
    contents = [samples.content(samples.MESSAGE + (EICAR if number % 2 else b"")) for number in range(60)]
    results = await asyncio.gather(*map(scanner.scan, contents))
    assert [result.clean for result in results] == [number % 2 == 0 for number in range(60)]


def test_version_is_told(clamd_socket: str) -> None:
    status = ping_version(clamd_socket)
    assert status.version.startswith("ClamAV ")
    assert status.engine[0].isdigit()
    assert status.signatures is None


def test_the_age_of_official_signatures_is_told() -> None:
    with answering_version(b"ClamAV 1.0.7/27291/Wed May 29 08:29:12 2024\n") as address:
        status = ping_version(address)
    assert (status.engine, status.signatures, status.signatures_at) == ("1.0.7", 27291, 1_716_971_352.0)


def test_a_version_that_is_empty_is_an_error() -> None:
    with answering_version(b"") as address, pytest.raises(ScannerError):
        ping_version(address)


def test_a_scanner_that_is_away_has_no_version(tmp_path: Path) -> None:
    with pytest.raises(ScannerError, match="nobody"):
        ping_version(str(tmp_path / "nobody"))


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"stream: OK",
        b"stream: ok\0",
        b"stream: OK\n\0",
        b" stream: OK\0",
        b"stream: OK\0stream: OK\0",
        b"OK\0",
        b"\0",
        b"stream: FOUND\0",
        b"stream:  FOUND\0",
        b"stream: X ERROR\0",
        b"INSTREAM size limit exceeded. ERROR\0",
        b"COMMAND READ TIMED OUT\0",
        b"stream: OK FOUND extra\0",
        b"\xff\xfe\0",
    ],
)
def test_nothing_but_the_exact_answers_is_taken_for_one(answer: bytes) -> None:
    with pytest.raises(ScannerError):
        read_answer(answer)


def test_the_exact_answers() -> None:
    assert read_answer(b"stream: OK\0") == CLEAN
    assert read_answer(b"stream: A.B-1 FOUND\0") == ScanResult(Verdict.VIRUS, "A.B-1")
    assert read_answer(b"stream: OK FOUND\0") == ScanResult(Verdict.VIRUS, "OK")
    assert read_answer(b"stream: Heuristics.Limits.Exceeded.MaxRecursion FOUND\0").verdict is Verdict.LIMITS


@asynccontextmanager
async def broken(tmp_path: Path, answer: bytes, *, at_once: bool = False) -> AsyncIterator[str]:
    """A server that answers so, and hangs up; None keeps the client waiting."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not at_once:
            await reader.readuntil(b"\0\0\0\0")
        if answer is None:
            await released.wait()
        else:
            writer.write(answer)
        writer.close()

    released = asyncio.Event()
    path = str(tmp_path / "broken")
    # Room for the largest message in one piece: the reader refuses to look further than its limit.
    server = await asyncio.start_unix_server(serve, path, limit=16 * 1024 * 1024)
    yield path
    released.set()
    server.close()


@pytest.mark.parametrize("answer", [b"", b"stream: O", b"nonsense\0", b"x" * 10_000])
@pytest.mark.parametrize("at_once", [False, True])
@pytest.mark.parametrize("size", [10, 3_000_000])
async def test_a_broken_scanner_is_an_error(tmp_path: Path, answer: bytes, size: int, *, at_once: bool) -> None:
    async with broken(tmp_path, answer, at_once=at_once) as path:
        with pytest.raises(ScannerError) as caught:
            await Clamd(path, 5, 1).scan(samples.content(b"x" * size))
        assert not isinstance(caught.value, ScannerTimeout)


async def test_an_answer_that_came_before_everything_was_sent_is_read(tmp_path: Path) -> None:
    async with broken(tmp_path, b"INSTREAM size limit exceeded. ERROR\0", at_once=True) as path:
        with pytest.raises(ScannerError, match=r"size limit|hung up"):
            await Clamd(path, 5, 1).scan(samples.content(b"x" * 5_000_000))


async def test_a_slow_scanner_is_a_timeout(tmp_path: Path) -> None:
    async with broken(tmp_path, None) as path:
        with pytest.raises(ScannerTimeout):
            await Clamd(path, 0.1, 1).scan(samples.content())


async def test_waiting_for_a_free_slot_counts_as_waiting(tmp_path: Path) -> None:
    async with broken(tmp_path, None) as path:
        scanner = Clamd(path, 0.2, 1)
        results = await asyncio.gather(*(scanner.scan(samples.content()) for _ in range(3)), return_exceptions=True)
    assert [type(result) for result in results] == [ScannerTimeout] * 3


async def test_a_scanner_that_is_away_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ScannerError, match="No such file"):
        await Clamd(str(tmp_path / "nobody"), 5, 1).scan(samples.content())
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        with pytest.raises(ScannerError):
            await Clamd(f"127.0.0.1:{sock.getsockname()[1]}", 5, 1).scan(samples.content())


async def test_a_scanner_on_the_network_is_reached() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\0\0\0\0")
        writer.write(b"stream: OK\0")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    assert await Clamd(f"127.0.0.1:{port}", 5, 1).scan(samples.content()) == CLEAN
    assert await Clamd(f"localhost:{port}", 5, 1).scan(samples.content()) == CLEAN
    server.close()


async def test_a_full_backlog_is_waited_for(tmp_path: Path) -> None:
    path = str(tmp_path / "busy")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(0)
        first = socket.socket(socket.AF_UNIX)
        first.connect(path)
        scanning = asyncio.create_task(Clamd(path, 5, 1).scan(samples.content()))
        await asyncio.sleep(0.05)
        first.close()
        listener.accept()[0].close()
        accepted = await asyncio.to_thread(lambda: listener.accept()[0])
        with accepted:
            await asyncio.to_thread(accepted.recv, 10_000)
            accepted.sendall(b"stream: OK\0")
        assert await scanning == CLEAN


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
        self.thread.join(5)
        self.listener.close()
