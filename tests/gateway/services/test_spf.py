"""SPF by the suite that openspf.org made for RFC 7208, over the wire: our resolver asks a DNS server on loopback."""

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.config import Dns
from gateway.services import spf
from gateway.services.dns import DnsResolver
from gateway.services.spf import SpfResult
from smtpfront.lab.nameserver import Nameserver
from tests.nameserving import asking

SUITE = Path(__file__).parents[3] / ".tools" / "samples" / "pyspf-2.0.14" / "test" / "rfc7208-tests.yml"


def zone_of(data: dict[str, Any]) -> dict[str, dict[str, list[str]]]:
    """Give the suite's records in the form of our server: SPF records stand for TXT where a name has none."""
    zone: dict[str, dict[str, list[str]]] = {}
    for name, entries in data["zonedata"].items():
        held: dict[str, list[str]] = {}
        for each in entries:
            if each == "TIMEOUT":
                held["silent"] = []
                continue
            ((kind, value),) = each.items()
            if value == "TIMEOUT":
                held["silent"] = []
            elif value == "NONE":
                held.setdefault(kind, [])
            else:
                held.setdefault(kind, []).append(record(kind, value))
        if "TXT" not in held and "SPF" in held:
            held["TXT"] = held["SPF"]
        zone[name.lower().rstrip(".")] = {kind: values for kind, values in held.items() if values or kind == "silent"}
    return zone


def record(kind: str, value: object) -> str:
    """Give one record in presentation form."""
    if kind in {"TXT", "SPF"}:
        parts = value if isinstance(value, list) else [value]
        return " ".join(quoted(str(part)) for part in parts) or '""'
    if kind == "MX":
        return f"{value[0]} {value[1] or ''}."
    return f"{str(value).rstrip('.')}." if kind == "PTR" else str(value).rstrip(".")


def quoted(text: str) -> str:
    """Give a character string with everything odd written out."""
    octets = text.encode("utf-8")
    return '"' + "".join(chr(o) if 32 <= o < 127 and o not in b'"\\' else f"\\{o:03d}" for o in octets) + '"'


def cases() -> list[Any]:
    """Give (scenario, name) of every case."""
    if not SUITE.exists():
        return []
    with SUITE.open("rb") as file:
        return [
            pytest.param(zone_of(data), case, id=name)
            for data in yaml.safe_load_all(file)
            for name, case in data["tests"].items()
        ]


@pytest.mark.parametrize(("zone", "case"), cases())
async def test_the_suite_of_rfc_7208(zone: dict[str, dict[str, list[str]]], case: dict[str, Any]) -> None:
    server = Nameserver(zone)
    resolver = DnsResolver(asking(await server.start(), zone))
    got = await spf.check(resolver, ip=case["host"], sender=case["mailfrom"], helo=case["helo"], explanation="DEFAULT")
    await resolver.close()
    await server.stop()
    wanted = case["result"] if isinstance(case["result"], list) else [case["result"]]
    assert got.result in wanted, got
    if "explanation" in case:
        assert got.explanation == case["explanation"]


def test_the_suite_is_there_whole() -> None:
    if not SUITE.exists():
        pytest.skip("pyspf's sdist is not in .tools/samples: scripts/samples fetches it")
    assert len(cases()) == 203


async def ask(zone: dict[str, Any], **changes: object) -> SpfResult:
    """Check kim@example.test from 192.0.2.1 against a zone."""
    server = Nameserver(zone)
    resolver = DnsResolver(asking(await server.start(), zone))
    try:
        return await spf.check(
            resolver,
            **{"ip": "192.0.2.1", "sender": "kim@example.test", "helo": "mx.example.test", **changes},  # type: ignore[arg-type]
        )
    finally:
        await resolver.close()
        await server.stop()


async def test_the_null_sender_is_checked_by_its_helo_name() -> None:
    zone = {"mx.example.test": {"TXT": ['"v=spf1 ip4:192.0.2.1 -all"']}}
    assert await ask(zone, sender="") == SpfResult("pass", "mx.example.test", "helo", "sender SPF authorized")


async def test_a_refusal_has_the_domains_own_words() -> None:
    zone = {
        "example.test": {"TXT": ['"v=spf1 exp=why.example.test -all"']},
        "why.example.test": {"TXT": ['"%{i} is not ours, see example.test"']},
    }
    got = await ask(zone)
    assert (got.result, got.explanation) == ("fail", "192.0.2.1 is not ours, see example.test")


async def test_the_limit_of_void_look_ups_is_a_knob() -> None:
    zone = {"example.test": {"TXT": ['"v=spf1 a:1.example.test a:2.example.test a:3.example.test -all"']}}
    assert (await ask(zone)).result == "permerror"
    assert (await ask(zone, void_limit=3)).result == "fail"


async def test_a_dead_resolver_costs_no_more_than_the_budget() -> None:
    began = time.monotonic()
    got = await ask(lambda _: "silent", seconds=1.0)
    assert got.result == "temperror"
    assert time.monotonic() - began < 15  # pyspf takes 21 by itself


@pytest.mark.parametrize(
    "sender",
    [
        "a@" + "x" * 64 + ".test",
        "a@b..test",
        "a@" + "y." * 130 + "test",
        "a@bad\\.test",
        "@",
        "a@",
        "a@[192.0.2.1]",
        "a@192.0.2.1",
        "a@\udcff.test",
        "a b@%{x}.test",
        "a@naïve",
        "a@localhost",
    ],
)
async def test_a_hostile_sender_has_a_definite_result(sender: str) -> None:
    assert (await ask({}, sender=sender)).result in {"none", "permerror"}


@pytest.mark.parametrize("ip", ["", "nonsense", "192.0.2.256", "::ffff:192.0.2.1"])
async def test_a_bad_client_address_never_raises(ip: str) -> None:
    zone = {"example.test": {"TXT": ['"v=spf1 ip4:192.0.2.1 -all"']}}
    assert (await ask(zone, ip=ip)).result in {"none", "permerror", "fail", "pass"}


def test_many_checks_at_once_ask_each_question_once(tmp_path: Path) -> None:
    del tmp_path

    async def run() -> None:
        server = Nameserver({"example.test": {"TXT": ['"v=spf1 mx -all"']}}, latency=0.02)
        resolver = DnsResolver(Dns(servers=(await server.start(),)))
        found = await asyncio.gather(
            *(spf.check(resolver, ip=f"192.0.2.{n}", sender="kim@example.test", helo="mx") for n in range(50))
        )
        assert {each.result for each in found} == {"fail"}
        assert server.asked["example.test", "TXT"] == 1
        await resolver.close()
        await server.stop()

    asyncio.run(run())
