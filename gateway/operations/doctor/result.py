"""What a look at the installation gives."""

import enum

import msgspec


class Level(enum.StrEnum):
    """How good it is. ``skip`` means that it can't be known here."""

    OK = "ok"
    SKIP = "skip"
    WARN = "warn"
    FAIL = "fail"


class Result(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line: what was looked at, how it is, and what to do where it is not well."""

    name: str
    level: Level
    text: str
    remedy: str = ""


def ok(name: str, text: str) -> Result:
    """Say that all is well."""
    return Result(name, Level.OK, text)


def skip(name: str, text: str) -> Result:
    """Say that it can't be known."""
    return Result(name, Level.SKIP, text)


def warn(name: str, text: str, remedy: str) -> Result:
    """Say what may become a fault."""
    return Result(name, Level.WARN, text, remedy)


def fail(name: str, text: str, remedy: str) -> Result:
    """Say what is a fault now."""
    return Result(name, Level.FAIL, text, remedy)
