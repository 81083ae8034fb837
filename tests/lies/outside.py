"""Ordinary mail from outside: what ``scripts/samples`` fetches, and what programs write, by where it comes from."""

import fnmatch
import hashlib
import re
from collections.abc import Iterator

from tests.gateway.backscatter.others import ordinary

# The test mails of programs that read mail.
READERS = (
    "django-mailbox-*/django_mailbox/tests/messages/*",
    "mail_parser-*/tests/mails/*",
    "mailbits-*/test/data/*/*",
    "src/gmime/*/tests/data/**/*",
    "src/kmime/*/autotests/data/**/*",
    "src/redmine/*/test/fixtures/mail_handler/*",
    "src/golang-github-jhillyerd-enmime/*/testdata/mail/*",
    "src/php-horde-mime/*/test/Horde/Mime/fixtures/*",
    "src/libemail-simple-perl/*/t/test-mails/*",
    "src/mimetic/*/test/**/*",
    "src/kf5-messagelib/*/*/autotests/data/**/*",
    "src/libcourriel-perl/*/t/data/**/*",
    "src/libemail-folder-perl/*/t/**/*",
    "src/libmail-mbox-messageparser-perl/*/t/mailboxes/*",
    "src/libmail-thread-perl/*/t/*",
    "src/libmime-explode-perl/*/testmsgs/*",
)
# What they hold that is none: by the first digits of its SHA-256, with what it is. Read by hand.
NOT_ORDINARY = {
    "c01bd9a04351ba62": "mail-parser's mail_malformed_1, broken on purpose",
    "b99133f7b6591b2f": "mail-parser's mail_test_15: fraud, with a malicious archive",
    "b8674caf7b44612e": "mail-parser's mail_test_16: the test mail of spam filters",
    "1dee166968ea34a7": "mail-parser's mail_test_1: a script in two archives, from criminals",
    "aef9ad8abd7aff09": "mail-parser's mail_test_11: the same archive, called a document",
    "7bdf1fe3a64cd3f1": "mail-parser's mail_test_4: a program in an archive, from criminals",
    "2fb04336bddbe28d": "mimetic's test.msg: it has a program for Linux attached",
    "d9930f98feb45122": "messagelib's headertest: six senders, six of everything, made up",
    "f30a38fcb956a74c": "messagelib's binary-attachment-not-pgp: its document is cut, so that nobody can open it",
    "589546bb641f9a20": "a piece of a mail in three (message/partial), which nobody can scan",
    "f3dbcd477e48830d": "another piece",
    "b7038072451857d9": "another piece",
    "14149b84138fe66c": "enmime's mime-bad-content-type, broken on purpose",
    "f44033ef4fc99233": "enmime's malformed-multiple-address-header-values, broken on purpose",
    "20bf9c58fd3adf3a": "enmime's qp-utf8-header-no-break, broken on purpose: three senders, no blank line",
}
RENDERED = (
    ordinary.of_accounts,
    ordinary.of_a_shop,
    ordinary.of_a_help_desk,
    ordinary.of_a_calendar,
    ordinary.of_mailman,
    ordinary.of_sympa,
)


# Some were saved with half of their line ends changed; no mail comes over the wire like that.
_LINE_END = re.compile(rb"\r*\n")
# Files of unsolicited mail, among the others in the tests of filters.
_SPAM = ("lamson-*/tests/spam", "bogofilter/*/src/tests/inputs/spam", "bogofilter/*/src/tests/inputs/msg.*.s")


def mails() -> Iterator[tuple[str, str, bytes]]:
    """Give source, name and octets of each."""
    for name, raw in ordinary.collected():
        if not any(fnmatch.fnmatch(name, f"*{spam}*") for spam in _SPAM):
            yield "collected", name, _LINE_END.sub(b"\r\n", raw)
    for name, raw in ordinary.collected(*READERS):
        mail = _LINE_END.sub(b"\r\n", raw)
        if hashlib.sha256(mail).hexdigest()[:16] not in NOT_ORDINARY:
            yield "of readers", name, mail
    for source in RENDERED:
        for number, raw in enumerate(source()):
            yield "rendered", f"{source.__name__} {number}", raw
