"""Where in a file a part of the policy stands, so that an error can name the line.

Used on the error path only: a file without a fault is never parsed twice. JSON is YAML, so one parser serves both.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import yaml

# A place in a document: the keys of mappings and the indexes of sequences on the way to it.
Place = tuple[str | int, ...]

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the one in C is not built everywhere

_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+|\.\.\.)\]")
_ANY = "..."
_AT = re.compile(r"^(?P<reason>.*?)(?: - at (?P<key>`key` in )?`\$(?P<path>.*)`)?$", re.DOTALL)
_UNKNOWN_FIELD = re.compile(r"unknown field `(.*)`")


class PolicyError(Exception):
    """A policy can't be used. The text is ``file:line: reason; remedy``, with no line where the file has none.

    ``file`` is the name as the administrator knows it; ``line`` counts from 1, 0 for the file as a whole.
    """

    def __init__(self, file: str, line: int, reason: str, remedy: str) -> None:
        """Keep the parts of the sentence."""
        self.file = file
        self.line = line
        self.reason = reason
        self.remedy = remedy
        where = f"{file}:{line}" if line else file
        super().__init__(f"{where}: {reason}; {remedy}")


def line_of(text: str, place: Place) -> int:
    """Give the line, from 1, on which ``place`` begins: that of its key in a mapping.

    Where the document has no such place the nearest one above it counts; where it can't be parsed, line 1.
    """
    try:
        node = yaml.compose(text, Loader=_LOADER)
    except (yaml.YAMLError, ValueError, RecursionError):
        return 1
    line = 1
    for step in place:
        if isinstance(node, yaml.MappingNode):
            pair = next(((key, value) for key, value in node.value if key.value == str(step)), None)
            if pair is None:
                break
            line, node = pair[0].start_mark.line + 1, pair[1]
        elif isinstance(node, yaml.SequenceNode):
            # A mapping's keys may also be written as a list.
            item = next((item for at, item in enumerate(node.value) if step in (at, item.value)), None)
            if item is None:
                break
            line, node = item.start_mark.line + 1, item
        else:
            break
    return line


def place_of(error: msgspec.ValidationError, document: object, check: Callable[[Any], object]) -> tuple[str, Place]:
    """Give the reason and the place of a validation error.

    msgspec writes ``[...]`` for "some key of a mapping". ``check`` validates a document, or raises: it is asked again
    with all but one key taken away, until the key is found that alone raises the same error.
    """
    found = _AT.match(str(error))
    reason, path = (found["reason"], found["path"] or "") if found else (str(error), "")
    steps: list[str] = [name or index for name, index in _STEP.findall(path)]
    if found and found["key"]:
        steps.append(_ANY)
    place: Place = ()
    for step in steps:
        here = _inner(document, place)
        if isinstance(here, list):
            place = (*place, int(step)) if step.isdigit() else place
        elif step != _ANY:
            place = (*place, step)
        elif isinstance(here, dict):
            key = next((key for key in here if _raises(check, _only(document, place, key), str(error))), None)
            if key is None:
                break
            place = (*place, key)
    if unknown := _UNKNOWN_FIELD.search(reason):
        place = (*place, unknown[1])
    return _in_words(reason), place


def duplicates(text: str) -> Iterator[tuple[str, int]]:
    """Give each key that stands twice in the same mapping, with the line of its second time. Raises yaml.YAMLError."""
    todo = [yaml.compose(text, Loader=_LOADER)]
    seen_nodes: set[int] = set()
    while todo:
        node = todo.pop()
        if node is None or id(node) in seen_nodes:
            continue
        seen_nodes.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            todo.extend(node.value)
        elif isinstance(node, yaml.MappingNode):
            seen: set[str] = set()
            for key, value in node.value:
                if isinstance(key, yaml.ScalarNode):
                    if key.value in seen and key.value != "<<":
                        yield key.value, key.start_mark.line + 1
                    seen.add(key.value)
                todo.append(value)


def _in_words(reason: str) -> str:
    """Say msgspec's reason in the words of a file: keys and values, not objects."""
    for theirs, ours in (
        ("Object contains unknown field", "unknown key"),
        ("Object missing required field", "missing key"),
        ("Expected `object`", "expected a mapping"),
        ("Expected `array`", "expected a list"),
        ("Expected", "expected"),
        ("Invalid enum value", "unknown value"),
    ):
        reason = reason.replace(theirs, ours)
    return reason


def _inner(document: Any, place: Place) -> Any:  # noqa: ANN401 - a parsed document is anything
    """Give what stands at a place of a parsed document, or None."""
    for step in place:
        try:
            document = document[step]
        except (KeyError, IndexError, TypeError):
            return None
    return document


def _only(document: Any, place: Place, key: object) -> Any:  # noqa: ANN401 - a parsed document is anything
    """Copy a document, with nothing but ``key`` left in the mapping at ``place``, and each mapping above it thinned."""
    if not place:
        return {key: document[key]}
    step, *rest = place
    copy: Any = document.copy()  # a list or a dict, for the place was found in it
    copy[step] = _only(document[step], tuple(rest), key)
    return copy


def _raises(check: Callable[[Any], object], document: object, text: str) -> bool:
    """Whether checking the document raises the error with that text."""
    try:
        check(document)
    except msgspec.ValidationError as error:
        return str(error) == text
    return False
