"""File names of attachments: as they are compared, and what they say. Pure.

A name is compared as the system that saves it would have it: without directories, in one case, without dots and blanks
at its end, compatibility forms folded (NFKC), and without what nobody sees.
"""

import re
import unicodedata

from gateway.mime.endings import EXTENSIONS, HARMLESS
from gateway.mime.kinds import Kind

_DOUBLE = HARMLESS | {"zip", "rar", "7z", "gz", "tar"}
_STARTS = frozenset({Kind.EXECUTABLE, Kind.SCRIPT, Kind.SHORTCUT})
_TURNS = re.compile("[\u202d\u202e]")
_BLANK = r"[\s\u00ad\u115f\u1160\u2800\u3164\uffa0]"
_BLANKS = re.compile(rf"(?<!{_BLANK}){_BLANK}{{8,}}+(?=\.[^.\s]{{1,12}}\s*$)")
_CLASS = re.compile(
    r"\{[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\}"
)  # Windows takes it for an extension, and hides it
_LONGEST = 1000  # characters that are looked at, from the end
_KEPT = 200  # characters of a name that findings keep


def normal(name: str) -> str:
    """Give a name as it is compared; empty where nothing is left of it."""
    text = name[-_LONGEST:]
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    if not text.isprintable():
        text = "".join(each for each in text if unicodedata.category(each) not in _UNSEEN or each in "\t\n\r")
    text = text.replace("\\", "/").rstrip("/ .\t\r\n").rpartition("/")[2].casefold()
    text = text.removesuffix("::$data")
    return " ".join(text.split()).rstrip(" .\"'")


def forms(name: str) -> tuple[str, ...]:
    """Give every form in which a name is compared: the whole, and what stands before a NUL."""
    whole = normal(name)
    if "\0" not in name:
        return (whole,)
    cut = normal(name.partition("\0")[0])
    return (whole, cut) if cut and cut != whole else (whole,)


def extension(form: str) -> str:
    """Give the extension of a name in the form in which it is compared, without its dot; empty where it has none."""
    stem, dot, last = form.rpartition(".")
    return last.strip() if dot and (stem or last) else ""


def kind_of(name: str) -> Kind | None:
    """Say which kind a name makes of a file; None where it is none of them."""
    for form in forms(name):
        last = extension(form)
        if kind := EXTENSIONS.get(last):
            return kind
        if _CLASS.fullmatch(last):
            return Kind.EXECUTABLE
    return None


def lie_of(name: str) -> str:
    """Say how a name is made to be misread; empty where it is not."""
    if _TURNS.search(name):
        return "it turns the direction of writing"
    if "\0" in name.rstrip("\0"):
        return "a NUL stands in it"
    if _BLANKS.search(name):
        return "many blanks stand before its extension"
    form = normal(name)
    if EXTENSIONS.get(extension(form)) in _STARTS:
        before = extension(form.rpartition(".")[0])
        if before in _DOUBLE:
            return f"behind .{before} stands .{extension(form)}"
    return ""


def shown(name: str) -> str:
    """Give a name for a finding: bounded, and with what nobody sees written out."""
    text = name if len(name) <= _KEPT else f"{name[: _KEPT // 2]}...{name[-_KEPT // 2 :]}"
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else f"\\u{ord(each):04x}" for each in text)


_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
