"""Parts of a policy that a row keeps as what differs from a default, as fields of a form.

A field shows the value that holds, default or not. Where a limit may be none, an empty field says so. What equals the
default when it is saved is not kept, so that a later, better default reaches this node too.
"""

import types
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import msgspec
from django import forms
from django.core.exceptions import ValidationError
from unfold.widgets import UnfoldAdminDecimalFieldWidget, UnfoldAdminIntegerFieldWidget, UnfoldAdminTextareaWidget

from gateway.policy.overlay import differing, laid_over
from gateway.policy.snapshot import SendingLimits
from gateway.policy.wellformed import Fault, network_fault
from webadmin.policy.fields import LinesField

Form = TypeVar("Form", bound="type[forms.ModelForm[Any]]")


class Part(msgspec.Struct, frozen=True):
    """One such part: the row's column, the default, what is wrong with a value, and what a person reads of a field.

    ``words`` maps a field to its label and its help.
    """

    column: str
    base: msgspec.Struct
    faults: Callable[[Any], Iterator[Fault]]
    words: dict[str, tuple[str, str]]

    def name(self, field: str) -> str:
        """Give the form's name of a field."""
        return f"{self.column}_{field}"

    @property
    def names(self) -> tuple[str, ...]:
        """Give the form's names of all fields."""
        return tuple(self.name(field) for field in self.words)


def with_parts(*parts: Part) -> Callable[[Form], Form]:
    """Decorate a form of a row with the fields of its parts."""

    def decorate(form: Form) -> Form:
        for part in parts:
            made = {part.name(field): _field(part, field) for field in part.words}
            form.declared_fields.update(made)
            form.base_fields.update(made)
        return form

    return decorate


def show(form: "forms.ModelForm[Any]", *parts: Part) -> None:
    """Fill the fields of a form with what holds."""
    for part in parts:
        value = laid_over(part.base, getattr(form.instance, part.column))
        for field in part.words:
            held = getattr(value, field)
            form.initial[part.name(field)] = list(held) if isinstance(held, tuple) else held


def take(form: "forms.ModelForm[Any]", *parts: Part) -> None:
    """Give the row what was typed, or the form the errors. A field that was not sent stays as it is."""
    for part in parts:
        sent = [field for field in part.words if _was_sent(form, part.name(field))]
        if any(part.name(field) in form.errors for field in sent):
            continue
        held = getattr(form.instance, part.column)
        typed = {field: form.cleaned_data.get(part.name(field)) for field in sent}
        required = {
            field.name: field.default for field in msgspec.structs.fields(part.base) if field.type in {int, float}
        }
        own = {**held, **{field: required.get(field) if value is None else value for field, value in typed.items()}}
        for fault in part.faults(laid_over(part.base, own)):
            field = next(str(step) for step in fault.place if step in part.words)
            form.add_error(part.name(field), f"{fault.reason}; {fault.remedy}")
        setattr(form.instance, part.column, differing(part.base, own))


class LimitsField(forms.Field):
    """Limits of single ones, ``NAME messages=100 senders=none`` a line."""

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - Django's options
        """Take Django's options."""
        options.setdefault("required", False)
        example = "printer messages=100 senders=1"
        options.setdefault("widget", UnfoldAdminTextareaWidget(attrs={"rows": 3, "placeholder": example}))
        super().__init__(**options)

    def prepare_value(self, value: Any) -> str:  # noqa: ANN401 - a mapping, or what was typed
        """Give the mapping as lines."""
        if not isinstance(value, dict):
            return str(value or "")
        return "\n".join(" ".join([name, *_words(own)]) for name, own in sorted(value.items()))

    def to_python(self, value: Any) -> dict[str, dict[str, float | None]]:  # noqa: ANN401 - as above
        """Give the lines as a mapping. Raises ValidationError."""
        if isinstance(value, dict):
            return value
        limits = {}
        for at, line in enumerate(str(value or "").splitlines(), 1):
            words = line.split()
            first = next((place for place, word in enumerate(words) if "=" in word), len(words))
            if words and (first == 0 or first == len(words)):
                raise ValidationError(f"line {at}: write a name and its limits, as printer messages=100")
            if words:
                limits[" ".join(words[:first])] = dict(_limit(word, at) for word in words[first:])
        return limits

    def has_changed(self, initial: Any, data: Any) -> bool:  # noqa: ANN401 - Django's signature
        """Whether other limits were typed."""
        try:
            return self.to_python(initial or {}) != self.to_python(data)
        except ValidationError:
            return True


def _words(limits: dict[str, float | None]) -> Iterator[str]:
    """Give limits as ``field=number``, in the order of the fields: jsonb keeps no other."""
    for field in SendingLimits.__struct_fields__:
        if field in limits:
            each = limits[field]
            yield f"{field}={'none' if each is None else f'{each:g}'}"


def _limit(word: str, line: int) -> tuple[str, float | None]:
    """Read one ``field=number``. Raises ValidationError."""
    field, _, text = word.partition("=")
    if field in SendingLimits.__struct_fields__:
        if text == "none" and field != "hours":
            return field, None
        try:
            return field, float(text) if field == "hours" else int(text)
        except ValueError:
            pass
    fields = ", ".join(f"{each}=" for each in SendingLimits.__struct_fields__)
    raise ValidationError(f"line {line}: {word!r} is no limit; write one of {fields} with a number, or none")


def _field(part: Part, field: str) -> forms.Field:
    """Make the form's field of one value."""
    kind = next(each.type for each in msgspec.structs.fields(part.base) if each.name == field)
    label, text = part.words[field]
    options: Mapping[str, Any] = {"label": label, "help_text": text, "required": False}
    if kind is float:
        return forms.FloatField(widget=UnfoldAdminDecimalFieldWidget(), **options)
    if kind is int or isinstance(kind, types.UnionType):
        empty = "" if kind is int else "no limit"
        return forms.IntegerField(widget=UnfoldAdminIntegerFieldWidget(attrs={"placeholder": empty}), **options)
    return LinesField(network_fault, **options)


def _was_sent(form: "forms.ModelForm[Any]", name: str) -> bool:
    """Whether the browser sent a field at all."""
    field = form.fields.get(name)
    return field is not None and not field.widget.value_omitted_from_data(form.data, form.files, form.add_prefix(name))
