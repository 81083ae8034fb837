"""Expands templates of amavis as amavis does: as much of its macro language as its notices use."""

import re
from collections.abc import Iterator

Value = str | list[str] | bool
Names = dict[str, Value]
_TOKEN = re.compile(r"\[:\w+|\[\?|\[|\]|\||%#?[A-Za-z]|\\\[|\\\]|\\n|\\\n|[^\[\]|%\\]+|.", re.DOTALL)


def expand(template: str, names: Names) -> str:
    """Give the notice. ``names`` holds the values of the one-letter macros, and of ``:ccat`` and the like."""
    lines = [line for line in template.splitlines(keepends=True) if not line.startswith("#")]
    text = re.sub(r"#\n", "", "".join(lines))
    return re.sub(r"\n{3,}", "\n\n", _all(iter(_TOKEN.findall(text)), names, ()))


def _all(tokens: Iterator[str], names: Names, until: tuple[str, ...]) -> str:
    """Expand up to one of ``until``, or to the end."""
    return _some(tokens, names, until)[0]


def _some(tokens: Iterator[str], names: Names, until: tuple[str, ...]) -> tuple[str, str]:
    """Expand up to one of ``until``; gives the text and what ended it."""
    text = ""
    for token in tokens:
        if token in until:
            return text, token
        text += _one(token, tokens, names)
    return text, ""


def _arguments(tokens: Iterator[str], names: Names) -> list[str]:
    """Expand arguments up to the closing bracket."""
    arguments: list[str] = []
    ended = "|"
    while ended == "|":
        text, ended = _some(tokens, names, ("|", "]"))
        arguments.append(text)
    return arguments


def _one(token: str, tokens: Iterator[str], names: Names) -> str:
    """Expand one token."""
    if token == "[?":
        condition, *choices = _arguments(tokens, names)
        return _chosen(condition.strip(), choices)
    if token.startswith("[:"):
        _, *arguments = _arguments(tokens, names)
        return _macro(token[2:], arguments, names)
    if token == "[":
        return _repeated(_arguments_raw(tokens), names)
    if token.startswith("%") and len(token) > 1:
        value = names.get(token[-1], "")
        if token[1] == "#":
            return str(len(value) if isinstance(value, list) else int(bool(value)))
        return ", ".join(value) if isinstance(value, list) else str(value)
    return {"\\\n": "", "\\n": "\n", "\\[": "[", "\\]": "]"}.get(token, token)


def _chosen(condition: str, choices: list[str]) -> str:
    """Choose by a number; empty or blank is 0, other text is 1. The last choice serves for all larger numbers."""
    number = int(condition) if condition.isdigit() else int(bool(condition))
    chosen = choices[min(number, len(choices) - 1)] if choices else ""
    return "" if chosen.strip() == "#" else chosen


def _macro(name: str, arguments: list[str], names: Names) -> str:
    """Expand a macro with a name."""
    if name == "wrap":
        return arguments[-1]
    value = names.get(f"{name}|{arguments[0].strip()}" if arguments else name, names.get(name, ""))
    return str(value)


def _arguments_raw(tokens: Iterator[str]) -> list[str]:
    """Give what stands in the bracket of a repetition, not expanded."""
    inner: list[str] = []
    depth = 1
    for token in tokens:
        depth += token.startswith("[") - (token == "]")
        if not depth:
            break
        inner.append(token)
    return inner


def _repeated(inner: list[str], names: Names) -> str:
    """Repeat for each value of the list that is named inside; the part after a bar stands between."""
    body = inner[: inner.index("|")] if "|" in inner else inner
    between = "".join(inner[inner.index("|") + 1 :]) if "|" in inner else ""
    letter = next((token[1] for token in body if re.fullmatch("%[A-Za-z]", token)), "")
    values = names.get(letter, [])
    each = [values] if isinstance(values, str) else list(values) if isinstance(values, list) else []
    return between.join(_all(iter(body), {**names, letter: value}, ()) for value in each)
