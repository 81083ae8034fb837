"""What actions need besides thresholds, as fields of the forms of domains, recipients and outbound mail.

Each is told as publishing would tell it: whatever can be saved here can be published.
"""

from typing import Any

import msgspec
from django import forms
from django.core.exceptions import ValidationError
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from gateway.checks.symbols import symbol_fault
from gateway.mail.address import AddressError, parse_mailbox
from gateway.mail.decisions import Action
from gateway.operations import building
from gateway.policy.actions import attachment_rule_faults, no_strip, target_fault
from gateway.policy.attachments import ATTACHMENTS
from gateway.policy.matching import Policy
from gateway.policy.snapshot import AttachmentRule
from webadmin.policy.fields import LinesField, OfSymbolsField

FIELDS = ("redirect_to", "copy_to", "attachments")
OUTERMOST = "not in archives"
_WORDS = tuple(each.value for each in Action)
ACTIONS = ", ".join(_WORDS)
ABOUT = (
    "Where redirected mail and blind copies go, and rules by name and type of attachments. Both stay within our own "
    "domains and leave from the null sender; no sender is ever notified of anything."
)
_EXAMPLE = "disk images: *.iso, *.img, application/x-iso9660-image -> strip"


class ActionsField(OfSymbolsField[str]):
    """Actions of symbols."""

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - Django's options
        """Take Django's options."""
        super().__init__("SYMBOL quarantine", **options)

    def show(self, value: str) -> str:
        """Give an action as it is typed."""
        return value

    def read(self, line: str, symbol: str, words: list[str]) -> str:  # noqa: ARG002 - each symbol has the same actions
        """Give the action. Raises ValidationError."""
        if len(words) != 1 or words[0] not in _WORDS:
            raise ValidationError(f"{line!r}: write SYMBOL and one of {ACTIONS}")
        return words[0]


class AttachmentRulesField(forms.Field):
    """Attachment rules, ``name: *.iso, type/subtype -> action`` a line; as values without what is as by default."""

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - Django's options
        """Take Django's options."""
        options.setdefault("required", False)
        options.setdefault("widget", UnfoldAdminTextareaWidget(attrs={"rows": 4, "placeholder": _EXAMPLE}))
        super().__init__(**options)

    def prepare_value(self, value: Any) -> str:  # noqa: ANN401 - a list, or what was typed
        """Give the rules as lines."""
        if isinstance(value, list):
            return "\n".join(_line(each) for each in msgspec.convert(value, list[AttachmentRule]))
        return str(value or "")

    def to_python(self, value: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - a list, or what was typed
        """Give the lines as rules. Raises ValidationError."""
        if isinstance(value, list):
            return value
        return [_rule(line, at) for at, line in enumerate(str(value or "").splitlines(), 1) if line.strip()]

    def validate(self, value: list[dict[str, Any]]) -> None:
        """Check the rules as publishing does. Raises ValidationError."""
        super().validate(value)
        rules = msgspec.convert(value, list[AttachmentRule])
        wrong = [f"rule {at + 1}: {reason}; {remedy}" for at, _, reason, remedy in attachment_rule_faults(rules)]
        if wrong:
            raise ValidationError(wrong)

    def has_changed(self, initial: Any, data: Any) -> bool:  # noqa: ANN401 - Django's signature
        """Whether other rules were typed."""
        try:
            return self.to_python(initial or []) != self.to_python(data)
        except ValidationError:
            return True


class ActionFields(forms.ModelForm):  # type: ignore[type-arg]  # it takes none at run time
    """The fields, for a form to inherit."""

    redirect_to = forms.CharField(
        label="Redirect to",
        required=False,
        max_length=320,
        widget=UnfoldAdminTextInputWidget(attrs={"placeholder": "spam@example.org"}),
        help_text="The address of ours that gets what is redirected: by the threshold, a check or a rule below.",
    )
    copy_to = LinesField(
        lambda _: None,
        label="Copy to",
        help_text="Addresses of ours that get a blind copy of all that is delivered, one a line.",
    )
    attachments = AttachmentRulesField(
        label="Attachment rules",
        help_text="One a line, the first that fits an attachment decides: name: patterns -> action. "
        "What has a / is a media type, by content; all else a file name; where both are given, both must fit. "
        f"Add “, {OUTERMOST}” behind the action to leave alone what lies in archives. Actions: {ACTIONS}.",
    )

    def __init__(self, *args: Any, **options: Any) -> None:  # noqa: ANN401 - Django's arguments
        """Leave out what this form does not show: a row among others of its domain has no room for it."""
        super().__init__(*args, **options)
        for name in FIELDS:
            if name not in (self._meta.fields or ()):
                del self.fields[name]

    def clean_redirect_to(self) -> str:
        """Give the address in look-up form. Raises ValidationError."""
        typed: str = self.cleaned_data["redirect_to"].strip()
        return address_of(typed) if typed else ""

    def clean_copy_to(self) -> list[str]:
        """Give the addresses in look-up form. Raises ValidationError."""
        return list(dict.fromkeys(address_of(typed) for typed in self.cleaned_data["copy_to"]))

    def clean(self) -> dict[str, Any]:
        """Check that what is redirected and copied has somewhere to go, and stays with us."""
        cleaned = super().clean() or self.cleaned_data
        targets = [
            ("redirect_to", cleaned.get("redirect_to")),
            *(("copy_to", each) for each in cleaned.get("copy_to") or ()),
        ]
        if any(target for _, target in targets) and (policy := policy_of_rows()) is not None:
            for field, target in targets:
                if target and (wrong := target_fault(target, lambda: policy)):
                    self.add_error(field, "; ".join(wrong))
        rules = cleaned.get("attachments", self.instance.attachments) or ()
        asks = cleaned.get("redirect") is not None or any(rule.get("action") == Action.REDIRECT for rule in rules)
        there = cleaned.get("redirect_to", self.instance.redirect_to) or self.redirected_anyway(cleaned)
        if asks and not there:
            field = "redirect_to" if "redirect_to" in self.fields else "redirect"
            self.add_error(field, "Something redirects; give the address of ours that gets it.")
        return cleaned

    def redirected_anyway(self, cleaned: dict[str, Any]) -> bool:  # noqa: ARG002 - for a form whose domain says where to
        """Whether there is an address to redirect to where none is given here."""
        return "redirect_to" in self.errors


def check_actions(form: "forms.ModelForm[Any]", check: str) -> None:
    """Add an error to a form whose check can't lead to its actions, or never gives a symbol that they name."""
    if check != ATTACHMENTS and form.cleaned_data.get("action") == Action.STRIP:
        form.add_error("action", "; ".join(no_strip(check)))
    if check != ATTACHMENTS and Action.STRIP in (form.cleaned_data.get("actions") or {}).values():
        form.add_error("actions", "; ".join(no_strip(check)))
    for symbol in form.cleaned_data.get("actions") or ():
        if wrong := symbol_fault(check, symbol):
            form.add_error("actions", "; ".join(wrong))


def _line(rule: AttachmentRule) -> str:
    """Give a rule as a line."""
    patterns = ", ".join((*rule.names, *rule.types))
    return f"{rule.name}: {patterns} -> {rule.action}{'' if rule.inside else f', {OUTERMOST}'}"


def _rule(line: str, at: int) -> dict[str, Any]:
    """Read a rule from its line. Raises ValidationError."""
    head, arrow, tail = line.rpartition("->")
    name, colon, patterns = head.partition(":")
    action, _, where = (word.strip() for word in tail.partition(","))
    if not arrow or not colon:
        raise ValidationError(f"line {at}: write it as {_EXAMPLE}")
    if action not in _WORDS:
        raise ValidationError(f"line {at}: rule {name.strip()!r}: {action!r} is no action; write one of {ACTIONS}")
    if where not in {"", OUTERMOST}:
        said = f"behind the action there may stand “, {OUTERMOST}”"
        raise ValidationError(f"line {at}: rule {name.strip()!r}: {where!r} is not understood; {said}")
    words = [word for each in patterns.split(",") if (word := each.strip())]
    rule: dict[str, Any] = {"name": name.strip()}
    names, types = [word for word in words if "/" not in word], [word for word in words if "/" in word]
    rule |= {field: found for field, found in (("names", names), ("types", types)) if found}
    if where:
        rule["inside"] = False
    if action != AttachmentRule("").action:
        rule["action"] = action
    return rule


def address_of(typed: str) -> str:
    """Give an address in look-up form. Raises ValidationError."""
    try:
        return parse_mailbox(typed).key
    except AddressError as error:
        raise ValidationError(f"{typed!r} is no address: {error}; write user@domain") from None


def policy_of_rows() -> Policy | None:
    """Give the policy that the rows make now; None while it is one that can't be looked addresses up in."""
    try:
        return Policy(building.build(1, ""))
    except ValueError:
        return None  # publishing tells what is wrong with it
