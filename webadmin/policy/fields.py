"""Form fields for what a policy is made of: lists, one entry a line, checked as the published policy will be."""

from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeVar

from django import forms
from django.core.exceptions import ValidationError
from unfold.widgets import (
    UnfoldAdminPasswordToggleWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

Check = Callable[[str], tuple[str, str] | None]
Value = TypeVar("Value")


class TextField(forms.CharField):
    """One line that may be empty; ``example`` is shown while it is."""

    def __init__(self, example: str = "", **options: Any) -> None:  # noqa: ANN401 - Django's options
        """Take the example and Django's options."""
        attributes = {"placeholder": example} if example else {}
        super().__init__(**{"required": False, "widget": UnfoldAdminTextInputWidget(attrs=attributes)} | options)


class SelectField(forms.ChoiceField):
    """One of some choices, or none where the browser sends none."""

    def __init__(self, choices: Iterable[tuple[str, str]], **options: Any) -> None:  # noqa: ANN401 - Django's options
        """Take the choices and Django's options."""
        super().__init__(**{"choices": choices, "required": False, "widget": UnfoldAdminSelectWidget()} | options)


class SecretField(forms.CharField):
    """A password to set or to change; the one that is kept is never shown."""

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - Django's options
        """Take Django's options."""
        widget = UnfoldAdminPasswordToggleWidget(attrs={"autocomplete": "new-password"})
        kept = "Only to set or change it. Kept in a file of its own, never shown again."
        super().__init__(**{"required": False, "strip": False, "widget": widget, "help_text": kept} | options)


class LinesField(forms.Field):
    """A list of words, one a line. ``check`` gives what is wrong with one and the remedy, or None."""

    def __init__(self, check: Check, **options: Any) -> None:  # noqa: ANN401 - Django's options
        """Take the check and Django's options."""
        options.setdefault("required", False)
        options.setdefault("widget", UnfoldAdminTextareaWidget(attrs={"rows": 3}))
        super().__init__(**options)
        self._check = check

    def prepare_value(self, value: Any) -> str:  # noqa: ANN401 - a list, or what was typed
        """Give the list as lines."""
        return "\n".join(value) if isinstance(value, list) else str(value or "")

    def to_python(self, value: Any) -> list[str]:  # noqa: ANN401 - a list, or what was typed
        """Give the lines as a list; commas part as well."""
        if isinstance(value, list):
            return value
        return [word for word in str(value or "").replace(",", " ").split() if word]

    def validate(self, value: list[str]) -> None:
        """Check each entry. Raises ValidationError with all that is wrong."""
        super().validate(value)
        wrong = [found for word in value if (found := self._check(word))]
        if wrong:
            raise ValidationError([f"{reason}; {remedy}" for reason, remedy in wrong])

    def has_changed(self, initial: Any, data: Any) -> bool:  # noqa: ANN401 - Django's signature
        """Whether another list was typed."""
        return self.to_python(initial or []) != self.to_python(data)


class OfSymbolsField(forms.Field, Generic[Value]):
    """Something of each symbol, a line each; ``example`` is shown while the field is empty."""

    def __init__(self, example: str, **options: Any) -> None:  # noqa: ANN401 - Django's options
        """Take the example and Django's options."""
        options.setdefault("required", False)
        options.setdefault("widget", UnfoldAdminTextareaWidget(attrs={"rows": 2, "placeholder": example}))
        super().__init__(**options)
        self._example = example

    def show(self, value: Value) -> str:
        """Give a value as it is typed."""
        raise NotImplementedError

    def read(self, line: str, symbol: str, words: list[str]) -> Value:
        """Give the value that the words behind a symbol say. Raises ValidationError."""
        raise NotImplementedError

    def prepare_value(self, value: Any) -> str:  # noqa: ANN401 - a mapping, or what was typed
        """Give the mapping as lines."""
        if isinstance(value, dict):
            return "\n".join(f"{symbol} {self.show(each)}" for symbol, each in value.items())
        return str(value or "")

    def to_python(self, value: Any) -> dict[str, Value]:  # noqa: ANN401 - a mapping, or what was typed
        """Give the lines as a mapping. Raises ValidationError."""
        if isinstance(value, dict):
            return value
        found: dict[str, Value] = {}
        for line in str(value or "").splitlines():
            symbol, *words = line.replace("=", " ").replace(":", " ").split() or [""]
            if symbol:
                found[symbol] = self.read(line.strip(), symbol, words)
        return found

    def has_changed(self, initial: Any, data: Any) -> bool:  # noqa: ANN401 - Django's signature
        """Whether another mapping was typed."""
        try:
            return self.to_python(initial or {}) != self.to_python(data)
        except ValidationError:
            return True


class WeightsField(OfSymbolsField[float]):
    """Points of symbols. ``check`` gives what is wrong with a symbol and the remedy, or None."""

    def __init__(self, check: Check | None = None, example: str = "GTUBE 50", **options: Any) -> None:  # noqa: ANN401 - Django's options
        """Take the check, a good line and Django's options."""
        super().__init__(example, **options)
        self._check = check

    def show(self, value: float) -> str:
        """Give points as they are typed."""
        return f"{value:g}"

    def read(self, line: str, symbol: str, words: list[str]) -> float:
        """Give the points. Raises ValidationError."""
        try:
            (points,) = map(float, words)
        except ValueError:
            raise ValidationError(f"{line!r} is no weight; write it as {self._example}") from None
        if self._check is not None and (wrong := self._check(symbol)):
            raise ValidationError("; ".join(wrong))
        return points
