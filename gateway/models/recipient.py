"""The recipients that we know of."""

from django.db import models

from gateway.models.choices import choices
from gateway.models.domain import Domain
from gateway.models.rules import ActionColumns, ThresholdColumns
from gateway.policy.digest import DigestTo


class Recipient(ThresholdColumns, ActionColumns):
    """One recipient of a domain; its thresholds and actions, where set, go before the domain's."""

    domain = models.ForeignKey(Domain, on_delete=models.CASCADE, related_name="recipients")
    local_part = models.CharField(max_length=255, help_text="In lower case; * stands for anything.")
    alias = models.CharField(
        max_length=320, blank=True, help_text="The address of ours that its mail is for. Empty: its own."
    )
    digest = models.CharField(
        max_length=16,
        choices=choices(DigestTo, DigestTo.NONE),
        blank=True,
        default="",
        db_default="",
        help_text="none: no digest, whatever the domain says. Empty: as the domain has it.",
    )

    class Meta:
        """Table options."""

        ordering = ("domain", "local_part")
        constraints = (models.UniqueConstraint(fields=("domain", "local_part"), name="one_recipient_per_address"),)

    def __str__(self) -> str:
        """Give the address."""
        return f"{self.local_part}@{self.domain}"
