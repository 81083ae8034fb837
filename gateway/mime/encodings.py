"""The transfer encodings that a Content-Transfer-Encoding may name, to every reader. Pure."""

import re

IDENTITY = frozenset({"7bit", "8bit", "binary"})
_USUAL = {
    b"7bit": "7bit",
    b"8bit": "8bit",
    b"binary": "binary",
    b"base64": "base64",
    b"quoted-printable": "quoted-printable",
}
_WORDS = (
    (re.compile(rb"b(?:ase)?64|base"), "base64"),
    (re.compile(rb"quoted|printable|\bqp\b"), "quoted-printable"),
    (re.compile(rb"uue|uuencode|x-uu"), "uuencode"),
    (re.compile(rb"yenc"), "yenc"),
    (re.compile(rb"binhex|hqx"), "binhex"),
)
_COMMENT = re.compile(rb"\((?:[^()\\]|\\.){0,200}+\)", re.DOTALL)  # bounded, for it is tried at each parenthesis
_PLAINLY = re.compile(rb"7-?bits?|8-?bits?|binary|none|utf-?8|us-ascii|iso-8859-\d+|windows-\d+|text/\w+|7|8|")


def encodings_of(value: bytes) -> tuple[list[str], bool]:
    """Give the encodings that readers may undo, and whether all of them agree."""
    word = value.strip(b" \t\r\n").lower()
    usual = _USUAL.get(word)
    if usual is not None:
        return [usual], True
    if word == b"":
        return ["7bit"], True
    bare = _COMMENT.sub(b"", word).strip().strip(b";").strip()
    squashed = re.sub(rb"[\s\"'\\\0-\x1f]", b"", word)
    found = [name for pattern, name in _WORDS if pattern.search(squashed)]
    if not found:
        if _PLAINLY.fullmatch(bare):
            return ["7bit"], False
        return ["7bit", "base64", "quoted-printable"], False
    first = _USUAL.get(bare)
    if found == ["uuencode"] and re.fullmatch(rb"(?:x-)?uu(?:e|encoded?)", word):
        return ["uuencode", "7bit"], False
    chain = ["+".join(found), "+".join(reversed(found))] if len(found) > 1 else []
    return list(dict.fromkeys([*([first] if first else []), *found, *chain, "7bit"])), False
