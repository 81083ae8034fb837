"""SPF (RFC 7208): pyspf evaluates, our resolver is asked, and nobody waits in a thread.

Records whose addresses decide alone need no pyspf (``plain_spf``). For all others pyspf asks for records as it goes,
and blocks. Here it never does: a question whose answer is not there yet ends the evaluation, the answer is fetched, and
the evaluation begins again with it. An evaluation costs a fraction of a millisecond, and ten questions (RFC 7208 4.6.4)
end it at the latest.
"""

import ipaddress
import re
import time
from collections.abc import Awaitable

import msgspec
import spf

from gateway.mail.address import AddressError, parse_mailbox
from gateway.services import plain_spf
from gateway.services.dns import Answer, Resolver, Status
from gateway.services.expiry import within

ROUNDS = 120  # evaluations of one check: more than the questions that RFC 7208 lets a record cause
SECONDS = 20.0  # RFC 7208 4.6.4
VOID_LIMIT = 2  # as above
EXPLANATION = "the domain does not list this address as one that may send for it"
_RESULTS = {"deny": "fail", "error": "temperror", "unknown": "permerror"}  # pyspf's words of old
MAX_EXPLANATION = 300  # characters of somebody else's words that are kept


_PLAIN = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?")  # as most are
MAX_PLAIN = 253


class SpfResult(msgspec.Struct, frozen=True):
    """The result of one check.

    ``result`` is one of RFC 7208 2.6; ``domain`` is whose record it was, ``identity`` ``mailfrom`` or ``helo``.
    ``explanation`` is for people: the domain's own words on ``fail``, else what went wrong; ASCII, one line.
    """

    result: str
    domain: str = ""
    identity: str = "mailfrom"
    explanation: str = ""


class _Wanted(Exception):  # noqa: N818 - it ends an evaluation, and is no error
    """A record is missing. pyspf swallows exceptions in places, so the query remembers that it raised this."""

    def __init__(self, name: str, kind: str) -> None:
        """Name the record."""
        super().__init__()
        self.name, self.kind = name, kind


class _Query(spf.query):  # type: ignore[misc] # the library has no types
    """pyspf's evaluation over answers that are there already."""

    def __init__(self, answers: dict[tuple[str, str], Answer], void_limit: int, **arguments: object) -> None:
        """Take the answers."""
        super().__init__(strict=1, **arguments)
        self.answers = answers
        self.void_limit = void_limit
        self.missing: _Wanted | None = None

    def dns(self, name: str, qtype: str, cnames: object = None, ignore_void: bool = False) -> list[object]:  # noqa: ARG002, FBT001, FBT002 - pyspf's signature
        """Give the records, in pyspf's form. Raises what pyspf expects, and _Wanted."""
        name = str(name).rstrip(".").lower()
        if not name or any(not 0 < len(label) < 64 for label in name.split(".")):  # noqa: PLR2004 - RFC 1035 2.3.4
            return []
        answer = self.answers.get((name, qtype))
        if answer is None:
            self.missing = _Wanted(name, qtype)
            raise self.missing
        if answer.status.failed and "loop" not in answer.detail:
            raise spf.TempError(f"DNS: {answer.detail or answer.status}")
        if answer.status is Status.FOUND:
            return [_record(each, qtype) for each in answer.records]
        if not ignore_void:
            self.void_lookups += 1
            if self.void_lookups > self.void_limit:
                raise spf.PermError(f"Void lookup limit of {self.void_limit} exceeded")
        return []


def look_up(resolver: Resolver, *, sender: str, helo: str, seconds: float = SECONDS) -> Awaitable[Answer]:
    """Begin to look up the record that ``check`` needs first, within so many seconds."""
    return resolver.query(_identity(sender, helo)[1], "TXT", seconds=seconds)


def at_once(record: Answer, *, ip: str, sender: str, helo: str, explanation: str = EXPLANATION) -> SpfResult | None:
    """Give the result that the answer to ``look_up`` tells by itself; None where ``check`` has to ask for more."""
    identity, domain = _identity(sender, helo)
    if not _can_be_checked(domain):
        return SpfResult("none", domain, identity, "the domain is none that can be checked")
    if not (record.status.failed or any(each[:6].lower() == "v=spf1" for each in record.records)):
        return SpfResult("none", domain, identity)
    plain = plain_spf.result_of(record.records, ip)
    return (
        None if plain is None else SpfResult(plain, domain, identity, plain_spf.WORDS.get(plain) or _line(explanation))
    )


async def check(  # noqa: PLR0913 - one question, all it is about
    resolver: Resolver,
    *,
    ip: str,
    sender: str,
    helo: str,
    receiver: str = "unknown",
    explanation: str = EXPLANATION,
    seconds: float = SECONDS,
    void_limit: int = VOID_LIMIT,
    record: Awaitable[Answer] | None = None,
) -> SpfResult:
    """Check whether a client may send for a sender, or, where that is empty (the null sender), under its HELO name.

    ``record`` is what ``look_up`` gave, where it was begun before, within its own bound; ``explanation`` is what a
    ``fail`` says where the domain has no words of its own. Gives ``temperror`` where DNS gave no answer within
    ``seconds``. Never raises.
    """
    began = time.monotonic()
    first = await (record if record is not None else look_up(resolver, sender=sender, helo=helo, seconds=seconds))
    if (result := at_once(first, ip=ip, sender=sender, helo=helo, explanation=explanation)) is not None:
        return result
    identity, domain = _identity(sender, helo)
    answers = {(domain.rstrip("."), "TXT"): first}
    try:
        with within(max(0.0, seconds - (time.monotonic() - began))):
            for _ in range(ROUNDS):
                got = _evaluate(answers, void_limit, explanation, ip=ip, sender=sender, helo=helo, receiver=receiver)
                if isinstance(got, SpfResult):
                    return msgspec.structs.replace(got, domain=domain, identity=identity)
                answers[got.name, got.kind] = await resolver.query(got.name, got.kind)
    except TimeoutError:
        return SpfResult("temperror", domain, identity, f"no answer of DNS within {seconds:g} s")
    return SpfResult("permerror", domain, identity, "too many DNS look-ups")


def _evaluate(  # noqa: PLR0913 - as ``check``
    answers: dict[tuple[str, str], Answer],
    void_limit: int,
    default: str,
    *,
    ip: str,
    sender: str,
    helo: str,
    receiver: str,
) -> SpfResult | _Wanted:
    """Evaluate once; gives the result, or what is missing for it."""
    try:
        query = _Query(answers, void_limit, i=ip, s=sender, h=helo, receiver=receiver)
        query.set_default_explanation(default)
    except Exception as error:  # noqa: BLE001 - a bad client address, which nobody can evaluate
        return SpfResult("permerror", explanation=_line(f"{type(error).__name__}: {error}"))
    try:
        result, _, words = query.check()
    except _Wanted as wanted:
        return wanted
    except spf.TempError as error:
        return SpfResult("temperror", explanation=_line(error))
    except Exception as error:  # noqa: BLE001 - hostile senders and records make pyspf raise all kinds of things
        return SpfResult("permerror", explanation=_line(f"{type(error).__name__}: {error}"))
    if query.missing is not None:
        return query.missing
    return SpfResult(_RESULTS.get(result, result), explanation=_line(words))


def _identity(sender: str, helo: str) -> tuple[str, str]:
    """Give which identity is checked, and its domain in lower case."""
    if sender:
        return "mailfrom", sender.rpartition("@")[2].lower()
    return "helo", helo.rstrip(".").lower()


def _can_be_checked(domain: str) -> bool:
    """Whether a domain is well formed, has more than one label, and is no address literal (RFC 7208 4.3)."""
    if len(domain) <= MAX_PLAIN and _PLAIN.fullmatch(domain):
        return True
    if domain.startswith("["):
        return False
    try:
        ipaddress.ip_address(domain)
    except ValueError:
        pass
    else:
        return False
    try:
        address = parse_mailbox(f"postmaster@{domain}")
    except AddressError:
        return False
    return "." in address.domain_key.rstrip(".")


def _record(text: str, kind: str) -> object:
    """Give a record in pyspf's form."""
    if kind in {"TXT", "SPF"}:
        return (text.encode("ascii", "surrogateescape"),)
    if kind == "MX":
        preference, _, name = text.partition(" ")
        return int(preference), name
    return text


def _line(words: object) -> str:
    """Give words of somebody else as one line of printable ASCII, bounded: they go into replies."""
    text = "".join(each if " " <= each <= "~" else "?" for each in str(words))
    return text[:MAX_EXPLANATION]
