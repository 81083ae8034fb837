"""Probes the DNS lists."""

from gateway.operations.learning import lists
from workers.app import app


@app.task(name="lists.probe")  # type: ignore[untyped-decorator]
def probe() -> None:
    """Ask each list for its own test points, and switch off what fails."""
    lists.probe()
