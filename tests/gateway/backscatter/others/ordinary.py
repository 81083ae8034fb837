"""Ordinary mail of others: test mails of mail programs, list archives, mails of shops, tickets, accounts, calendars.

And mail about bounces: what people do with the bounces of the collections.
"""

import base64
import hashlib
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import django

from tests.gateway.backscatter.others import notices, places, receipts

COLLECTIONS = (
    "hyperkitty-*/hyperkitty/tests/testdata/*",
    "talon-*/tests/fixtures/**/*", "lamson-*/tests/*", "lamson-*/examples/**/tests/*",
    "mailman-*/src/mailman/**/tests/data/*",
    "deb/libpython3*-testsuite/**/test_email/data/*", "src/notmuch/*/test/corpora/**/*",
    "src/bogofilter/*/src/tests/inputs/*",
    "src/public-inbox/*/t/**/*",
    "src/*/debian/patches/**/*",
)  # fmt: skip
_FIELD = re.compile(
    rb"^(from|to|subject|received|message-id|date|mime-version|return-path|content-type):", re.IGNORECASE | re.MULTILINE
)
_SEPARATOR = re.compile(rb"^(?=From \S+ +(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) )", re.MULTILINE)
_LEAST = 3  # fields that make a mail of a file
_BLOCK = re.compile(
    r"{%\s*(?:blocktrans(?:late)?)\b([^%]*)%}(.*?){%\s*endblocktrans(?:late)?\s*%}"
    r"|{%\s*trans(?:late)?\s+(?:\"([^\"]*)\"|'([^']*)')\s*%}",
    re.DOTALL,
)
_NAME = re.compile(r"{{\s*([\w.]+)[^}]*}}")
_VALUES = {
    "site_name": "Books", "name": "Books", "site_domain": "shop.example.com", "username": "alice", "code": "K7F-3QX",
    "order_number": "100042", "number": "100042", "title": "A book of gardens", "ticket": "[books-77]",
    "email": "alice@example.org",
    "user_display": "alice", "listname": "test@example.com", "member": "alice@example.org",
    "ip": "192.0.2.7", "user_agent": "Firefox",
    "timestamp": "21 Sep 2026 10:00", "to_email": "alice@example.com",
}  # fmt: skip


def is_mail(octets: bytes) -> bool:
    """Whether a file holds a mail: it begins with a field, and has some that every mail has."""
    head = octets[:8000].partition(b"\n")[2] if octets.startswith(b"From ") else octets[:8000]
    if not re.match(rb"[A-Za-z][A-Za-z0-9-]{1,40}:[ \t]", head):
        return False
    top = re.split(rb"\r?\n\r?\n", head, maxsplit=1)[0]
    return len({name.lower() for name in _FIELD.findall(top)}) >= _LEAST


def collected(*collections: str) -> Iterator[tuple[str, bytes]]:
    """Each mail of the collections once, with the name of its file; mailboxes are taken apart.

    Without a pattern, those of COLLECTIONS.
    """
    seen: set[bytes] = set()
    for path in places.found(*(collections or COLLECTIONS)):
        octets = path.read_bytes()
        parts = _SEPARATOR.split(octets) if octets.startswith(b"From ") else [octets]
        for part in parts:
            digest = hashlib.sha256(part).digest()
            if digest not in seen and is_mail(part):
                seen.add(digest)
                yield str(path.relative_to(places.SAMPLES)), part


def _translated(template: str, translate: Callable[[str], str]) -> str:
    """Render a Django template with a catalogue: texts are translated, values filled in, all other tags go."""

    def said(match: re.Match[str]) -> str:
        if match[2] is None:
            return translate(match[3] or match[4])
        text = (
            "\n".join(line for line in match[2].splitlines())
            if "trimmed" not in match[1]
            else " ".join(match[2].split())
        )
        keyed = _NAME.sub(r"%(\1)s", text)
        return re.sub(r"%\((\w+)\)s", lambda name: _VALUES.get(name[1], "some"), translate(keyed))

    text = _BLOCK.sub(said, template)
    text = _NAME.sub(lambda name: _VALUES.get(name[1].rpartition(".")[2], "https://shop.example.com/" + name[1]), text)
    return re.sub(r"\n{3,}", "\n\n", re.sub(r"{%.*?%}", "", text, flags=re.DOTALL)).strip()


def _mail(sender: str, subject: str, text: str, *fields: str) -> bytes:
    """A mail of a program, in base64 as Django sends what is not ASCII."""
    subject = " ".join(subject.split())
    plain = text.isascii()
    head = [
        f"From: {sender}", "To: alice@example.org", f"Subject: {notices.encoded(subject)}",
        "Date: Mon, 21 Sep 2026 10:00:00 -0000", "Message-ID: <179@shop.example.com>", *fields, "MIME-Version: 1.0",
        'Content-Type: text/plain; charset="utf-8"', f"Content-Transfer-Encoding: {'7bit' if plain else 'base64'}",
    ]  # fmt: skip
    body = text.encode() if plain else base64.encodebytes(text.encode())
    return "\n".join(head).encode() + b"\n\n" + body + b"\n"


def _in_all_languages(
    catalogues: list[Path], pairs: list[tuple[str, str]], sender: str, *fields: str
) -> Iterator[bytes]:
    """Each pair of subject and text in each language; each mail once."""
    seen: set[bytes] = set()
    for translate in [str, *(places.catalogue(path).gettext for path in catalogues)]:
        for subject, text in pairs:
            made = _mail(sender, _translated(subject, translate), _translated(text, translate), *fields)
            if made not in seen:
                seen.add(made)
                yield made


def _pairs(folder: Path, text: str, base: Path | None = None) -> list[tuple[str, str]]:
    """Templates of subject and text that belong together; ``base`` stands around the text."""
    around = base.read_text("utf-8") if base else "{% block content %}{% endblock content %}"
    before, _, after = re.sub(r"{%\s*endblock[^%]*%}", "{% endblock %}", around).partition("{% block content %}")
    return [
        (
            path.with_name(path.name.replace(text, "_subject.txt")).read_text("utf-8"),
            before + path.read_text("utf-8") + after,
        )
        for path in sorted(folder.rglob("*" + text))
        if path.with_name(path.name.replace(text, "_subject.txt")).exists()
    ]


def of_accounts() -> Iterator[bytes]:
    """Mails of accounts: confirm your address, reset your password, a change was made (django-allauth, Django)."""
    catalogues = places.needed("django_allauth-*/allauth/locale/*/LC_MESSAGES/django.mo")
    folder = catalogues[0].parents[3] / "templates"
    pairs = _pairs(folder, "_message.txt", folder / "account/email/base_message.txt")
    yield from _in_all_languages(catalogues, pairs, "webmaster@shop.example.com")
    admin = Path(django.__file__).parent / "contrib/admin"
    reset = admin / "templates/registration/password_reset_email.html"
    ours = sorted(admin.glob("locale/*/LC_MESSAGES/django.mo"))
    subject = "{% blocktranslate %}Password reset on {{ site_name }}{% endblocktranslate %}"
    yield from _in_all_languages(
        ours, [(subject, reset.read_text("utf-8"))], "webmaster@shop.example.com", "Auto-Submitted: auto-generated"
    )


def of_a_shop() -> Iterator[bytes]:
    """Mails of a shop: orders, alerts, registration (django-oscar)."""
    catalogues = places.needed("django_oscar-*/src/oscar/locale/*/LC_MESSAGES/django.mo")
    pairs = _pairs(catalogues[0].parents[3] / "templates/oscar/communication/emails", "_body.txt")
    yield from _in_all_languages(
        catalogues, pairs, "Books <oscar@shop.example.com>", "List-Unsubscribe: <https://shop.example.com/u>"
    )


def of_a_help_desk() -> Iterator[bytes]:
    """Mails of tickets (django-helpdesk), but for the answer that a ticket was received: that is an auto-reply."""
    for path in places.needed("django_helpdesk-*/src/helpdesk/fixtures/emailtemplate.json"):
        for each in json.loads(path.read_text("utf-8")):
            fields = each["fields"]
            if not fields["template_name"].startswith("newticket_submitter"):
                subject = "[books-77] A book of gardens " + fields["subject"]
                text = _translated(fields["plain_text"].replace("\r", ""), str)
                yield _mail(
                    "Books <help@shop.example.com>", subject, text, "Auto-Submitted: auto-generated", "Precedence: bulk"
                )


_NOTICES = (
    "user:notice:welcome", "user:notice:goodbye", "notice:subscribe", "notice:unsubscribe", "notice:new-list",
    "notice:pending", "notice:disable", "notice:removal", "notice:increment", "notice:unrecognized", "admin:action:",
    "digest:masthead",
)  # fmt: skip
_LIST = ("Precedence: bulk", "X-Mailman-Version: 3.3.10", "List-Id: <test.example.com>")


_ASKED = {  # what Mailman writes to owners
    "action:subscribe.txt": "New subscription request to Test from bob@far.test",
    "action:unsubscribe.txt": "New unsubscription request from Test by bob@far.test",
    "action:post.txt": "test@example.com post from bob@far.test requires approval",
}


def of_mailman() -> Iterator[bytes]:
    """What Mailman tells members and owners, in all its languages, that answers nobody's mail."""
    for path in places.needed("mailman-*/src/mailman/templates/*/*.txt"):
        if any(name in path.name for name in _NOTICES):
            template = path.read_text("utf-8")
            text = re.sub(r"\$\{?(\w+)\}?", lambda name: _VALUES.get(name[1], name[1]), template)
            first = text.strip().partition("\n")[0][:60] or "test"
            subject = next((said for name, said in _ASKED.items() if path.name.endswith(name)), first)
            yield _mail("test-bounces@example.com", subject, text, *_LIST)


_SYMPA = (
    "bye", "remind", "welcome", "list_created", "list_rejected", "removed", "d_install_shared", "sendpasswd",
    "listowner_notification", "stats_report",
)  # fmt: skip


def of_sympa() -> Iterator[bytes]:
    """What Sympa tells members and owners, in all its languages."""
    names = [f"deb/sympa/usr/share/sympa/default/mail_tt2/{name}.tt2" for name in _SYMPA]
    templates = [path.read_text("utf-8") for path in places.needed(*names)]
    catalogues = places.needed(notices.SYMPA_CATALOGUES)
    values = {"list.name": "test", "domain": "far.test", "user.email": "alice@example.org", "fromlist": "test@far.test"}
    made = {
        notices.plain(notices.tt2(text, translate, values), *_LIST[:1], "To: alice@example.org")
        for translate in [str, *(places.catalogue(path).gettext for path in catalogues)]
        for text in templates
    }
    yield from sorted(made)


_CALENDAR = ("Request", "RequestUpdated", "Cancel", "ReplyAccept", "ReplyDecline", "ReplyTentative", "DeclineCounter")


def of_a_calendar() -> Iterator[bytes]:
    """Invitations and answers to them (RFC 6047), as Thunderbird words them."""
    for said in receipts.properties("/lightning.properties"):
        for name in _CALENDAR:
            subject = said.get(f"itip{name}Subject2", said.get(f"itip{name}Subject", ""))
            body = said.get(f"itip{name}Body", said.get("itipRequestBody", ""))
            method = "REPLY" if "Reply" in name else name.upper()[:7]
            filled = re.sub(r"%\d\$S", "Alice", body)
            yield (
                f"From: Bob <bob@far.test>\nTo: alice@example.org\n"
                f"Subject: {notices.encoded(re.sub('%1.S', 'Gardens', subject))}\n"
                "Return-Path: <bob@far.test>\nUser-Agent: Mozilla Thunderbird\nMIME-Version: 1.0\n"
                "Content-Type: multipart/alternative; boundary=b1\n\n--b1\nContent-Type: text/plain; charset=UTF-8\n\n"
                f"{filled}\n--b1\nContent-Type: text/calendar; method={method}; charset=UTF-8\n\nBEGIN:VCALENDAR\n"
                f"METHOD:{method}\nBEGIN:VEVENT\nSUMMARY:Gardens\nEND:VEVENT\nEND:VCALENDAR\n--b1--\n"
            ).encode()


def about(bounce: bytes) -> Iterator[bytes]:
    """What people do with a bounce: ask about it, forward it, post it to a list, open a ticket with it."""
    _, _, body = bounce.replace(b"\r\n", b"\n").partition(b"\n\n")
    subject = re.search(rb"^subject:[ \t]*(.*)$", bounce, re.IGNORECASE | re.MULTILINE)
    title = subject[1].strip() if subject else b"a bounce"
    text = bytes(octet for octet in body[:3000] if octet < 128)
    quoted = re.sub(rb"(?m)^", b"> ", text)
    plain = b"MIME-Version: 1.0\nContent-Type: text/plain; charset=us-ascii\n"
    people = b"From: Bob <bob@far.test>\nTo: alice@example.org\nReturn-Path: <bob@far.test>\nMessage-ID: <7@far.test>\n"
    yield (
        people
        + b"Subject: Re: "
        + title
        + b"\nIn-Reply-To: <1@far.test>\n"
        + plain
        + b"\nHi Alice,\n\ndo you know what this is?\n\n"
        + quoted
    )
    yield (
        people + b"Subject: Fwd: " + title + b"\nUser-Agent: Mozilla Thunderbird\n" + plain
        + b"\nplease have a look, Bob\n\n-------- Forwarded Message --------\nSubject: " + title + b"\n\n" + text
    )  # fmt: skip
    yield (
        people + b"Subject: Fwd: " + title + b"\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=about\n\n"
        b"--about\nContent-Type: text/plain\n\nWhat does that mean?\n\n--about\n"
        b"Content-Type: message/rfc822\n\n" + bounce + b"\n--about--\n"
    )  # fmt: skip
    yield (
        b"From: Bob <bob@far.test>\nTo: postfix-users@lists.far.test\n"
        b"Return-Path: <postfix-users-bounces@lists.far.test>\n"
        b"List-Id: <postfix-users.lists.far.test>\nList-Post: <mailto:postfix-users@lists.far.test>\nPrecedence: list\n"
        b"Subject: [postfix-users] "
        + title
        + b"\n"
        + plain
        + b"\nHello list,\n\nI get this for every mail to one domain:\n\n"
        + text
    )
    yield (
        b"From: Help <help@shop.example.com>\nTo: alice@example.org\n"
        b"Return-Path: <help@shop.example.com>\nX-RT-Loop-Prevention: far.test\n"
        b"RT-Ticket: far.test #77\nManaged-by: RT 5.0.3\nAuto-Submitted: auto-generated\nPrecedence: bulk\n"
        b"Subject: [far.test #77] "
        + title + b"\n" + plain + b"\nA ticket was opened by bob@far.test:\n\n" + text
    )  # fmt: skip
