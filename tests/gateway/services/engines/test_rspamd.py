"""Rspamd, really running."""

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from gateway.config import Rspamd as Settings
from gateway.services.engines import EngineError, EngineRefusal, EngineTimeout, Known, Opinion
from gateway.services.engines.rspamd import Rspamd
from tests import samples
from tests.fixtures_rspamd import LEARNS, PASSWORD, RunningRspamd, running
from tests.gateway.services.engines.letters import GTUBE, HAM, SPAM, letter
from tests.ports import octets_wait

KNOWN = Known(
    sender="ann@shop.example",
    recipients=("info@example.test", "bob@example.test"),
    ip="192.0.2.7",
    helo="mail.shop.example",
    hostname="mail.shop.example",
)


@pytest.fixture
async def engine(rspamd: RunningRspamd) -> AsyncIterator[Rspamd]:
    """The way to it."""
    made = Rspamd(rspamd.settings, {"rspamd": PASSWORD}.get)
    yield made
    await made.close()


def names(opinion: Opinion) -> set[str]:
    return {each.name for each in opinion.symbols}


async def test_the_test_string_is_worth_a_refusal(engine: Rspamd) -> None:
    opinion = await engine.judge(letter(GTUBE), KNOWN)
    assert opinion.score >= 1000
    assert names(opinion) == {"GTUBE"}


async def test_an_ordinary_message_stays_below_a_tag(engine: Rspamd) -> None:
    opinion = await engine.judge(letter(HAM), KNOWN)
    assert opinion.score < 5
    assert opinion.action == "no action"


async def test_the_symbols_add_up_to_the_total(engine: Rspamd) -> None:
    opinion = await engine.judge(samples.content(b"no header\r\n\r\nat all\r\n"), Known())
    assert opinion.score > 5
    assert sum(each.points for each in opinion.symbols) == pytest.approx(opinion.score)


async def test_it_is_told_the_envelope_and_the_client(engine: Rspamd) -> None:
    told = names(await engine.judge(letter(HAM), KNOWN))
    untold = names(await engine.judge(letter(HAM), Known()))
    assert {"TO_MATCH_ENVRCPT_ALL", "FROM_EQ_ENVFROM"} <= told - untold
    assert "HFILTER_HOSTNAME_UNKNOWN" in untold - told


async def test_it_takes_our_word_for_spf_and_dkim_where_its_module_for_that_is_on(engine: Rspamd) -> None:
    proven = msgspec.structs.replace(KNOWN, spf="pass", dkim=(("shop.example", "pass"),))
    forged = msgspec.structs.replace(KNOWN, spf="fail", dkim=(("shop.example", "fail"),))
    assert {"R_SPF_ALLOW", "R_DKIM_ALLOW"} <= names(await engine.judge(letter(HAM), proven))
    assert {"R_SPF_FAIL", "R_DKIM_REJECT"} <= names(await engine.judge(letter(HAM), forged))


async def test_a_client_can_not_slip_in_a_header_field(engine: Rspamd) -> None:
    sly = msgspec.structs.replace(KNOWN, helo="x\r\nRcpt: info@example.test\udcff", recipients=("bob@example.test",))
    assert "TO_MATCH_ENVRCPT_ALL" not in names(await engine.judge(letter(HAM), sly))


async def test_a_large_message_comes_from_its_file(engine: Rspamd, tmp_path: Path) -> None:
    octets = letter(HAM).read() + b"more of the same words\r\n" * 100_000
    opinion = await engine.judge(samples.content(octets, tmp_path / "m"), KNOWN)
    assert "FROM_EQ_ENVFROM" in names(opinion)


async def test_what_it_learns_it_knows(engine: Rspamd) -> None:
    for number in range(LEARNS):
        assert await engine.learn(letter(SPAM, number), spam=True) == "learned"
        assert await engine.learn(letter(HAM, number), spam=False) == "learned"
    assert "BAYES_SPAM" in names(await engine.judge(letter(SPAM, 99), KNOWN))
    assert "BAYES_HAM" in names(await engine.judge(letter(HAM, 99), KNOWN))


async def test_what_it_knows_already_is_learned(engine: Rspamd) -> None:
    text = "Nobody has ever written about polar bears and their umbrellas, yet here we read of them {0}"
    await engine.learn(letter(text), spam=False)
    assert "already" in await engine.learn(letter(text), spam=False)


async def test_too_little_text_is_not_learned(engine: Rspamd) -> None:
    with pytest.raises(EngineRefusal, match="less tokens than required"):
        await engine.learn(samples.content(b"Subject: x\r\n\r\nhi\r\n"), spam=True)


@pytest.mark.parametrize(("password", "says"), [("wrong", "refuses us"), (None, "is not there")])
async def test_a_controller_that_does_not_know_us_names_the_remedy(
    rspamd: RunningRspamd, password: str | None, says: str
) -> None:
    engine = Rspamd(rspamd.settings, lambda _: password)
    with pytest.raises(EngineError, match=says):
        await engine.learn(letter(HAM, 7), spam=False)
    await engine.close()


async def test_it_says_that_it_is_there(engine: Rspamd) -> None:
    assert await engine.about() == "answers"
    assert (await engine.about_learning()).startswith("version ")


async def test_one_that_hangs_is_a_timeout_and_wakes_up_again(rspamd: RunningRspamd) -> None:
    engine = Rspamd(msgspec.structs.replace(rspamd.settings, seconds=0.3), {}.get)
    with rspamd.stopped(), pytest.raises(EngineTimeout, match=r"no answer within 0\.3 seconds"):
        await engine.judge(letter(HAM), KNOWN)
    await engine.close()
    engine = Rspamd(rspamd.settings, {}.get)
    assert await engine.judge(letter(HAM), KNOWN)
    await engine.close()


async def test_one_killed_in_mid_scan_is_an_error(tmp_path: Path) -> None:
    with running(tmp_path) as own:
        engine = Rspamd(own.settings, {}.get)
        own.signal(signal.SIGSTOP)
        scan = asyncio.ensure_future(engine.judge(letter(HAM), KNOWN))
        while not octets_wait(own.scans_at):  # noqa: ASYNC110 - the kernel tells nobody
            await asyncio.sleep(0.01)
        own.signal(signal.SIGKILL)
        with pytest.raises(EngineError, match=r"refuses the connection|can't be asked"):
            await scan
        await engine.close()


async def test_one_that_is_down_is_an_error() -> None:
    engine = Rspamd(Settings(url="http://127.0.0.1:9"), {}.get)
    with pytest.raises(EngineError, match=r"^http://127\.0\.0\.1:9/checkv2 refuses the connection: is it running\?$"):
        await engine.judge(letter(HAM), KNOWN)
    await engine.close()
