"""Sends digests of the quarantine."""

from gateway.operations import digests
from workers.app import app


@app.task(name="digests.send")  # type: ignore[untyped-decorator]
def send() -> None:
    """Put today's digests on their way, each once."""
    digests.send()
