"""Throughput of one SMTP process with everything on, against a bare aiosmtpd that only scans and relays.

Both use the same clamd (EICAR only) and the same smtp-sink; smtp-source sends, 50 at once, one message a connection.
The message is an ordinary one: a DNS server on loopback knows client and sender, so that nothing speaks against it.
The two are run in turn, and the median of the paired ratios is what counts: the machine's own ups and downs hit both.

    python -m bench.throughput [--messages 2000] [--rounds 5] [--sizes 2000 20000] [--json]
"""

import argparse
import json
import statistics
import subprocess
import sys
import time

import msgspec

from bench import names, rig


class Run(msgspec.Struct, frozen=True):
    """One run: messages a second, and milliseconds of CPU a message."""

    rate: float
    cpu_ms: float


def measure(server: rig.Running, messages: int, size: int) -> Run:
    """Send the messages and take the times. Raises ``subprocess.CalledProcessError`` where one was refused."""
    cpu, began = rig.cpu_seconds(server.pid), time.perf_counter()
    subprocess.run(  # noqa: S603 - a program of Debian's, with our own arguments
        [
            "/usr/sbin/smtp-source", "-s", "50", "-m", str(messages), "-l", str(size),
            "-M", "local.clients.test", "-f", "user@d1.senders.test", "-t", "alice@example.test", "-S", "Lunch",
            f"127.0.0.1:{server.port}",
        ],
        check=True,
        capture_output=True,
        timeout=600,
    )  # fmt: skip
    took = time.perf_counter() - began
    return Run(messages / took, (rig.cpu_seconds(server.pid) - cpu) * 1000 / messages)


def compare(messages: int, rounds: int, size: int) -> dict[str, object]:
    """Run both in turn; gives the figures of one size."""
    with (
        rig.folder() as home,
        rig.clamd(home) as scanner,
        rig.sink() as next_hop,
        names.running() as dns,
        rig.gateway(home, rig.snapshot(next_hop), scanner, BACKSTOP_DNS__SERVERS=f'["{dns}"]') as ours,
        rig.stub(next_hop, scanner) as stub,
    ):
        for server in (ours, stub):
            measure(server, 200, size)  # warm
        pairs = []
        for number in range(rounds):
            pairs.append((measure(ours, messages, size), measure(stub, messages, size)))
            rates = f"{pairs[-1][0].rate:6.0f}/s, {pairs[-1][1].rate:6.0f}/s"
            print(f"  round {number + 1}/{rounds}: {rates}", file=sys.stderr)  # noqa: T201 - progress
    return {
        "size": size,
        "ratio": round(statistics.median(a.rate / b.rate for a, b in pairs), 3),
        "gateway_per_second": round(statistics.median(a.rate for a, _ in pairs)),
        "stub_per_second": round(statistics.median(b.rate for _, b in pairs)),
        "gateway_cpu_ms": round(statistics.median(a.cpu_ms for a, _ in pairs), 3),
        "stub_cpu_ms": round(statistics.median(b.cpu_ms for _, b in pairs), 3),
        "ratios": [round(a.rate / b.rate, 3) for a, b in pairs],
    }


def main() -> int:
    """Print a table, or JSON lines."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sizes", type=int, nargs="+", default=[2000, 20_000])
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if not options.json:
        print("octets  gateway/s  stub/s  ratio  gateway CPU  stub CPU (ms a message)")  # noqa: T201 - the result
    for size in options.sizes:
        found = compare(options.messages, options.rounds, size)
        if options.json:
            print(json.dumps(found))  # noqa: T201 - the result
        else:
            print(  # noqa: T201 - the result
                f"{size:6d}  {found['gateway_per_second']:9}  {found['stub_per_second']:6}  {found['ratio']:5}"
                f"  {found['gateway_cpu_ms']:11}  {found['stub_cpu_ms']:8}"
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
