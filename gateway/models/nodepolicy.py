"""Rules that hold for every domain, and for mail that leaves."""

from django.db import models

from gateway.models.route import Route
from gateway.models.rules import ActionColumns, ThresholdColumns


class NodePolicy(ThresholdColumns, ActionColumns):
    """One row. Thresholds and actions are those of outbound mail."""

    observe = models.BooleanField(default=False, help_text="Judge everything, refuse nothing, on every domain.")
    max_size = models.PositiveBigIntegerField(default=26_214_400, help_text="Octets.")
    normalise_line_ends = models.JSONField(
        default=list, blank=True, help_text="Networks whose bare CR and LF are mended instead of refused."
    )
    outbound_networks = models.JSONField(default=list, blank=True, help_text="Networks that may send without AUTH.")
    outbound_route = models.ForeignKey(Route, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    seal_secret = models.CharField(
        max_length=64, blank=True, editable=False, help_text="Id of the file that holds the secret of the seal."
    )
    never_tag = models.JSONField(
        default=list, blank=True, help_text="Addresses and domains that know our users by their plain sender address."
    )
    clients = models.JSONField(default=dict, blank=True, help_text="Limits and lists of clients, where they differ.")
    greylisting = models.JSONField(default=dict, blank=True, help_text="Its times, where they differ.")
    arc_sealers = models.JSONField(
        "ARC sealers", default=list, blank=True, help_text="Domains whose ARC sets are believed."
    )
    spf_void_limit = models.PositiveSmallIntegerField(
        "SPF void limit", default=2, help_text="Look-ups of one check that may find nothing (RFC 7208 4.6.4)."
    )
    per_account = models.JSONField(default=dict, blank=True, help_text="Limits of each account, where they differ.")
    per_client = models.JSONField(default=dict, blank=True, help_text="Limits of each client, where they differ.")
    per_domain = models.JSONField(default=dict, blank=True, help_text="Limits of each domain, where they differ.")
    limits_of = models.JSONField(
        default=dict, blank=True, help_text="Limits of one account, client or domain, where they differ."
    )

    class Meta:
        """Table options."""

        verbose_name = verbose_name_plural = "node policy"

    def __str__(self) -> str:
        """Give its name."""
        return "Node policy"

    @classmethod
    def load(cls) -> "NodePolicy":
        """Give the one row, made when it is not there yet."""
        return cls.objects.get_or_create(pk=1)[0]
