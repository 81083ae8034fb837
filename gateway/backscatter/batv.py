"""BATV: the sender address signed, so that a bounce of our mail is known by its recipient (draft-levine-smtp-batv-01).

``prvs=KDDDSSSSSS=local@domain``: K is the number of the key, DDD the day on which the tag expires (days since 1970,
modulo 1000), SSSSSS the first three octets, in hex, of HMAC-SHA1 over K, DDD and the address. Exim makes the same tags.

Pure. It reads no clock and no key file, and it never says of a tag that is not exactly of this form that it is ours.
"""

import enum
import hashlib
import hmac
import re
from collections.abc import Iterable, Sequence

import msgspec

LIFETIME = 7  # days from signing to expiry
WRAP = 1000  # days after which DDD comes again
MAX_LOCAL = 64  # octets, RFC 5321 4.5.3.1.1

_OURS = re.compile(
    r"prvs=(?P<number>[0-9])(?P<day>[0-9]{3})(?P<mac>[0-9a-f]{6})=(?P<rest>.+@.*)", re.IGNORECASE | re.DOTALL
)
_FOREIGN = (
    re.compile(r"btv1==[0-9a-f]+==(?P<local>.+)", re.IGNORECASE | re.DOTALL),
    re.compile(r"msprvs1=[^=]+=(?P<local>.+)", re.IGNORECASE | re.DOTALL),
    # The signer's form has the tag behind the user, with "=" or "/" between them.
    re.compile(r"prvs=(?P<local>[^=/]+)[=/][0-9a-f]{8,16}", re.IGNORECASE | re.DOTALL),
)


class Result(enum.StrEnum):
    """What a recipient's tag says.

    ``suspect`` is a tag of a key that was retired in an emergency, ``unknown`` one of a key whose secret is not there.
    """

    VALID = "valid"
    EXPIRED = "expired"
    FORGED = "forged"
    MISSING = "missing"
    SUSPECT = "suspect"
    UNKNOWN = "unknown"


class Key(msgspec.Struct, frozen=True):
    """One key: its number in the tag (0 to 9), its secret, and the day (since 1970) from which it signs.

    A retired key never signs. Its secret may be gone (empty): then its tags are known by their number alone. That of
    any other key must be there, or nothing can be said of its tags. ``name`` is the id of the secret, where it has one.
    """

    number: int
    secret: bytes
    since: int = 0
    retired: bool = False
    name: str = ""


class Checked(msgspec.Struct, frozen=True):
    """The address without the tag, what the tag is worth, and the number of its key: where one made it, or may have."""

    original: str
    result: Result
    key_number: int | None = None


def signing_key(keys: Iterable[Key], today: int) -> Key | None:
    """Give the key that signs on a day: the newest of those that have begun and are not retired, if there is one."""
    able = [key for key in keys if key.secret and not key.retired and key.since <= today]
    return max(able, key=lambda key: key.since, default=None)


def sign(address: str, key: Key, today: int) -> str:
    """Give the address with a tag that expires ``LIFETIME`` days after ``today`` (days since 1970).

    Hashes exactly what it is given: who sends the address lower-cases it first. An address that has a tag of this form
    stays as it is, and so does one whose local part would exceed 64 octets. Raises ValueError for one without a domain.
    """
    local, at, domain = address.rpartition("@")
    if not (local and at and domain):
        raise ValueError(f"{address!r} is no address with a domain")
    if is_tagged(address):
        return address
    day = f"{(today + LIFETIME) % WRAP:03d}"
    tagged = f"prvs={key.number}{day}{_mac(key, day, address)}={address}"
    if len(tagged.rpartition("@")[0].encode("utf-8", "surrogateescape")) > MAX_LOCAL:
        return address
    return tagged


def check(address: str, keys: Sequence[Key], today: int) -> Checked:
    """Say what the tag of an address is worth on a day.

    The address is tried as it was received, then lower-cased; the form that a key confirms is the original. A key that
    a newer one has followed is accepted until its last tag has expired. An expiry that lies further ahead than any tag
    of ours can is one of long ago, since days come again after ``WRAP``: expired.
    """
    match = _OURS.fullmatch(address)
    if match is None:
        return Checked(address, Result.MISSING)
    rest, day, mac = match["rest"], match["day"], match["mac"].lower()
    numbered = [key for key in keys if key.number == int(match["number"])]
    in_time = (int(day) - today) % WRAP <= LIFETIME
    expired: Checked | None = None
    for form in dict.fromkeys((rest, rest.lower())):
        for key in numbered:
            if not key.secret or not hmac.compare_digest(_mac(key, day, form), mac):
                continue
            if not in_time or not _accepted(key, keys, today):
                expired = expired or Checked(form, Result.EXPIRED, key.number)
            else:
                return Checked(form, Result.SUSPECT if key.retired else Result.VALID, key.number)
    if expired is not None:
        return expired
    if in_time and any(key.retired and not key.secret for key in numbered):
        return Checked(rest, Result.SUSPECT, int(match["number"]))
    if any(_has_lost_its_secret(key, keys, today) for key in numbered):
        return Checked(rest, Result.UNKNOWN, int(match["number"]))
    return Checked(rest, Result.FORGED)


def is_tagged(address: str) -> bool:
    """Whether an address has a tag of our form, whatever it is worth."""
    return _OURS.fullmatch(address) is not None


def without_tag(address: str) -> str:
    """Give an address without its tag of our form; any other address as it is."""
    match = _OURS.fullmatch(address)
    return address if match is None else match["rest"]


def original_of(address: str) -> str:
    """Give an address without its tag, be it of our form or of another program's: what lists and counters go by."""
    stripped = without_tag(address)
    local, at, domain = stripped.rpartition("@")
    for pattern in _FOREIGN:
        if at and (match := pattern.fullmatch(local)):
            return f"{match['local']}@{domain}"
    return stripped


def last_day(key: Key, keys: Iterable[Key]) -> int | None:
    """Give the day (since 1970) on which the last tag of a key expires; None for the newest, which has no end yet."""
    followers = [each.since for each in keys if each.since > key.since and not each.retired]
    # On the day of the change both may have signed: not every process learns of it at once.
    return min(followers) + LIFETIME if followers else None


def _has_lost_its_secret(key: Key, keys: Sequence[Key], today: int) -> bool:
    """Whether a key of which tags are accepted has no secret."""
    return not (key.secret or key.retired) and key.since <= today and _accepted(key, keys, today)


def _accepted(key: Key, keys: Sequence[Key], today: int) -> bool:
    """Whether a tag of the key can still be one that has not expired."""
    end = last_day(key, keys)
    return end is None or today <= end


def _mac(key: Key, day: str, address: str) -> str:
    """Give SSSSSS."""
    text = f"{key.number}{day}{address}".encode("utf-8", "surrogateescape")
    return hmac.new(key.secret, text, hashlib.sha1).hexdigest()[:6]
