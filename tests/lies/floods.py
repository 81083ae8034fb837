"""So many harmless values that a reader with a limit never comes to the one that counts; mail programs have none."""

from tests.lies.building import (
    HARMLESS_TEXT,
    PROGRAM,
    TEXT,
    ZIP,
    Told,
    all_quoted,
    attachment,
    base64_of,
    joined,
    message,
    mixed,
    part,
    zipped,
)

_BASE64 = "Content-Transfer-Encoding: base64"
_PLACE = "Content-Disposition: attachment"
_MANY = 300


def of_content() -> Told:
    """Give mails whose way to the virus leads past many values."""
    fields = [f"Content-Transfer-Encoding: x-{each}" for each in range(_MANY)]
    kind = "Content-Type: application/zip"
    raw = mixed(TEXT, part(kind, *fields, "Content-Transfer-Encoding: quoted-printable", body=all_quoted(ZIP)))
    yield "flood-of-encodings", "The last of many encodings is the true one", raw
    raw = mixed(
        TEXT,
        *[attachment(f"{each}.zip", zipped("a.txt", b"%d" % each)) for each in range(120)],
        attachment("z.zip", ZIP),
    )
    yield "flood-of-archives", "The last of many archives has it", raw


def of_names() -> Told:
    """Give mails whose way to a program's name leads past many names."""
    harmless = "".join(f"; filename=a{each}.txt" for each in range(_MANY))
    pieces = "".join(f"; filename*{each}=a" for each in range(_MANY))
    words = "=?utf-8?Q?x?= " * _MANY
    for name, place in (
        ("parameters-last", f"{_PLACE}{harmless}; filename=letter.exe"),
        ("parameters-first", f"{_PLACE}; filename=letter.exe{harmless}"),
        ("parameters-middle", f"{_PLACE}{harmless}; filename=letter.scr{harmless}"),
        ("continuations", f"{_PLACE}{pieces}; filename*{_MANY}=.exe"),
        ("continuations-quoted", f'{_PLACE}{pieces}; filename*{_MANY}=".vbs"'),
        ("words", f'{_PLACE}; filename="{words}=?utf-8?Q?.exe?="'),
        ("comments", f"{_PLACE}; {'(a) ' * _MANY}filename=letter.exe"),
        ("semicolons", f"{_PLACE}{';' * _MANY} filename=letter.exe"),
        (
            "fields",
            "\r\n".join(f"{_PLACE}; filename=a{each}.txt" for each in range(_MANY))
            + f"\r\n{_PLACE}; filename=letter.exe",
        ),
    ):
        raw = mixed(TEXT, part("Content-Type: application/octet-stream", place, _BASE64, body=base64_of(HARMLESS_TEXT)))
        yield f"flood-of-{name}", f"Many values before the name ({name.replace('-', ' ')})", raw
    begins = b"".join(b"begin 644 a%d.txt\r\n$86)C\r\n`\r\nend\r\n" % each for each in range(_MANY))
    last = b"begin 644 letter.vbs\r\n$86)C\r\n`\r\nend\r\n"
    yield "flood-of-uu", "The last of many uuencoded files", mixed(part("Content-Type: text/plain", body=begins + last))
    raw = mixed(TEXT, *[attachment(f"{each}.txt", b"x") for each in range(_MANY)], PROGRAM)
    yield "flood-of-files", "The last of many files", raw
    told = "".join(f"; boundary=b{each}" for each in range(_MANY))
    body = joined("outer", TEXT, PROGRAM)
    yield (
        "flood-of-boundaries",
        "The last of many boundaries",
        message(f"Content-Type: multipart/mixed{told}; boundary=outer", body=body),
    )
    types = [f"Content-Type: multipart/mixed; boundary=b{each}" for each in range(_MANY)]
    yield (
        "flood-of-types",
        "The last of many types",
        message(*types, "Content-Type: multipart/mixed; boundary=outer", body=body),
    )
