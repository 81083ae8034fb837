"""What a spam engine is: it is handed a message with what is known of it, and gives an opinion in points.

An engine never decides: its points are weighed by the policy, its own idea of what to do is only noted. What it can't
answer is an error, never an opinion of no points.
"""

import asyncio
import contextlib
import errno
import os
import re
from collections.abc import AsyncIterator, Iterable
from typing import Protocol

import msgspec

from gateway.mail.message import Content

MAX_SYMBOLS = 200  # that one opinion may name; what the others are worth is summed up
_MAX_DETAIL = 200  # characters
_MAX_SYMBOL = 64  # characters
_NO_SYMBOL = re.compile(r"[^A-Za-z0-9_.:+-]")
_LEAST = 0.05  # points: less is rounding
_MOST = 1_000_000.0  # points: more is nonsense


class EngineError(Exception):
    """The engine could not tell. The text says why."""


class EngineTimeout(EngineError):  # noqa: N818 - an EngineError with a name of its own
    """The engine did not answer in time, or had no time to finish."""


class EngineRefusal(EngineError):  # noqa: N818 - an EngineError with a name of its own
    """The engine will not learn this, today or later."""


class Symbol(msgspec.Struct, frozen=True):
    """One rule of the engine that fits, what it is worth in points (below 0: it speaks for the message), and why."""

    name: str
    points: float
    description: str = ""


class Opinion(msgspec.Struct, frozen=True):
    """What an engine thinks: its total in points, and the symbols that add up to it, heaviest first.

    ``action`` is what the engine itself would do, where it says so.
    """

    score: float
    symbols: tuple[Symbol, ...] = ()
    action: str = ""


class Known(msgspec.Struct, frozen=True):
    """What is known of a message besides its octets.

    ``hostname`` is the client's name in DNS, forward and backward, or empty; ``spf`` and ``dkim`` (domain and result)
    are words of RFC 8601, empty where nobody has asked; ``front`` holds header lines, CRLF included, that would stand
    in front of the message once it is delivered.
    """

    sender: str = ""
    recipients: tuple[str, ...] = ()
    ip: str = ""
    helo: str = ""
    hostname: str = ""
    account: str = ""
    tls: str = ""
    node: str = ""
    listener: str = ""
    id: str = ""
    spf: str = ""
    dkim: tuple[tuple[str, str], ...] = ()
    front: bytes = b""


class Engine(Protocol):
    """The way to one engine. Belongs to one event loop; connects when it is first asked."""

    max_size: int  # octets: what is larger is not to be handed over

    async def judge(self, content: Content, known: Known) -> Opinion:
        """Ask for an opinion. Raises EngineError, EngineTimeout."""

    async def learn(self, content: Content, *, spam: bool) -> str:
        """Teach that a message is spam, or is none; gives what the engine said. Raises EngineError and its kinds."""

    async def about(self) -> str:
        """Ask whether it is there; gives what it says of itself. Raises EngineError, EngineTimeout."""

    async def close(self) -> None:
        """End its connections."""


class Turns:
    """So many conversations with an engine at once, each bounded in time with its wait for a turn."""

    def __init__(self, who: str, seconds: float, concurrent: int) -> None:
        """Take the engine's name and address for errors, and the bounds."""
        self._who = who
        self._seconds = seconds
        self._turns = asyncio.Semaphore(concurrent)

    @contextlib.asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a turn and hold it. What the network does in the block becomes EngineError or EngineTimeout."""
        try:
            async with asyncio.timeout(self._seconds), self._turns:
                yield
        except TimeoutError:
            raise EngineTimeout(f"{self._who} gave no answer within {self._seconds:g} seconds") from None
        except (OSError, EOFError) as error:
            raise EngineError(f"{self._who} {words_of(error)}") from error


def words_of(error: BaseException) -> str:
    """Say what the network did, as a sentence goes on; the words of asyncio and aiohttp repeat the address."""
    if isinstance(error, ConnectionRefusedError) or getattr(error, "errno", None) == errno.ECONNREFUSED:
        return "refuses the connection: is it running?"
    number = getattr(error, "errno", None)
    reason = os.strerror(number) if isinstance(number, int) and number > 0 else str(error)
    return f"can't be asked: {reason or type(error).__name__}"


def opinion(total: float, symbols: Iterable[Symbol], rest: str, action: str = "") -> Opinion:
    """Make an opinion of a total and its symbols. Raises EngineError for points that can be none.

    What the symbols don't account for (limits of a group, rounding, rows that could not be read) is a symbol of its
    own, named ``rest``, so that the points always add up to the engine's total, whatever stands in the message.
    """
    known = sorted((_bounded(each) for each in symbols), key=lambda each: (-each.points, each.name))
    if not all(abs(each) <= _MOST for each in (total, *(symbol.points for symbol in known))):  # nor is NaN
        raise EngineError("the engine gave points that can be none")
    if len(known) > MAX_SYMBOLS:
        known = sorted(known, key=lambda each: -abs(each.points))[:MAX_SYMBOLS]
        known.sort(key=lambda each: (-each.points, each.name))
    left = round(total - sum(each.points for each in known), 2)
    if abs(left) >= _LEAST:
        known.append(Symbol(rest, left, "what the engine's total differs by from the sum of its symbols"))
        known.sort(key=lambda each: (-each.points, each.name))
    return Opinion(round(total, 2), tuple(known), action)


def plain(text: str, limit: int = _MAX_DETAIL) -> str:
    """Make what an engine said fit for a trace: one line, no control characters, bounded."""
    line = " ".join("".join(each if each.isprintable() else " " for each in text).split())
    return line if len(line) <= limit else f"{line[: limit - 3]}..."


def _bounded(symbol: Symbol) -> Symbol:
    """Give a symbol whose words are fit for a trace."""
    name = _NO_SYMBOL.sub("_", symbol.name)[:_MAX_SYMBOL] or "UNNAMED"
    return Symbol(name, round(symbol.points, 3), plain(symbol.description))
