"""A DNS server for benchmarks: it makes its answers up from the question, fast enough never to be what is measured.

Clients are 10.0.0.0/8, called ``host-A-B-C.clients.test`` forward and backward, and 127.0.0.1, which is
``local.clients.test``; every domain under ``senders.test`` has an address, a mail exchanger, an SPF record that lets
those clients send, and a DMARC record. Nothing else exists.
``python -m bench.names PORT [LATENCY_SECONDS]``.
"""

import contextlib
import re
import select
import socket
import struct
import sys
import time
from collections import deque
from collections.abc import Iterator

from bench import rig

_A, _PTR, _MX, _TXT = 1, 12, 15, 16
_TTL = 300
_SPF = b"v=spf1 ip4:10.0.0.0/8 ip4:127.0.0.1 -all"
_HEADER = struct.Struct("!HHHHHH")
_CLIENT = re.compile(rb"host-(\d+)-(\d+)-(\d+)$")


def answer(octets: bytes) -> bytes:
    """Make an answer up."""
    labels, at = [], 12
    while length := octets[at]:
        labels.append(octets[at + 1 : at + 1 + length].lower())
        at += 1 + length
    kind = int.from_bytes(octets[at + 1 : at + 3])
    found = _record(labels, kind)
    code = 0 if found is not None else 3
    records = found or b""
    answered = int(bool(records))
    head = _HEADER.pack(int.from_bytes(octets[:2]), 0x8180 | code, 1, answered, 1 - answered, 0)
    return head + octets[12 : at + 5] + (_rr(kind, records) if records else _soa())


def _record(labels: list[bytes], kind: int) -> bytes | None:
    """Give the data of a record; empty where the name has none of that type, None where it does not exist."""
    if labels[-2:] == [b"clients", b"test"] and len(labels) == 3 and (found := _CLIENT.match(labels[0])):  # noqa: PLR2004 - host.clients.test
        return bytes([10, *(int(each) for each in found.groups())]) if kind == _A else b""
    if labels[-2:] == [b"in-addr", b"arpa"] and len(labels) == 6 and labels[3] == b"10":  # noqa: PLR2004 - four octets
        name = b"host-%b-%b-%b" % (labels[2], labels[1], labels[0])
        return bytes([len(name)]) + name + b"\7clients\4test\0" if kind == _PTR else b""
    if labels == [b"local", b"clients", b"test"]:
        return b"\x7f\0\0\1" if kind == _A else b""
    if labels == [b"1", b"0", b"0", b"127", b"in-addr", b"arpa"]:
        return b"\5local\7clients\4test\0" if kind == _PTR else b""
    if labels[-2:] == [b"senders", b"test"]:
        if labels[0] == b"_dmarc":
            return _text(b"v=DMARC1; p=none") if kind == _TXT else b""
        return {
            _A: b"\x0a\0\0\1",
            _MX: b"\0\x0a\2mx\7senders\4test\0",
            _TXT: _text(b"v=spf1 ip4:10.0.0.0/8 ip4:127.0.0.1 -all"),
        }.get(kind, b"")
    return None


def _text(text: bytes) -> bytes:
    """Give the data of a TXT record."""
    return bytes([len(text)]) + text


def _rr(kind: int, data: bytes) -> bytes:
    """Give a record of the name in question."""
    return b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, _TTL, len(data)) + data


def _soa() -> bytes:
    """Give the record that says for how long nothing is nothing."""
    data = b"\1n\0\1h\0" + struct.pack("!IIIII", 1, 3600, 600, 86_400, 60)
    return b"\4test\0" + struct.pack("!HHIH", 6, 1, _TTL, len(data)) + data


def main(port: int, latency: float) -> None:
    """Serve over UDP until killed; each answer leaves ``latency`` seconds behind its question."""
    late: deque[tuple[float, bytes, tuple[str, int]]] = deque()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        # What the kernel drops is asked again after seconds, which is not what we measure.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        sock.bind(("127.0.0.1", port))
        while not latency:
            octets, who = sock.recvfrom(512)
            sock.sendto(answer(octets), who)
        while True:
            if select.select([sock], [], [], max(0.0, late[0][0] - time.monotonic()) if late else None)[0]:
                octets, who = sock.recvfrom(512)
                late.append((time.monotonic() + latency, answer(octets), who))
            while late and late[0][0] <= time.monotonic():
                sock.sendto(*late.popleft()[1:])


@contextlib.contextmanager
def running(latency: float = 0.0) -> Iterator[str]:
    """Run the server in a process of its own; gives its address."""
    port = rig.free_port()
    with rig.process(sys.executable, "-m", "bench.names", str(port), str(latency)):
        rig.wait_until("DNS server", lambda: ready(port))
        yield f"127.0.0.1:{port}"


def ready(port: int) -> bool:
    """Whether it answers."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(2.0)
        sock.connect(("127.0.0.1", port))
        sock.send(_HEADER.pack(7, 0x100, 1, 0, 0, 0) + b"\1d\7senders\4test\0\0\1\0\1")
        return sock.recv(512)[:2] == b"\0\7"
    return False


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main(int(sys.argv[1]), float(sys.argv[2]) if len(sys.argv) > 2 else 0.0)  # noqa: PLR2004 - the second
