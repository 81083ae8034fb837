"""What the headers alone say: marks of automatic mail, and marks of people, lists, shops and ticket systems.

A mark is a fact about one message. It never decides a kind: scoring does.
"""

import re

import msgspec

from gateway.backscatter.kinds.bounces import WORDING as BOUNCES
from gateway.backscatter.kinds.scanning import Scanned

DAEMON = re.compile("|".join(BOUNCES.senders[0][1]))
_POSTMASTER = re.compile("|".join(BOUNCES.senders[1][1]))
_NOT_NO = re.compile(r"auto-(?!generated)|vacation|auto_repl|autorepl")
_AUTOREPLY_HEADERS = (
    b"x-autoreply", b"x-auto-reply", b"x-autorespond", b"x-autoresponder", b"x-autoreply-from", b"x-auto-reply-from",
    b"x-mail-autoreply", b"x-auto-response", b"x-vacation", b"x-fc-machinegenerated", b"x-yahoo-autoresponse", b"x-autoreply-type",
)  # fmt: skip
_CHALLENGE_HEADERS = (
    b"x-boxtrapper", b"x-bluebottle-request", b"x-askversion", b"x-ask-info", b"x-tmda-confirm", b"x-choicemail-registration-request",
    b"x-spamarrest-noauth", b"x-challenge", b"spamlion", b"x-exispam", b"x-spamazoid-md", b"x-antispam-challenge",
)  # fmt: skip
_LIST_HEADERS = (b"list-id", b"list-post", b"x-mailing-list", b"mailing-list")
_BULK_HEADERS = (b"list-unsubscribe", b"feedback-id", b"x-campaign", b"x-campaignid")
_TICKET_HEADERS = (
    b"rt-ticket", b"managed-by", b"x-otrs-loop", b"x-rt-loop-prevention", b"x-jira-fingerprint", b"x-github-reason", b"x-gitlab-project",
    b"x-zendesk-priority", b"x-bugzilla-reason", b"x-cron-env", b"x-redmine-host", b"x-launchpad-message-rationale", b"x-debian-pr-message",
    b"x-trac-version", b"x-roundup-name",
)  # fmt: skip
_REPLY = re.compile(r"(?:\[[^\]]{1,40}\] ?)?(?:re|aw|sv|antw|fwd?|wg|tr|vs|odp|rv|enc|doorst|ha)(?:\[\d+\])? ?: ?")


class Marks(msgspec.Struct):
    """The marks of one message. ``subject`` and ``sender`` (the From header) are lower-case text."""

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
    failed_recipients: bool = False
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
    marks.postmaster = not marks.daemon and _POSTMASTER.search(marks.sender) is not None
    if not (marks.daemon or marks.null_sender):
        envelope = (sender if sender is not None else scanned.text(b"return-path")).lower()
        marks.daemon = DAEMON.search(envelope) is not None or DAEMON.search(scanned.text(b"sender")) is not None
    marks.report = marks.content_type.startswith("multipart/report") or "report-type=" in marks.content_type
    marks.auto_submitted = scanned.text(b"auto-submitted")
    marks.auto_reply = _auto_reply(scanned, marks)
    marks.challenge = next((name.decode() for name in _CHALLENGE_HEADERS if name in headers), "")
    marks.failed_recipients = b"x-failed-recipients" in headers
    marks.on_list = any(name in headers for name in _LIST_HEADERS)
    marks.bulk = any(name in headers for name in _BULK_HEADERS)
    marks.ticket = any(name in headers for name in _TICKET_HEADERS)
    marks.answers = _REPLY.match(marks.subject) is not None
    marks.marked = bool(
        marks.null_sender or marks.daemon or marks.report or marks.auto_reply or marks.challenge or marks.failed_recipients
        or b"x-ms-exchange-message-is-ndr" in headers or b"x-ms-embedded-report" in headers or b"tls-report-domain" in headers
        or b"x-hmxmroriginalrecipient" in headers or b"x-mailman-version" in headers or b"x-ezmlm-version" in headers
        or marks.auto_submitted[:5] == "auto-"
    )  # fmt: skip
    return marks


def _auto_reply(scanned: Scanned, marks: Marks) -> str:
    """Name the header by which a program says that it answers, empty where none does."""
    headers = scanned.headers
    if marks.auto_submitted.startswith("auto-replied"):
        return "Auto-Submitted: auto-replied"
    for name in _AUTOREPLY_HEADERS:
        if name in headers and headers[name].strip().lower() not in {b"no", b"false", b"0"}:
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
    if any(word in scanned.text(b"x-mailer") for word in ("autoresponder", "autoreply", "vacation", "auto-respon")):
        return "X-Mailer: an autoresponder"
    return ""
