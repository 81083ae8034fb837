"""Trusted forwarders."""

from django.db import models

from gateway.mail.decisions import Action
from gateway.models.choices import choices


class Forwarder(models.Model):
    """A secondary MX, list host or forwarding service, which turns every 5xx into a bounce."""

    name = models.SlugField(unique=True)
    networks = models.JSONField(default=list, help_text="Networks in CIDR form.")
    unknown_recipient = models.CharField(
        max_length=16, choices=choices(Action, Action.DROP, Action.DEFER), default=Action.DROP
    )
    virus = models.CharField(
        max_length=16, choices=choices(Action, Action.DROP, Action.QUARANTINE), default=Action.DROP
    )
    other = models.CharField(
        "other refusals",
        max_length=16,
        choices=choices(Action, Action.QUARANTINE, Action.DROP),
        default=Action.QUARANTINE,
    )

    class Meta:
        """Table options."""

        ordering = ("name",)

    def __str__(self) -> str:
        """Give the name."""
        return self.name
