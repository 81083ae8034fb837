"""How many recipients were refused, by hour and by what decided."""

from django.db import models

from gateway.mail.decisions import Disposition
from gateway.models.choices import choices


class RefusalCount(models.Model):
    """One hour's count for one check and symbol. Counted as traces are ingested, so that nothing has to be searched."""

    hour = models.DateTimeField(db_index=True)
    check_name = models.CharField(max_length=64, blank=True, help_text="Empty: no check decided.")
    symbol = models.CharField(max_length=64, blank=True)
    disposition = models.CharField(max_length=16, choices=choices(Disposition))
    count = models.PositiveBigIntegerField(default=0)

    class Meta:
        """Table options."""

        ordering = ("-hour", "check_name", "symbol")
        constraints = (
            models.UniqueConstraint(
                fields=("hour", "check_name", "symbol", "disposition"), name="one_count_per_hour_and_reason"
            ),
        )

    def __str__(self) -> str:
        """Give what is counted."""
        return f"{self.disposition} by {self.check_name or 'no check'} {self.symbol}".rstrip()
