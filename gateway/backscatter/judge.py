"""The judge: does this automatic message answer mail that we sent? Proofs and hints, and the verdict.

It never asks the network, and never says ``genuine`` for what others can write. Absence counts only once the domain has
marked all its mail for as long as a bounce can be under way.
"""

import datetime
from collections.abc import Sequence

import msgspec

from gateway.backscatter import batv, evidence, kinds, refusals
from gateway.backscatter.evidence import DAY, PROOF_DAYS, Case, Tools
from gateway.backscatter.quoted import Quoted, find, start_of_body
from gateway.backscatter.words import Classified, Evidence, Force, Judged, Kind, SecretGoneError, Verdict
from gateway.mail.address import AddressError, domain_key
from gateway.mail.message import Headers, head_of

__all__ = ["LATELY_DAYS", "Reading", "Tools", "judge", "judge_for", "read"]

LATELY_DAYS = 30  # who was written to within so many days may answer by a machine
BESIDES = frozenset({"backscatter_list", "null_sender_rate"})  # evidence from outside of the message
_ANSWERS = frozenset({Kind.AUTOREPLY, Kind.CHALLENGE, Kind.CONFIRMATION, Kind.VIRUS_NOTICE})
_REFUSAL = 16_384  # octets of a bounce in which the reason is looked for
_REFUSED = 10  # destinations of one bounce that are taken from it
_NO_HEADERS = Headers(b"")


class Reading(msgspec.Struct, frozen=True):
    """What is the same for all recipients of a message."""

    classified: Classified
    sender: str | None
    headers: Headers = _NO_HEADERS
    quoted: Quoted = Quoted()
    raw: bytes = b""

    @property
    def is_automatic(self) -> bool:
        """Whether there is anything to judge: the null sender is for automatic mail alone (RFC 5321 4.5.5)."""
        return self.classified.kind is not Kind.NONE or self.sender == ""


def judge(raw: bytes, recipient: str, *, sender: str | None, tools: Tools, now: float) -> Judged:
    """Judge one message for one recipient.

    ``raw`` is the message as it came; ``recipient`` is the envelope recipient as it came, tag and all; ``sender`` the
    envelope sender, empty for the null sender, None where it is not known. ``now`` is seconds since the epoch.
    """
    return judge_for(read(raw, sender), recipient, tools=tools, now=now)


def read(raw: bytes, sender: str | None, headers: Headers | None = None) -> Reading:
    """Find out what the message is, and, where it is automatic, what it quotes. ``headers``, where they are at hand."""
    classified = kinds.classify(raw, sender=sender)
    if classified.kind is Kind.NONE and sender != "":
        return Reading(classified, sender)
    return Reading(classified, sender, headers or Headers(head_of(raw)), find(raw), raw)


def judge_for(reading: Reading, recipient: str, *, tools: Tools, now: float, extra: Sequence[Evidence] = ()) -> Judged:
    """Judge a message that was read, for one recipient.

    ``extra`` is evidence from outside of the message, such as what lists say of its host: it is shown, and strengthens
    the reasoning, but turns no verdict. Raises SecretGoneError where nothing proves the message, that would count
    against it, and the proof may be one that needs a secret which is not there.
    """
    kind = reading.classified.kind
    if not reading.is_automatic:
        return Judged(Verdict.NOT_AUTOMATIC, kind, because="it is no automatic mail")
    # Where we have no keys, tags are somebody else's, such as our own mail server's.
    checked = (
        batv.check(recipient, tools.keys, int(now // DAY))
        if tools.keys
        else batv.Checked(recipient, batv.Result.MISSING)
    )
    user = checked.original.lower()
    case = Case(user, reading.quoted, reading.headers, tools, now, reading.raw)
    since = _marked_since(user, tools)
    counts = since is not None and now - since >= PROOF_DAYS * DAY
    found = [evidence.of_tag(checked.result)]
    try:
        found += evidence.of_quotation(case, count=checked.result is not batv.Result.VALID)
        if not any(each.force is Force.PROOF for each in found):  # beside a proof a hint says nothing
            found += evidence.of_circumstances(case)
        if kind in _ANSWERS:
            found.append(_solicited(case, reading.sender, counts=counts))
    except OSError as error:
        found.append(Evidence("ledger", Force.HINT, f"the ledger can not be read: {error.strerror}"))
    found += extra
    judged = _weigh(reading, found, since if counts else None, _why_nothing_counts(user, since))
    if counts and judged.verdict is not Verdict.GENUINE and (name := _gone(checked, user, tools)):
        raise SecretGoneError(name)
    if kind is Kind.BOUNCE and checked.result is batv.Result.VALID:
        return _blamed(judged, case)
    return judged


def _gone(checked: batv.Checked, user: str, tools: Tools) -> str:
    """Name a secret that is not there, and by which the message might have been proven; empty where there is none."""
    if checked.result is batv.Result.UNKNOWN:
        return next(key.name for key in tools.keys if key.number == checked.key_number and not key.secret)
    return tools.gone.get("") or tools.gone.get(_domain_of(user)) or ""


def _blamed(judged: Judged, case: Case) -> Judged:
    """Add whom the user wrote to and who refused the tag, where a bounce of tagged mail says so."""
    start = start_of_body(case.raw)
    found = refusals.in_bounce(case.raw[start : start + _REFUSAL].decode("utf-8", "replace"))
    if not found:
        return judged
    try:
        known = [each for each in case.quoted.failed if case.tools.ledger.wrote_to(case.user, each) is not None]
    except OSError:
        return judged  # without the ledger nobody knows to whom the user wrote
    named = [each for each in known if each in {destination for destination, _ in found}]
    if found[0][0] == "" and len(known) == 1:  # free text names nobody: only where it can be but one
        named = known
    return msgspec.structs.replace(judged, refused=tuple(named[:_REFUSED]), blames=found[0][1]) if named else judged


def _weigh(reading: Reading, found: Sequence[Evidence], since: float | None, excuse: str) -> Judged:
    """Give the verdict. ``since`` is set where absence counts; ``excuse`` says why it does not."""
    kind = reading.classified.kind
    proofs = [each.detail for each in found if each.force is Force.PROOF]
    hints = [each.detail for each in found if each.force is Force.HINT]
    if proofs:
        return Judged(Verdict.GENUINE, kind, tuple(found), "; ".join(proofs))
    if hints:
        return Judged(Verdict.UNVERIFIABLE, kind, tuple(found), f"nothing proves it, but {'; '.join(hints)}")
    if since is None:
        absence = Evidence("marking", Force.NEUTRAL, excuse)
        return Judged(Verdict.UNVERIFIABLE, kind, (*found, absence), f"nothing proves it, but {excuse}")
    if not (kind.answers_delivery or kind is Kind.NONE):
        because = f"nothing proves it, but a machine may answer ({kind}) to where it was not written from"
        return Judged(Verdict.UNVERIFIABLE, kind, tuple(found), because)
    day = datetime.datetime.fromtimestamp(since, datetime.UTC).date().isoformat()
    absence = Evidence("marking", Force.AGAINST, f"all mail leaves marked since {day}, and it holds no mark of ours")
    besides = [each.detail for each in found[1:] if each.name in BESIDES]
    because = "; ".join([found[0].detail, absence.detail, *besides])
    return Judged(Verdict.FORGED, kind, (*found, absence), because)


def _solicited(case: Case, sender: str | None, *, counts: bool) -> Evidence:
    """Say whether our user wrote lately to where the answer comes from."""
    who = evidence.correspondents(case.headers, sender)
    if hint := evidence.written_to(case, who, LATELY_DAYS):
        return hint
    named = ", ".join(who[:2]) or "anybody it could come from"
    detail = f"{case.user} has not written to {named} in the last {LATELY_DAYS} days"
    return Evidence("unsolicited", Force.AGAINST if counts else Force.NEUTRAL, detail)


def _marked_since(user: str, tools: Tools) -> float | None:
    """Give since when all mail of the user's domain leaves marked."""
    return tools.domains.get(_domain_of(user))


def _domain_of(user: str) -> str:
    """Give the domain of an address by the name that domains have in the policy; empty where it can't be one."""
    try:
        return domain_key(user.rpartition("@")[2])
    except AddressError:
        return ""


def _why_nothing_counts(user: str, since: float | None) -> str:
    """Say why nothing follows from what is missing."""
    domain = user.rpartition("@")[2]
    if since is None:
        return f"not all mail of {domain} leaves marked"
    return f"all mail of {domain} leaves marked for less than {PROOF_DAYS} days"
