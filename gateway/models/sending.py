"""Who has reached a sending limit."""

from django.db import models


class SendingBlock(models.Model):
    """One account, client or domain that has reached a limit of what it may send."""

    kind = models.CharField(max_length=16, help_text="account, client or domain.")
    name = models.CharField(max_length=255)
    what = models.CharField("limit", max_length=16, help_text="messages, recipients, refused or senders.")
    figure = models.PositiveIntegerField(help_text="How many are allowed.")
    detail = models.TextField(blank=True)
    since = models.DateTimeField()
    last = models.DateTimeField(db_index=True, help_text="When something was deferred last.")
    count = models.PositiveIntegerField(default=0, help_text="How often something was deferred.")
    unblocked = models.DateTimeField(null=True, blank=True)
    sample = models.CharField(max_length=40, blank=True, help_text="Id of the last transaction.")

    class Meta:
        """Table options."""

        ordering = ("-last", "-id")
        verbose_name = "sending limit reached"
        verbose_name_plural = "sending limits reached"
        constraints = (models.UniqueConstraint(fields=("kind", "name", "what"), name="one_block_per_limit"),)

    def __str__(self) -> str:
        """Say who and what."""
        return f"{self.kind} {self.name}: {self.what}"
