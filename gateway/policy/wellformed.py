"""Whether one value of a policy is well-formed, each answer with the remedy. Pure.

Forms and imports ask here as publishing does, so that what the console takes can be published.
"""

import ipaddress
import itertools
import re
from collections.abc import Iterable, Iterator
from urllib.parse import urlsplit

import msgspec

from gateway.mail.address import AddressError, parse_mailbox
from gateway.policy.location import Place
from gateway.policy.snapshot import Thresholds

MOST = 10_000  # what a count within a window can say at most
_SECRET_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_CODES = ipaddress.IPv4Network("127.0.0.0/8")
_ERRORS = ipaddress.IPv4Network("127.255.255.0/24")  # RFC 5782 leaves it open; lists that refuse to answer use it
_HOST_LABEL = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")  # names inside may have underscores
_LONGEST_NAME = 253
_PLACEHOLDER = re.compile(r"\{[^{}]*\}")
_PLACEHOLDERS = ("{address}", "{local}", "{domain}")


class Fault(msgspec.Struct, frozen=True):
    """One thing that is wrong: where it stands in the snapshot, what it is, and what to do about it."""

    place: Place
    reason: str
    remedy: str


def network_fault(text: str) -> tuple[str, str] | None:
    """Say what is wrong with a network in CIDR form, and the remedy; None where nothing is."""
    try:
        ipaddress.ip_network(text)
    except ValueError:
        try:
            meant = str(ipaddress.ip_network(text, strict=False))
        except ValueError:
            return f"{text!r} is no network", "write it in CIDR form, as 192.0.2.0/24 or 2001:db8::/32"
        return f"{text!r} has bits set behind its prefix", f"write {meant}, or a longer prefix"
    return None


def domain_fault(name: str) -> tuple[str, str] | None:
    """Say what is wrong with a domain's name, and the remedy; None where nothing is."""
    try:
        key = parse_mailbox(f"postmaster@{name}").domain_key
    except AddressError as error:
        return f"{name!r} is no domain: {error}", "write a name such as example.org"
    if key.startswith("["):
        return f"{name!r} is an address, no domain", "write a name such as example.org"
    if key != name:
        return f"domain {name!r} is not in lower-case A-labels", f"write {key}"
    return None


def host_fault(text: str) -> tuple[str, str] | None:
    """Say what is wrong with the host of a next hop, and the remedy; None where nothing is."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        labels = text.removesuffix(".").split(".")
        named = len(text) <= _LONGEST_NAME and all(_HOST_LABEL.fullmatch(label) for label in labels)
        if not named or labels[-1].isdigit():
            return (
                f"{text!r} is no host",
                "give a name or an address alone, as mail.example.org, 192.0.2.1 or 2001:db8::1",
            )
    return None


def local_part_fault(local: str) -> tuple[str, str] | None:
    """Say what is wrong with a recipient's local part, and the remedy; None where nothing is."""
    try:
        parse_mailbox(f"{local}@example.org")
    except AddressError as error:
        return f"{local!r} is no local part: {error}", "write what stands before the @"
    if local != local.lower():
        return f"local part {local!r} is not in lower case", f"write {local.lower()}"
    return None


def sender_fault(address: str) -> tuple[str, str] | None:
    """Say what is wrong with an address that an account may send as, and the remedy; None where nothing is."""
    local, _, domain = address.rpartition("@")
    if local == "*":
        return domain_fault(domain)
    try:
        parse_mailbox(address)
    except AddressError as error:
        return f"{address!r} is no sender address: {error}", "write user@domain, or *@domain for all of a domain"
    return None


def threshold_fault(limits: Thresholds) -> tuple[str, str, str] | None:
    """Give the name of the threshold that is out of order, what is wrong and the remedy; None where nothing is."""
    order = ("tag", "redirect", "quarantine", "reject", "drop")
    steps = [(name, value) for name in order if (value := getattr(limits, name)) is not None]
    for (lower, low), (upper, high) in itertools.pairwise(steps):
        if not low <= high:
            return (
                upper,
                f"{upper} at {high:g} points comes before {lower} at {low:g}",
                f"raise {upper}, or lower {lower}",
            )
    return None


def destination_fault(text: str) -> tuple[str, str] | None:
    """Say what is wrong with an address or a domain, and the remedy; None where nothing is."""
    return sender_fault(text) if "@" in text else domain_fault(text)


def secret_fault(id: str) -> tuple[str, str] | None:  # noqa: A002 - the field's word
    """Say what is wrong with a secret's id, which is the name of its file, and the remedy; None where nothing is."""
    if not _SECRET_ID.fullmatch(id):
        return f"{id!r} is no id of a secret", "use a-z, 0-9, dot, dash and underscore"
    return None


def network_faults(texts: Iterable[str], place: Place) -> Iterator[Fault]:
    """Check networks in CIDR form."""
    for at, text in enumerate(texts):
        if wrong := network_fault(text):
            yield Fault((*place, at), *wrong)


def normal_entry(text: str) -> str:
    """Give an entry of a sender list as policies have it, however a person typed it; what is none stays as it is.

    ``*@domain`` and ``@domain`` become the domain, ``*.domain`` becomes ``.domain``.
    """
    word = text.strip()
    if word.startswith("*."):
        word = word[1:]
    if word.startswith(("@", "*@")):
        word = word.partition("@")[2]
    try:
        if _is_network(word):
            return str(ipaddress.ip_network(word))
        if "@" in word:
            return parse_mailbox(word).key
        dot = "." if word.startswith(".") else ""
        return dot + parse_mailbox(f"x@{word.removeprefix('.')}").domain_key
    except ValueError:
        return text.strip()


def entry_fault(text: str) -> tuple[str, str] | None:
    """Say what is wrong with an entry of a sender list, and the remedy; None where nothing is."""
    meant = normal_entry(text)
    if meant != text:
        return entry_fault(meant) or (f"{text!r} is not in its plain form", f"write {meant}")
    if _is_network(text):
        return network_fault(text)
    if "@" in text:
        return address_fault(text)
    bare = text.removeprefix(".")
    # A single word is more likely a slip than a domain; a top-level domain is written .example.
    if domain_fault(bare) or (bare == text and "." not in bare) or bare.rpartition(".")[2].isdigit():
        return (
            f"{text!r} is no sender",
            "write user@example.org, example.org, .example.org with all below it, or a network as 192.0.2.0/24",
        )
    return None


def alias_fault(address: str) -> tuple[str, str] | None:
    """Say what is wrong with the address that a recipient's mail is for, and the remedy; None where nothing is."""
    return address_fault(address)


def code_fault(code: str) -> tuple[str, str] | None:
    """Say what is wrong with a return code of a DNS list, and the remedy; None where nothing is."""
    try:
        network = ipaddress.ip_network(code)
    except ValueError:
        return f"{code!r} is no return code", "write an address as 127.0.0.2, or a network as 127.0.0.0/29"
    if not (isinstance(network, ipaddress.IPv4Network) and network.subnet_of(_CODES)):
        return f"return code {code} lies outside of 127.0.0.0/8", "name the codes that the list documents"
    if network.overlaps(_ERRORS):
        return f"return code {code} takes in 127.255.255.0/24, by which lists tell errors", "name the listing codes"
    return None


def probe_fault(text: str) -> tuple[str, str] | None:
    """Say what is wrong with a test point of a DNS list, and the remedy; None where nothing is, or it is empty."""
    try:
        ipaddress.ip_address(text or "::")
    except ValueError:
        return f"{text!r} is no address", "give the test point that the list documents, or leave it empty"
    return None


def limit_fault(value: float | None, lowest: float = 0, highest: float = MOST) -> tuple[str, str] | None:
    """Say what is wrong with a limit, and the remedy; None where nothing is, or where there is no limit."""
    if value is None or lowest <= value <= highest:
        return None
    return f"{value:g} is out of bounds", f"give a number from {lowest:g} to {highest:,g}"


def ldap_url_fault(url: str) -> tuple[str, str] | None:
    """Say what is wrong with a directory's URL, and the remedy; None where nothing is."""
    remedy = "write ldap://host, ldaps://host, or either with :port"
    try:
        parts = urlsplit(url)
        named = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return f"{url!r} is no URL", remedy
    if parts.scheme not in {"ldap", "ldaps"}:
        return f"{url!r} is no URL of LDAP", remedy
    if not named or parts.path not in {"", "/"} or parts.query or parts.fragment or "@" in parts.netloc:
        return f"{url!r} must name a host, and nothing behind it", remedy
    return None


def ldap_filter_fault(text: str) -> tuple[str, str] | None:
    """Say what is wrong with a filter (RFC 4515), and the remedy; None where nothing is."""
    depths = list(itertools.accumulate((letter == "(") - (letter == ")") for letter in text))
    if not depths or depths[-1] != 0 or any(depth < 1 for depth in depths[:-1]):
        return f"the parentheses of {text!r} do not match", "write it as (mail={address})"
    if unknown := next((word for word in _PLACEHOLDER.findall(text) if word not in _PLACEHOLDERS), None):
        return f"the filter holds {unknown}", f"use {', '.join(_PLACEHOLDERS)}"
    if "{address}" not in text and "{local}" not in text:
        return "the filter does not ask for the recipient", "put {address}, or {local} and {domain}, in it"
    return None


def address_fault(address: str) -> tuple[str, str] | None:
    """Say what is wrong with an address in look-up form, and the remedy; None where nothing is."""
    try:
        key = parse_mailbox(address).key
    except AddressError as error:
        return f"{address!r} is no address: {error}", "write user@domain"
    if key != address:
        return f"address {address!r} is not in lower case and A-labels", f"write {key}"
    return None


def _is_network(text: str) -> bool:
    """Whether a person who wrote this meant a network or an IP address."""
    if "/" in text and "@" not in text:
        return True
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
