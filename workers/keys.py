"""Rotates the keys of marking."""

from gateway.operations import rotation
from workers.app import app


@app.task(name="keys.tend")  # type: ignore[untyped-decorator]
def tend() -> None:
    """Make the next key when it is time, and remove the expired ones."""
    rotation.tend()
