"""Digests of the quarantine: which were made, so that each is sent once."""

from django.db import models

from gateway.models.choices import choices
from gateway.policy.digest import DigestTo


class Digest(models.Model):
    """One digest. ``id`` follows from domain, address and day, and names it in the spool and to the next hop.

    The copies that it tells of name it in their column ``digest``.
    """

    id = models.CharField(primary_key=True, max_length=40)
    domain = models.CharField(max_length=255)
    kind = models.CharField(max_length=16, choices=choices(DigestTo))
    recipient = models.CharField(max_length=320, help_text="Who gets it, in lower case.")
    made = models.DateTimeField(db_index=True)
    node = models.CharField(max_length=255, help_text="Whose spool it goes through.")
    spooled = models.BooleanField(default=False, help_text="Whether it is durably in the spool.")

    class Meta:
        """Table options."""

        ordering = ("-made", "id")

    def __str__(self) -> str:
        """Give domain and recipient."""
        return f"digest of {self.domain} for {self.recipient}"
