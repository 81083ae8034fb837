"""Delivers released copies, and rings again for those that the broker lost."""

from gateway.operations import broker, release
from workers.app import app


@app.task(name=broker.DELIVER)  # type: ignore[untyped-decorator]
def deliver(copy: int) -> None:
    """Deliver one released copy, given by its number; nothing happens when it is not due."""
    release.deliver(copy)


@app.task(name="release.sweep")  # type: ignore[untyped-decorator]
def sweep() -> None:
    """Ring for every release that is due."""
    release.ring_due()
