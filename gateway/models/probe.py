"""What the next hop of a domain said to a recipient that nobody has."""

from django.db import models


class RecipientProbe(models.Model):
    """The last answer of one domain's next hop to a random recipient. Learned, not policy."""

    domain = models.CharField(max_length=255, unique=True)
    at = models.DateTimeField()
    accepts = models.BooleanField(help_text="Whether it took the random recipient, and so would take anybody.")
    hosts = models.TextField(blank=True, help_text="The hosts of its route then; others are not known by it.")
    reply = models.CharField(max_length=400, blank=True, help_text="What it said.")

    class Meta:
        """Table options."""

        ordering = ("domain",)

    def __str__(self) -> str:
        """Say what was found."""
        return f"{self.domain}: {'accepts everyone' if self.accepts else 'refuses unknown recipients'}"
