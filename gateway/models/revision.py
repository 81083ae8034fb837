"""Published policies."""

from django.db import models


class PolicyRevision(models.Model):
    """One published snapshot; its number is the file's name."""

    number = models.PositiveIntegerField(primary_key=True)
    published = models.DateTimeField()
    by = models.CharField(max_length=255)
    summary = models.TextField(blank=True, help_text="What changed against the one before.")
    snapshot = models.JSONField()

    class Meta:
        """Table options."""

        ordering = ("-number",)

    def __str__(self) -> str:
        """Give the number."""
        return f"revision {self.number}"
