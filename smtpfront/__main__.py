"""``python -m smtpfront``: the SMTP front. The parent binds and supervises; its children speak SMTP."""

import argparse
import asyncio
import ctypes
import json
import logging
import os
import signal
import sys
from collections.abc import Sequence

import msgspec

from gateway import config as node_config
from gateway.config import Config, ConfigError
from smtpfront import child, listeners
from smtpfront.listeners import ListenError
from smtpfront.parent import Parent

_PR_SET_PDEATHSIG = 1


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Give the line."""
        return json.dumps(
            {"at": self.formatTime(record), "level": record.levelname, "name": record.name, "text": record.getMessage()}
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the parent, or (for its own use) a child; gives the exit status."""
    parser = argparse.ArgumentParser(description="The SMTP front: listens, judges, relays.")
    parser.add_argument("--child", metavar="SHARE", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    try:
        config = node_config.load()
    except ConfigError as error:
        sys.stderr.write(f"smtpd: {error}\n")
        return 2
    _log(config)
    if options.child:
        _die_with_parent()
        return child.run(config, msgspec.json.decode(options.child, type=child.Share))
    return _parent(config)


def _parent(config: Config) -> int:
    """Bind and supervise."""
    try:
        config.home.mkdir(parents=True, exist_ok=True)
        bound = listeners.bind_all(config)
    except (ListenError, OSError) as error:
        sys.stderr.write(f"smtpd: {error}\n")
        return 1
    if not bound:
        sys.stderr.write("smtpd: nothing to listen on; set smtp.inbound\n")
        return 1
    return asyncio.run(Parent(config, bound).run())


def _log(config: Config) -> None:
    """Log to standard error, in the configured form."""
    handler = logging.StreamHandler()
    form = "%(levelname)s %(message)s" if config.log.level != "INFO" else "%(message)s"
    handler.setFormatter(JsonFormatter() if config.log.format == "json" else logging.Formatter(form))
    logging.basicConfig(level=config.log.level, handlers=[handler])
    # A line a message: what no form shows is not gathered (the logging HOWTO's chapter on optimisation).
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = ""  # noqa: SLF001 - documented there: callers are not looked for


def _die_with_parent() -> None:
    """Ask the kernel for SIGTERM when the parent dies, so that none is left behind on its sockets."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != int(os.environ.get("BACKSTOP_PARENT", os.getppid())):
        os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
