"""Watches the scanners and the age of their signatures."""

from gateway.operations import signatures
from workers.app import app


@app.task(name="signatures.look_again")  # type: ignore[untyped-decorator]
def look_again() -> None:
    """Ask each scanner for its version."""
    signatures.look_again()
