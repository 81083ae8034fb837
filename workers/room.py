"""Watches over the room for what is quarantined: an alarm before there is none."""

from gateway.operations import room
from workers.app import app


@app.task(name="room.watch")  # type: ignore[untyped-decorator]
def watch() -> None:
    """Raise an alarm where it becomes short."""
    room.watch()
