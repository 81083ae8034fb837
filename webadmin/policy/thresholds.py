"""Thresholds as a form checks them: in order, once those below them are filled in."""

from typing import Any

import msgspec
from django import forms

from gateway.policy.snapshot import Thresholds
from gateway.policy.wellformed import threshold_fault

FIELDS = ("tag", "redirect", "quarantine", "reject", "drop")  # in the order in which they rise
assert {*FIELDS} == {*Thresholds.__struct_fields__}  # noqa: S101 - a new threshold must not be left off a form
ROWS = (("tag", "redirect"), ("quarantine", "reject"), "drop")  # as they stand in a form


def overlaid(base: Thresholds, values: dict[str, Any]) -> Thresholds:
    """Lay the thresholds that are set over those below them."""
    return msgspec.structs.replace(base, **{name: values[name] for name in FIELDS if values.get(name) is not None})


def check(form: "forms.ModelForm[Any]", base: Thresholds) -> None:
    """Add an error to the form where its thresholds are out of order."""
    if any(name in form.errors for name in FIELDS):
        return
    if wrong := threshold_fault(overlaid(base, form.cleaned_data)):
        name, reason, remedy = wrong
        # A threshold that a person did not touch can be in the way of one that they did.
        form.add_error(name, f"{reason}; {remedy}")
