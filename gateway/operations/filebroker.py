"""kombu's broker in a folder, with waits so short that a worker notices at once that it shall stop."""

from typing import Any

from kombu.transport import TRANSPORT_ALIASES, filesystem

SCHEME = "backstop-files"
_WAIT_SECONDS = 0.2  # Celery waits 2 s, up to twice, before it notices that it shall stop


class Transport(filesystem.Transport):
    """The filesystem transport with shorter waits."""

    def drain_events(self, connection: Any, timeout: float | None = None, **_: Any) -> None:  # noqa: ANN401 - untyped
        """Wait for messages, a short while where ``timeout`` (seconds) is set. Raises TimeoutError where none came."""
        wait = min(timeout, _WAIT_SECONDS) if timeout else timeout
        super().drain_events(connection, timeout=wait)  # type: ignore[no-untyped-call]


TRANSPORT_ALIASES[SCHEME] = f"{__name__}:{Transport.__qualname__}"
