"""The words of mail and policy as choices of a database column: the same words, made from the same enums."""

import enum


def choices(words: type[enum.StrEnum], *only: enum.StrEnum) -> list[tuple[str, str]]:
    """Give (value, label) for each member of an enum, or for those named."""
    return [(word.value, word.value) for word in (only or words)]
