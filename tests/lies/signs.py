"""One odd octet, in every place where a reader might skip it, end there, or take it for a blank."""

from tests.lies.building import HARMLESS_TEXT, LETTER, TEXT, ZIP, Told, base64_of, message, mixed, part

_SIGNS = {
    "nul": "\0",
    "soh": "\x01",
    "backspace": "\x08",
    "vertical-tab": "\x0b",
    "formfeed": "\x0c",
    "escape": "\x1b",
    "delete": "\x7f",
    "nel": "\x85",
    "nbsp": "\xa0",
    "soft-hyphen": "\xad",
    "zero-width": "\xe2\x80\x8b",
    "bom": "\xef\xbb\xbf",
}
# What no reader does: it ends a name at a NUL only, drops no blank from within, and trims blanks and controls only.
_NOBODY = {
    *(("at-end-then-txt", name) for name in _SIGNS if name != "nul"),
    ("inside-extension", "nbsp"),
    *(("before-equals", name) for name in ("delete", "soft-hyphen", "zero-width", "bom")),
}
_BODY = base64_of(ZIP)
_KIND = 'Content-Type: application/zip; name="letter.zip"'
_PLACE = 'Content-Disposition: attachment; filename="letter.zip"'
_TOLD = 'Content-Type: multipart/mixed; boundary="outer"'


def signs() -> Told:
    """Give every construction."""
    yield from _of_content()
    yield from _of_names()


def _of_content() -> Told:
    """Give mails in which one octet hides the letter."""
    for name, sign in _SIGNS.items():
        for where, field in (
            ("before-value", f"Content-Transfer-Encoding:{sign} base64"),
            ("behind-value", f"Content-Transfer-Encoding: base64{sign}"),
            ("inside-value", f"Content-Transfer-Encoding: base{sign}64"),
            ("before-colon", f"Content-Transfer-Encoding{sign}: base64"),
            ("in-name", f"Content-Transfer{sign}-Encoding: base64"),
            ("before-name", f"{sign}Content-Transfer-Encoding: base64"),
            ("as-fold", f"X-A: 1\r\n{sign}\r\nContent-Transfer-Encoding: base64"),
        ):
            yield (
                f"encoding-{where}-{name}",
                f"{name} {where}: {field!r}",
                mixed(TEXT, part(_KIND, field, _PLACE, body=_BODY)),
            )
        for where, parameters, used in (
            ("before-parameter", f"{sign}boundary=outer", "outer"),
            ("before-equals", f"boundary{sign}=outer", "outer"),
            ("behind-equals", f"boundary={sign}outer", "outer"),
            ("behind-value", f"boundary=outer{sign}", "outer"),
            ("behind-value-kept", f"boundary=outer{sign}", f"outer{sign}"),
            ("inside-quotes", f'boundary="out{sign}er"', "outer"),
            ("before-semicolon", f"x=y{sign}; boundary=outer", "outer"),
        ):
            says = f"{name} {where}: {parameters!r}"
            yield (
                f"boundary-{where}-{name}",
                says,
                mixed(TEXT, LETTER, parameters=parameters, boundary=used.encode("latin-1")),
            )
        for where, field in (
            ("type-before-colon", f"Content-Type{sign}: multipart/mixed; boundary=outer"),
            ("type-before-value", f"Content-Type:{sign}multipart/mixed; boundary=outer"),
            ("type-inside", f"Content-Type: multi{sign}part/mixed; boundary=outer"),
            ("type-behind", f"Content-Type: multipart/mixed{sign}; boundary=outer"),
        ):
            body = mixed(TEXT, LETTER).partition(b"\r\n\r\n")[2]
            yield f"{where}-{name}", f"{name}: {field!r}", message(field, body=body)
        odd = b"\r\n--outer" + sign.encode("latin-1") + b"\r\n" + LETTER + b"\r\n--outer--\r\n"
        yield f"delimiter-behind-{name}", f"{name} behind a delimiter", message(_TOLD, body=b"--outer\r\n" + TEXT + odd)


def _of_names() -> Told:
    """Give mails in which one octet hides the name of a program."""
    for name, sign in _SIGNS.items():
        for where, place in (
            ("before-dot", f'; filename="letter{sign}.exe"'),
            ("behind-dot", f'; filename="letter.{sign}exe"'),
            ("inside-extension", f'; filename="letter.e{sign}xe"'),
            ("at-end", f'; filename="letter.exe{sign}"'),
            ("at-end-then-txt", f'; filename="letter.exe{sign}.txt"'),
            ("before-parameter", f';{sign} filename="letter.exe"'),
            ("before-equals", f'; filename{sign}="letter.exe"'),
            ("behind-equals", f'; filename={sign}"letter.exe"'),
            ("in-parameter", f'; file{sign}name="letter.exe"'),
            ("unquoted-end", f"; filename=letter.exe{sign}"),
        ):
            if (where, name) in _NOBODY:
                continue
            raw = mixed(
                TEXT,
                part(
                    "Content-Type: application/octet-stream",
                    "Content-Transfer-Encoding: base64",
                    f"Content-Disposition: attachment{place}",
                    body=base64_of(HARMLESS_TEXT),
                ),
            )
            yield f"sign-{where}-{name}", f"{name} {where}: {place!r}", raw
