"""Who did what: one entry for each thing that a person or a job did. Entries are never changed, and never expire."""

from gateway.models import AuditEntry

_TARGET = 400


def record(who: str, verb: str, target: str, detail: str = "") -> None:
    """Write one entry, within the transaction of what it tells. ``who`` is an account's name, or the job's."""
    AuditEntry.objects.create(who=who[:255], verb=verb, target=target[:_TARGET], detail=detail)
