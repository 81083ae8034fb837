"""The log of a process: lines on standard error, as text or JSON, with what journald wants to know in front.

A line that goes to journald begins with ``<N>``, the priority by which ``journalctl -p`` finds it. Every record is one
line that journald keeps whole (``LineMax=`` of journald.conf), whatever a stranger made us say.
"""

import json
import logging
import os
import sys
from datetime import UTC, datetime
from typing import Any

from gateway.config import Config

LONGEST = 8_000  # characters of a text, six octets each in JSON at worst: below journald's 48 KiB
_PRIORITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))
_DEBUG = 7
_OF_GUNICORN = ("gunicorn.error", "gunicorn.access")


class TextFormatter(logging.Formatter):
    """Text: the message, and a traceback behind it where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """Give the line; of an endless one the beginning."""
        return _bounded(super().format(record))


class JsonFormatter(logging.Formatter):
    """One JSON object a line: ``at`` (UTC), ``level``, ``name``, ``text``, and ``trace`` of an exception."""

    def format(self, record: logging.LogRecord) -> str:
        """Give the line."""
        said = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "name": record.name,
            "text": _bounded(record.getMessage(), LONGEST // 2),
        }
        if record.exc_info:
            said["trace"] = _bounded(self.formatException(record.exc_info), LONGEST // 2)
        return json.dumps(said)


class JournalFormatter(logging.Formatter):
    """Another formatter's line, with its priority in front of each of its lines (sd-daemon(3))."""

    def __init__(self, inner: logging.Formatter) -> None:
        """Take the formatter that writes the line."""
        super().__init__()
        self._inner = inner

    def format(self, record: logging.LogRecord) -> str:
        """Give the line."""
        mark = f"<{next((value for level, value in _PRIORITIES if record.levelno >= level), _DEBUG)}>"
        return "\n".join(f"{mark}{line}" for line in self._inner.format(record).split("\n"))


def formatter(config: Config, text: str = "%(levelname)s %(name)s: %(message)s") -> logging.Formatter:
    """Give what writes the lines of a process; ``text`` is their form where they are text."""
    made = JsonFormatter() if config.log.format == "json" else TextFormatter(text)
    return JournalFormatter(made) if _goes_to_journald() else made


def set_up(config: Config, text: str = "%(levelname)s %(name)s: %(message)s") -> None:
    """Log to standard error, in the configured form and from the configured level on."""
    handler = logging.StreamHandler()
    handler.setFormatter(formatter(config, text))
    logging.basicConfig(level=config.log.level, handlers=[handler], force=True)
    logging.captureWarnings(capture=True)


def described(config: Config, level: str) -> dict[str, Any]:
    """Give the same as ``logging.config.dictConfig`` wants it, for programs that set up logging by themselves."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": lambda: formatter(config)}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"level": level, "handlers": ["stderr"]},
        "loggers": {name: {"level": level, "handlers": [], "propagate": True} for name in _OF_GUNICORN},
    }


def _goes_to_journald() -> bool:
    """Whether standard error is journald's (systemd.exec(5), JOURNAL_STREAM), and not a pipe of somebody in between."""
    try:
        status = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError, AttributeError):
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


def _bounded(text: str, longest: int = LONGEST) -> str:
    """Give a text, or its beginning."""
    return text if len(text) <= longest else f"{text[:longest]}... ({len(text)} characters)"
