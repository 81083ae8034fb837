"""Our domains."""

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator
from django.db import models

from gateway.mail.decisions import Action
from gateway.models.choices import choices
from gateway.models.route import Route
from gateway.models.rules import ActionColumns, ThresholdColumns
from gateway.policy.digest import DigestTo
from gateway.policy.mta_sts import DEFAULT_AGE, MOST_AGE, StsMode
from gateway.policy.wellformed import address_fault


class Domain(ThresholdColumns, ActionColumns):
    """A domain whose mail we accept."""

    name = models.CharField(max_length=255, unique=True, help_text="In lower case; international names as A-labels.")
    route = models.ForeignKey(Route, on_delete=models.PROTECT, related_name="domains")
    observe = models.BooleanField(default=False, help_text="Judge everything, refuse nothing.")
    accept_unknown = models.BooleanField(default=False, help_text="Let the next hop alone say which recipients exist.")
    marks_since = models.DateField(
        null=True,
        blank=True,
        help_text="The day since which all its mail leaves here, marked. Empty: some still leaves another way.",
    )
    guided = models.BooleanField(
        default=True, help_text="Forged bounces: from observe to quarantine to reject by itself, once that is safe."
    )
    switch_on = models.DateField(
        null=True, blank=True, help_text="Guided: the day before which nothing moves. Empty: as soon as it is safe."
    )
    dkim_selector = models.CharField("DKIM selector", max_length=63, blank=True)
    dkim_secret = models.CharField(
        max_length=64, blank=True, editable=False, help_text="Id of the file that holds the private DKIM key."
    )
    validation = models.JSONField(
        default=list,
        blank=True,
        help_text="Where a recipient is looked up, in this order: list, ldap, next_hop. Empty: list.",
    )
    validation_down = models.CharField(
        "validation down",
        max_length=16,
        choices=choices(Action, Action.DEFER, Action.DELIVER),
        default=Action.DEFER,
        help_text="What it leads to that none of them could be asked.",
    )
    plus = models.CharField(
        "detail separator",
        max_length=1,
        blank=True,
        default="+",
        help_text="What parts a detail from a local part, as in alice+shop. Empty: nothing does.",
    )
    ldap = models.JSONField("LDAP", null=True, blank=True)
    accepts_everyone = models.CharField(
        max_length=400,
        blank=True,
        help_text="Only where the next hop takes mail for anybody: who said that this may be, and why.",
    )
    # Later columns have a default in the database: the release before writes rows too, and knows none of them (ADR 13).
    mta_sts = models.CharField(
        "MTA-STS",
        max_length=8,
        choices=choices(StsMode),
        default=StsMode.NONE,
        db_default=StsMode.NONE.value,
        help_text="What other servers do that get no TLS with a certificate they trust. none: deliver. "
        "testing: deliver, and report it. enforce: do not deliver.",
    )
    mta_sts_max_age = models.PositiveIntegerField(
        "MTA-STS max_age",
        default=DEFAULT_AGE,
        db_default=DEFAULT_AGE,
        validators=[MaxValueValidator(MOST_AGE)],
        help_text="For how many seconds they remember that: 604800 is a week, 31557600 a year and the most.",
    )
    tls_reports = models.CharField(
        "TLS reports to",
        max_length=320,
        blank=True,
        default="",
        db_default="",
        help_text="The address to which they report how TLS went (TLS-RPT). Empty: no record asks for reports.",
    )
    digest = models.CharField(
        max_length=16,
        choices=choices(DigestTo),
        default=DigestTo.NONE,
        db_default=DigestTo.NONE.value,
        help_text="Who is told once a day what was quarantined.",
    )
    digest_to = models.CharField(
        max_length=320,
        blank=True,
        default="",
        db_default="",
        help_text="The address of ours that gets the administrator's digest, or whom recipients ask. "
        "Empty: they ask the domain's postmaster.",
    )

    class Meta:
        """Table options."""

        ordering = ("name",)

    def __str__(self) -> str:
        """Give the name."""
        return self.name

    def clean(self) -> None:
        """Check the address of TLS reports. Raises ValidationError."""
        if self.tls_reports and (fault := address_fault(self.tls_reports)):
            raise ValidationError({"tls_reports": "; ".join(fault)})
