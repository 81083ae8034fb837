"""Watches over the backups: an alarm where one is too old, or was not proven."""

from gateway.operations.backup import records
from workers.app import app


@app.task(name="backups.watch")  # type: ignore[untyped-decorator]
def watch() -> None:
    """Raise an alarm where nobody can rely on the backups."""
    records.watch()
