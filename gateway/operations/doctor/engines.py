"""The spam engines that the policy has on: are they there, and can they be taught."""

import asyncio
import functools
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar

import msgspec

from gateway.config import Config
from gateway.operations import learn
from gateway.operations.doctor.result import Result, fail, ok, warn
from gateway.services import secrets
from gateway.services.engines import EngineError
from gateway.services.engines.rspamd import Rspamd
from gateway.services.engines.spamassassin import Spamassassin

Asked = TypeVar("Asked", Rspamd, Spamassassin)

_SECONDS = 2.0
_RSPAMD = "start rspamd, or set [rspamd] url; or switch the check rspamd off"
_SPAMD = "start spamd, or set [spamassassin] address; or switch the check spamassassin off"
_WAITS = "Mail is deferred (451) until it answers, where its failure policy is defer"


def answer(config: Config) -> Iterator[Result]:
    """Tell of each engine that is on whether it answers."""
    on = learn.engines_on(config)
    if not on:
        yield ok("spam engines", "none is on; the built-in scorer needs none")
    if "rspamd" in on:
        yield from _rspamd(config)
    if "spamassassin" in on:
        yield from _spamd(config)


def _rspamd(config: Config) -> Iterator[Result]:
    """Ask both workers of rspamd."""
    read = functools.partial(secrets.read, config.secrets_folder)
    hurried = msgspec.structs.replace(config.rspamd, seconds=_SECONDS)
    said, trouble = _asked(lambda: Rspamd(hurried, read), Rspamd.about)
    if trouble:
        yield fail("rspamd", f"{trouble}. {_WAITS}", _RSPAMD)
        return
    yield ok("rspamd", f"{said} at {config.rspamd.url}")
    said, trouble = _asked(lambda: Rspamd(hurried, read), Rspamd.about_learning)
    if trouble:
        yield warn("rspamd learning", trouble, "see [rspamd] controller and secret in docs/configuration.md")
    else:
        yield ok("rspamd learning", f"the controller lets us in, {said}")


def _spamd(config: Config) -> Iterator[Result]:
    """Ask spamd."""
    hurried = msgspec.structs.replace(config.spamassassin, seconds=_SECONDS)
    said, trouble = _asked(lambda: Spamassassin(hurried), Spamassassin.about)
    if trouble:
        yield fail("spamassassin", f"{trouble}. {_WAITS}", _SPAMD)
    else:
        yield ok("spamassassin", f"{said} at {config.spamassassin.address}; it costs about 55 times rspamd's CPU")


def _asked(made: Callable[[], Asked], question: Callable[[Asked], Awaitable[str]]) -> tuple[str, str]:
    """Ask an engine something; gives its answer, or the trouble."""

    async def conversation() -> str:
        engine = made()
        try:
            return await question(engine)
        finally:
            await engine.close()

    try:
        return asyncio.run(conversation()), ""
    except EngineError as error:
        return "", str(error)
