"""Memory of the SMTP processes under what would fill it: 200 MB without a CRLF, 50 messages of 20 MB, one with files.

    python -m bench.memory [--json]

The figure is the largest resident size that parent and children ever had, added up. The bound is 300 MB. For one
message of 20 MB with attachments it is what the process that takes it grew by while it was received, taken apart and
scanned: less than the message and a half, so that it was never held twice.
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
LARGE = 20 * MEGABYTE
_BASE64 = (b"YWJj" * 19 + b"\r\n") * 840
_FILE = (
    b"--b\r\nContent-Type: application/octet-stream; name=%b\r\nContent-Transfer-Encoding: base64\r\n"
    b"Content-Disposition: attachment; filename=%b\r\n\r\n"
)


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
    return submit(port, b"\r\n", *[block] * (octets // len(block)), b"\r\n")


def submit(port: int, *pieces: bytes) -> str:
    """Send one message: what follows the first fields, in pieces; gives the last reply."""
    with socket.create_connection(("127.0.0.1", port), 600) as sock:
        talk(sock)
        talk(sock, b"EHLO client.test")
        talk(sock, b"MAIL FROM:<them@other.test>")
        talk(sock, b"RCPT TO:<alice@example.test>")
        talk(sock, b"DATA")
        sock.sendall(b"From: them@other.test\r\nSubject: large\r\n")
        for piece in pieces:
            sock.sendall(piece)
        return talk(sock, b".").decode()


def with_files(octets: int) -> list[bytes]:
    """Give a message of that many octets with four files, in pieces."""
    made = [b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"]
    for name in (b"a.bin", b"b.bin", b"c.bin", b"d.bin"):
        made += [_FILE % (name, name), *[_BASE64] * (octets // 4 // len(_BASE64))]
    return [*made, b"--b--\r\n"]


def measure_files() -> dict[str, object]:
    """Send one message with files to a gateway that has seen a small one; gives the figures."""
    with (
        rig.folder() as home,
        rig.clamd(home) as scanner,
        rig.sink() as next_hop,
        rig.gateway(home, rig.snapshot(next_hop, 30 * MEGABYTE), scanner) as ours,
    ):
        submit(ours.port, *with_files(100_000))
        before = rig.memory_now(ours.pid)
        reply = submit(ours.port, *with_files(LARGE))
        grown = rig.memory_peak(ours.pid) - before
        helpers = {str(pid): round(rig.memory_peak(pid) / MEGABYTE) for pid in rig.children(ours.pid)}
    return {
        "case": "20 MB with attachments",
        "processes": 1,
        "peak_megabytes": round(grown / MEGABYTE),
        "helpers_megabytes": list(helpers.values()),
        "within_bound": grown < LARGE * 1.5,
        "replies": {reply[:9]: 1},
    }


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
    cases = (
        ("200 MB without a CRLF", 1, BLOCK, 200 * MEGABYTE, 2),
        ("50 messages of 20 MB at once", 50, LINES, LARGE, 2),
    )
    figures = [*(measure(*case) for case in cases), measure_files()]
    for found in figures:
        text = json.dumps(found) if options.json else "{case}: {peak_megabytes} MB, {replies}".format(**found)
        print(text)  # noqa: T201 - the result
    within = all(found["within_bound"] for found in figures)
    return 0 if within else 1


if __name__ == "__main__":
    sys.exit(main())
