"""DNS lists of client addresses."""

from typing import Any

from django.db import models

from gateway.models.choices import choices
from gateway.policy.snapshot import DnsList as Words
from gateway.policy.snapshot import ListKind

DEFAULTS = Words()


def default_codes() -> dict[str, Any]:
    """Give the return code that most lists answer with."""
    return dict(DEFAULTS.codes)


class DnsList(models.Model):
    """One list, known by its zone (RFC 5782)."""

    zone = models.CharField(max_length=255, unique=True, help_text="The list's zone, as zen.dnsbl.example.")
    kind = models.CharField(
        max_length=16,
        choices=choices(ListKind),
        default=DEFAULTS.kind,
        help_text="block and allow: every client; null_sender: clients that bring mail from the null sender only.",
    )
    codes = models.JSONField(default=default_codes, help_text="Return code: points. Nothing else is a listing.")
    listed = models.CharField(
        "listed test point", max_length=45, blank=True, default=DEFAULTS.listed, help_text="Empty: it has none."
    )
    unlisted = models.CharField(
        "unlisted test point", max_length=45, blank=True, default=DEFAULTS.unlisted, help_text="Empty: it has none."
    )
    enabled = models.BooleanField(default=True)

    class Meta:
        """Table options."""

        ordering = ("zone",)
        verbose_name = "DNS list"

    def __str__(self) -> str:
        """Give the zone."""
        return self.zone
