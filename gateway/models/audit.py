"""Who did what."""

from django.db import models


class AuditEntry(models.Model):
    """One thing that a person or a job did. Never changed."""

    at = models.DateTimeField(auto_now_add=True, db_index=True)
    who = models.CharField(max_length=255)
    verb = models.CharField(max_length=64)
    target = models.CharField(max_length=400)
    detail = models.TextField(blank=True)

    class Meta:
        """Table options."""

        ordering = ("-at", "-id")
        verbose_name_plural = "audit entries"

    def __str__(self) -> str:
        """Give the sentence."""
        return f"{self.who}: {self.verb} {self.target}"
