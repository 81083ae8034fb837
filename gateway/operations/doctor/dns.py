"""DNS: whether the servers answer and how fast, and how the DNS lists are."""

import asyncio
import time
from collections.abc import Iterator

import msgspec

from gateway import installation
from gateway.config import Config
from gateway.models import ListHealth
from gateway.operations.doctor.result import Result, fail, ok, skip, warn
from gateway.operations.learning.readiness import in_force
from gateway.services.dns import Answer, DnsResolver
from gateway.services.dns.resolver import servers

_SECONDS = 3.0
_SLOW_MS = 500.0


def answers(config: Config) -> Iterator[Result]:
    """Tell of each server whether it answers a question about this node's own name; that it has none is an answer."""
    asked = servers(config.dns)
    if not asked:
        yield warn("DNS", "no DNS server is known", "name some in [dns] servers, or in /etc/resolv.conf")
        return
    for name, (answer, milliseconds) in zip(asked, asyncio.run(_ask_all(config, asked)), strict=True):
        server = f"{name[0]}:{name[1]}" if ":" not in name[0] else f"[{name[0]}]:{name[1]}"
        if answer.status.failed:
            told = answer.detail if server in answer.detail else f"{server}: {answer.detail}"
            text = f"{told}; SPF, DNS lists and the like can't tell without DNS"
            yield warn("DNS", text, "see that it runs, or name another in [dns] servers")
        elif milliseconds > _SLOW_MS:
            yield warn("DNS", f"{server} answers in {milliseconds:.0f} ms", "run a caching resolver near this node")
        else:
            yield ok("DNS", f"{server} answers in {milliseconds:.0f} ms")


def lists(_: Config) -> Iterator[Result]:
    """Tell how each DNS list of the policy in force is, as its last probe has shown."""
    snapshot = in_force()
    known = {row.zone: row for row in ListHealth.objects.all()}
    for zone in snapshot.dns_lists if snapshot is not None else ():
        row = known.get(zone)
        if row is None:
            yield skip("DNS lists", f"{zone} has not been probed yet; {installation.PROGRAM} lists --probe does it now")
        elif row.off_since is not None:
            text = f"{zone} is switched off since {row.off_since:%Y-%m-%d %H:%M}: {row.because}"
            yield fail("DNS lists", text, "see that zone and test points are right, or take the list out of the policy")
        elif row.trouble:
            yield warn("DNS lists", f"{zone}: {row.trouble}", "nothing yet: it is switched off if that lasts")
        elif row.remark:
            yield warn("DNS lists", f"{zone}: {row.remark}", "see what the list documents")
        else:
            yield ok("DNS lists", f"{zone} is well, and answers in {row.milliseconds:.0f} ms")


async def _ask_all(config: Config, asked: list[tuple[str, int]]) -> list[tuple[Answer, float]]:
    """Ask all servers at once; gives each answer with the milliseconds that it took."""
    return await asyncio.gather(*(_ask(config, each) for each in asked))


async def _ask(config: Config, server: tuple[str, int]) -> tuple[Answer, float]:
    """Ask one server."""
    host, port = server
    only = msgspec.structs.replace(config.dns, servers=(f"[{host}]:{port}" if ":" in host else f"{host}:{port}",))
    resolver = DnsResolver(only)
    began = time.perf_counter()
    answer = await resolver.query(config.name, "A", seconds=_SECONDS)
    took = (time.perf_counter() - began) * 1000
    await resolver.close()
    return answer, took
