"""How a domain knows its recipients, as fields of its form: the methods in their order, and the directory."""

from typing import Any

import msgspec
from django import forms
from unfold.widgets import UnfoldAdminDecimalFieldWidget

from gateway.mail.decisions import Action
from gateway.policy.admission import domain_faults
from gateway.policy.overlay import differing
from gateway.policy.snapshot import DomainPolicy, Ldap, TlsLevel, Validation
from webadmin.policy.fields import SecretField, SelectField, TextField

METHODS = ("validation_1", "validation_2", "validation_3")
LDAP = ("ldap_url", "ldap_base", "ldap_filter", "ldap_bind", "ldap_password", "ldap_tls", "ldap_ca", "ldap_seconds")
_CHOICES = [
    ("", "-"),
    (Validation.LIST.value, "the list here"),
    (Validation.LDAP.value, "the directory (LDAP)"),
    (Validation.NEXT_HOP.value, "the next hop's answer"),
]
_BASE = Ldap("", "")
_TLS = [
    (TlsLevel.VERIFIED.value, "must, with a verified certificate"),
    (TlsLevel.MUST.value, "must"),
    (TlsLevel.NEVER.value, "never"),
]
_DOWN = [(Action.DEFER.value, "defer"), (Action.DELIVER.value, "deliver")]


class ValidationFields(forms.ModelForm):  # type: ignore[type-arg]  # it takes none at run time
    """The fields, for the form of a domain to inherit."""

    validation_1 = SelectField(
        _CHOICES,
        label="Recipients are known by",
        help_text="Asked in this order; the first that knows decides. Nothing chosen: the list here.",
    )
    validation_2 = SelectField(_CHOICES, label="then by")
    validation_3 = SelectField(_CHOICES, label="then by")
    validation_down = SelectField(
        _DOWN, label="While none can be asked", help_text="What a recipient leads to while no method answers."
    )
    ldap_url = TextField("ldaps://directory.example.org", label="URL", help_text="ldap:// or ldaps://")
    ldap_base = TextField("ou=people,dc=example,dc=org", label="Base")
    ldap_filter = TextField(
        _BASE.filter,
        label="Filter",
        help_text="{address}, {local} and {domain} stand for the recipient. Empty: as shown.",
    )
    ldap_bind = TextField(label="Bind name", help_text="Empty: anonymous.")
    ldap_password = SecretField(label="New password")
    ldap_tls = SelectField(_TLS, label="TLS", help_text="STARTTLS of ldap://, and the certificate of either.")
    ldap_ca = TextField(label="CA file", help_text="A PEM file of authorities on the node. Empty: the system's.")
    ldap_seconds = forms.FloatField(
        label="Seconds",
        required=False,
        widget=UnfoldAdminDecimalFieldWidget(attrs={"placeholder": f"{_BASE.seconds:g}"}),
        help_text="For which an answer is waited.",
    )

    def __init__(self, *args: Any, **options: Any) -> None:  # noqa: ANN401 - Django's arguments
        """Show what holds."""
        super().__init__(*args, **options)
        for name, method in zip(METHODS, self.instance.validation, strict=False):
            self.initial[name] = method
        self.initial["ldap_tls"] = _BASE.tls.value
        for key, value in (self.instance.ldap or {}).items():
            self.initial[f"ldap_{key}"] = value

    def clean_validation_down(self) -> str:
        """Give the action, as it was where none was sent."""
        return str(self.cleaned_data["validation_down"] or self.instance.validation_down)

    def clean(self) -> dict[str, Any]:
        """Give the row what was typed, or the form the errors, as publishing would tell them."""
        cleaned = super().clean() or self.cleaned_data
        if self.errors:
            return cleaned
        row = self.instance
        methods = [cleaned[name] for name in METHODS if cleaned.get(name)] if self._was_sent(METHODS[0]) else None
        if methods is not None:
            row.validation = methods
        ldap = self._ldap() if self._was_sent(LDAP[0]) else row.ldap
        policy = DomainPolicy(
            route="",
            validation=tuple(Validation(each) for each in row.validation),
            validation_down=Action(cleaned["validation_down"]),
            plus=cleaned.get("plus") or "",
            ldap=None if ldap is None else msgspec.convert(ldap, Ldap),
        )
        for fault in domain_faults(policy, ()):
            self.add_error(_field(fault.place), f"{fault.reason}; {fault.remedy}")
        if not self.errors:
            if ldap and cleaned.get("ldap_password"):
                ldap["secret"] = (row.ldap or {}).get("secret", "")  # made when the password is kept
            row.ldap = ldap
        return cleaned

    def _ldap(self) -> dict[str, Any] | None:
        """Give the directory as it was typed, None where none was."""
        cleaned = self.cleaned_data
        if not any(cleaned.get(name) for name in LDAP[:4]):  # the others are never empty, or are no directory alone
            return None
        typed = {name.removeprefix("ldap_"): cleaned.get(name) for name in LDAP if name != "ldap_password"}
        secret = (self.instance.ldap or {}).get("secret") or ("new" if cleaned.get("ldap_password") else "")
        own = differing(_BASE, {**{key: value for key, value in typed.items() if value}, "secret": secret})
        return {"url": "", "base": "", **own}

    def _was_sent(self, name: str) -> bool:
        """Whether the browser sent a field at all."""
        return name in self.data


def _field(place: tuple[str | int, ...]) -> str:
    """Give the form's field of a place in a domain's policy."""
    first, *rest = place
    if first == "ldap" and rest:
        return f"ldap_{'password' if rest[0] == 'secret' else rest[0]}"
    if first == "validation":
        return METHODS[int(rest[0])] if rest else METHODS[0]
    return str(first)
