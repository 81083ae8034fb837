"""One log out of many processes: each line labelled, in colour where somebody looks on."""

import os
import sys
import time
from typing import TextIO

_COLOURS = {
    "backstop": "1;37",
    "clamd": "35",
    "sink": "34",
    "smtpd": "32",
    "console": "36",
    "ingest": "33",
    "worker": "94",
    "beat": "94",
}
_LOUD = "1;31"
_WIDTH = max(map(len, _COLOURS))


class Lines:
    """Writes ``HH:MM:SS label | text``. Colour is used on a terminal only, and never where NO_COLOR is set."""

    def __init__(self, stream: TextIO | None = None) -> None:
        """Write to ``stream``, standard output where it is None."""
        self._stream = stream or sys.stdout
        self._colour = self._stream.isatty() and not os.environ.get("NO_COLOR")

    def write(self, label: str, text: str, *, loud: bool = False) -> None:
        """Write one line. ``loud`` is for what nobody may overlook."""
        at = time.strftime("%H:%M:%S")
        name = label.ljust(_WIDTH)
        if self._colour:
            name = f"\033[{_COLOURS.get(label, '37')}m{name}\033[0m"
            text = f"\033[{_LOUD}m{text}\033[0m" if loud else text
        try:
            self._stream.write(f"{at} {name} | {text}\n")
            self._stream.flush()
        except (BrokenPipeError, ValueError):
            # Whoever read the log has gone; the gateway goes on.
            self._stream = open(os.devnull, "w")  # noqa: PTH123, SIM115 - it lives as long as the process
