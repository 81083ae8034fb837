"""``python -m smtpfront``: the SMTP front. The parent binds and supervises; its children speak SMTP."""

import argparse
import asyncio
import ctypes
import logging
import os
import signal
import sys
from collections.abc import Sequence

import msgspec

from gateway import logs, starting
from gateway.config import STOP_GRACE_SECONDS, Config
from gateway.spool.disk import SpoolError
from smtpfront import activation, instance, listeners
from smtpfront.instance import InstanceRunsError
from smtpfront.listeners import ListenError
from smtpfront.parent import Parent
from smtpfront.share import Share

log = logging.getLogger("smtpd")

_PR_SET_PDEATHSIG = 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the parent, or (for its own use) a child; gives the exit status."""
    parser = argparse.ArgumentParser(description="The SMTP front: listens, judges, relays.")
    parser.add_argument("--child", metavar="SHARE", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    config = starting.configured("smtpd")
    _log(config)
    if options.child:
        _die_with_parent()
        from smtpfront import child  # noqa: PLC0415 - the parent needs none of what speaks SMTP, nor its memory

        return child.run(config, msgspec.json.decode(options.child, type=Share))
    return _parent(config)


def _parent(config: Config) -> int:
    """Take systemd's sockets, or bind; then supervise."""
    try:
        config.home.mkdir(parents=True, exist_ok=True)
        bound = activation.inherited() or listeners.bind_all(config)
        lock = instance.hold(config, config.limits.stop_seconds + STOP_GRACE_SECONDS)
        if left := instance.sweep(config):
            log.info("discarded %d messages of other slots that were never answered with 250", left)
    except ListenError as error:
        sys.stderr.write(f"smtpd: {error}\n")
        return 1 if error.passing else os.EX_CONFIG
    except (InstanceRunsError, SpoolError, OSError) as error:
        sys.stderr.write(f"smtpd: {error}\n")
        return 1
    return asyncio.run(Parent(config, bound, lock).run())


def _log(config: Config) -> None:
    """Log to standard error, in the configured form."""
    logs.set_up(config, "%(levelname)s %(message)s" if config.log.level != "INFO" else "%(message)s")
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
