"""The lists of senders: the node's, each domain's, each recipient's."""

from django.db import models
from django.db.models import Q

from gateway.models.choices import choices
from gateway.models.domain import Domain
from gateway.models.recipient import Recipient
from gateway.policy.snapshot import ListVerdict


class SenderEntry(models.Model):
    """One entry. Without a domain and a recipient it is the node's; a recipient's goes before its domain's."""

    who = models.CharField(
        "sender", max_length=320, help_text="user@domain, a domain, .domain with all below it, or a network."
    )
    verdict = models.CharField(max_length=8, choices=choices(ListVerdict), default=ListVerdict.BLOCK)
    domain = models.ForeignKey(Domain, on_delete=models.CASCADE, null=True, blank=True, related_name="senders")
    recipient = models.ForeignKey(Recipient, on_delete=models.CASCADE, null=True, blank=True, related_name="senders")
    comment = models.CharField(max_length=400, blank=True)
    added = models.DateTimeField(auto_now_add=True)

    class Meta:
        """Table options."""

        ordering = ("who", "id")
        verbose_name = "sender entry"
        verbose_name_plural = "sender entries"
        constraints = (
            models.CheckConstraint(
                condition=Q(domain__isnull=True) | Q(recipient__isnull=True), name="sender_entry_has_one_scope"
            ),
            models.UniqueConstraint(
                fields=("who",),
                condition=Q(domain__isnull=True, recipient__isnull=True),
                name="one_sender_entry_per_node",
            ),
            models.UniqueConstraint(
                fields=("domain", "who"), condition=Q(domain__isnull=False), name="one_sender_entry_per_domain"
            ),
            models.UniqueConstraint(
                fields=("recipient", "who"), condition=Q(recipient__isnull=False), name="one_sender_entry_per_recipient"
            ),
        )

    def __str__(self) -> str:
        """Say what it says, of whom and for whom."""
        return f"{self.verdict} {self.who} for {self.scope}"

    @property
    def scope(self) -> str:
        """Whose list it stands in."""
        return str(self.recipient or self.domain or "the node")

    @classmethod
    def by_scope(cls) -> "dict[tuple[int | None, int | None], list[SenderEntry]]":
        """Give all lists by (domain, recipient), in one query however many recipients there are."""
        lists: dict[tuple[int | None, int | None], list[SenderEntry]] = {}
        for row in cls.objects.all():
            lists.setdefault((row.domain_id, row.recipient_id), []).append(row)
        return lists
