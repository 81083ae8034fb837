"""How the DNS lists are, as probes of their test points show it. The number of a row is how a trace cites it."""

from django.db import models


class ListHealth(models.Model):
    """One list of the policy in force."""

    zone = models.CharField(max_length=255, unique=True)
    probed = models.DateTimeField(help_text="When it was last probed.")
    trouble = models.TextField(blank=True, help_text="What the last probe showed; empty: it is well.")
    remark = models.TextField(blank=True)
    silent = models.PositiveIntegerField(default=0, help_text="Probes in a row without an answer.")
    milliseconds = models.FloatField(default=0, help_text="How long its slowest answer took.")
    off_since = models.DateTimeField(null=True, blank=True, help_text="Since when it is switched off; empty: it is on.")
    because = models.TextField(blank=True, help_text="Why it was switched off.")

    class Meta:
        """Table options."""

        ordering = ("zone",)
        verbose_name_plural = "health of DNS lists"

    def __str__(self) -> str:
        """Give the zone."""
        return self.zone
