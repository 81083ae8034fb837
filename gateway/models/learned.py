"""What the gateway has learned by itself. The number of a row is how a trace cites it."""

from django.db import models

from gateway.backscatter.words import Kind, Verdict
from gateway.models.choices import choices
from gateway.models.transaction import Transaction
from gateway.policy.learned import Stage


class JudgedBounce(models.Model):
    """The verdict on one automatic message for one recipient, as a trace told it."""

    transaction = models.ForeignKey(Transaction, on_delete=models.CASCADE, related_name="judged")
    recipient = models.CharField(max_length=320, help_text="Without its tag, in lower case.")
    domain = models.CharField(max_length=255)
    at = models.DateTimeField(db_index=True)
    client_ip = models.GenericIPAddressField()
    helo = models.CharField("HELO", max_length=255, blank=True)
    null_sender = models.BooleanField()
    kind = models.CharField(max_length=16, choices=choices(Kind))
    verdict = models.CharField(max_length=16, choices=choices(Verdict))
    refused = models.BooleanField(help_text="Whether it was kept from the recipient.")
    hinted = models.BooleanField(help_text="Whether a hint or a proof spoke for it.")
    past_gateway = models.BooleanField(help_text="Whether it names mail of ours that did not leave here.")
    mine = models.DateTimeField(null=True, blank=True, help_text="When somebody said: this was mine.")

    class Meta:
        """Table options."""

        ordering = ("-at", "-id")
        indexes = (
            models.Index(fields=("recipient", "at"), name="judged_recipient_at"),
            models.Index(fields=("domain", "at"), name="judged_domain_at"),
        )
        constraints = (models.UniqueConstraint(fields=("transaction", "recipient"), name="one_verdict_per_recipient"),)

    def __str__(self) -> str:
        """Give the verdict and whom it is about."""
        return f"{self.verdict} {self.kind} to {self.recipient}"


class Storm(models.Model):
    """A storm of false bounces to one address: an incident that opens and closes by itself."""

    victim = models.CharField(max_length=320, db_index=True)
    domain = models.CharField(max_length=255)
    started = models.DateTimeField(db_index=True)
    last = models.DateTimeField(help_text="When the last false bounce came.")
    until = models.DateTimeField(help_text="The address is tightened until then.")
    closed = models.DateTimeField(null=True, blank=True)
    count = models.PositiveIntegerField(default=0, help_text="False bounces that came.")
    refused = models.PositiveIntegerField(default=0, help_text="Of them, kept from the victim.")
    sample = models.CharField(max_length=40, blank=True, help_text="Id of one of the messages.")
    reporters = models.JSONField(default=dict, help_text="Servers that sent most, with how many.")

    class Meta:
        """Table options."""

        ordering = ("-started", "-id")
        constraints = (
            models.UniqueConstraint(
                fields=("victim",), condition=models.Q(closed__isnull=True), name="one_open_storm_per_victim"
            ),
        )

    def __str__(self) -> str:
        """Name the victim."""
        return f"storm {self.pk} against {self.victim}"


class Backscatterer(models.Model):
    """A host that sent bounces which are proven false."""

    name = models.CharField(max_length=255, unique=True, help_text="IP address, or HELO name in lower case.")
    points = models.FloatField(help_text="As of the last time; they decay.")
    first = models.DateTimeField()
    last = models.DateTimeField(db_index=True)
    count = models.PositiveIntegerField(default=0)
    sample = models.CharField(max_length=40, blank=True, help_text="Id of the last message.")

    class Meta:
        """Table options."""

        ordering = ("-points", "name")

    def __str__(self) -> str:
        """Give the name."""
        return self.name


class NeverTag(models.Model):
    """A destination that refused tagged senders, so that its mail goes untagged for a while."""

    destination = models.CharField(max_length=320, unique=True, help_text="Address or domain, in look-up form.")
    since = models.DateTimeField()
    expires = models.DateTimeField(db_index=True)
    because = models.TextField()
    sample = models.CharField(max_length=40, blank=True, help_text="Id of the transaction that told.")

    class Meta:
        """Table options."""

        ordering = ("destination",)
        verbose_name = "learned destination never to tag"
        verbose_name_plural = "learned destinations never to tag"

    def __str__(self) -> str:
        """Give the destination."""
        return self.destination


class DomainStage(models.Model):
    """How far a guided domain has come."""

    domain = models.CharField(max_length=255, unique=True)
    stage = models.CharField(max_length=16, choices=choices(Stage), default=Stage.OBSERVE)
    since = models.DateTimeField()
    not_before = models.DateTimeField(null=True, blank=True, help_text="After a fall-back: when it may move again.")
    because = models.TextField(blank=True)

    class Meta:
        """Table options."""

        ordering = ("domain",)

    def __str__(self) -> str:
        """Give domain and stage."""
        return f"{self.domain}: {self.stage}"


class LearnedSerial(models.Model):
    """One row: the serial of what was learned, and its text, so that only a change is published."""

    serial = models.PositiveIntegerField(default=0)
    text = models.TextField(blank=True)

    def __str__(self) -> str:
        """Give the serial."""
        return f"serial {self.serial}"
