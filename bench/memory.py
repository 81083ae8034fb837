"""Memory of the SMTP processes under what would fill it: 200 MB without a CRLF, and 50 messages of 20 MB at once.

    python -m bench.memory [--json]

The figure is the largest resident size that parent and children ever had, added up. The bound is 300 MB.
"""

import argparse
import concurrent.futures
import json
import socket
import sys

from bench import rig

MEGABYTE = 1024 * 1024
BOUND = 300 * MEGABYTE
BLOCK = b"x" * 65536
LINES = (b"y" * 76 + b"\r\n") * 840


def talk(sock: socket.socket, line: bytes = b"") -> bytes:
    """Send a line, if there is one, and read one reply."""
    if line:
        sock.sendall(line + b"\r\n")
    answer = b""
    while True:
        answer += sock.recv(4096)
        last = answer.rstrip(b"\r\n").rpartition(b"\n")[2]
        if answer.endswith(b"\r\n") and last[3:4] == b" ":
            return last


def send(port: int, block: bytes, octets: int) -> str:
    """Send one message of that many octets, made of a block; gives the last reply."""
    with socket.create_connection(("127.0.0.1", port), 600) as sock:
        talk(sock)
        talk(sock, b"EHLO client.test")
        talk(sock, b"MAIL FROM:<them@other.test>")
        talk(sock, b"RCPT TO:<alice@example.test>")
        talk(sock, b"DATA")
        sock.sendall(b"From: them@other.test\r\nSubject: large\r\n\r\n")
        for _ in range(octets // len(block)):
            sock.sendall(block)
        return talk(sock, b"\r\n.").decode()


def measure(name: str, messages: int, block: bytes, octets: int, processes: int) -> dict[str, object]:
    """Run one case against a gateway of its own; gives the figures."""
    with (
        rig.folder() as home,
        rig.clamd(home) as scanner,
        rig.sink() as next_hop,
        rig.gateway(home, rig.snapshot(next_hop, 30 * MEGABYTE), scanner, processes=processes) as ours,
    ):
        with concurrent.futures.ThreadPoolExecutor(messages) as senders:
            replies = list(senders.map(lambda _: send(ours.port, block, octets), range(messages)))
        parent = rig.parent_of(ours.pid)
        peak = sum(rig.memory_peak(pid) for pid in (parent, *rig.children(parent)))
    return {
        "case": name,
        "processes": processes,
        "peak_megabytes": round(peak / MEGABYTE),
        "within_bound": peak < BOUND,
        "replies": {reply[:9]: sum(each[:9] == reply[:9] for each in replies) for reply in replies},
    }


def main() -> int:
    """Print a line for each case; fails where the bound is passed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    within = True
    for case in (
        ("200 MB without a CRLF", 1, BLOCK, 200 * MEGABYTE, 2),
        ("50 messages of 20 MB at once", 50, LINES, 20 * MEGABYTE, 2),
    ):
        found = measure(*case)
        within = within and bool(found["within_bound"])
        text = json.dumps(found) if options.json else "{case}: {peak_megabytes} MB, {replies}".format(**found)
        print(text)  # noqa: T201 - the result
    return 0 if within else 1


if __name__ == "__main__":
    sys.exit(main())
