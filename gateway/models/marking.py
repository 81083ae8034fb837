"""The keys that mark mail that leaves. No row holds a secret: it names the file that does."""

from django.db import models


class MarkingKey(models.Model):
    """A BATV key. The newest that has begun signs; each is accepted until its last tag has expired."""

    number = models.PositiveSmallIntegerField(help_text="0 to 9; it stands in the tag.")
    secret = models.CharField(max_length=64, unique=True, help_text="Id of the file that holds the key.")
    since = models.DateField(help_text="The day (UTC) from which it signs.")
    retired = models.BooleanField(default=False, help_text="Retired in an emergency: its tags are suspect.")

    class Meta:
        """Table options."""

        ordering = ("-since", "secret")
        verbose_name = "BATV key"

    def __str__(self) -> str:
        """Give its number and its day."""
        return f"key {self.number} of {self.since}"
