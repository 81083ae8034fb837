"""Our domains."""

from django.db import models

from gateway.models.route import Route
from gateway.models.rules import ThresholdColumns


class Domain(ThresholdColumns):
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

    class Meta:
        """Table options."""

        ordering = ("name",)

    def __str__(self) -> str:
        """Give the name."""
        return self.name
