"""What a next hop offers in its EHLO reply (RFC 5321 4.1.1.1)."""

import msgspec


class Capabilities(msgspec.Struct, frozen=True, omit_defaults=True):
    """The extensions that matter to us.

    ``size`` is None where SIZE is not offered, 0 where no limit is told, else octets (RFC 1870). ``auth`` holds the
    mechanisms in upper case.
    """

    size: int | None = None
    eightbit: bool = False
    smtputf8: bool = False
    pipelining: bool = False
    starttls: bool = False
    dsn: bool = False
    enhanced: bool = False
    auth: frozenset[str] = frozenset()

    def takes_size(self, octets: int) -> bool:
        """Whether a message of that many octets, our own header lines included, is within the told limit."""
        return not self.size or octets <= self.size


def parse(lines: list[bytes]) -> Capabilities:
    """Read the lines of an EHLO reply, codes cut off; the first is the greeting. Unknown keywords are ignored."""
    offered: dict[bytes, list[bytes]] = {}
    for line in lines[1:]:
        # "AUTH=LOGIN PLAIN" is the form of very old servers.
        words = line.upper().replace(b"AUTH=", b"AUTH ", 1).split()
        if words:
            offered.setdefault(words[0], []).extend(words[1:])
    limit = offered.get(b"SIZE")
    return Capabilities(
        size=None if limit is None else int(limit[0]) if limit and limit[0].isdigit() else 0,
        eightbit=b"8BITMIME" in offered,
        smtputf8=b"SMTPUTF8" in offered,
        pipelining=b"PIPELINING" in offered,
        starttls=b"STARTTLS" in offered,
        dsn=b"DSN" in offered,
        enhanced=b"ENHANCEDSTATUSCODES" in offered,
        auth=frozenset(word.decode("ascii", "replace") for word in offered.get(b"AUTH", ())),
    )
