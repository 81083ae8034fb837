"""Who is told what was quarantined, as fields of a domain's form.

The worker reads it, and no SMTP process: what is saved here holds at once, published or not.
"""

from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminTextInputWidget

from gateway.models import Domain
from gateway.policy.digest import DigestTo, digest_fault
from webadmin.policy import actions
from webadmin.policy.fields import SelectField

FIELDS = ("digest", "digest_to")
ABOUT = (
    "Once a day, a list of what was quarantined since the last one, to addresses of ours alone; no sender is ever "
    "notified of anything. It holds as soon as it is saved."
)
_KINDS = [
    (DigestTo.NONE.value, "none: nobody is told"),
    (DigestTo.ADMINISTRATOR.value, "administrator: one for the whole domain"),
    (DigestTo.RECIPIENTS.value, "recipients: each gets its own"),
]


class DigestFields(forms.ModelForm):  # type: ignore[type-arg]  # it takes none at run time
    """The fields, for the form of a domain to inherit. What the browser does not send stays as it is."""

    digest = SelectField(_KINDS, label="Digest", help_text="A recipient's own entry can switch it off for that one.")
    digest_to = forms.CharField(
        label="Digest to",
        required=False,
        max_length=320,
        widget=UnfoldAdminTextInputWidget(attrs={"placeholder": "admin@example.org"}),
        help_text="The address of ours that gets the administrator's digest, or whom recipients ask for a message. "
        "Empty: they ask the domain's postmaster.",
    )

    def clean_digest(self) -> str:
        """Give the kind, as it was where none was sent."""
        return str(self.cleaned_data["digest"] or self.instance.digest)

    def clean_digest_to(self) -> str:
        """Give the address in look-up form. Raises ValidationError."""
        typed: str = self.cleaned_data["digest_to"].strip()
        return actions.address_of(typed) if typed else ""

    def clean(self) -> dict[str, Any]:
        """Check that the digest has somewhere to go, and stays with us."""
        cleaned = super().clean() or self.cleaned_data
        address = cleaned.get("digest_to")
        if address is not None and (address or cleaned.get("digest") == DigestTo.ADMINISTRATOR):
            policy = actions.policy_of_rows()
            if policy is not None and (wrong := digest_fault(cleaned.get("digest", ""), address, lambda: policy)):
                field, reason, remedy = wrong
                self.add_error(field, f"{reason}; {remedy}")
        return cleaned

    class Meta:
        """Of a domain."""

        model = Domain
        fields = FIELDS
