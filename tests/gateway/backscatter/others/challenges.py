"""Challenges: Sympa's to who writes to a list, in all its languages, procmail-lib's, and real ones."""

import re
from collections.abc import Iterator

from tests.gateway.backscatter.others import places, writing

SYMPA = "deb/sympa/usr/share/sympa/default/mail_tt2/send_auth.tt2"
CATALOGUES = "deb/sympa/usr/share/locale/*/LC_MESSAGES/sympa.mo"
PROCMAIL = "deb/procmail-lib/usr/share/procmail-lib/pm-jacookie.rc"
PARSER = "src/libmail-deliverystatus-bounceparser-perl/*/t/corpus/"
REAL = (f"{PARSER}boxbe-cr.msg", f"{PARSER}boxbe-cr2.msg", f"{PARSER}bluebottle.msg")
_SAID = re.compile(r'\[%\|loc\([^)]*\)%\](.*?)\[% ?END ?%\]|%"([^"]*)"\|loc')
_KEY = "0123456789abcdef0123456789abcdef"


def of_sympa() -> Iterator[bytes]:
    """Sympa's challenge, with a web interface and without, in English and in each language that has words for it."""
    (template,) = places.needed(SYMPA)
    said = [one or other for one, other in _SAID.findall(template.read_text("utf-8"))]
    _, confirm, _, to_distribute, or_send = said
    translations = [places.catalogue(path).gettext for path in places.needed(CATALOGUES)]
    for translate in (str, *(each for each in translations if each(to_distribute) != to_distribute)):
        distribute = f"{translate(to_distribute)}\n\nmailto:sympa@far.test?subject=CONFIRM%20{_KEY}\n\n"
        text = f"{distribute}{translate(or_send)}\nCONFIRM {_KEY}\n"
        yield _of_sympa(translate(confirm), text)
        yield _of_sympa(f"CONFIRM {_KEY}", text)


def _of_sympa(subject: str, text: str) -> bytes:
    """One of Sympa's, with the message that it asks about."""
    values = {"%1": "talk", "%2": "far.test"}
    filled = re.sub(r"%\d", lambda name: values[name[0]], text)
    return writing.parts(
        subject.replace("%1", "talk"),
        filled,
        ("message/rfc822", writing.ORIGINAL),
        kind="mixed",
        sender="SYMPA <sympa@far.test>",
        fields=("Reply-To: sympa@far.test", "X-Loop: sympa@far.test", "Auto-Submitted: auto-replied"),
    )


def of_procmail_lib() -> Iterator[bytes]:
    """What procmail-lib answers to a stranger."""
    (path,) = places.needed(PROCMAIL)
    said = re.search(r'JA_COOKIE_MSG:-"\\\n(.*?)"\}', path.read_text("latin-1"), re.DOTALL)
    assert said, "procmail-lib's recipe has no text"
    yield writing.plain("the offer PAS-cookie-3847562", said[1], "X-Loop: Procmail Authentication service (PAS)")


def real() -> Iterator[bytes]:
    """Challenges that others received."""
    for path in places.needed(*REAL):
        yield path.read_bytes()
