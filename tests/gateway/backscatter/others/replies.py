"""Automatic replies: what vacation programs propose, in all the languages that they are written in, and real ones."""

import base64
import re
from collections.abc import Iterator

from tests.gateway.backscatter.others import places, writing

POSTFIXADMIN = "deb/postfixadmin/usr/share/postfixadmin/languages/*.lang"
KSIEVE = "deb/*sieve-data/usr/share/locale/*/LC_MESSAGES/libksieve*.mo"
GNARWL = "deb/gnarwl/usr/share/doc/gnarwl/example.ldif"
MAILAGENT = "deb/mailagent/usr/share/doc/mailagent/examples/vacation"
PARSER = "src/libmail-deliverystatus-bounceparser-perl/*/t/corpus/"
REAL = (
    *(PARSER + name for name in ("autoreply.msg", "aol-vacation.msg", "polish-autoreply.msg", "warning-6.msg")),
    "flufl_bounce-*/tests/data/qmail_08.txt",
)  # fmt: skip
_SUBJECT = re.compile(r"\$PALANG\['pUsersVacation_subject_text'\]\s*=\s*(['\"])(.*?)(?<!\\)\1;")
_TEXT = re.compile(r"\$PALANG\['pUsersVacation_body_text'\]\s*=\s*<<<'?(\w+)'?\n(.*?)\n\1;", re.DOTALL)
_KSIEVE_SUBJECT = "Out of office till %1"
_KSIEVE_TEXT = "I am out of office till %1."
# By which header each program marks its replies.
_POSTFIXADMIN_FIELDS = ("Precedence: junk", "X-Loop: Postfix Admin Virtual Vacation")
_SIEVE_FIELDS = ("Auto-Submitted: auto-replied (vacation)",)


def of_postfixadmin(*, marked: bool = True) -> Iterator[bytes]:
    """What PostfixAdmin proposes in each language; without its headers unless ``marked``."""
    for path in places.needed(POSTFIXADMIN):
        said = path.read_text("utf-8")
        subject, text = _SUBJECT.search(said), _TEXT.search(said)
        if subject and text:
            filled = re.sub(r"<(?:date|dat\w*)>", "2026-11-23", text[2]).replace("<contact person>", "Bob")
            yield writing.plain(subject[2].replace("\\", ""), filled, *(_POSTFIXADMIN_FIELDS if marked else ()))


def of_ksieve(*, marked: bool = True, without: tuple[str, ...] = ()) -> Iterator[bytes]:
    """What KMail proposes in English and in each language that has it, ``without`` some."""
    paths = [path for path in places.needed(KSIEVE) if path.parts[-3] not in without]
    catalogues = [places.catalogue(path) for path in paths]
    texts = {text for each in catalogues for text in each._catalog if str(text).startswith(_KSIEVE_TEXT)}  # noqa: SLF001 - the whole text is known to the catalogue alone
    for text in sorted(texts):
        yield _of_ksieve(_KSIEVE_SUBJECT, text, marked=marked)
        for each in catalogues:
            if each.gettext(text) != text:
                yield _of_ksieve(each.gettext(_KSIEVE_SUBJECT), each.gettext(text), marked=marked)


def _of_ksieve(subject: str, text: str, *, marked: bool) -> bytes:
    """One of KMail's, until a date."""
    fields = _SIEVE_FIELDS if marked else ()
    return writing.plain(subject.replace("%1", "23.11.2026"), text.replace("%1", "23.11.2026"), *fields)


def of_examples() -> Iterator[bytes]:
    """The examples of gnarwl and mailagent."""
    (ldif,) = places.needed(GNARWL)
    coded = re.search(r"^vacationInfo:: ((?:.*\n)(?: .*\n)*)", ldif.read_text("utf-8"), re.MULTILINE)
    assert coded, "gnarwl's example has no text"
    text = base64.b64decode(re.sub(r"\s", "", coded[1])).decode()
    filled = text.replace("$begin", "christmas").replace("$end", "new years eve")
    yield writing.plain("Re: the offer", filled, "X-mailer: GNARWL")
    (example,) = places.needed(MAILAGENT)
    names = {
        "%R": "the offer",
        "%o": "Far",
        "%T": "09/21",
        "%N": "Alice",
        "%[Date]": "Mon, 21 Sep 2026",
        "%s": "the offer",
    }
    said = re.sub(r"%(?:\[Date\]|[RoTNsuU])", lambda name: names.get(name[0], "carol"), example.read_text("utf-8"))
    yield f"From: Carol <carol@far.test>\nTo: alice@example.org\nX-Mailer: mailagent [version 3.1]\n{said}".encode()


def real() -> Iterator[bytes]:
    """Replies that others received."""
    for path in places.needed(*REAL):
        yield path.read_bytes()
