"""Reads the kind off structure that a standard defines: delivery status, disposition, feedback, DMARC and TLS.

Words count here only where a standard leaves something open: a bounce or a delay, a virus notice in a delivery status.
"""

import re

from gateway.backscatter.kinds.marks import Marks
from gateway.backscatter.kinds.scanning import Leading, Scanned
from gateway.backscatter.kinds.tally import ENOUGH, points, subject_says
from gateway.backscatter.words import Classified, Kind

_AGGREGATE = re.compile(
    r"[\w.-]+![\w.-]+!\d{9,11}!\d{9,11}(?:![\w.-]+)?\.(?:xml|json)(?:\.gz|\.zip)?|\.xml\.zip|\.xml\.gz"
)
_ARCHIVES = frozenset(("application/gzip", "application/x-gzip", "application/zip", "application/x-zip-compressed"))
_TLS_REPORTS = frozenset(("application/tlsrpt+gzip", "application/tlsrpt+json"))
_ACTION = re.compile(r"^action:[ \t]*([a-z]+)", re.MULTILINE)
_REFUSED = re.compile(r"reject|refus")
FINAL = re.compile(r"permanent error|permanently|(?<!non-)fatal errors|\b5\.\d\.\d\b|given up")


def by_structure(scanned: Scanned, marks: Marks, leading: Leading) -> Classified | None:
    """Decide by RFC 3464, 5965, 7489, 8098 and 8460. None where they say nothing."""
    types, report = set(leading.types), leading.report_type
    if kind := _report(scanned, marks, leading):
        return kind
    if report == "disposition-notification" or "message/disposition-notification" in types:
        if "rejected" in marks.auto_submitted or _REFUSED.search(marks.subject):
            return Classified(Kind.BOUNCE, ("a disposition notification says that it was refused (RFC 5429)",))
        if marks.report or not marks.answers:
            return Classified(Kind.RECEIPT, ("it is a disposition notification (RFC 8098)",))
    if report == "delivery-status" or types & {"message/delivery-status", "message/global-delivery-status"}:
        return _by_status(marks, leading)
    if b"x-failed-recipients" in scanned.headers:
        return _bounce_or_delay(marks, leading, "X-Failed-Recipients names whom it could not be delivered to")
    return None


def _report(scanned: Scanned, marks: Marks, leading: Leading) -> Classified | None:
    """Tell the reports that servers exchange."""
    types = set(leading.types)
    if leading.report_type == "feedback-report" or "message/feedback-report" in types:
        return Classified(Kind.REPORT, ("it holds a feedback report (RFC 5965)",))
    if leading.report_type == "tlsrpt" or b"tls-report-domain" in scanned.headers or types & _TLS_REPORTS:
        return Classified(Kind.REPORT, ("it is an SMTP TLS report (RFC 8460)",))
    if b"x-hmxmroriginalrecipient" in scanned.headers:
        return Classified(Kind.REPORT, ("a complaint of a feedback loop names its original recipient",))
    named = any(_AGGREGATE.search(name) for name in leading.names)
    if named and ("report" in marks.subject or "dmarc" in marks.subject + marks.sender or types <= _ARCHIVES):
        return Classified(Kind.REPORT, ("a part bears the name of a DMARC aggregate report (RFC 7489)",))
    return None


def _by_status(marks: Marks, leading: Leading) -> Classified | None:
    """Read the kind off a delivery status (RFC 3464)."""
    if marks.on_list and not (marks.null_sender or marks.daemon or marks.report):
        return None  # a bounce that somebody sent on to a list
    fact = "it holds a delivery status (RFC 3464)"
    if subject_says(Kind.VIRUS_NOTICE, marks):
        virus, why = points(Kind.VIRUS_NOTICE, marks, leading)
        if virus >= ENOUGH:
            return Classified(Kind.VIRUS_NOTICE, (fact, *why))
    challenge, why = points(Kind.CHALLENGE, marks, leading)
    if challenge > ENOUGH:
        return Classified(Kind.CHALLENGE, (fact, *why))
    actions = set(_ACTION.findall(leading.status))
    if "failed" in actions:
        return Classified(Kind.BOUNCE, (fact, "its action is failed"))
    if "delayed" in actions:
        return Classified(Kind.DELAY_NOTICE, (fact, "its action is delayed"))
    if actions & {"delivered", "relayed", "expanded"}:
        return Classified(Kind.RECEIPT, (fact, f"its action is {min(actions)}"))
    return _bounce_or_delay(marks, leading, fact)


def _bounce_or_delay(marks: Marks, leading: Leading, fact: str) -> Classified:
    """Tell a delay from a bounce by words, where it is known to be one of them."""
    delay, why = points(Kind.DELAY_NOTICE, marks, leading)
    if delay >= ENOUGH and not FINAL.search(leading.text):
        return Classified(Kind.DELAY_NOTICE, (fact, *why))
    return Classified(Kind.BOUNCE, (fact,))
