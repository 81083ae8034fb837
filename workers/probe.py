"""Finds out next hops that begin to accept everyone."""

from gateway.operations import probe
from gateway.operations.learning.readiness import in_force
from workers.app import app


@app.task(name="probe.look_again")  # type: ignore[untyped-decorator]
def look_again() -> None:
    """Probe the next hops to which unknown recipients are left."""
    if (snapshot := in_force()) is not None:
        probe.look_again(snapshot)
