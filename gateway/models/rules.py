"""Rules as columns: thresholds, and what each check means where it differs from the default."""

from django.db import models
from django.db.models import Q

from gateway.mail.decisions import Action
from gateway.models.choices import choices
from gateway.policy.snapshot import Mode


class ThresholdColumns(models.Model):
    """Scores from which something is done, in points. Empty means: as the default, or as the domain has it."""

    tag = models.FloatField(null=True, blank=True)
    quarantine = models.FloatField(null=True, blank=True)
    reject = models.FloatField(null=True, blank=True)
    drop = models.FloatField(null=True, blank=True, help_text="Off where empty.")
    redirect = models.FloatField(null=True, blank=True, help_text="Off where empty.")

    class Meta:
        """No table of its own."""

        abstract = True


class ActionColumns(models.Model):
    """What actions need besides thresholds."""

    attachments = models.JSONField(
        "attachment rules", default=list, blank=True, help_text="In this order, the first that fits decides."
    )
    redirect_to = models.CharField(
        max_length=320, blank=True, help_text="The address of ours that gets what is redirected."
    )
    copy_to = models.JSONField(
        default=list, blank=True, help_text="Addresses of ours that get a copy of all that is delivered."
    )

    class Meta:
        """No table of its own."""

        abstract = True


class CheckSetting(models.Model):
    """What one check means to one domain, or (no domain) to outbound mail. Only what differs is a row."""

    domain = models.ForeignKey(
        "gateway.Domain",
        on_delete=models.CASCADE,
        related_name="checks",
        null=True,
        blank=True,
        help_text="Empty: outbound mail.",
    )
    check_name = models.CharField("check", max_length=64)
    mode = models.CharField(max_length=16, choices=choices(Mode), default=Mode.ENFORCE)
    action = models.CharField(max_length=16, choices=choices(Action), default=Action.REJECT)
    on_failure = models.CharField(
        max_length=16,
        choices=choices(Action, Action.DEFER, Action.DELIVER),
        default=Action.DEFER,
        help_text="What an error or a timeout of the check leads to; deliver goes on without it.",
    )
    weights = models.JSONField(default=dict, blank=True, help_text="Symbol: points, where they differ.")
    actions = models.JSONField(default=dict, blank=True, help_text="Symbol: action, where it differs.")

    class Meta:
        """Table options."""

        ordering = ("domain", "check_name")
        constraints = (
            models.UniqueConstraint(fields=("domain", "check_name"), name="one_setting_per_check_and_domain"),
            models.UniqueConstraint(
                fields=("check_name",), condition=Q(domain__isnull=True), name="one_outbound_setting_per_check"
            ),
        )

    def __str__(self) -> str:
        """Give check and mode."""
        return f"{self.check_name}: {self.mode}"
