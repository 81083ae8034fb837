"""Teaches spam engines, and rings again for lessons that the broker lost."""

from gateway.operations import broker, learn
from workers.app import app


@app.task(name=broker.TEACH)  # type: ignore[untyped-decorator]
def teach(lesson: int) -> None:
    """Try one lesson, given by its number; nothing happens when it is not due."""
    learn.teach(lesson)


@app.task(name="learn.sweep")  # type: ignore[untyped-decorator]
def sweep() -> None:
    """Ring for every lesson that is due."""
    learn.ring_due()
