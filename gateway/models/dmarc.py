"""What DMARC reports could be made of (RFC 9990). None is ever sent: it would be automatic mail."""

from django.db import models


class DmarcCount(models.Model):
    """How many messages of one day had the same author domain, source, results and fate.

    ``key`` is a hash of all of it: one row is counted up by every process that ingests.
    """

    key = models.CharField(max_length=64, unique=True)
    day = models.DateField(db_index=True)
    author = models.CharField("author domain", max_length=255, db_index=True)
    policy_domain = models.CharField(max_length=255)
    published = models.CharField(max_length=16, help_text="p= of the policy domain.")
    policy = models.CharField(max_length=16, help_text="What was asked for, by p=, sp=, np= and t=.")
    client_ip = models.GenericIPAddressField()
    sender_domain = models.CharField(max_length=255, blank=True)
    spf = models.CharField("SPF", max_length=300, blank=True, help_text="Result, identity and domain.")
    dkim = models.CharField("DKIM", max_length=600, blank=True, help_text="Each result, domain and selector.")
    spf_aligned = models.BooleanField()
    dkim_aligned = models.BooleanField()
    disposition = models.CharField(max_length=16, help_text="As RFC 9990 names it.")
    override = models.CharField(max_length=32, blank=True, help_text="Why the policy was not applied.")
    count = models.PositiveIntegerField(default=0)

    class Meta:
        """Table options."""

        ordering = ("-day", "author", "-count")

    def __str__(self) -> str:
        """Give the day and the domain."""
        return f"{self.day} {self.author}"
