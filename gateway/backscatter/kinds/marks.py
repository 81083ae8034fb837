"""What the headers alone say: marks of automatic mail, and marks of people, lists, shops and ticket systems.

A mark is a fact about one message. It never decides a kind: scoring does.
"""

import re

import msgspec

from gateway.backscatter.kinds.bounces import WORDING as BOUNCES
from gateway.backscatter.kinds.scanning import Scanned

DAEMON = re.compile("|".join(BOUNCES.senders[0][1]))
_POSTMASTER = re.compile("|".join(BOUNCES.senders[1][1]))
# The same without what stands in front of a word: matches more, and a miss, the usual case, is found sooner.
_LIKE_POSTMASTER = re.compile("|".join(each.removeprefix(r"\b").removeprefix("^") for each in BOUNCES.senders[1][1]))
_AUTOREPLY_MAILER = re.compile(r"auto-?(?:respon|reply)|vacation|gnarwl")


def _names(text: str) -> frozenset[bytes]:
    """Give names of headers as a set."""
    return frozenset(text.encode("ascii").split())


_AUTOREPLY_HEADERS = _names(
    "x-autoreply x-auto-reply x-autorespond x-autoresponder x-autoreply-from x-auto-reply-from x-mail-autoreply"
    " x-auto-response x-vacation x-fc-machinegenerated x-yahoo-autoresponse x-autoreply-type"
)
_CHALLENGE_HEADERS = _names(
    "x-boxtrapper x-bluebottle-request x-askversion x-ask-info x-tmda-confirm x-choicemail-registration-request"
    " x-spamarrest-noauth x-challenge spamlion x-exispam x-spamazoid-md x-antispam-challenge"
)
_LIST_HEADERS = _names("list-id list-post x-mailing-list mailing-list")
_BULK_HEADERS = _names("list-unsubscribe feedback-id x-campaign x-campaignid")
_TICKET_HEADERS = _names(
    "rt-ticket managed-by x-otrs-loop x-rt-loop-prevention x-jira-fingerprint x-github-reason x-gitlab-project"
    " x-zendesk-priority x-bugzilla-reason x-cron-env x-redmine-host x-launchpad-message-rationale"
    " x-debian-pr-message x-trac-version x-roundup-name"
)
_MACHINE_HEADERS = _names(
    "x-failed-recipients x-ms-exchange-message-is-ndr x-ms-embedded-report tls-report-domain x-hmxmroriginalrecipient"
)
_EVERYDAY = _names(
    "from sender reply-to to subject content-type content-transfer-encoding in-reply-to references user-agent"
)
# Where list managers take an answer to "did you ask for this?": Mailman, mlmmj, ezmlm.
_TOKEN = re.compile(
    rb"(?:[-+.]confirm[-+]|\bconfirm-|[-+]conf(?:un)?sub(?:-digest|-nomail)?-)[0-9a-zA-Z]{8,}|-[su]c\.\d{9,10}\.[a-z]{10,}"
)
# Senders of challenges that mark them in no other way.
_CHALLENGERS = re.compile(
    rb"boxbe|spamarrest|antispam|spamblock|mailinblack|spamlion|challenge|-confirm-|knowspam|choicemail"
)
_REPLY = re.compile(r"(?:\[[^\]]{1,40}\] ?)?(?:re|aw|sv|antw|fwd?|wg|tr|vs|odp|rv|enc|doorst|ha)(?:\[\d+\])? ?: ?")


class Marks(msgspec.Struct):
    """The marks of one message.

    ``subject``, ``sender`` (the From header) and ``content_type`` are lower-case text; ``auto_reply`` and ``challenge``
    name the header that says so; ``token`` is an address with a token to answer to; ``answers`` is a subject that
    begins with Re: or the like; ``marked`` is whether the body is worth a look.
    """

    subject: str
    sender: str
    content_type: str
    null_sender: bool = False
    daemon: bool = False
    postmaster: bool = False
    report: bool = False
    auto_submitted: str = ""
    auto_reply: str = ""
    challenge: str = ""
    token: bool = False
    on_list: bool = False
    bulk: bool = False
    ticket: bool = False
    answers: bool = False
    marked: bool = False


def read_marks(scanned: Scanned, sender: str | None) -> Marks:
    """Read the marks. ``sender`` is the envelope sender, None where it is not known: then Return-Path stands for it."""
    headers = scanned.headers
    marks = Marks(
        scanned.text(b"subject").lstrip(" \"'([{<*-=_!#~|"), scanned.text(b"from"), scanned.text(b"content-type")
    )
    if sender is not None:
        marks.null_sender = sender in {"", "<>"}
    elif b"return-path" in headers:
        marks.null_sender = headers[b"return-path"].strip() in {b"<>", b"< >", b""}
    marks.daemon = DAEMON.search(marks.sender) is not None
    if not marks.daemon and _LIKE_POSTMASTER.search(marks.sender):
        marks.postmaster = _POSTMASTER.search(marks.sender) is not None
    if not (marks.daemon or marks.null_sender):
        envelope = (sender if sender is not None else scanned.text(b"return-path")).lower()
        marks.daemon = DAEMON.search(envelope) is not None or DAEMON.search(scanned.text(b"sender")) is not None
    marks.report = marks.content_type.startswith("multipart/report") or "report-type=" in marks.content_type
    marks.answers = _REPLY.match(marks.subject) is not None
    whoever = headers.get(b"from", b"") + b" " + headers.get(b"return-path", b"")
    answer_to = headers.get(b"reply-to", b"") + b" " + whoever
    marks.token = (b"conf" in answer_to or b"c." in answer_to) and _TOKEN.search(answer_to) is not None
    marks.marked = (
        marks.null_sender
        or marks.daemon
        or marks.report
        or marks.token
        or _CHALLENGERS.search(whoever.lower()) is not None
    )
    if not headers.keys() <= _EVERYDAY:
        _read_special(scanned, marks)
    return marks


def _read_special(scanned: Scanned, marks: Marks) -> None:
    """Read the headers that everyday mail does not have."""
    headers = scanned.headers
    marks.auto_submitted = scanned.text(b"auto-submitted")
    marks.auto_reply = _auto_reply(scanned, marks.auto_submitted)
    if not _CHALLENGE_HEADERS.isdisjoint(headers):
        marks.challenge = min(_CHALLENGE_HEADERS.intersection(headers)).decode()
    marks.on_list = not _LIST_HEADERS.isdisjoint(headers)
    marks.bulk = not _BULK_HEADERS.isdisjoint(headers)
    marks.ticket = not _TICKET_HEADERS.isdisjoint(headers)
    marks.marked = (
        marks.marked
        or bool(marks.auto_reply or marks.challenge)
        or not _MACHINE_HEADERS.isdisjoint(headers)
        # Vacation programs say so; lists and newsletters call themselves bulk or list.
        or headers.get(b"precedence", b"").strip().lower() == b"junk"
        # Shops, lists and ticket systems say auto-generated of all that they send.
        or (marks.auto_submitted.startswith("auto-") and not marks.auto_submitted.startswith("auto-generated"))
    )


def _auto_reply(scanned: Scanned, auto_submitted: str) -> str:
    """Name the header by which a program says that it answers, empty where none does."""
    headers = scanned.headers
    if auto_submitted.startswith("auto-replied"):
        return "Auto-Submitted: auto-replied"
    for name in sorted(_AUTOREPLY_HEADERS.intersection(headers)):
        if headers[name].strip().lower() not in {b"no", b"false", b"0"}:
            return name.decode()
    for name in (b"precedence", b"x-precedence"):
        if name in headers and "auto_reply" in scanned.text(name).replace("-", "_"):
            return "Precedence: auto_reply"
    if "autoresponder" in scanned.text(b"delivered-to"):
        return "Delivered-To: autoresponder"
    if "autoresponder" in scanned.text(b"x-post-messageclass"):
        return "X-POST-MessageClass: autoresponder"
    if "mailbox rules agent" in scanned.text(b"x-ms-exchange-generated-message-source"):
        return "X-MS-Exchange-Generated-Message-Source"
    if _AUTOREPLY_MAILER.search(scanned.text(b"x-mailer")):
        return "X-Mailer: an autoresponder"
    return ""
