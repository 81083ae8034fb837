"""Makes spool and database agree again."""

from gateway.operations import adopt
from workers.app import app


@app.task(name="spool.adopt")  # type: ignore[untyped-decorator]
def sweep() -> None:
    """Adopt what has no rows, remove what nobody needs, report what is missing."""
    adopt.adopt()
