"""Whether a DNS list is well, as its own test points show it (RFC 5782 5): one is always listed, the other never."""

import asyncio
import time

import msgspec

from gateway.policy.snapshot import DnsList
from gateway.services.dns import lists
from gateway.services.dns.words import Answer, Resolver, Status

SECONDS = 5.0


class Probed(msgspec.Struct, frozen=True):
    """What a probe showed.

    ``trouble`` says in words what is wrong, ``silent`` that the list did not answer, which may pass; ``remark`` is
    about a list that is well. ``milliseconds`` is how long its slowest answer took.
    """

    zone: str
    trouble: str = ""
    silent: bool = False
    remark: str = ""
    milliseconds: float = 0.0


async def probe_all(resolver: Resolver, wanted: dict[str, DnsList]) -> list[Probed]:
    """Probe lists, by zone, all at once. Never raises."""
    return await asyncio.gather(*(probe(resolver, zone, words) for zone, words in wanted.items()))


async def probe(resolver: Resolver, zone: str, words: DnsList) -> Probed:
    """Probe one list. Never raises."""
    if not (words.listed or words.unlisted):
        return Probed(zone, remark="it has no test points, so that nobody can tell whether it is well")
    points = [each for each in (words.listed, words.unlisted) if each]
    began = time.perf_counter()
    answers = dict(zip(points, await asyncio.gather(*(_ask(resolver, each, zone) for each in points)), strict=True))
    took = round((time.perf_counter() - began) * 1000, 1)
    for point, answer in answers.items():
        if answer.status.failed:
            what = "no answer in time" if answer.status is Status.TIMEOUT else f"no usable answer ({answer.detail})"
            return Probed(zone, f"{what} on its test point {point}", silent=True, milliseconds=took)
        if trouble := next((each for each in map(lists.trouble_of, answer.records) if each), ""):
            return Probed(zone, trouble, milliseconds=took)
    if words.listed and not answers[words.listed].records:
        return Probed(zone, f"its test point {words.listed} must be listed, and is not", milliseconds=took)
    if words.unlisted and answers[words.unlisted].records:
        trouble = f"its test point {words.unlisted} must not be listed, and is: it may list everything"
        return Probed(zone, trouble, milliseconds=took)
    return Probed(zone, remark=_remark(zone, words, answers), milliseconds=took)


async def _ask(resolver: Resolver, point: str, zone: str) -> Answer:
    """Ask a list about one of its test points."""
    return await resolver.query(lists.name_of(point, zone), "A", seconds=SECONDS)


def _remark(zone: str, words: DnsList, answers: dict[str, Answer]) -> str:
    """Say where a list answers on its test point with codes that do not count."""
    codes = answers[words.listed].records if words.listed else ()
    asked = lists.compiled(zone, words)
    if not codes or any(asked.points(code) is not None for code in codes):
        return ""
    return f"it answers {', '.join(codes)} on its test point, none of which counts: are its codes right?"
