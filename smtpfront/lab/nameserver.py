"""A DNS server on loopback: answers from a table, as late, cut or malformed as it is told."""

import asyncio
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import cast

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

Records = Mapping[str, Sequence[str]]  # by type, in presentation form
Zone = Mapping[str, Records | str] | Callable[[str], Records | str | None]

TTL = 300
_SOA = "ns.invalid. host.invalid. 1 3600 600 86400 60"


class Nameserver:
    """One server, UDP and TCP on the same port. ``asked`` counts questions by (name, type).

    ``zone`` maps names (lower case, without the last dot) to their records by type, or to a word that says how it
    fails: ``servfail``, ``refused``, ``silent``, ``malformed``, ``loop``, ``foreign`` (it answers another question), or
    ``cut``: over UDP the answer is, while TCP has the records that stand under the name and ``/tcp``. A name that is
    missing does not exist; one that has ``silent`` among its types stays silent for those that it lacks. ``latency`` is
    in seconds.
    """

    def __init__(self, zone: Zone, *, latency: float = 0.0) -> None:
        """Take the table."""
        self.zone = zone
        self.latency = latency
        self.asked: dict[tuple[str, str], int] = {}
        self.address = ""
        self._udp: asyncio.DatagramTransport | None = None
        self._tcp: asyncio.Server | None = None

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> str:
        """Listen; gives ``address:port``. With ``port`` 0 one is looked for that is free for TCP and UDP."""
        loop = asyncio.get_running_loop()
        for left in reversed(range(1 if port else 20)):
            self._tcp = await asyncio.start_server(self._serve, host, port)
            got = self._tcp.sockets[0].getsockname()[1]
            try:
                self._udp, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(self), local_addr=(host, got))
                break
            except OSError:
                self._tcp.close()
                if not left:
                    raise
        self.address = f"{host}:{got}"
        return self.address

    async def stop(self) -> None:
        """Close."""
        if self._udp is not None:
            self._udp.close()
        if self._tcp is not None:
            self._tcp.close()

    def answer(self, octets: bytes, *, tcp: bool) -> bytes | None:
        """Give the answer to a message; None where it stays silent."""
        question = dns.message.from_wire(octets)
        asked = question.question[0]
        name, kind = b".".join(asked.name.labels[:-1]).decode("latin-1").lower(), dns.rdatatype.to_text(asked.rdtype)
        self.asked[name, kind] = self.asked.get((name, kind), 0) + 1
        response = dns.message.make_response(question, recursion_available=True)
        held = self._find(f"{name}/tcp" if tcp and self._find(f"{name}/tcp") is not None else name)
        match held:
            case "silent":
                return None
            case "malformed":
                wire = response.to_wire()
                return wire[:7] + b"\5" + wire[8:] + b"\xc0\xff\0\1"  # it promises five records
            case "servfail" | "refused":
                response.set_rcode(dns.rcode.from_text(held.upper()))
            case "loop":
                _add(response, name, "CNAME", [f"x.{name}."])
                _add(response, f"x.{name}", "CNAME", [f"{name}."])
            case "cut":
                response.flags |= dns.flags.TC
            case "foreign":
                other = dns.message.make_query("other.invalid", kind)
                other.id = question.id
                return dns.message.make_response(other).to_wire()
            case dict() if "silent" in held and kind not in held and "CNAME" not in held:
                return None
            case None:
                response.set_rcode(dns.rcode.NXDOMAIN)
                _add_soa(response)
            case _:
                self._fill(response, name, kind, held)  # type: ignore[arg-type] # no word is left
        return response.to_wire(max_size=65_535)

    def _fill(self, response: dns.message.Message, name: str, kind: str, held: Records) -> None:
        """Put the records into an answer, with CNAMEs followed in our own table."""
        for _ in range(20):
            if records := held.get(kind):
                _add(response, name, kind, records)
                return
            alias = held.get("CNAME")
            if not alias:
                break
            _add(response, name, "CNAME", [f"{alias[0].rstrip('.')}."])
            name = alias[0].rstrip(".").lower()
            found = self._find(name)
            if found is None or isinstance(found, str):
                break
            held = found
        _add_soa(response)

    def _find(self, name: str) -> Records | str | None:
        """Look a name up."""
        return self.zone(name) if callable(self.zone) else self.zone.get(name)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer over TCP, one question after the other."""
        try:
            while True:
                (length,) = struct.unpack("!H", await reader.readexactly(2))
                answer = self.answer(await reader.readexactly(length), tcp=True)
                await asyncio.sleep(self.latency)
                if answer is not None:
                    writer.write(struct.pack("!H", len(answer)) + answer)
                    await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


class _Datagrams(asyncio.DatagramProtocol):
    """The UDP side."""

    def __init__(self, server: Nameserver) -> None:
        """Belong to a server."""
        self._server = server
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        self._transport = cast("asyncio.DatagramTransport", transport)  # asyncio's own is none by inheritance

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answer, at once or later."""
        answer = self._server.answer(data, tcp=False)
        if answer is None or self._transport is None:
            return
        if self._server.latency:
            asyncio.get_running_loop().call_later(self._server.latency, self._transport.sendto, answer, addr)
        else:
            self._transport.sendto(answer, addr)


def _add(response: dns.message.Message, name: str, kind: str, records: Sequence[str]) -> None:
    """Add records to an answer."""
    owner = dns.name.Name([*name.encode("latin-1").split(b"."), b""])  # nothing in it is escaped
    response.answer.append(dns.rrset.from_text_list(owner, TTL, "IN", kind, records))


def _add_soa(response: dns.message.Message) -> None:
    """Say for how long nothing is nothing."""
    response.authority.append(dns.rrset.from_text("invalid.", TTL, "IN", "SOA", _SOA))
