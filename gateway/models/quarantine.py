"""Quarantined copies: (message, recipient), each with a state of its own. The bytes lie in the spool."""

import enum

from django.db import models

from gateway.models.choices import choices
from gateway.spool.item import Purpose


class CopyState(enum.StrEnum):
    """Where a copy is. ``releasing`` is due to be delivered; ``failed`` was refused by the next hop or given up."""

    QUARANTINED = "quarantined"
    RELEASING = "releasing"
    RELEASED = "released"
    FAILED = "failed"
    DELETED = "deleted"
    EXPIRED = "expired"


class QuarantinedCopy(models.Model):
    """One recipient's copy. ``message`` is the trace's id, by which the spool finds the bytes."""

    message = models.CharField(max_length=40, db_index=True)
    recipient = models.CharField(max_length=320, db_index=True)
    route = models.CharField(max_length=64)
    sender = models.CharField(max_length=320, blank=True)
    header_from = models.TextField(blank=True)
    subject = models.TextField(blank=True)
    client_ip = models.GenericIPAddressField()
    received = models.DateTimeField(db_index=True)
    size = models.PositiveBigIntegerField()
    check_name = models.CharField("check", max_length=64, blank=True)
    symbol = models.CharField(max_length=64, blank=True)
    score = models.FloatField(default=0)
    because = models.TextField()
    purpose = models.CharField(max_length=16, choices=choices(Purpose), default=Purpose.REVIEW)
    state = models.CharField(max_length=16, choices=choices(CopyState), default=CopyState.QUARANTINED, db_index=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt = models.DateTimeField(null=True, blank=True)
    claimed = models.DateTimeField(null=True, blank=True, help_text="When a worker took it for delivery.")
    next_hop_reply = models.TextField(blank=True)
    changed = models.DateTimeField(auto_now=True)
    digest = models.CharField(
        max_length=40, blank=True, default="", db_default="", db_index=True, help_text="The digest that told of it."
    )

    class Meta:
        """Table options."""

        ordering = ("-received", "-id")
        verbose_name = "quarantined copy"
        verbose_name_plural = "quarantined copies"
        constraints = (
            models.UniqueConstraint(fields=("message", "recipient", "purpose"), name="one_copy_per_recipient"),
        )

    def __str__(self) -> str:
        """Give message and recipient."""
        return f"{self.message} for {self.recipient}"
