"""What other servers are told about TLS with us, as fields of a domain's form: MTA-STS, and where TLS reports go.

Both are told by DNS and by a file on the web, and not by SMTP: what is saved here holds at once, published or not.
"""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from gateway.mail.address import AddressError, parse_mailbox
from gateway.models import Domain
from gateway.policy.mta_sts import StsMode
from webadmin.policy.fields import SelectField

FIELDS = ("mta_sts", "mta_sts_max_age", "tls_reports")
ROWS = (FIELDS[:2], "tls_reports")
ABOUT = "What other servers are told about TLS with this one. It holds as soon as it is saved, and published in DNS."
_MODES = [
    (StsMode.NONE.value, "none: deliver anyway"),
    (StsMode.TESTING.value, "testing: deliver, and report it"),
    (StsMode.ENFORCE.value, "enforce: do not deliver"),
]


class TlsFields(forms.ModelForm):  # type: ignore[type-arg]  # it takes none at run time
    """The fields, for the form of a domain to inherit. What the browser does not send stays as it is."""

    mta_sts = SelectField(
        _MODES,
        label="MTA-STS",
        help_text="What other servers do that get no TLS here with a certificate that they trust.",
    )

    def __init__(self, *args: Any, **options: Any) -> None:  # noqa: ANN401 - Django's arguments
        """Let a form be sent without them."""
        super().__init__(*args, **options)
        self.fields["mta_sts_max_age"].required = False

    def clean_mta_sts(self) -> str:
        """Give the mode, as it was where none was sent."""
        return str(self.cleaned_data["mta_sts"] or self.instance.mta_sts)

    def clean_mta_sts_max_age(self) -> int:
        """Give the seconds, as they were where none were sent."""
        typed = self.cleaned_data["mta_sts_max_age"]
        return int(self.instance.mta_sts_max_age if typed is None else typed)

    def clean_tls_reports(self) -> str:
        """Give the address in look-up form. Raises ValidationError."""
        typed: str = self.cleaned_data["tls_reports"].strip()
        try:
            return parse_mailbox(typed).key if typed else ""
        except AddressError as error:
            raise ValidationError(f"{typed!r} is no address: {error}; write user@domain") from None

    class Meta:
        """Of a domain."""

        model = Domain
        fields = FIELDS
