"""What engines answer that is no opinion."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config import Rspamd as RspamdSettings
from gateway.config import Spamassassin as SpamassassinSettings
from gateway.services.engines import MAX_SYMBOLS, EngineError, EngineTimeout, Known, Opinion, Symbol, opinion
from gateway.services.engines.rspamd import Rspamd
from gateway.services.engines.rspamd_protocol import read_answer
from gateway.services.engines.spamassassin import Spamassassin
from gateway.services.engines.spamassassin_protocol import read_answer as read_spamd
from gateway.services.engines.spamassassin_protocol import read_report
from tests import samples
from tests.gateway.services.engines.answering import Answering, answering

Judge = Callable[[Answering], Awaitable[Opinion]]
KNOWN = Known(sender="ann@shop.example", recipients=("info@example.test",), id="01a")


async def rspamd(server: Answering, seconds: float = 60.0) -> Opinion:
    engine = Rspamd(RspamdSettings(url=f"http://{server.address}", seconds=seconds), {}.get)
    try:
        return await engine.judge(samples.content(), KNOWN)
    finally:
        await engine.close()


async def spamd(server: Answering, seconds: float = 60.0) -> Opinion:
    return await Spamassassin(SpamassassinSettings(address=server.address, seconds=seconds)).judge(
        samples.content(), KNOWN
    )


def http(body: bytes, status: str = "200 OK", length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    return f"HTTP/1.1 {status}\r\nContent-Length: {size}\r\nConnection: close\r\n\r\n".encode() + body


def report(total: str, rows: str = "", length: int | None = None) -> bytes:
    body = f"Content preview:  hello\n\n pts rule name description\n---- ---- ----\n{rows}\n".encode()
    size = len(body) if length is None else length
    return f"SPAMD/1.1 0 EX_OK\r\nContent-length: {size}\r\nSpam: {total}\r\n\r\n".encode() + body


WHOLE = b'{"is_skipped":false,"score":2.5,"symbols":{"A":{"score":2.0},"B":{"score":0.5}},"action":"no action"}'


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (b"", "can't be asked"),
        (b"what?\r\n\r\n", "no whole answer"),
        (http(b""), "can't be read"),
        (http(b"[]"), "can't be read"),
        (http(b'{"error":"load average too high"}', "503 Unavailable"), "answered 503: load average too high"),
        (http(b"", "302 Found"), "answered 302"),
        (http(b'{"is_skipped":false,"symbols":{}}'), "can't be read"),
        (http(b'{"is_skipped":true,"score":0.0,"symbols":{}}'), "skipped"),
        (http(b'{"is_skipped":false,"score":NaN,"symbols":{}}'), "can't be read"),
        (http(b'{"is_skipped":false,"score":1e999,"symbols":{}}'), r"can't be read|can be none"),
        (http(b'{"is_skipped":false,"score":1,"symbols":{"A":{"score":1e300}}}'), "can be none"),
        (http(WHOLE[:-9], length=len(WHOLE)), "no whole answer"),
        (http(WHOLE[:-9]), "can't be read"),
        (http(b" " * 1_100_000), "without end"),
    ],
)
async def test_what_rspamd_may_say_that_is_no_opinion_is_an_error(answer: bytes, says: str) -> None:
    async with answering(answer) as server:
        with pytest.raises(EngineError, match=says):
            await rspamd(server)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (b"", "hung up without an answer"),
        (b"what?\r\n\r\n", "answered 'what"),
        (b"SPAMD/1.1 0 EX_OK\r\n", "cut its answer short"),
        (b"SPAMD/1.1 0 EX_OK\r\n\r\n", "gave no report"),
        (b"SPAMD/1.0 75 EX_TEMPFAIL\r\n\r\n", "75 EX_TEMPFAIL"),
        (b"SPAMD/1.0 76 Bad header line: (x)\r\n", "76 Bad header line"),
        (b"SPAMD/1.1 0 EX_OK\r\nContent-length: 3\r\n\r\nabc", "no total"),
        (report("Maybe ; 1.0 / 5.0"), "no total"),
        (report("True ; nan / 5.0"), "no total"),
        (report("False ; 0.1 / 5.0", length=9999), "cut its answer short"),
        (report("False ; 0.1 / 5.0", length=3), "cut its answer short"),
        (b"x" * 300_000, "without end"),
    ],
)
async def test_what_spamd_may_say_that_is_no_opinion_is_an_error(answer: bytes, says: str) -> None:
    async with answering(answer) as server:
        with pytest.raises(EngineError, match=says):
            await spamd(server)


@pytest.mark.parametrize("judge", [rspamd, spamd])
async def test_an_engine_that_never_answers_is_a_timeout(judge: Callable[..., Awaitable[Opinion]]) -> None:
    async with answering(None) as server:
        with pytest.raises(EngineTimeout, match="no answer within"):
            await judge(server, seconds=0.2)


LATE = b'{"is_skipped":false,"score":0,"symbols":{},"messages":{"smtp_message":"timeout processing message"}}'


@pytest.mark.parametrize(
    ("judge", "answer"),
    [
        (rspamd, http(LATE)),
        (spamd, b"SPAMD/1.0 79 Timeout: (30 second timeout while trying to CHECK)\r\n"),
        (spamd, report("False ; 0.0 / 5.0", " 0.0 TIME_LIMIT_EXCEEDED Exceeded time limit")),
    ],
)
async def test_an_engine_that_had_no_time_to_finish_is_a_timeout(judge: Judge, answer: bytes) -> None:
    async with answering(answer) as server:
        with pytest.raises(EngineTimeout, match="no time to finish"):
            await judge(server)


async def test_rspamd_is_told_the_envelope() -> None:
    async with answering(http(WHOLE)) as server:
        assert (await rspamd(server)).score == 2.5
    head, _, body = server.told[0].partition(b"\r\n\r\n")
    assert body == samples.MESSAGE
    lines = head.split(b"\r\n")
    assert lines[0] == b"POST /checkv2 HTTP/1.1"
    assert {b"From: ann@shop.example", b"Rcpt: info@example.test", b"Queue-Id: 01a"} <= set(lines)


async def test_a_kept_connection_that_was_closed_meanwhile_costs_no_message() -> None:
    told = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        told.append(await reader.read(65536))
        if len(told) != 2:  # the second request comes on a connection that ends just now
            writer.write(http(WHOLE).replace(b"Connection: close\r\n", b""))
            await writer.drain()
        if len(told) == 1:
            told.append(await reader.read(65536))
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as listening:
        host, port = listening.sockets[0].getsockname()
        engine = Rspamd(RspamdSettings(url=f"http://{host}:{port}"), {}.get)
        for _ in range(2):
            assert (await engine.judge(samples.content(), KNOWN)).score == 2.5
        await engine.close()
    assert len(told) == 3


async def test_more_scans_than_may_run_at_once_take_turns() -> None:
    async with answering(http(WHOLE)) as server:
        engine = Rspamd(RspamdSettings(url=f"http://{server.address}", concurrent=2), {}.get)
        scores = await asyncio.gather(*(engine.judge(samples.content(), KNOWN) for _ in range(20)))
        await engine.close()
    assert {each.score for each in scores} == {2.5}


async def test_a_report_without_rows_still_has_its_total() -> None:
    async with answering(report("True ; 7.5 / 5.0")) as server:
        found = await spamd(server)
    assert found.score == 7.5
    assert [(each.name, each.points) for each in found.symbols] == [("SPAMASSASSIN_REST", 7.5)]


async def test_rows_are_read_with_what_is_indented_behind_them() -> None:
    rows = (
        " 2.6 BAYES_50 BODY: Bayes spam probability\n                            [score: 0.5]\n-0.1 NICE\n1000 GTUBE x"
    )
    async with answering(report("True ; 1002.5 / 5.0", rows)) as server:
        found = await spamd(server)
    assert found.symbols == (
        Symbol("GTUBE", 1000.0, "x"),
        Symbol("BAYES_50", 2.6, "BODY: Bayes spam probability [score: 0.5]"),
        Symbol("NICE", -0.1),
    )


def test_symbols_without_end_are_summed_up() -> None:
    found = opinion(250.0, [Symbol(f"S{number}", 1.0) for number in range(250)], "REST")
    assert len(found.symbols) == MAX_SYMBOLS + 1
    assert found.symbols[0] == Symbol("REST", 50.0, "what the engine's total differs by from the sum of its symbols")


def test_words_of_an_engine_are_fit_for_a_trace() -> None:
    (found,) = opinion(1.0, [Symbol("A B\n<x>" * 40, 1.0, "one\x00\ntwo " * 100)], "REST").symbols
    assert found.name.startswith("A_B__x_")
    assert len(found.name) == 64
    assert found.description.isprintable()
    assert len(found.description) == 200


@given(
    st.binary(max_size=300), st.sampled_from([b"", b"SPAMD/1.1 0 EX_OK\r\n", report("True ; 7.5 / 5.0", " 1.0 A b")])
)
def test_no_octets_make_a_reader_stumble(octets: bytes, start: bytes) -> None:
    for read in (read_answer, lambda raw: read_report(read_spamd(raw))):
        for raw in (octets, start + octets, start[: len(octets)], WHOLE[: len(octets)] + octets):
            with contextlib.suppress(EngineError):
                assert isinstance(read(raw), Opinion)
