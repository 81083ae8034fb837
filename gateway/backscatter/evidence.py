"""Gathers what speaks for an automatic message, and what against: proofs, hints, and what is missing.

A proof is what nobody but us can make, for this very recipient and not long ago. Everything that others can write,
having seen one mail of ours or none, is a hint. Weighing is the judge's.
"""

import functools
import hashlib
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from gateway.backscatter import batv, seal, signature
from gateway.backscatter.ledger import PROOFS, Ledger, NoLedger, plain_id
from gateway.backscatter.quoted import Quoted, addresses
from gateway.backscatter.words import Evidence, Force
from gateway.mail.message import Headers

DAY = 86_400
PROOF_DAYS = 14  # a proof is younger than this
_TRIES = 128  # ways to put a seal, a Message-ID and a date together that are tried
_BY_A_SEAL = 4  # Message-IDs, and dates, that may belong to it
_AHEAD = DAY  # seconds by which another clock may be ahead of ours
_NAMED = 3  # things that a sentence names

_WORDS = {
    batv.Result.VALID: (Force.PROOF, "the recipient's tag is valid"),
    batv.Result.EXPIRED: (Force.HINT, "the recipient's tag is ours, but it has expired"),
    batv.Result.SUSPECT: (Force.HINT, "the recipient's tag is of a key that was retired in an emergency"),
    batv.Result.FORGED: (Force.AGAINST, "the recipient's tag is not of our making"),
    batv.Result.UNKNOWN: (Force.NEUTRAL, "the recipient's tag is of a key whose secret is not there"),
    batv.Result.MISSING: (Force.NEUTRAL, "the recipient has no tag"),
}


class Tools(msgspec.Struct, frozen=True):
    """What the judge works with.

    ``keys`` are the BATV keys, ``seal`` the secret of the seal header (empty: there is none). ``domains`` maps our
    domains (lower case, A-labels) to the time (seconds since the epoch) since which all their mail leaves marked, None
    where it does not. ``dkim`` maps names such as ``selector._domainkey.example.org`` to our own public records.
    ``nodes`` are the names that stand in our Received lines. ``gone`` names the secrets of marks that are not there: of
    a domain's DKIM key by the domain, of the seal by an empty word.
    """

    keys: Sequence[batv.Key] = ()
    seal: bytes = b""
    ledger: Ledger = NoLedger()
    domains: Mapping[str, float | None] = {}
    dkim: Mapping[str, bytes] = {}
    nodes: tuple[str, ...] = ()
    gone: Mapping[str, str] = {}


class Case(msgspec.Struct, frozen=True):
    """One message for one user of ours. ``user`` is plain and in lower case; ``raw`` is the message itself.

    ``known`` is what the ledger has said of Message-IDs so far.
    """

    user: str
    quoted: Quoted
    headers: Headers
    tools: Tools
    now: float
    raw: bytes
    known: dict[str, float | None] = {}

    def sent(self, message_id: str) -> float | None:
        """Give when the user sent a message, by the ledger, which is asked once; None where it does not know."""
        if message_id not in self.known:
            self.known[message_id] = self.tools.ledger.message(message_id, self.user)
        return self.known[message_id]

    def is_fresh(self, at: float) -> bool:
        """Whether a time is young enough for a proof."""
        return -_AHEAD <= self.now - at < PROOF_DAYS * DAY

    def age(self, at: float) -> str:
        """Say how long ago a time is."""
        days = int((self.now - at) // DAY)
        return "today" if days < 1 else "yesterday" if days == 1 else f"{days} days ago"


class _Proof(msgspec.Struct, frozen=True):
    """Something that only we can have made, and the message of ours that it stands for."""

    name: str
    message: str
    at: float
    detail: str


def of_tag(result: batv.Result) -> Evidence:
    """Say what the recipient's tag is worth."""
    return Evidence("batv", *_WORDS[result])


def of_quotation(case: Case, *, count: bool) -> Iterator[Evidence]:
    """Give the proofs in what the message quotes: seal, DKIM signature of ours, Message-ID in the ledger.

    Where ``count`` is set a proof is counted against its limit, which turns it into a hint once it has proven enough.
    """
    counts: dict[str, int] = {}
    proofs = [*_seals(case), *_messages(case)]
    if not any(case.is_fresh(proof.at) for proof in proofs):
        proofs += _signatures(case)  # costs more than all the others
    for proof in proofs:
        if not case.is_fresh(proof.at):
            yield Evidence(proof.name, Force.HINT, f"{proof.detail}, which is too long ago to prove anything")
            continue
        key = f"{case.user} {proof.message}"
        if key not in counts:
            counts[key] = case.tools.ledger.count_proof(key, hashlib.sha256(case.raw).hexdigest()) if count else 1
        if counts[key] > PROOFS:
            yield Evidence(proof.name, Force.HINT, f"{proof.detail}, which has proven {PROOFS} bounces already")
        else:
            yield Evidence(proof.name, Force.PROOF, proof.detail)
    if case.quoted.seals and all(proof.name != "seal" for proof in proofs):
        yield Evidence("seal", Force.NEUTRAL, f"a seal is quoted, which is none for {case.user}")


def of_circumstances(case: Case) -> Iterator[Evidence]:
    """Give the hints: what fits mail of ours, but could be written by anybody."""
    tools, quoted = case.tools, case.quoted
    for node in tools.nodes:
        if quoted.received and any(_by(node).search(each[:2000]) for each in quoted.received):
            yield Evidence("received", Force.HINT, f"it quotes a Received line of {node}")
    answered = " ".join([case.headers.get("in-reply-to")[:1000], case.headers.get("references")[:8000]])
    for each in re.findall(r"<([^<>\s]{1,500})>", answered)[:32]:
        if (at := case.sent(each)) is not None:
            yield Evidence("references", Force.HINT, f"it refers to <{each}>, which {case.user} sent {case.age(at)}")
            break
    for each in quoted.failed:
        at = tools.ledger.wrote_to(case.user, each) if each != case.user else None
        if at is not None and case.is_fresh(at):
            yield Evidence("pair", Force.HINT, f"{case.user} wrote to {each} {case.age(at)}")
            break
    if quoted.cut:
        yield Evidence("size", Force.HINT, "it is so large that only its beginning was looked at")
    ours = [each for each in quoted.message_ids if _is_ours(each, tools) and each.lower() != case.user]
    if missing := [each for each in ours if case.sent(each) is None]:
        named = ", ".join(f"<{each}>" for each in missing[:_NAMED])
        yield Evidence("past_gateway", Force.NEUTRAL, f"it names {named}, which the ledger does not have")


def correspondents(headers: Headers, sender: str | None) -> list[str]:
    """Give the addresses that an automatic answer comes from: envelope sender, From, Reply-To and Sender."""
    text = " ".join(headers.get(name)[:1000] for name in ("from", "reply-to", "sender"))
    found = addresses(text.encode("utf-8", "replace"))
    return list(dict.fromkeys([batv.original_of(each).lower() for each in ([sender] if sender else []) + found]))


def written_to(case: Case, who: Sequence[str], days: int) -> Evidence | None:
    """Give the hint that our user wrote to one of the addresses, or to their domains, in the last days."""
    ledger = case.tools.ledger
    for each in who:
        domain = each.rpartition("@")[2]
        for name, at in ((each, ledger.wrote_to(case.user, each)), (domain, ledger.wrote_to_domain(case.user, domain))):
            if at is not None and case.now - at < days * DAY:
                return Evidence("correspondent", Force.HINT, f"{case.user} wrote to {name} {case.age(at)}")
    return None


def _seals(case: Case) -> Iterator[_Proof]:
    """Give the first seal that is good for this user."""
    quoted = case.quoted
    pairs = itertools.product(quoted.seals, quoted.message_ids[:_BY_A_SEAL], quoted.dates[:_BY_A_SEAL])
    for value, message_id, date in itertools.islice(pairs, _TRIES):
        sealed = seal.verify(value, case.tools.seal, message_id=message_id, date=date, sender=case.user)
        if sealed is not None:
            detail = f"it quotes the seal of <{message_id}>, which {case.user} sent {case.age(sealed.sent)}"
            yield _Proof("seal", plain_id(message_id).lower(), sealed.sent, detail)
            return


def _signatures(case: Case) -> Iterator[_Proof]:
    """Give the DKIM signatures of ours over what this user wrote."""
    for each in signature.verify(case.quoted.signed, case.tools.dkim):
        if each.author == case.user:
            detail = f"it quotes our DKIM signature ({each.key}) on what {case.user} sent {case.age(each.at)}"
            yield _Proof("dkim", plain_id(each.message_id).lower() or f"{each.key} {each.at}", each.at, detail)
            return


def _messages(case: Case) -> Iterator[_Proof]:
    """Give the first quoted Message-ID that the ledger has for this user; a fresh one, if there is one."""
    stale: _Proof | None = None
    for each in case.quoted.message_ids:
        if each.lower() == case.user or (at := case.sent(each)) is None:  # the user's address in brackets is no id
            continue
        detail = f"it quotes <{each}>, which {case.user} sent {case.age(at)}"
        proof = _Proof("message_id", plain_id(each).lower(), at, detail)
        if case.is_fresh(at):
            yield proof
            return
        stale = stale or proof
    if stale is not None:
        yield stale


def _is_ours(message_id: str, tools: Tools) -> bool:
    """Whether a Message-ID was made in a domain of ours."""
    return message_id.rpartition("@")[2].lower() in tools.domains


@functools.lru_cache(maxsize=100)
def _by(node: str) -> re.Pattern[str]:
    """Give the pattern of a Received line that a node wrote."""
    return re.compile(rf"\bby\s+{re.escape(node)}(?![\w.-])", re.IGNORECASE)
