"""Questions and answers as octets (RFC 1035 4): written and read with dnspython, and never believed without a look."""

import ipaddress
import struct

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import msgspec

from gateway.services.dns import plain
from gateway.services.dns.plain import MAX_CHAIN, MAX_RECORDS
from gateway.services.dns.words import Answer, Status

PAYLOAD = 1232  # octets that fit any path unfragmented (DNS Flag Day 2020)
_LENGTHS = {length: bytes((length,)) for length in range(1, 64)}  # of a label, in octets (RFC 1035 2.3.4)
_TYPE = struct.Struct("!BHH")  # the root, a type, the class IN
_MAX_NAME = 253  # characters, dots between the labels included
_HEADER = 12  # octets: the id, flags, and how many entries each section has
_ONE_QUESTION = struct.pack("!HHHHH", 0x0100, 1, 0, 0, 1)  # the header behind the id: recursion desired, and _EDNS
_EDNS = struct.pack("!BHHIH", 0, 41, PAYLOAD, 0, 0)  # RFC 6891 6.1.2
_KINDS = {name: int(dns.rdatatype.from_text(name)) for name in ("A", "AAAA", "CNAME", "MX", "NS", "PTR", "SOA", "TXT")}


class Question(msgspec.Struct, frozen=True):
    """One question: ``section`` is its octets behind the header, ``name`` in lower case without the last dot."""

    name: str
    kind: int
    section: bytes

    def octets(self, identifier: bytes) -> bytes:
        """Give the message that asks it, with an id of two octets."""
        return identifier + _ONE_QUESTION + self.section + _EDNS


def server(text: str) -> tuple[str, int]:
    """Read ``address``, ``address:port`` or ``[v6]:port``. Raises ValueError."""
    host, port = text, 53
    if text.startswith("["):
        inner, _, rest = text[1:].partition("]")
        host, port = inner, int(rest.removeprefix(":") or 53)
    elif text.count(":") == 1:
        host, _, number = text.partition(":")
        port = int(number)
    return str(ipaddress.ip_address(host)), port


def question(name: str, kind: str) -> Question:
    """Make a question of a name in presentation form, lower case. Raises ValueError, DNSException."""
    labels = name.encode("ascii").split(b".")  # a backslash in it is one: nothing is escaped
    number = _KINDS.get(kind) or int(dns.rdatatype.from_text(kind))
    try:
        section = b"".join([_LENGTHS[len(each)] + each for each in labels])
    except KeyError:
        raise ValueError("a label is empty or too long") from None
    if len(name) > _MAX_NAME:
        raise ValueError("the name is too long")
    return Question(name, number, section + _TYPE.pack(0, number, 1))


def answers(octets: bytes, asked: Question, identifier: bytes) -> bool:
    """Whether a message answers that very question: the question itself, id, response bit."""
    section = asked.section
    same = octets.startswith(section, _HEADER) or octets[_HEADER : _HEADER + len(section)].lower() == section.lower()
    return same and octets[:2] == identifier and octets[2] >= 0x80 and octets[4:6] == b"\0\1"  # noqa: PLR2004 - the first bit


def is_cut(octets: bytes) -> bool:
    """Whether the answer was cut, so that TCP is due."""
    return len(octets) > 2 and bool(octets[2] & 0x02)  # noqa: PLR2004 - RFC 1035 4.1.1: the third octet's TC


def uncut(octets: bytes) -> bytes:
    """Give a message without the word that it was cut: where it came over TCP, there is no more of it."""
    return octets[:2] + bytes((octets[2] & ~0x02,)) + octets[3:]


def read(octets: bytes, asked: Question, *, negative_ttl: float) -> tuple[Answer, float]:
    """Give what a message answers, and for how many seconds; what can't be read is ``failed``, and never raises."""
    known = plain.read(octets, asked.name, asked.kind, len(asked.section), negative_ttl=negative_ttl)
    return known if known is not None else read_any(octets, asked, negative_ttl=negative_ttl)


def read_any(octets: bytes, asked: Question, *, negative_ttl: float) -> tuple[Answer, float]:
    """Do the same for any message, with dnspython."""
    try:
        message = dns.message.from_wire(octets, ignore_trailing=True, continue_on_error=True)
        code = message.rcode()
    except Exception as error:  # noqa: BLE001 - hostile octets must never raise, whatever dnspython meets in them
        return Answer(Status.FAILED, detail=f"a malformed answer: {type(error).__name__}"), 0.0
    if code == dns.rcode.NXDOMAIN:
        return Answer(Status.NO_NAME), _negative(message, negative_ttl)
    if code != dns.rcode.NOERROR:
        return Answer(Status.FAILED, detail=dns.rcode.to_text(code)), 0.0
    answer, ttl = _found(message, asked, negative_ttl)
    if message.errors and answer.status is not Status.FOUND:  # what is malformed may have been the answer
        return Answer(Status.FAILED, detail=f"a malformed answer: {message.errors[0].exception}"), 0.0
    return answer, ttl


def _found(message: dns.message.Message, asked: Question, negative_ttl: float) -> tuple[Answer, float]:
    """Follow CNAMEs to the records that were asked for."""
    at = dns.name.Name([*asked.name.encode("ascii").split(b"."), b""])
    ttl = float("inf")
    for _ in range(MAX_CHAIN):
        alias = None
        for rrset in message.answer:
            if rrset.rdclass != dns.rdataclass.IN or rrset.name != at:
                continue
            if rrset.rdtype == asked.kind:
                texts = tuple(_text(each) for each in list(rrset)[:MAX_RECORDS])
                return Answer(Status.FOUND, texts), min(ttl, rrset.ttl)
            if rrset.rdtype == dns.rdatatype.CNAME:
                alias, ttl = rrset[0].target, min(ttl, rrset.ttl)
        if alias is None:
            return Answer(Status.NO_DATA), min(ttl, _negative(message, negative_ttl))
        at = alias
    return Answer(Status.FAILED, detail="a loop of CNAMEs"), 0.0


def _negative(message: dns.message.Message, most: float) -> float:
    """Give for how long nothing stays nothing (RFC 2308 5), in seconds."""
    for rrset in message.authority:
        if rrset.rdtype == dns.rdatatype.SOA:
            return float(min(rrset.ttl, rrset[0].minimum, most))
    return min(most, plain.NO_NAME_LINGERS)


def _text(record: object) -> str:
    """Give a record in the form that ``Answer`` promises."""
    kind = record.rdtype  # type: ignore[attr-defined] # dnspython's records share no typed base with the fields below
    if kind in {dns.rdatatype.A, dns.rdatatype.AAAA}:
        return str(ipaddress.ip_address(record.address))  # type: ignore[attr-defined] # as above
    if kind == dns.rdatatype.TXT:
        return b"".join(record.strings).decode("ascii", "surrogateescape")  # type: ignore[attr-defined] # as above
    if kind == dns.rdatatype.MX:
        return f"{record.preference} {_name(record.exchange)}"  # type: ignore[attr-defined] # as above
    if kind in {dns.rdatatype.PTR, dns.rdatatype.CNAME, dns.rdatatype.NS}:
        return _name(record.target)  # type: ignore[attr-defined] # as above
    return str(record)


def _name(name: dns.name.Name) -> str:
    """Give a name in lower case without the last dot; the root is a dot."""
    return name.to_text(omit_final_dot=True).lower()
