"""Weighs marks, structure and words into a kind. Structure that a standard defines decides by itself; words need each other.

It looks at what the scanner found, and at nothing else.
"""

import re

from gateway.backscatter.kinds.autoreplies import WORDING as AUTOREPLIES
from gateway.backscatter.kinds.bounces import WORDING as BOUNCES
from gateway.backscatter.kinds.challenges import WORDING as CHALLENGES
from gateway.backscatter.kinds.confirmations import WORDING as CONFIRMATIONS
from gateway.backscatter.kinds.delays import WORDING as DELAYS
from gateway.backscatter.kinds.marks import Marks
from gateway.backscatter.kinds.receipts import WORDING as RECEIPTS
from gateway.backscatter.kinds.reports import WORDING as REPORTS
from gateway.backscatter.kinds.scanning import Leading, Scanned, scan_leading
from gateway.backscatter.kinds.virus_notices import WORDING as VIRUS_NOTICES
from gateway.backscatter.kinds.wording import Wording
from gateway.backscatter.words import Classified, Kind

ENOUGH = 4.0  # points that make a kind
_NOTICE = 4000  # characters of the notice that are searched
_NOTHING = Classified(Kind.NONE)
_ALL = (BOUNCES, DELAYS, VIRUS_NOTICES, AUTOREPLIES, CHALLENGES, CONFIRMATIONS, RECEIPTS, REPORTS)
_SUBJECTS = {w.kind: tuple((re.compile("|".join(said)), points) for points, said in w.subjects) for w in _ALL}
_SENDERS = {w.kind: tuple((re.compile("|".join(said)), points) for points, said in w.senders) for w in _ALL}
_PHRASES = {w.kind: tuple((phrase, points) for points, said in w.phrases for phrase in said) for w in _ALL}
_SUBJECT_GATE = re.compile("|".join(pattern for w in _ALL for _, said in w.subjects for pattern in said))
_CODE = re.compile(r"\b5\d\d[ -](?:#?5\.\d\.\d{1,3}|[a-z<\"'(])|#?\b5\.[0-7]\.\d{1,3}\b|\b55[0-4]\b")
_LIST_OWNER = re.compile(r"[-.](?:admin|bounces?|owner|errors?)(?:\+[^@]*)?@|^<?(?:owner|bounces?)[-+]")
_AGGREGATE = re.compile(
    r"[\w.-]+![\w.-]+!\d{9,11}!\d{9,11}(?:![\w.-]+)?\.(?:xml|json)(?:\.gz|\.zip)?|\.xml\.zip|\.xml\.gz"
)


def weigh(scanned: Scanned, marks: Marks) -> Classified:
    """Give the kind of a message, and the facts that say so."""
    subject_hit = _SUBJECT_GATE.match(marks.subject) is not None
    if not (marks.marked or subject_hit or marks.postmaster):
        return _NOTHING
    leading = scan_leading(scanned)
    if decided := _by_structure(scanned, marks, leading):
        return decided
    return _by_words(scanned, marks, leading)


def _by_structure(scanned: Scanned, marks: Marks, leading: Leading) -> Classified | None:
    """Decide by what a standard defines: RFC 3464, 8098, 5965, 7489, 8460. None where it says nothing."""
    types, report = set(leading.types), leading.report_type
    if report == "feedback-report" or "message/feedback-report" in types:
        return Classified(Kind.REPORT, ("it is a multipart/report with a feedback report (RFC 5965)",))
    if (
        report == "tlsrpt"
        or b"tls-report-domain" in scanned.headers
        or types & {"application/tlsrpt+gzip", "application/tlsrpt+json"}
    ):
        return Classified(Kind.REPORT, ("it is an SMTP TLS report (RFC 8460)",))
    if b"x-hmxmroriginalrecipient" in scanned.headers:
        return Classified(Kind.REPORT, ("a complaint of a feedback loop names its original recipient",))
    if any(_AGGREGATE.search(name) for name in leading.names) and (
        "report" in marks.subject
        or "dmarc" in marks.subject + marks.sender
        or types <= {"application/gzip", "application/zip", "application/x-gzip"}
    ):
        return Classified(Kind.REPORT, ("a part bears the name of a DMARC aggregate report (RFC 7489)",))
    if report == "disposition-notification" or "message/disposition-notification" in types:
        if "rejected" in marks.auto_submitted or re.search(r"reject|refus", marks.subject):
            return Classified(
                Kind.BOUNCE, ("a disposition notification says that the message was rejected (RFC 5429)",)
            )
        if marks.report or not marks.answers:
            return Classified(Kind.RECEIPT, ("it is a disposition notification (RFC 8098)",))
    if report == "delivery-status" or "message/delivery-status" in types:
        return _by_status(marks, leading)
    if marks.failed_recipients:
        return _bounce_or_delay(marks, leading, "X-Failed-Recipients names whom it could not be delivered to")
    return None


def _by_status(marks: Marks, leading: Leading) -> Classified | None:
    """Read the kind off a delivery status (RFC 3464)."""
    if marks.on_list and not (marks.null_sender or marks.daemon or marks.report):
        return None  # a bounce that somebody sent on to a list
    fact = "it is a multipart/report with a delivery status (RFC 3464)"
    virus, why = _points(Kind.VIRUS_NOTICE, marks, leading)
    if virus >= ENOUGH and any(pattern.match(marks.subject) for pattern, _ in _SUBJECTS[Kind.VIRUS_NOTICE]):
        return Classified(Kind.VIRUS_NOTICE, (fact, *why))
    challenge, why = _points(Kind.CHALLENGE, marks, leading)
    if challenge > ENOUGH:
        return Classified(Kind.CHALLENGE, (fact, *why))
    actions = set(re.findall(r"^action:[ \t]*([a-z]+)", leading.status, re.MULTILINE))
    if "failed" in actions:
        return Classified(Kind.BOUNCE, (fact, "its action is failed"))
    if "delayed" in actions:
        return Classified(Kind.DELAY_NOTICE, (fact, "its action is delayed"))
    if actions & {"delivered", "relayed", "expanded"}:
        return Classified(Kind.RECEIPT, (fact, f"its action is {min(actions)}"))
    return _bounce_or_delay(marks, leading, fact)


def _bounce_or_delay(marks: Marks, leading: Leading, fact: str) -> Classified:
    """Tell a delay from a bounce by words, where it is known to be one of them."""
    delay, why = _points(Kind.DELAY_NOTICE, marks, leading)
    if delay >= ENOUGH and not re.search(
        r"permanent error|permanently|fatal errors|\b5\.\d\.\d\b|given up", leading.text
    ):
        return Classified(Kind.DELAY_NOTICE, (fact, *why))
    return Classified(Kind.BOUNCE, (fact,))


def _points(kind: Kind, marks: Marks, leading: Leading) -> tuple[float, tuple[str, ...]]:
    """Add up what subject, sender and words say for a kind; gives the points and the facts."""
    facts: list[str] = []
    total = 0.0
    for pattern, points in _SUBJECTS[kind]:
        if found := pattern.match(marks.subject):
            total += points
            facts.append(f'the subject says "{found[0][:60]}"')
            break
    for pattern, points in _SENDERS[kind]:
        if found := pattern.search(marks.sender):
            total += points
            facts.append(f'the sender is "{found[0][:40]}"')
            break
    spoken, text = 0.0, leading.text[:_NOTICE]
    said: list[tuple[float, str]] = []
    for phrase, points in _PHRASES[kind]:
        if phrase in text:
            spoken += points
            said.append((points, phrase))
            if spoken >= 6:  # noqa: PLR2004 - more words say no more
                break
    if said:
        said.sort(reverse=True)
        facts.append("the text says " + ", ".join(f'"{phrase}"' for _, phrase in said[:3]))
    return total + min(spoken, 4.5), tuple(facts)


def _by_words(scanned: Scanned, marks: Marks, leading: Leading) -> Classified:
    """Decide by words and marks together."""
    scores: dict[Kind, tuple[float, tuple[str, ...]]] = {}
    against = _against(scanned, marks)
    automatic = 0.0
    facts: list[str] = []
    if marks.null_sender:
        automatic += 1.5
        facts.append("the sender is null")
    if marks.daemon:
        automatic += 1.0
    if marks.auto_submitted.startswith("auto-"):
        automatic += 1.0
        facts.append(f"Auto-Submitted is {marks.auto_submitted[:30]}")
    if marks.report:
        automatic += 1.0
    code = _CODE.search(leading.text[:_NOTICE])
    for kind in _PHRASES:
        points, why = _points(kind, marks, leading)
        if not why:
            continue
        if kind in {Kind.BOUNCE, Kind.DELAY_NOTICE}:
            if code and kind is Kind.BOUNCE:
                points += 1.0
                why = (*why, f'it quotes the code "{code[0][:20]}"')
            if leading.quotes:
                points += 0.5
                why = (*why, "it quotes an original message")
            if marks.daemon or marks.null_sender:
                points += 0.5
        if kind is Kind.AUTOREPLY and marks.auto_reply:
            points += ENOUGH
            why = (f"the header {marks.auto_reply} says so", *why)
        if kind is Kind.CHALLENGE and marks.challenge:
            points += ENOUGH
            why = (f"the header {marks.challenge} says so", *why)
        scores[kind] = (points + automatic - against, (*facts, *why))
    if marks.auto_reply and Kind.AUTOREPLY not in scores:
        scores[Kind.AUTOREPLY] = (ENOUGH + automatic - against, (*facts, f"the header {marks.auto_reply} says so"))
    if marks.challenge and Kind.CHALLENGE not in scores:
        scores[Kind.CHALLENGE] = (ENOUGH, (f"the header {marks.challenge} says so",))
    bounce, autoreply = scores.get(Kind.BOUNCE), _points(Kind.AUTOREPLY, marks, leading)[0]
    if bounce and bounce[0] >= ENOUGH and autoreply == 0.0 and (marks.null_sender or marks.daemon):
        scores.pop(Kind.AUTOREPLY, None)  # only its header calls it a reply
    return _best(scores)


# Where two kinds have enough, the one that is said by fewer programs goes first.
_FIRST = (
    Kind.CHALLENGE,
    Kind.CONFIRMATION,
    Kind.VIRUS_NOTICE,
    Kind.REPORT,
    Kind.DELAY_NOTICE,
    Kind.RECEIPT,
    Kind.AUTOREPLY,
    Kind.BOUNCE,
)


def _best(scores: dict[Kind, tuple[float, tuple[str, ...]]]) -> Classified:
    """Take the kind with the most points; near the top the rarer one wins."""
    enough = {kind: score for kind, score in scores.items() if score[0] >= ENOUGH}
    if not enough:
        return _NOTHING
    top = max(points for points, _ in enough.values())
    kind = next(kind for kind in _FIRST if kind in enough and enough[kind][0] >= top - 1.0)
    return Classified(kind, enough[kind][1])


def _against(scanned: Scanned, marks: Marks) -> float:
    """Points for a person, a list, a shop or a ticket system behind the message."""
    points = 0.0
    if (
        marks.answers
        and (b"in-reply-to" in scanned.headers or b"references" in scanned.headers)
        and not marks.null_sender
    ):
        points += 3.0
    if marks.daemon:
        # Bounces to a list's own address pass through its list server, which adds these headers.
        return points + (0.5 if marks.on_list else 0.0)
    machine = marks.postmaster or _LIST_OWNER.search(scanned.text(b"to")) is not None
    if marks.on_list:
        points += 0.5 if machine else 2.5
    if marks.bulk:
        points += 0.0 if machine else 2.0
    if marks.ticket:
        points += 2.5
    if b"user-agent" in scanned.headers and not marks.null_sender:
        points += 1.5
    return points
