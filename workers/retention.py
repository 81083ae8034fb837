"""Removes what is too old to be kept."""

from gateway.operations import retention
from workers.app import app


@app.task(name="retention.expire")  # type: ignore[untyped-decorator]
def expire() -> None:
    """Expire quarantined copies and traces."""
    retention.expire()
