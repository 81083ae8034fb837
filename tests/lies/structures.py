"""Mails whose parts depend on who reads them. Each is made around one attachment, which some reader finds."""

from collections.abc import Callable

from tests.lies.building import TEXT, VERSION, Told, bare, base64_of, joined, lines, message, mixed, part

_PLAIN = "Content-Type: text/plain; charset=us-ascii"

# Name, how the boundary is told, and which one is used.
BOUNDARIES: tuple[tuple[str, str | bytes, str | bytes], ...] = (
    ("continued", "boundary*0=ou; boundary*1=ter", "outer"),
    ("continued-quoted", 'boundary*0="ou"; boundary*1="ter"', "outer"),
    ("continued-out-of-order", "boundary*1=ter; boundary*0=ou", "outer"),
    ("continued-from-one", "boundary*1=ou; boundary*2=ter", "outer"),
    ("continued-with-gap", "boundary*0=outer; boundary*2=x", "outer"),
    ("continued-zeros", "boundary*00=ou; boundary*01=ter", "outer"),
    ("continued-lines", "\r\n boundary*0=ou;\r\n boundary*1=ter", "outer"),
    ("extended", "boundary*=us-ascii''outer", "outer"),
    ("extended-percent", "boundary*=us-ascii''%6futer", "outer"),
    ("extended-no-charset", "boundary*=outer", "outer"),
    ("extended-one-quote", "boundary*=us-ascii'outer", "outer"),
    ("extended-in-quotes", "boundary*=\"us-ascii''outer\"", "outer"),
    ("percent-in-plain", "boundary=%6futer", "outer"),
    ("encoded-word-b", 'boundary="=?us-ascii?B?b3V0ZXI=?="', "outer"),
    ("encoded-word-q", "boundary==?us-ascii?Q?outer?=", "outer"),
    ("encoded-word-plain", 'boundary="=?us-ascii?Q?outer?="', "=?us-ascii?Q?outer?="),
    ("unclosed-quote", 'boundary="outer', "outer"),
    ("unclosed-quote-parameter", 'boundary="outer; charset=utf-8', "outer"),
    ("closing-quote-only", 'boundary=outer"', "outer"),
    ("closing-quote-kept", 'boundary=outer"', 'outer"'),
    ("single-quotes", "boundary='outer'", "outer"),
    ("single-quotes-kept", "boundary='outer'", "'outer'"),
    ("quote-inside", 'boundary=ou"ter"', "outer"),
    ("quote-first-word", 'boundary="ou"ter', "outer"),
    ("quote-first-word-only", 'boundary="ou"ter', "ou"),
    ("doubled-quotes", 'boundary=""outer""', "outer"),
    ("backslash", 'boundary="ou\\ter"', "outer"),
    ("backslash-kept", 'boundary="ou\\ter"', "ou\\ter"),
    ("backslash-unquoted", "boundary=ou\\ter", "ou\\ter"),
    ("escaped-quotes", 'boundary=\\"outer\\"', "outer"),
    ("comment-before", "boundary=(a comment)outer", "outer"),
    ("comment-behind", "boundary=outer(a comment)", "outer"),
    ("comment-behind-kept", "boundary=outer(a)", "outer(a)"),
    ("comment-behind-quotes", 'boundary="outer"(a comment)', "outer"),
    ("comment-before-equals", "boundary(a comment)=outer", "outer"),
    ("comment-nested", "(a (nested) comment) boundary=outer", "outer"),
    ("comment-unclosed", "(a comment boundary=outer", "outer"),
    ("blank-before-equals", "boundary =outer", "outer"),
    ("blank-behind-equals", "boundary= outer", "outer"),
    ("tab-behind-equals", "boundary=\touter", "outer"),
    ("folded-behind-equals", "boundary=\r\n outer", "outer"),
    ("folded-before-equals", "boundary\r\n =outer", "outer"),
    ("folded-inside", 'boundary="ou\r\n ter"', "ou ter"),
    ("folded-inside-joined", 'boundary="ou\r\n ter"', "outer"),
    ("blank-at-end", 'boundary="outer "', "outer"),
    ("blank-at-end-kept", 'boundary="outer "', "outer "),
    ("blank-at-start", 'boundary=" outer"', "outer"),
    ("blank-at-start-kept", 'boundary=" outer"', " outer"),
    ("blank-inside-first", "boundary=outer limits", "outer"),
    ("blank-inside-all", "boundary=outer limits", "outer limits"),
    ("empty", 'boundary=""', ""),
    ("empty-unquoted", "boundary=", ""),
    ("semicolon-inside", "boundary=outer;limits", "outer;limits"),
    ("semicolon-inside-quotes", 'boundary="outer;limits"', "outer;limits"),
    ("semicolon-inside-cut", 'boundary="outer;limits"', '"outer'),
    ("comma-inside", "boundary=outer,limits", "outer,limits"),
    ("comma-inside-cut", "boundary=outer,limits", "outer"),
    ("equals-inside", "boundary=outer=limits", "outer=limits"),
    ("equals-inside-cut", "boundary=outer=limits", "outer"),
    ("specials", "boundary=<outer@limits>", "<outer@limits>"),
    ("slash", "boundary=outer/limits", "outer/limits"),
    ("8bit", 'boundary="out\xe9r"', "out\xe9r"),
    ("8bit-utf-8", b'boundary="out\xc3\xa9r"', b"out\xc3\xa9r"),
    ("nul", 'boundary="outer\0x"', "outer"),
    ("nul-kept", 'boundary="outer\0x"', "outer\0x"),
    ("control", 'boundary="ou\x01ter"', "ou\x01ter"),
    ("formfeed", "\x0cboundary=outer", "outer"),
    ("length-71", f'boundary="{"x" * 71}"', "x" * 71),
    ("length-300", f'boundary="{"x" * 300}"', "x" * 300),
    ("length-300-cut", f'boundary="{"x" * 300}"', "x" * 70),
    ("length-5000", f'boundary="{"x" * 5000}"', "x" * 5000),
    ("colon-for-equals", "boundary:outer", "outer"),
    ("only-dashes", 'boundary="--"', "--"),
    ("dashes-at-end", 'boundary="outer--"', "outer--"),
    ("delimiter-told", 'boundary="--outer"', "outer"),
    ("case-of-value", "boundary=outer", "OUTER"),
    ("two-semicolons", "; boundary=outer", "outer"),
    ("semicolon-then-junk", "junk; boundary=outer", "outer"),
    ("blank-for-semicolon", "charset=us-ascii boundary=outer", "outer"),
    ("comma-for-semicolon", "charset=us-ascii, boundary=outer", "outer"),
    ("type-again", "multipart/mixed; boundary=outer", "outer"),
    ("misspelt", "boundry=outer", "outer"),
)


def structures(attached: bytes) -> Told:
    """Give every construction."""
    yield from _two_boundaries(attached)
    yield from _how_a_boundary_is_told(attached)
    yield from _delimiters(attached)
    yield from _types(attached)
    yield from _heads(attached)
    yield from _wrapped(attached)
    yield from _many(attached)


def _one_hides_the_other(seen: str, hidden: str, attached: bytes) -> bytes:
    """Give a body that is one text for who knows the first boundary, and has an attachment for the other's readers."""
    inner = joined(hidden, TEXT, attached)
    return joined(seen, part(_PLAIN, body=inner))


def _two_boundaries(attached: bytes) -> Told:
    """Two boundaries are told, and only one of them shows the attachment."""

    def body(first: str, second: str) -> bytes:
        return _one_hides_the_other(first, second, attached)

    one, two = "Content-Type: multipart/mixed; boundary=outer", "Content-Type: multipart/mixed; boundary=other"
    yield "two-types-last", "The last of two Content-Type fields counts", message(one, two, body=body("outer", "other"))
    yield "two-types-first", "The first of two counts", message(two, one, body=body("outer", "other"))
    apart = message(one, "X-Between: 1", two, body=body("outer", "other"))
    yield "two-types-apart", "Two Content-Type fields with another between; the last counts", apart
    text = message(_PLAIN, two, body=joined("other", TEXT, attached))
    yield "text-then-multipart", "The last of two counts, and the first says text", text
    text = message(two, _PLAIN, body=joined("other", TEXT, attached))
    yield "multipart-then-text", "The first of two counts, and the last says text", text
    case = message("content-TYPE: text/plain", two, body=joined("other", TEXT, attached))
    yield "text-then-multipart-case", "As before; one who compares names by case sees the second only", case
    for name, parameters in (
        ("parameter-last", "boundary=outer; boundary=other"),
        ("parameter-quoted-last", 'boundary="outer"; boundary="other"'),
        ("parameter-case-last", "boundary=outer; BOUNDARY=other"),
        ("continued-beats-plain", "boundary=outer; boundary*0=oth; boundary*1=er"),
        ("extended-beats-plain", "boundary=outer; boundary*=us-ascii''other"),
        ("extended-continued-beats-plain", "boundary=outer; boundary*0*=us-ascii''oth; boundary*1=er"),
        ("comment-has-one", "(boundary=outer) boundary=other"),
        ("comment-hides-one", "boundary=(other)outer"),
        ("first-is-foreign", 'x="; boundary=outer"; boundary=other'),
        ("unclosed-quote-swallows", 'x="y; boundary=outer; boundary=other'),
        ("escaped-quote", 'x="\\"; boundary=outer; y="; boundary=other'),
        ("encoded-word-last", "boundary=outer; =?us-ascii?Q?boundary=3Dother?="),
        ("blank-in-name", "boundary=outer; boundary =other"),
    ):
        raw = message(f"Content-Type: multipart/mixed; {parameters}", body=body("outer", "other"))
        yield name, f"Readers take other or outer of: {parameters}", raw
    for name, parameters in (
        ("parameter-first", "boundary=other; boundary=outer"),
        ("plain-beats-continued", "boundary*0=out; boundary*1=er; boundary=other"),
        ("plain-beats-extended", "boundary*=us-ascii''outer; boundary=other"),
        ("plain-first-beats-extended", "boundary=other; boundary*=us-ascii''outer"),
    ):
        raw = message(f"Content-Type: multipart/mixed; {parameters}", body=body("outer", "other"))
        yield name, f"Readers without RFC 2231, or who take the first, use other: {parameters}", raw
    nested = joined(
        "outer", part("Content-Type: multipart/mixed; boundary=outer", body=joined("outer", TEXT, attached))
    )
    yield "nested-same", "Inner and outer boundary are the same", message(one, body=nested)
    inner = part("Content-Type: multipart/mixed; boundary=outer-in", body=joined("outer-in", TEXT, attached))
    yield "nested-prefix", "The outer is how the inner begins", message(one, body=joined("outer", inner))
    shorter = part("Content-Type: multipart/mixed; boundary=out", body=joined("out", TEXT, attached))
    yield "nested-shorter", "The inner is how the outer begins", message(one, body=joined("outer", shorter))
    unclosed = part("Content-Type: multipart/mixed; boundary=in", body=joined("in", TEXT, attached, end=False))
    yield "nested-unclosed", "The inner multipart never ends", message(one, body=joined("outer", unclosed, TEXT))
    open_ = joined("in", TEXT, b"Content-Type: text/plain\r\n\r\nhere\r\n--outer\r\n" + attached)
    twisted = part("Content-Type: multipart/mixed; boundary=in", body=open_)
    yield (
        "nested-twisted",
        "The outer delimiter stands within the inner's part",
        message(one, body=joined("outer", twisted)),
    )


def _how_a_boundary_is_told(attached: bytes) -> Told:
    """One boundary is told, in a way that not all read."""
    for name, parameters, used in BOUNDARIES:
        said = parameters if isinstance(parameters, str) else "8 bits"
        says = f"Delimited by {used[:30]!r}, told as {said[:60]!r}, which some readers take for something else"
        yield f"told-{name}", says, mixed(TEXT, attached, parameters=parameters, boundary=used)


def _delimiters(attached: bytes) -> Told:
    """The boundary is told plainly, and the delimiter lines are odd."""
    for name, first, later in (
        ("trailing-blank", b"--outer ", b"--outer "),
        ("trailing-tab", b"--outer\t", b"--outer\t"),
        ("trailing-blanks", b"--outer" + b" " * 2000, b"--outer" + b" " * 2000),
        ("trailing-text", b"--outer", b"--outer and more"),
        ("longer", b"--outer", b"--outerlimits"),
        ("leading-blank", b"--outer", b" --outer"),
        ("leading-tab", b"--outer", b"\t--outer"),
        ("three-dashes", b"--outer", b"---outer"),
        ("upper-case", b"--outer", b"--OUTER"),
        ("nul-behind", b"--outer", b"--outer\0"),
        ("formfeed-behind", b"--outer", b"--outer\x0c"),
        ("vertical-tab-behind", b"--outer", b"--outer\x0b"),
        ("one-dash-behind", b"--outer", b"--outer-"),
        ("ended-then-goes-on", b"--outer", b"--outer--\r\n--outer"),
        ("ends-with-text", b"--outer", b"--outer--x\r\n--outer"),
        ("end-as-delimiter", b"--outer", b"--outer--"),
        ("end-with-blank", b"--outer", b"--outer --\r\n--outer"),
        ("first-is-end", b"--outer--\r\n--outer", b"--outer"),
        ("nel-behind", b"--outer", b"--outer\x85"),
    ):
        body = first + b"\r\n" + TEXT + b"\r\n" + later + b"\r\n" + attached + b"\r\n--outer--\r\n"
        raw = message('Content-Type: multipart/mixed; boundary="outer"', body=body)
        yield f"delimiter-{name}", f"The second delimiter line is {later[:30]!r}; lenient readers take it for one", raw
    told = 'Content-Type: multipart/mixed; boundary="outer"'
    whole = joined("outer", TEXT, attached)
    yield "no-end", "There is no end", message(told, body=joined("outer", TEXT, attached, end=False))
    cut = joined("outer", TEXT, attached, end=False).removesuffix(b"\r\n")
    yield "no-end-no-line-end", "It is cut at the last octet of the attachment", message(told, body=cut)
    alone = b"--outer\r\n" + attached
    yield "one-part-no-end", "The attachment is the only part, and nothing ends it", message(told, body=alone)
    behind = joined("outer", TEXT, behind=b"\r\n" + joined("outer", attached))
    yield "second-body", "A second body follows the end", message(told, body=behind)
    before = attached + b"\r\n" + joined("outer", TEXT)
    yield "preamble-part", "The part stands before the first delimiter", message(told, body=before)
    head = lines(told).removesuffix(b"\r\n")
    yield "head-runs-into-body", "No blank line between head and first delimiter", _without_blank_line(head, whole)
    yield "delimiter-in-head", "The first delimiter folds into the head", message(told, " --outer", body=whole)
    glued = b"--outer\r\n" + TEXT + b"--outer\r\n" + attached + b"\r\n--outer--\r\n"
    yield "delimiter-glued", "The delimiter follows the text without a line end", message(told, body=glued)
    empty = joined("outer", TEXT, b"", b"", attached)
    yield "empty-parts", "Empty parts, without even a blank line, come before", message(told, body=empty)
    twice = b"--outer\r\n--outer\r\n" + TEXT + b"\r\n--outer\r\n--outer\r\n" + attached + b"\r\n--outer--\r\n"
    yield "delimiters-twice", "Each delimiter stands twice", message(told, body=twice)
    wrong = joined("inner", TEXT, attached)
    yield "boundary-told-wrong", "The told boundary never comes; some take the one that does", message(told, body=wrong)
    untold = message("Content-Type: multipart/mixed", body=whole)
    yield "boundary-not-told", "No boundary is told; some take the first line with dashes", untold
    yield (
        "boundary-not-told-semicolon",
        "As before, behind a semicolon",
        message("Content-Type: multipart/mixed;", body=whole),
    )
    for name, ending in (("lf", b"\n"), ("cr", b"\r"), ("cr-cr-lf", b"\r\r\n"), ("lf-cr", b"\n\r")):
        odd = whole.replace(b"\r\n--outer\r\n", ending + b"--outer" + ending)
        yield f"delimiter-ends-{name}", f"Delimiter lines end with {ending!r}", message(told, body=odd)


def _without_blank_line(head: bytes, body: bytes) -> bytes:
    """Give a mail whose head runs into its body."""
    whole = message(head, body=body)
    return whole.replace(head + b"\r\n\r\n", head + b"\r\n", 1)


def _types(attached: bytes) -> Told:
    """The type of the whole is odd, or none that has parts."""
    body = joined("outer", TEXT, attached)
    for name, field in (
        ("no-slash", "Content-Type: multipart; boundary=outer"),
        ("no-subtype", "Content-Type: multipart/; boundary=outer"),
        ("unknown-subtype", "Content-Type: multipart/whatever; boundary=outer"),
        ("odd-subtype", "Content-Type: multipart/mi xed; boundary=outer"),
        ("signed-by-nobody", "Content-Type: multipart/signed; boundary=outer"),
        ("signed", 'Content-Type: multipart/signed; protocol="application/pgp-signature"; boundary=outer'),
        ("parallel", "Content-Type: multipart/parallel; boundary=outer"),
        ("encrypted", 'Content-Type: multipart/encrypted; protocol="application/pgp-encrypted"; boundary=outer'),
        ("two-slashes", "Content-Type: multipart//mixed; boundary=outer"),
        ("blanks-around-slash", "Content-Type: multipart / mixed; boundary=outer"),
        ("comment-around-slash", "Content-Type: multipart(x)/(y)mixed; boundary=outer"),
        ("comment-before", "Content-Type: (text/plain) multipart/mixed; boundary=outer"),
        ("quoted", 'Content-Type: "multipart/mixed"; boundary=outer'),
        ("upper-case", "CONTENT-TYPE: MULTIPART/MIXED; BOUNDARY=outer"),
        ("no-semicolon", "Content-Type: multipart/mixed boundary=outer"),
        ("comma", "Content-Type: multipart/mixed, boundary=outer"),
        ("colon", "Content-Type: multipart/mixed: boundary=outer"),
        ("text-with-boundary", "Content-Type: text/plain; boundary=outer"),
        ("html-with-boundary", "Content-Type: text/html; boundary=outer"),
        ("application-with-boundary", "Content-Type: application/octet-stream; boundary=outer"),
        ("message-with-boundary", "Content-Type: message/mixed; boundary=outer"),
        ("only-boundary", "Content-Type: boundary=outer"),
        ("semicolon-first", "Content-Type: ; multipart/mixed; boundary=outer"),
        ("text-comma-multipart", "Content-Type: text/plain, multipart/mixed; boundary=outer"),
        ("encoded-word", "Content-Type: =?us-ascii?Q?multipart/mixed?=; boundary=outer"),
        ("encoded-word-all", "Content-Type: =?us-ascii?Q?multipart/mixed;_boundary=3Douter?="),
        ("nul", "Content-Type: multipart/mixed\0; boundary=outer"),
        ("control-first", "Content-Type: \x01multipart/mixed; boundary=outer"),
        ("nbsp", "Content-Type:\xa0multipart/mixed; boundary=outer"),
    ):
        yield f"type-{name}", f"Lenient readers find parts behind {field!r}", message(field, body=body)
    for name, field in (
        ("blank-before-colon", "Content-Type : multipart/mixed; boundary=outer"),
        ("tab-before-colon", "Content-Type\t: multipart/mixed; boundary=outer"),
        ("no-blank-behind-colon", "Content-Type:multipart/mixed;boundary=outer"),
        ("folded-at-once", "Content-Type:\r\n multipart/mixed;\r\n boundary=outer"),
        ("folded-before-colon", "Content-Type\r\n : multipart/mixed; boundary=outer"),
        ("folded-many", "Content-Type:\r\n \r\n\t\r\n multipart/mixed;\r\n \r\n boundary=outer"),
        ("underscore", "Content_Type: multipart/mixed; boundary=outer"),
        ("nul-in-name", "Content-Type\0: multipart/mixed; boundary=outer"),
        ("two-colons", "Content-Type:: multipart/mixed; boundary=outer"),
        ("equals", "Content-Type= multipart/mixed; boundary=outer"),
        ("leading-blank", "X-A: 1\r\n Content-Type: multipart/mixed; boundary=outer"),
        ("cr-in-value", "Content-Type: multipart/mixed;\r boundary=outer"),
        ("lf-in-value", "Content-Type: multipart/mixed;\n boundary=outer"),
        ("cr-as-fold", "Content-Type: multipart/mixed;\r\tboundary=outer"),
    ):
        yield f"field-{name}", f"Lenient readers know the field {field[:60]!r}", message(field, body=body)
    plain = "Content-Type: multipart/mixed; boundary=outer"
    yield "no-mime-version", "Strict readers want MIME-Version", bare(plain, body=body)
    yield "mime-version-2", "Another version of MIME", bare("MIME-Version: 2.0", plain, body=body)
    yield "mime-version-twice", "Two versions of MIME", bare(VERSION, "MIME-Version: 0.9", plain, body=body)
    yield "mime-version-comment", "A version in a comment", bare("MIME-Version: (1.0)", plain, body=body)
    yield "no-type", "Nothing says that there are parts; some look for delimiters anyway", message(body=body)
    yield "no-mime-at-all", "Neither version nor type; some look for delimiters anyway", bare(body=body)
    for encoding, encoded in (("base64", base64_of(body)), ("quoted-printable", body.replace(b"=", b"=3D"))):
        field = f"Content-Transfer-Encoding: {encoding}"
        raw = message(plain, field, body=encoded)
        yield f"multipart-in-{encoding}", f"The multipart itself is in {encoding}; lenient readers undo it", raw
    raw = message(plain, "Content-Transfer-Encoding: base64", body=body)
    yield "multipart-said-base64", "The multipart is said to be in base64, and is not", raw
    raw = message(plain, "Content-Transfer-Encoding: x-unknown", body=body)
    yield "multipart-unknown-encoding", "The multipart has an unknown encoding; strict readers stop", raw
    digest = message("Content-Type: multipart/digest; boundary=outer", body=joined("outer", b"\r\n" + _whole(attached)))
    yield "digest-default", "A part of a digest is a message without being called so", digest


def _whole(attached: bytes) -> bytes:
    """Give a mail with the attachment, in good form."""
    return mixed(TEXT, attached, boundary="within", parameters="boundary=within")


def _heads(attached: bytes) -> Told:
    """What stands between the fields of a head ends it for some readers."""
    told = "Content-Type: multipart/mixed; boundary=outer"
    body = joined("outer", TEXT, attached)
    junk: tuple[tuple[str, bytes], ...] = (
        ("no-colon", b"This line has no colon"),
        ("from", b"From them@other.test Fri Nov 20 10:00:00 2026"),
        ("quoted-from", b">From them@other.test Fri Nov 20 10:00:00 2026"),
        ("colon-first", b": no name"),
        ("blank-line-of-blanks", b"   "),
        ("blank-line-of-tab", b"\t"),
        ("nul", b"\0"),
        ("nul-line", b"X-A: \0\0\0"),
        ("8bit-name", b"X-\xe9: 1"),
        ("blank-in-name", b"X A: 1"),
        ("dashes", b"--"),
        ("formfeed", b"\x0c"),
        ("lone-cr", b"X-A: 1\r"),
        ("cr-cr", b"\r\r"),
        ("lf-lf", b"X-A: 1\n\nX-B: 2"),
        ("long-line", b"X-A: " + b"x" * 10_000),
    )
    for name, line in junk:
        raw = message(line, told, body=body)
        yield f"head-{name}", f"The type follows the line {line[:20]!r}, where the head ends for some", raw
    raw = b"\xef\xbb\xbf" + message(told, body=body)
    yield "head-bom", "A byte order mark goes before the first field", raw
    yield "head-blank-first", "The first line begins with a blank", b" " + message(told, body=body)
    yield "head-blank-line-first", "A blank line goes before the head; some skip it", b"\r\n" + message(told, body=body)
    yield (
        "head-mbox",
        "A line of an mbox goes before the head",
        b"From them Fri Nov 20 10:00:00 2026\r\n" + message(told, body=body),
    )
    yield (
        "head-garbage-first",
        "A line without a colon goes before the head",
        b"This is a mail\r\n" + message(told, body=body),
    )
    first, _, rest = attached.partition(b"\r\n")
    for name, made in (
        ("leading-blank", b" " + attached),
        ("blank-line-first", b"\r\n" + attached),
        ("line-of-blanks-first", b"  \r\n" + attached),
        ("no-colon-first", b"This line has no colon\r\n" + attached),
        ("no-colon-between", first + b"\r\nno colon here\r\n" + rest),
        ("from-between", first + b"\r\nFrom here on\r\n" + rest),
        ("line-of-blanks-between", first + b"\r\n   \r\n" + rest),
        ("nul-between", first + b"\r\n\0\r\n" + rest),
        ("colon-between", first + b"\r\n: x\r\n" + rest),
        ("dash-between", first + b"\r\n-\r\n" + rest),
        ("bom", b"\xef\xbb\xbf" + attached),
        ("ends-with-blanks", attached.replace(b"\r\n\r\n", b"\r\n \r\n", 1)),
        ("ends-with-tab", attached.replace(b"\r\n\r\n", b"\r\n\t\r\n", 1)),
        ("no-end", attached.replace(b"\r\n\r\n", b"\r\n", 1)),
        ("ends-with-dash", attached.replace(b"\r\n\r\n", b"\r\n--\r\n", 1)),
        ("ends-with-nul", attached.replace(b"\r\n\r\n", b"\r\n\0\r\n", 1)),
        ("ends-twice", attached.replace(b"\r\n\r\n", b"\r\n\r\n\r\n\r\n", 1)),
        ("many-fields", b"".join(b"X-%d: 1\r\n" % each for each in range(2000)) + attached),
        ("long-field", b"X-A: " + b"x" * 100_000 + b"\r\n" + attached),
        ("8bit-name", b"X-\xff: 1\r\n" + attached),
    ):
        raw = mixed(TEXT, made)
        yield (
            f"part-head-{name}",
            f"The head of the part is odd ({name.replace('-', ' ')}); some end or begin it elsewhere",
            raw,
        )


def _wrapped(attached: bytes) -> Told:
    """The mail with the attachment lies in another one, in a form that is not allowed or seldom read."""
    inner = _whole(attached)
    half = inner.partition(b"\r\n\r\n")[2]
    named = 'Content-Type: application/octet-stream; name="letter.eml"'
    for name, fields, body in (
        ("base64", ("Content-Type: message/rfc822", "Content-Transfer-Encoding: base64"), base64_of(inner)),
        (
            "quoted-printable",
            ("Content-Type: message/rfc822", "Content-Transfer-Encoding: quoted-printable"),
            inner.replace(b"=", b"=3D"),
        ),
        ("unknown-encoding", ("Content-Type: message/rfc822", "Content-Transfer-Encoding: x-none"), inner),
        ("global", ("Content-Type: message/global",), inner),
        ("news", ("Content-Type: message/news",), inner),
        ("no-subtype", ("Content-Type: message",), inner),
        ("name-only", (named,), inner),
        ("name-only-base64", (named, "Content-Transfer-Encoding: base64"), base64_of(inner)),
        ("text-named-eml", ('Content-Type: text/plain; name="letter.eml"',), inner),
        ("blank-line-first", ("Content-Type: message/rfc822",), b"\r\n" + inner),
        ("mbox-line-first", ("Content-Type: message/rfc822",), b"From them Fri Nov 20 10:00:00 2026\r\n" + inner),
        ("headers-type", ("Content-Type: text/rfc822-headers",), inner),
        ("partial-1-of-1", ('Content-Type: message/partial; id="p@other.test"; number=1; total=1',), inner),
        ("partial-1-of-2", ('Content-Type: message/partial; id="p@other.test"; number=1; total=2',), inner),
        ("partial-2-of-2", ('Content-Type: message/partial; id="p@other.test"; number=2; total=2',), half),
    ):  # fmt: skip
        yield (
            f"message-{name}",
            f"A mail within the mail, as {'; '.join(fields)}",
            mixed(TEXT, part(*fields, body=body)),
        )
    partial = 'Content-Type: message/partial; id="p@other.test"; number=2; total=3'
    yield (
        "message-partial-alone",
        "The whole mail is a middle piece of one that is put together later",
        message(partial, body=half),
    )


def _many(attached: bytes) -> Told:
    """The attachment lies behind so many parts, or so deep, that readers give up."""
    for count in (100, 1000, 5000):
        parts = [b"Content-Type: text/plain\r\n\r\nx"] * count
        yield f"after-{count}-parts", f"{count} parts go before", mixed(*parts, attached)
    makers: tuple[tuple[str, Callable[[bytes, int], bytes]], ...] = (("multiparts", _deeper), ("messages", _forwarded))
    for name, wrap in makers:
        for depth in (10, 30, 100, 300):
            entity = part("Content-Type: multipart/mixed; boundary=core", body=joined("core", TEXT, attached))
            for level in range(depth):
                entity = wrap(entity, level)
            yield (
                f"within-{depth}-{name}",
                f"It lies {depth} {name} deep",
                bare(VERSION, body=b"").removesuffix(b"\r\n") + entity,
            )
    unended = b"".join(b"--b%d\r\nContent-Type: multipart/mixed; boundary=b%d\r\n\r\n" % (n, n + 1) for n in range(40))
    raw = message("Content-Type: multipart/mixed; boundary=b0", body=unended + b"--b40\r\n" + attached)
    yield "within-40-unended", "It lies 40 multiparts deep, none of which ends", raw


def _deeper(entity: bytes, level: int) -> bytes:
    """Put an entity into a multipart."""
    return part(f"Content-Type: multipart/mixed; boundary=d{level}x", body=joined(f"d{level}x", entity))


def _forwarded(entity: bytes, level: int) -> bytes:
    """Put an entity into a message that is forwarded."""
    return part("Content-Type: message/rfc822", body=lines(f"Subject: level {level}", VERSION) + entity)
