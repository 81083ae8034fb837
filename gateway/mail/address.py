"""Mailbox addresses and the paths of MAIL and RCPT (RFC 5321 4.1.2, RFC 6531 3.3).

aiosmtpd hands addresses over as they came: syntax is ours to check. Plain addresses, nearly all of them, pass by one
regular expression; whatever is odd goes through the strict grammar below it.
"""

import functools
import ipaddress
import re

import idna
import msgspec

MAX_PATH = 256  # octets, RFC 5321 4.5.3.1.3, punctuation included
MAX_DOMAIN = 255  # octets, RFC 5321 4.5.3.1.2

_ATEXT = r"A-Za-z0-9!#$%&'*+\-/=?^_`{|}~"
_PLAIN = re.compile(
    rf"<([{_ATEXT}]+(?:\.[{_ATEXT}]+)*)@"
    r"((?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)*[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)>"
)
_DOT_STRING = re.compile(rf"[{_ATEXT}\u0080-\U0010ffff]+(?:\.[{_ATEXT}\u0080-\U0010ffff]+)*")
_QUOTED = re.compile(r'"(?:[ !#-\[\]-~\u0080-\U0010ffff]|\\[ -~])*"')
_SOURCE_ROUTE = re.compile(r"@[^:<>\s@,]+(?:,@[^:<>\s@,]+)*:")
_LABEL = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9])?")


class AddressError(ValueError):
    """The address breaks the grammar. The text says how, in words that fit an SMTP reply."""


class Address(msgspec.Struct, frozen=True):
    """A mailbox. ``local`` keeps its case (it may matter to its own host), ``domain`` is as given.

    ``key`` is what look-ups use: everything in lower case, the domain in A-labels (RFC 5890).
    """

    local: str
    domain: str
    key: str

    def __str__(self) -> str:
        """Give ``local@domain``, or the bare local part of ``postmaster`` (RFC 5321 4.5.1)."""
        return f"{self.local}@{self.domain}" if self.domain else self.local

    @property
    def domain_key(self) -> str:
        """The domain as look-ups use it."""
        return self.key.rpartition("@")[2] if self.domain else ""

    @property
    def needs_utf8(self) -> bool:
        """Whether only SMTPUTF8 can carry it."""
        return not (self.local.isascii() and self.domain.isascii())


def domain_key(domain: str) -> str:
    """Give a domain as look-ups use it: lower case, A-labels, no trailing dot. Raises AddressError."""
    domain = domain.rstrip(".")
    if domain.isascii():
        return domain.lower()
    try:
        return idna.encode(domain, uts46=True).decode("ascii").lower()
    except idna.IDNAError as error:
        raise AddressError(f"domain is no internationalised name: {error}") from error


@functools.lru_cache(maxsize=1024)  # a recipient is asked for several times in a transaction
def parse_mailbox(text: str) -> Address:
    """Parse ``local@domain``. Raises AddressError with the reason."""
    if len(text) <= MAX_PATH - 2 and (plain := _PLAIN.fullmatch(f"<{text}>")):
        local, domain = plain.groups()
        return Address(local, domain, text.lower())
    local, at, domain = text.rpartition("@")
    if not at:
        raise AddressError("address has no domain")
    if not local:
        raise AddressError("address has no local part")
    # Surrogates stand for octets that were no UTF-8; they must go nowhere.
    try:
        octets = len(text.encode("utf-8"))
    except UnicodeEncodeError:
        raise AddressError("address is not valid UTF-8") from None
    if octets > MAX_PATH - 2:
        raise AddressError(f"address is longer than {MAX_PATH - 2} octets")
    if not (_DOT_STRING.fullmatch(local) or _QUOTED.fullmatch(local)):
        raise AddressError("local part is malformed")
    return Address(local, domain, f"{local.lower()}@{_check_domain(domain)}")


def _check_domain(domain: str) -> str:
    """Give the look-up form of a domain or an address literal. Raises AddressError."""
    if domain.startswith("[") and domain.endswith("]"):
        literal = domain[1:-1]
        try:
            if literal[:5].lower() == "ipv6:":
                return f"[ipv6:{ipaddress.IPv6Address(literal[5:])}]"
            return f"[{ipaddress.IPv4Address(literal)}]"
        except ipaddress.AddressValueError:
            raise AddressError("address literal is malformed") from None
    if len(domain) > MAX_DOMAIN:
        raise AddressError(f"domain is longer than {MAX_DOMAIN} octets")
    key = domain_key(domain)
    if not key or domain.endswith("."):
        raise AddressError("domain is malformed")
    if len(key) > MAX_DOMAIN:
        raise AddressError(f"domain is longer than {MAX_DOMAIN} octets")
    if not all(_LABEL.fullmatch(label) for label in key.split(".")):
        raise AddressError("domain is malformed")
    return key


def parse_path(text: str) -> tuple[Address | None, str]:
    """Split the argument of MAIL FROM: or RCPT TO: into its path and the parameters behind it.

    Gives the address (None for the null sender ``<>``) and the rest of the line. A source route is accepted and
    ignored (RFC 5321 appendix C). Angle brackets are required. Raises AddressError.
    """
    path, _, rest = text.partition(" ")
    if plain := _PLAIN.fullmatch(path):
        if len(path) > MAX_PATH:
            raise AddressError(f"address is longer than {MAX_PATH - 2} octets")
        local, domain = plain.groups()
        return Address(local, domain, f"{local}@{domain}".lower()), rest.strip()
    if path == "<>":
        return None, rest.strip()
    if not text.startswith("<"):
        raise AddressError("address must stand in angle brackets")
    end = _closing_bracket(text)
    inner, rest = text[1:end], text[end + 1 :]
    if rest and not rest.startswith(" "):
        raise AddressError("something follows the closing bracket")
    if route := _SOURCE_ROUTE.match(inner):
        inner = inner[route.end() :]
    if inner.lower() == "postmaster":
        return Address(inner, "", "postmaster"), rest.strip()
    return parse_mailbox(inner), rest.strip()


def _closing_bracket(text: str) -> int:
    """Find the bracket that closes the path, past any quoted local part. Raises AddressError."""
    quoted = False
    at = 1
    while at < len(text):
        letter = text[at]
        if quoted and letter == "\\":
            at += 1
        elif letter == '"':
            quoted = not quoted
        elif letter == ">" and not quoted:
            return at
        at += 1
    raise AddressError("address has no closing bracket")
