"""DMARC (RFC 9989), the rules alone: records, the names of the tree walk, organizational domains, policies. Pure.

There is no list of public suffixes: which domain is the organization's is told by the records themselves.
"""

import enum
import functools
import re
from collections.abc import Mapping, Sequence

import msgspec

QUERIES = 8  # of one tree walk (RFC 9989 4.10)
_VERSION = re.compile(r"\s*v[ \t]*=[ \t]*DMARC1[ \t]*(?:;|\Z)", re.IGNORECASE)
_TAGS = 60  # that are read of a record
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s,;!]+")


class Wish(enum.StrEnum):
    """What a domain asks others to do with mail that fails."""

    NONE = "none"
    QUARANTINE = "quarantine"
    REJECT = "reject"

    @property
    def milder(self) -> "Wish":
        """One level below (RFC 9989 4.7, the tag t)."""
        return Wish.QUARANTINE if self is Wish.REJECT else Wish.NONE


class Record(msgspec.Struct, frozen=True):
    """One policy record. ``wish`` is p=, None where the record gives no policy and none is to be applied.

    ``psd`` is ``y``, ``n`` or ``u``; ``below`` (sp=) and ``absent`` (np=) are for subdomains that exist and that do
    not; ``testing`` is t=y; ``strict_dkim`` and ``strict_spf`` are adkim=s and aspf=s.
    """

    wish: Wish | None
    below: Wish | None = None
    absent: Wish | None = None
    psd: str = "u"
    strict_dkim: bool = False
    strict_spf: bool = False
    testing: bool = False


Found = Mapping[str, Record]  # records by the domain that publishes them


def record_of(texts: Sequence[str]) -> Record | None:
    """Give the policy record among the TXT records of one name; None where there is none, or more than one."""
    found = [each for each in texts if (match := _VERSION.match(each)) and "DMARC1" in match[0]]
    return _read(found[0]) if len(found) == 1 else None


@functools.lru_cache(maxsize=1024)  # many domains have the same one
def _read(text: str) -> Record:
    """Read a record; what can't be read counts as left out (RFC 9989 4.7), but for the policies (4.10.1)."""
    tags: dict[str, str] = {}
    for part in text.split(";")[:_TAGS]:
        name, equals, value = part.partition("=")
        if equals:
            tags.setdefault(name.strip().lower(), value.strip())
    wish = _wish(tags.get("p"))
    broken = any(tags.get(name) is not None and _wish(tags[name]) is None for name in ("sp", "np"))
    if wish is None or broken:
        reports = any(_URI.match(each.strip()) for each in tags.get("rua", "").split(","))
        wish = Wish.NONE if reports else None
        return Record(wish, psd=_psd(tags))
    return Record(
        wish,
        _wish(tags.get("sp")),
        _wish(tags.get("np")),
        _psd(tags),
        tags.get("adkim", "").lower() == "s",
        tags.get("aspf", "").lower() == "s",
        tags.get("t", "").lower() == "y",
    )


def _wish(value: str | None) -> Wish | None:
    """Read a policy."""
    try:
        return Wish(value.lower()) if value is not None else None
    except ValueError:
        return None


def _psd(tags: Mapping[str, str]) -> str:
    """Read psd=."""
    value = tags.get("psd", "u").lower()
    return value if value in {"y", "n"} else "u"


def walk(domain: str) -> tuple[str, ...]:
    """Give the domains whose records a tree walk asks for, in order: eight at most, the last a single label."""
    labels = domain.split(".")
    rest = labels[1:] if len(labels) < QUERIES else labels[-(QUERIES - 1) :]
    return (domain, *(".".join(rest[at:]) for at in range(len(rest))))


def organizational_domain(domain: str, found: Found) -> str:
    """Give the organizational domain (RFC 9989 4.10.2) of a domain whose walk has found these records.

    Records above the one where the walk stops don't count.
    """
    last = domain
    for name in walk(domain):
        record = found.get(name)
        if record is None:
            continue
        if record.psd == "n" or (record.psd == "y" and name == domain):
            return name  # a public suffix that sends mail itself is its own organization
        if record.psd == "y":
            return _one_below(domain, name)
        last = name
    return last


def _one_below(domain: str, suffix: str) -> str:
    """Give the domain one label below a suffix, on the way to a domain."""
    return ".".join(domain.split(".")[-(suffix.count(".") + 2) :])


def applied(author: str, found: Found) -> tuple[str, Record] | None:
    """Give the record that applies to an author domain, and whose it is (RFC 9989 4.10.1); None where none does."""
    if author in found:
        return author, found[author]
    organization = organizational_domain(author, found)
    if organization in found:
        return organization, found[organization]
    suffix = organization.partition(".")[2]
    if suffix in found and found[suffix].psd == "y":
        return suffix, found[suffix]
    return None


def wish_for(record: Record, *, own: bool, exists: bool) -> Wish:
    """Give what a record asks for: ``own`` is whether it is the author domain's, ``exists`` whether that exists."""
    wish = record.wish or Wish.NONE
    if not own:
        wish = (None if exists else record.absent) or record.below or wish
    return wish.milder if record.testing else wish
