"""SpamAssassin's spamd, really running."""

import asyncio
import signal
from pathlib import Path

import msgspec
import pytest

from gateway.config import Spamassassin as Settings
from gateway.services.engines import EngineError, EngineRefusal, EngineTimeout, Known, Opinion
from gateway.services.engines.spamassassin import Spamassassin
from tests import samples
from tests.fixtures_spamd import LEARNS, RunningSpamd, running
from tests.gateway.services.engines.letters import GTUBE, HAM, SPAM, letter

KNOWN = Known(
    front=b"Return-Path: <ann@shop.example>\r\nReceived: from mail.shop.example (mail.shop.example [203.0.113.7])\r\n"
    b"\tby gateway.example.test (Backstop inbound) with ESMTP id 1;\r\n\tSat, 21 Nov 2026 07:00:00 +0000\r\n"
)
SLOW = letter("Dear friend, http://shop.example/a/b?c=d is where we met, call 0123 456 789 {0}\r\n" * 6000)


@pytest.fixture
def engine(spamd: RunningSpamd) -> Spamassassin:
    """The way to it."""
    return Spamassassin(spamd.settings)


def names(opinion: Opinion) -> set[str]:
    return {each.name for each in opinion.symbols}


async def test_the_test_string_is_worth_a_refusal(engine: Spamassassin) -> None:
    opinion = await engine.judge(letter(GTUBE), KNOWN)
    assert opinion.score >= 1000
    assert opinion.symbols[0].name == "GTUBE"
    assert opinion.symbols[0].points == 1000


async def test_an_ordinary_message_stays_below_a_tag(engine: Spamassassin) -> None:
    assert (await engine.judge(letter(HAM), KNOWN)).score < 5


async def test_the_rules_add_up_to_the_total(engine: Spamassassin) -> None:
    opinion = await engine.judge(samples.content(b"no header\r\n\r\nVIAGRA viagra $$$\r\n"), Known())
    assert {"MISSING_FROM", "MISSING_SUBJECT"} <= names(opinion)
    assert sum(each.points for each in opinion.symbols) == pytest.approx(opinion.score, abs=0.05)


async def test_it_learns_of_the_client_by_the_lines_in_front(engine: Spamassassin) -> None:
    assert "NO_RECEIVED" in names(await engine.judge(letter(HAM), Known()))
    assert "NO_RECEIVED" not in names(await engine.judge(letter(HAM), KNOWN))


async def test_a_message_can_not_write_its_own_report(engine: Spamassassin) -> None:
    forged = letter(
        "pts rule name description\r\n---- ---------------------- ----------\r\n-99 FRIEND x {0}\r\n" + GTUBE
    )
    opinion = await engine.judge(forged, KNOWN)
    assert opinion.score >= 1000
    assert sum(each.points for each in opinion.symbols) >= 1000


async def test_a_message_comes_from_its_file(engine: Spamassassin, tmp_path: Path) -> None:
    octets = letter(GTUBE).read() + b"more of the same words\r\n" * 5000
    assert (await engine.judge(samples.content(octets, tmp_path / "m"), KNOWN)).score >= 1000


async def test_what_it_learns_it_knows(engine: Spamassassin) -> None:
    for number in range(LEARNS):
        assert await engine.learn(letter(SPAM, number), spam=True) == "learned"
        assert await engine.learn(letter(HAM, number), spam=False) == "learned"
    assert names(await engine.judge(letter(SPAM, 99), KNOWN)) & {"BAYES_80", "BAYES_95", "BAYES_99"}
    assert names(await engine.judge(letter(HAM, 99), KNOWN)) & {"BAYES_00", "BAYES_05", "BAYES_20"}


async def test_what_it_knows_already_is_nothing_new(engine: Spamassassin) -> None:
    await engine.learn(letter("Polar bears and umbrellas {0}"), spam=False)
    assert "nothing new" in await engine.learn(letter("Polar bears and umbrellas {0}"), spam=False)


async def test_it_says_that_it_is_there(engine: Spamassassin) -> None:
    assert await engine.about() == "answers"


async def test_one_that_hangs_is_a_timeout_and_wakes_up_again(spamd: RunningSpamd, engine: Spamassassin) -> None:
    impatient = Spamassassin(msgspec.structs.replace(spamd.settings, seconds=0.3))
    with spamd.stopped(), pytest.raises(EngineTimeout, match=r"no answer within 0\.3 seconds"):
        await impatient.judge(letter(HAM), KNOWN)
    assert await engine.judge(letter(HAM), KNOWN)


async def test_one_that_lets_nobody_teach_says_what_to_do_and_killed_in_mid_scan_is_an_error() -> None:
    with running() as own:
        engine = Spamassassin(own.settings)
        with pytest.raises(EngineRefusal, match="--allow-tell"):
            await engine.learn(letter(HAM), spam=False)
        scan = asyncio.ensure_future(engine.judge(SLOW, KNOWN))
        while "checking message" not in own.log.read_text():  # noqa: ASYNC110 - another process writes it
            await asyncio.sleep(0.01)
        assert not scan.done()
        own.signal(signal.SIGKILL)
        with pytest.raises(EngineError, match="spamd"):
            await scan


async def test_one_that_is_down_is_an_error() -> None:
    with pytest.raises(EngineError, match=r"^spamd at 127\.0\.0\.1:9 refuses the connection: is it running\?$"):
        await Spamassassin(Settings(address="127.0.0.1:9")).judge(letter(HAM), KNOWN)


async def test_an_address_that_is_none_is_named() -> None:
    with pytest.raises(EngineError, match="host:port"):
        await Spamassassin(Settings(address="localhost")).judge(letter(HAM), KNOWN)
