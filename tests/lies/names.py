"""Mails with a harmless text under a dangerous name, which not every reader gets to see.

The extensions of the names take turns, so that each construction stands for one of them.
"""

import base64
from collections.abc import Iterator
from itertools import cycle

from tests.lies.building import HARMLESS_TEXT, TEXT, Told, base64_of, message, mixed, part
from tests.lies.encodings import uuencoded, yenc

_EXTENSIONS = (
    "exe", "scr", "js", "vbs", "lnk", "iso", "docm", "jar",
    "bat", "com", "hta", "ps1", "cmd", "msi", "wsf", "img",
)  # fmt: skip
_BASE64 = "Content-Transfer-Encoding: base64"
_KIND = "Content-Type: application/octet-stream"
_HARMLESS = 'Content-Disposition: attachment; filename="a.txt"'

# In each § stands for the extension; the rest is what follows Content-Disposition: attachment
_PARAMETERS: tuple[tuple[str, str], ...] = (
    ("unquoted", "; filename=letter.§"),
    ("unquoted-blanks", "; filename=my letter.§"),
    ("single-quotes", "; filename='letter.§'"),
    ("upper-case", '; FILENAME="LETTER.§"'),
    ("blank-before-equals", '; filename ="letter.§"'),
    ("blank-behind-equals", '; filename= "letter.§"'),
    ("folded-behind-equals", '; filename=\r\n "letter.§"'),
    ("folded-before-equals", '; filename\r\n ="letter.§"'),
    ("folded-name", '; file\r\n name="letter.§"'),
    ("folded-value", '; filename="letter.\r\n §"'),
    ("folded-value-tab", '; filename="letter.\r\n\t§"'),
    ("folded-line-of-blanks", ';\r\n \r\n filename="letter.§"'),
    ("unclosed-quote", '; filename="letter.§'),
    ("unclosed-quote-then-more", '; filename="letter.§; size=12'),
    ("closing-quote-only", '; filename=letter.§"'),
    ("doubled-quotes", '; filename=""letter.§""'),
    ("quoted-in-two", '; filename="letter"".§"'),
    ("quoted-half", '; filename="letter".§'),
    ("quote-inside", '; filename=let"ter.§"'),
    ("escaped-dot", '; filename="letter\\.§"'),
    ("escaped-letter", '; filename="letter.\\§"'),
    ("escaped-quote", '; filename="a.txt\\".§"'),
    ("escaped-quote-cut", '; filename="letter.§\\".txt"'),
    ("escaped-end", '; filename="letter.§\\'),
    ("escaped-quotes", '; filename=\\"letter.§\\"'),
    ("no-semicolon", " filename=letter.§"),
    ("no-semicolon-quoted", ' filename="letter.§"'),
    ("comma", ', filename="letter.§"'),
    ("colon", ': filename="letter.§"'),
    ("two-semicolons", ';; filename="letter.§"'),
    ("junk-first", '; junk; filename="letter.§"'),
    ("blank-for-semicolon", '; size=12 filename="letter.§"'),
    ("comma-for-semicolon", '; size=12, filename="letter.§"'),
    ("quote-swallows", '; x="; filename=a.txt"; filename="letter.§"'),
    ("unclosed-quote-swallows", '; x="y; filename="letter.§"'),
    ("colon-for-equals", '; filename:"letter.§"'),
    ("two-equals", '; filename=="letter.§"'),
    ("quote-has-parameter", '; x="; filename=letter.§; "; filename="a.txt"'),
    ("comment-before", '; (a.txt) filename="letter.§"'),
    ("comment-in-value", "; filename=(a.txt)letter.§"),
    ("comment-behind-value", "; filename=letter.§(.txt)"),
    ("comment-behind-quotes", '; filename="letter.§"(.txt)'),
    ("comment-within", "; filename=letter(a).§"),
    ("comment-has-parameter", '; (filename="a.txt") filename="letter.§"'),
    ("comment-unclosed", '; (a filename="letter.§"'),
    ("comment-has-semicolon", '; (a; filename=a.txt;) filename="letter.§"'),
    ("twice-last", '; filename="a.txt"; filename="letter.§"'),
    ("twice-first", '; filename="letter.§"; filename="a.txt"'),
    ("twice-case", '; filename="a.txt"; FileName="letter.§"'),
    ("three-middle", '; filename="a.txt"; filename="letter.§"; filename="b.txt"'),
    ("continued", '; filename*0="letter."; filename*1="§"'),
    ("continued-unquoted", "; filename*0=letter.; filename*1=§"),
    ("continued-lines", ';\r\n filename*0="letter";\r\n filename*1=".§"'),
    ("continued-out-of-order", '; filename*1="§"; filename*0="letter."'),
    ("continued-from-one", '; filename*1="letter."; filename*2="§"'),
    ("continued-gap", '; filename*0="letter.§"; filename*2=".txt"'),
    ("continued-zeros", '; filename*00="letter."; filename*01="§"'),
    ("continued-twice", '; filename*0="letter."; filename*0="a."; filename*1="§"'),
    ("continued-blank", '; filename *0="letter."; filename *1="§"'),
    ("continued-case", '; filename*0="letter."; FILENAME*1="§"'),
    ("continued-no-semicolon", '; filename*0="letter." filename*1="§"'),
    ("continued-many", "".join(f'; filename*{at}="{each}"' for at, each in enumerate("letter")) + '; filename*6=".§"'),
    ("continued-percent", "; filename*0*=utf-8''letter; filename*1*=%2E§"),
    ("continued-percent-split", "; filename*0*=utf-8''letter%2; filename*1*=E§"),
    ("continued-mixed", "; filename*0*=utf-8''letter.; filename*1=\"§\""),
    ("continued-mixed-other", '; filename*0="letter."; filename*1*=§'),
    ("continued-against-plain", '; filename="a.txt"; filename*0="letter."; filename*1="§"'),
    ("plain-against-continued", '; filename*0="a."; filename*1="txt"; filename="letter.§"'),
    ("extended", "; filename*=utf-8''letter.§"),
    ("extended-percent", "; filename*=utf-8''%6c%65tter%2E§"),
    ("extended-language", "; filename*=utf-8'en'letter.§"),
    ("extended-no-charset", "; filename*=''letter.§"),
    ("extended-no-quotes", "; filename*=letter.§"),
    ("extended-one-quote", "; filename*=utf-8'letter.§"),
    ("extended-in-quotes", "; filename*=\"utf-8''letter.§\""),
    ("extended-unknown-charset", "; filename*=x-none''letter.§"),
    ("extended-utf-16", "; filename*=utf-16be''" + "".join(f"%00{each}" for each in "letter.") + "U"),
    ("extended-utf-7", "; filename*=utf-7''letter+AC4-§"),
    ("extended-overlong", "; filename*=utf-8''letter%C0%AE§"),
    ("extended-against-plain", "; filename=\"a.txt\"; filename*=utf-8''letter.§"),
    ("plain-against-extended", "; filename*=utf-8''a.txt; filename=\"letter.§\""),
    ("extended-against-continued", "; filename*0=\"a.txt\"; filename*=utf-8''letter.§"),
    ("extended-nul", "; filename*=utf-8''letter.§%00.txt"),
    ("extended-bad-escape", "; filename*=utf-8''letter%ZZ.§"),
    ("percent-in-plain", "; filename=letter%2E§"),
    ("percent-in-quotes", '; filename="letter%2E§"'),
    ("word-b", '; filename="=?utf-8?B?LETTER?="'),
    ("word-q", '; filename="=?utf-8?Q?letter=2E§?="'),
    ("word-unquoted", "; filename==?utf-8?Q?letter.§?="),
    ("word-case", '; filename="=?UTF-8?b?LETTER?="'),
    ("word-split", '; filename="=?utf-8?Q?letter?= =?utf-8?Q?.§?="'),
    ("word-split-folded", '; filename="=?utf-8?Q?letter?=\r\n =?utf-8?Q?.§?="'),
    ("words-glued", '; filename="=?utf-8?Q?letter?==?utf-8?Q?.§?="'),
    ("word-then-plain", '; filename="=?utf-8?Q?letter?=.§"'),
    ("plain-then-word", '; filename="letter.=?utf-8?Q?§?="'),
    ("word-unclosed", '; filename="=?utf-8?Q?letter.§'),
    ("word-with-blank", '; filename="=?utf-8?Q?my letter.§?="'),
    ("word-language", '; filename="=?utf-8*en?Q?letter.§?="'),
    ("word-unknown-charset", '; filename="=?x-none?Q?letter.§?="'),
    ("word-empty-charset", '; filename="=??Q?letter.§?="'),
    ("word-utf-16", '; filename="=?utf-16be?B?WIDE?="'),
    ("word-utf-7", '; filename="=?utf-7?Q?letter+AC4-§?="'),
    ("word-in-extended", '; filename*="=?utf-8?Q?letter.§?="'),
    ("word-in-continued", '; filename*0="=?utf-8?Q?letter."; filename*1="§?="'),
    ("word-within-word", '; filename="=?utf-8?B?NESTED?="'),
    ("word-no-padding", '; filename="=?utf-8?B?BARE?="'),
    ("word-goes-on", '; filename="=?utf-8?B?PIECES?="'),
    ("word-of-parameter", "; =?utf-8?Q?filename=3Dletter.§?="),
    ("nul-then-txt", '; filename="letter.§\0.txt"'),
    ("nul-at-end", '; filename="letter.§\0"'),
    ("nul-inside", '; filename="letter.\0§"'),
    ("control-inside", '; filename="letter.\x01§"'),
    ("delete-inside", '; filename="letter.\x7f§"'),
    ("tab-at-end", '; filename="letter.§\t"'),
    ("cr-inside", '; filename="letter.\r§"'),
    ("blank-at-end", '; filename="letter.§ "'),
    ("blanks-then-txt", '; filename="letter.§' + " " * 200 + '.txt"'),
    ("blanks-before", '; filename="letter.txt' + " " * 200 + '.§"'),
    ("dot-at-end", '; filename="letter.§."'),
    ("dots-and-blanks", '; filename="letter.§. . ."'),
    ("stream", '; filename="letter.§::$DATA"'),
    ("slash-at-end", '; filename="letter.§/"'),
    ("path", '; filename="C:\\temp\\letter.§"'),
    ("path-up", '; filename="../../letter.§"'),
    ("path-url", '; filename="http://other.test/letter.§"'),
    ("double-extension", '; filename="letter.txt.§"'),
    ("semicolon-txt", '; filename="letter.§;.txt"'),
    ("semicolon-unquoted", "; filename=letter.§;.txt"),
    ("long", '; filename="' + "x" * 5000 + '.§"'),
    ("long-cut", '; filename="' + "x" * 250 + ".§" + "." + "x" * 300 + '.txt"'),
    ("rlo", '; filename="letter\u202etxt.§"'),
    ("rlo-word", '; filename="=?utf-8?Q?letter=E2=80=AEtxt.§?="'),
    ("rlo-extended", "; filename*=utf-8''letter%E2%80%AEtxt.§"),
    ("zero-width", '; filename="letter.\u200b§"'),
    ("zero-width-extended", "; filename*=utf-8''letter.§%E2%80%8B"),
    ("soft-hyphen", "; filename*=utf-8''letter.%C2%AD§"),
    ("wide-dot", "; filename*=utf-8''letter%EF%BC%8E§"),
    ("one-dot-leader", "; filename*=utf-8''letter%E2%80%A4§"),
    ("nbsp-at-end", "; filename*=utf-8''letter.§%C2%A0"),
    ("bom-inside", "; filename*=utf-8''letter.%EF%BB%BF§"),
    ("8bit", '; filename="l\xe9tter.§"'),
    ("name-parameter", '; name="letter.§"'),
    ("many-parameters", "; " + "; ".join(f"x{each}=1" for each in range(300)) + '; filename="letter.§"'),
)  # fmt: skip

# In each whole fields; the kind of the part stands before, unless they tell one.
_FIELDS: tuple[tuple[str, str], ...] = (
    ("only-type", 'Content-Type: application/octet-stream; name="letter.§"'),
    ("type-filename", 'Content-Type: application/octet-stream; filename="letter.§"'),
    ("type-against", 'Content-Type: text/plain; name="letter.§"\r\nContent-Disposition: attachment; filename="a.txt"'),
    ("against-type", 'Content-Type: text/plain; name="a.txt"\r\nContent-Disposition: attachment; filename="letter.§"'),
    ("type-no-semicolon", "Content-Type: application/octet-stream name=letter.§"),
    ("type-unclosed", 'Content-Type: application/octet-stream; name="letter.§'),
    ("type-continued", 'Content-Type: application/octet-stream; name*0="letter."; name*1="§"'),
    ("type-extended", "Content-Type: application/octet-stream; name*=utf-8''letter.§"),
    ("type-word", 'Content-Type: application/octet-stream; name="=?utf-8?Q?letter.§?="'),
    ("type-twice", 'Content-Type: application/octet-stream; name="a.txt"; name="letter.§"'),
    ("types-twice", 'Content-Type: text/plain; name="a.txt"\r\nContent-Type: text/plain; name="letter.§"'),
    ("type-comment", "Content-Type: application/octet-stream; name=(a.txt)letter.§"),
    ("type-junk", 'Content-Type: nothing; name="letter.§"'),
    ("type-empty", 'Content-Type: ; name="letter.§"'),
    ("type-only-name", 'Content-Type: name="letter.§"'),
    ("type-text", 'Content-Type: text/plain; charset=utf-8; name="letter.§"'),
    ("type-image", 'Content-Type: image/png; name="letter.§"'),
    ("type-html", 'Content-Type: text/html; name="letter.§"'),
    ("type-message", 'Content-Type: message/rfc822; name="letter.§"'),
    ("placed-twice-last", f'{_HARMLESS}\r\nContent-Disposition: attachment; filename="letter.§"'),
    ("placed-twice-first", f'Content-Disposition: attachment; filename="letter.§"\r\n{_HARMLESS}'),
    ("placed-case", f'{_HARMLESS.lower()}\r\nCONTENT-DISPOSITION: attachment; filename="letter.§"'),
    ("placed-inline", 'Content-Disposition: inline; filename="letter.§"'),
    ("placed-unknown", 'Content-Disposition: whatever; filename="letter.§"'),
    ("placed-nowhere", 'Content-Disposition: ; filename="letter.§"'),
    ("placed-only-name", 'Content-Disposition: filename="letter.§"'),
    ("placed-quoted", 'Content-Disposition: "attachment"; filename="letter.§"'),
    ("placed-comment", 'Content-Disposition: (inline) attachment; filename="letter.§"'),
    ("blank-before-colon", 'Content-Disposition : attachment; filename="letter.§"'),
    ("two-colons", 'Content-Disposition:: attachment; filename="letter.§"'),
    ("no-blank", 'Content-Disposition:attachment;filename="letter.§"'),
    ("underscore", 'Content_Disposition: attachment; filename="letter.§"'),
    ("folded-at-once", 'Content-Disposition:\r\n attachment;\r\n filename="letter.§"'),
    ("behind-junk", 'no colon here\r\nContent-Disposition: attachment; filename="letter.§"'),
    ("behind-blanks", '  \r\nContent-Disposition: attachment; filename="letter.§"'),
    ("folded-away", 'X-A: 1\r\n Content-Disposition: attachment; filename="letter.§"'),
    ("behind-cr", 'X-A: 1\rContent-Disposition: attachment; filename="letter.§"'),
    ("word-field", "Content-Disposition: =?utf-8?Q?attachment;_filename=3D=22letter.§=22?="),
    ("word-type-field", "Content-Type: =?utf-8?Q?application/octet-stream;_name=3D=22letter.§=22?="),
    ("location", "Content-Type: application/octet-stream\r\nContent-Location: letter.§"),
    ("location-url", "Content-Type: application/octet-stream\r\nContent-Location: http://other.test/letter.§"),
    ("description", "Content-Type: application/octet-stream\r\nContent-Description: letter.§"),
    ("msdownload", "Content-Type: application/x-msdownload"),
    ("dosexec", "Content-Type: application/x-dosexec"),
    ("hta-type", "Content-Type: application/hta"),
    ("location-against", 'Content-Type: text/plain; name="a.txt"\r\nContent-Location: letter.§'),
)  # fmt: skip


def names() -> Told:
    """Give every construction."""
    extensions = cycle(_EXTENSIONS)
    for name, parameters in _PARAMETERS:
        told = _filled(parameters, next(extensions))
        says = f"The name is told as {told[:70]!r}"
        yield (
            f"name-{name}",
            says,
            mixed(TEXT, part(_KIND, _BASE64, "Content-Disposition: attachment" + told, body=_BODY)),
        )
    for name, fields in _FIELDS:
        told = _filled(fields, next(extensions))
        says = f"The name is told by {told[:70]!r}"
        yield f"name-{name}-field", says, mixed(TEXT, part(told, _BASE64, body=_BODY))
    yield from _without_parts(extensions)


_BODY = base64_of(HARMLESS_TEXT)


def _filled(text: str, extension: str) -> str:
    """Give a template with its extension, and with what is encoded of it."""

    def coded(name: str) -> str:
        return base64.b64encode(name.encode()).decode()

    for mark, name in (
        ("LETTER?", coded(f"letter.{extension}") + "?"),
        ("WIDE", base64.b64encode(f"letter.{extension}".encode("utf-16-be")).decode()),
        ("NESTED", coded(f"=?utf-8?Q?letter.{extension}?=")),
        ("PIECES", coded("letter.") + coded(extension)),
        ("BARE", coded(f"my letter.{extension}").rstrip("=")),
    ):
        text = text.replace(mark, name)
    text = text.replace("%00.U", "%00." + "".join(f"%00{each}" for each in extension))
    return text.replace("§", extension)


def _without_parts(extensions: Iterator[str]) -> Told:
    """The whole mail is the file, or another code than MIME tells its name."""
    for name, fields in (
        ("twice", 'Content-Type: text/plain\r\nContent-Disposition: attachment; filename="a.txt"; filename="letter.§"'),
        ("type-only", 'Content-Type: text/plain; name="letter.§"'),
        ("unclosed", 'Content-Disposition: attachment; filename="letter.§'),
        ("continued", 'Content-Disposition: attachment; filename*0="letter."; filename*1="§"'),
        ("no-disposition", "Content-Type: application/octet-stream name=letter.§"),
    ):
        told = _filled(fields, next(extensions))
        yield (
            f"name-alone-{name}",
            f"The whole mail is the file, told by {told[:70]!r}",
            message(told, _BASE64, body=_BODY),
        )
    clsid = 'Content-Disposition: attachment; filename="letter.txt.{3050F4D8-98B5-11CF-BB82-00AA00BDCE0B}"'
    hidden = part("Content-Type: application/octet-stream", clsid, _BASE64, body=_BODY)
    yield "name-class", "Windows knows the class of scripts in HTML, and hides it", mixed(TEXT, hidden)
    lines = uuencoded(HARMLESS_TEXT, f"letter.{next(extensions)}")
    yield (
        "name-uu",
        "Uuencoded in the text, the name behind begin",
        mixed(part("Content-Type: text/plain", body=b"Here:\r\n\r\n" + lines)),
    )
    made = yenc(HARMLESS_TEXT, "letter.exe")
    yield "name-yenc", "yEnc in the text, the name behind begin", mixed(part("Content-Type: text/plain", body=made))
    coded = part("Content-Type: text/plain", "Content-Transfer-Encoding: x-uuencode", body=lines)
    yield "name-uu-encoded", "Uuencoded, told so, the name behind begin", mixed(TEXT, coded)
