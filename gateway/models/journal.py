"""How far each journal has been read."""

from django.db import models


class JournalPosition(models.Model):
    """The offset behind the last ingested line of one journal file, in octets."""

    name = models.CharField(max_length=255, unique=True)
    offset = models.PositiveBigIntegerField(default=0)

    class Meta:
        """Table options."""

        ordering = ("name",)

    def __str__(self) -> str:
        """Give name and offset."""
        return f"{self.name} @ {self.offset}"
