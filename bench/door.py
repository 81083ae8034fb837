"""What the checks of the door cost, with every transaction from a client and a domain that nobody has seen before.

Three ratios, each the median of runs in turn: throughput with the checks on against off; with 200 ms of latency in
every DNS answer and 200 sessions at once against none; the CPU of a refusal at RCPT against a bare aiosmtpd that
refuses. No scan of the content; the message is 2 KB and unsigned; DNS is a server on loopback in a process of its own.

    python -m bench.door [--messages 2000] [--rounds 5] [--json]
"""

import argparse
import asyncio
import contextlib
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator

import msgspec

from bench import callers, names, rig
from gateway.policy import defaults
from gateway.policy.snapshot import CheckRule, ClientRules, DnsList, Mode, Rules, Snapshot

# What was there before the door, and is on in both.
INSIDE = frozenset({
    "recipient_known", "batv", "message_size", "line_ends", "loops", "forged_bounce", "unverifiable_bounce",
    "unsolicited", "bounce_storm", "known_backscatterer", "past_gateway", "spam",
})  # fmt: skip
# What looks into the message is off in both: it has benchmarks of its own.
SCAN = frozenset({"clamav", "mime", "attachments", "rspamd", "spamassassin"})
AT_LEAST = 0.5
AT_MOST = 2.0
LATENCY = 0.2
PARALLEL = 50
MANY = 200
_fresh = iter(range(0, 1 << 24, 1 << 14))  # each run has 16,384 clients of its own


class Run(msgspec.Struct, frozen=True):
    """One run: transactions a second, and milliseconds of CPU of the SMTP process for each."""

    rate: float
    cpu_ms: float


def policy(next_hop: int, *, door: bool) -> Snapshot:
    """Give the policy of the benchmark, with the door's checks on or off."""
    off = CheckRule(mode=Mode.OFF)
    checks = {
        name: rule if name not in SCAN and (name in INSIDE or door) else off for name, rule in defaults.CHECKS.items()
    }
    if door and "greylisting" in checks:  # it looks, but everybody comes once only
        checks["greylisting"] = msgspec.structs.replace(checks["greylisting"], mode=Mode.OBSERVE)
    made = rig.snapshot(next_hop)
    domains = {
        name: msgspec.structs.replace(domain, rules=Rules(checks=checks)) for name, domain in made.domains.items()
    }
    lists = {"list-a.test": DnsList(), "list-b.test": DnsList()} if door else {}
    return msgspec.structs.replace(made, domains=domains, dns_lists=lists, clients=ClientRules())


@contextlib.contextmanager
def gateway(*, door: bool, latency: float = 0.0) -> Iterator[rig.Running]:
    """Run a gateway with its own next hop and DNS server."""
    with rig.folder() as home, rig.sink() as next_hop, names.running(latency) as dns:
        environment = {"BACKSTOP_DNS__SERVERS": f'["{dns}"]', "BACKSTOP_SMTP__BALANCERS": '["127.0.0.1/32"]'}
        with rig.gateway(home, policy(next_hop, door=door), "127.0.0.1:9", **environment) as running:
            yield running


@contextlib.contextmanager
def refuser() -> Iterator[rig.Running]:
    """Run the bare aiosmtpd that refuses."""
    port = rig.free_port()
    with rig.process(sys.executable, str(rig.ROOT / "bench" / "refuser.py"), str(port)) as running:
        rig.wait_until("refuser", lambda: rig.answers(port))
        yield rig.Running(port, running.pid)


def measure(  # noqa: PLR0913 - a plan
    server: rig.Running, count: int, *, parallel: int = PARALLEL, recipient: str = "alice@example.test",
    expected: str = "250", told: bool = True,
) -> Run:  # fmt: skip
    """Have so many clients call. Raises RuntimeError where not all are answered as they should be."""
    cpu, began = rig.cpu_seconds(server.pid), time.perf_counter()
    calls = asyncio.run(
        callers.call(server.port, count=count, parallel=parallel, first=next(_fresh), recipient=recipient, told=told)
    )
    if calls.codes.get(expected, 0) != count:
        raise RuntimeError(f"{count} should be answered with {expected}, and were: {calls.codes}")
    took = time.perf_counter() - began
    return Run(count / took, (rig.cpu_seconds(server.pid) - cpu) * 1000 / count)


def pairs(rounds: int, one: Callable[[], Run], other: Callable[[], Run]) -> list[tuple[Run, Run]]:
    """Run both in turn, after a first time that does not count."""
    one(), other()
    found = []
    for number in range(rounds):
        found.append((one(), other()) if number % 2 else (one(), other())[::1])
        a, b = found[-1]
        text = f"  round {number + 1}/{rounds}: {a.rate:6.0f}/s {a.cpu_ms:.2f} ms, {b.rate:6.0f}/s {b.cpu_ms:.2f} ms"
        print(text, file=sys.stderr)  # noqa: T201 - progress
    return found


def summary(name: str, found: list[tuple[Run, Run]], bound: float, *, cpu: bool = False) -> dict[str, object]:
    """Give the figures of one comparison; ``cpu`` says that CPU counts, and that less is better."""
    ratio = statistics.median(a.cpu_ms / b.cpu_ms if cpu else a.rate / b.rate for a, b in found)
    return {
        "name": name,
        "ratio": round(ratio, 3),
        "bound": bound,
        "ok": ratio <= bound if cpu else ratio >= bound,
        "per_second": [round(statistics.median(each.rate for each in side)) for side in zip(*found, strict=True)],
        "cpu_ms": [round(statistics.median(each.cpu_ms for each in side), 3) for side in zip(*found, strict=True)],
    }


def checks_on_and_off(messages: int, rounds: int) -> dict[str, object]:
    """Compare throughput with the checks on and off."""
    with gateway(door=True) as on, gateway(door=False) as off:
        found = pairs(rounds, lambda: measure(on, messages), lambda: measure(off, messages))
    return summary("checks on / off", found, AT_LEAST)


def late_and_prompt(messages: int, rounds: int) -> dict[str, object]:
    """Compare throughput with late and with prompt DNS answers."""
    messages *= 2  # so that beginning and end, when fewer than 200 are served at once, weigh little
    with gateway(door=True, latency=LATENCY) as late, gateway(door=True) as prompt:
        found = pairs(
            rounds, lambda: measure(late, messages, parallel=MANY), lambda: measure(prompt, messages, parallel=MANY)
        )
    return summary(f"DNS {LATENCY * 1000:.0f} ms / 0 ms", found, AT_LEAST)


def refusal(messages: int, rounds: int) -> dict[str, object]:
    """Compare the CPU of a refusal at RCPT with that of a bare aiosmtpd."""
    with gateway(door=True) as ours, refuser() as bare:
        found = pairs(
            rounds,
            lambda: measure(ours, messages, recipient="nobody@example.test", expected="550"),
            lambda: measure(bare, messages, expected="550", told=False),
        )
    return summary("refusal / bare aiosmtpd", found, AT_MOST, cpu=True)


def main() -> int:
    """Print a table, or JSON lines; the exit status says whether all bounds hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--only", choices=["checks", "latency", "refusal"])
    options = parser.parse_args()
    comparisons = {"checks": checks_on_and_off, "latency": late_and_prompt, "refusal": refusal}
    good = True
    for name, compare in comparisons.items():
        if options.only in {None, name}:
            found = compare(options.messages, options.rounds)
            good = good and bool(found["ok"])
            print(json.dumps(found) if options.json else "  ".join(f"{key} {value}" for key, value in found.items()))  # noqa: T201 - the result
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
