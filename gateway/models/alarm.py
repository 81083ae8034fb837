"""Alarms: what an administrator must know now."""

from django.db import models


class Alarm(models.Model):
    """A fault, counted while it lasts."""

    text = models.CharField(max_length=400, unique=True)
    node = models.CharField(max_length=255, blank=True)
    first = models.DateTimeField()
    last = models.DateTimeField(db_index=True)
    count = models.PositiveIntegerField(default=1)
    cleared = models.DateTimeField(null=True, blank=True)

    class Meta:
        """Table options."""

        ordering = ("-last",)

    def __str__(self) -> str:
        """Give the text."""
        return self.text
