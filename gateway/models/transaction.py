"""Transactions as ingested from the journals."""

from django.db import models

from gateway.mail.decisions import Action, Disposition
from gateway.models.choices import choices


class Transaction(models.Model):
    """One trace. The columns are what lists and filters need; ``trace`` is the record itself."""

    id = models.CharField(primary_key=True, max_length=40)
    started = models.DateTimeField(db_index=True)
    node = models.CharField(max_length=255)
    revision = models.PositiveIntegerField()
    listener = models.CharField(max_length=16)
    client_ip = models.GenericIPAddressField(db_index=True)
    helo = models.CharField(max_length=255, blank=True)
    account = models.CharField(max_length=255, blank=True)
    sender = models.CharField(max_length=320, null=True, blank=True, db_index=True)  # noqa: DJ001 - empty is the null sender, NULL is no MAIL
    header_from = models.TextField(blank=True)
    subject = models.TextField(blank=True)
    message_id = models.TextField(blank=True)
    size = models.PositiveBigIntegerField(default=0)
    disposition = models.CharField(max_length=16, db_index=True)
    because = models.TextField(blank=True)
    reply = models.TextField(blank=True)
    duration_ms = models.FloatField(default=0)
    trace = models.JSONField()

    class Meta:
        """Table options."""

        ordering = ("-started", "-id")
        verbose_name = "message"

    def __str__(self) -> str:
        """Give the id."""
        return self.id


class TransactionRecipient(models.Model):
    """One recipient of a transaction."""

    transaction = models.ForeignKey(Transaction, on_delete=models.CASCADE, related_name="recipients")
    address = models.CharField(max_length=320, db_index=True)
    action = models.CharField(max_length=16, choices=choices(Action), blank=True)
    disposition = models.CharField(max_length=16, choices=choices(Disposition), blank=True)
    because = models.TextField(blank=True)
    score = models.FloatField(default=0)
    reply = models.TextField(blank=True)

    class Meta:
        """Table options."""

        ordering = ("id",)

    def __str__(self) -> str:
        """Give the address."""
        return self.address
