"""The command line: ``manage.py`` in a checkout, ``backstop`` where the product is installed.

It looks at its arguments before Django loads: commands of the SMTP side start without it.
"""

import importlib
import os
import sys

from gateway import config as node_config
from gateway import installation
from gateway.management import processes
from gateway.management.overview import overview

# What Django gives every command. It works, and is not in --help, where it would hide what a command is about.
_HIDDEN = {"--version", "--verbosity", "--settings", "--pythonpath", "--traceback", "--no-color", "--force-color"}
# Commands without Django: gateway/management/plain has a file for each.
PLAIN = ("batv", "classify", "judge", "spf")


def main() -> int:
    """Run the named command; gives the exit status where the command doesn't exit by itself."""
    _take_home(sys.argv)
    named = sys.argv[1] if len(sys.argv) > 1 else ""
    if named in ("--version", "version"):
        return _say_version()
    if named in ("", "-h", "--help") or sys.argv[1:] == ["help"]:
        sys.stdout.write(overview(os.path.basename(sys.argv[0])))  # noqa: PTH119 - as argparse names it
        return 0
    if named in processes.PROCESSES:
        return processes.run(named, sys.argv[2:])
    if named in PLAIN:
        sys.argv[:2] = [f"{sys.argv[0]} {named}"]  # what --help calls it
        return int(importlib.import_module(f"gateway.management.plain.{named}").main(sys.argv[1:]))
    try:
        node_config.load()
    except node_config.ConfigError as error:
        # Django's settings are made from it: said here, it is a line and not a traceback.
        sys.stderr.write(f"backstop: {error}\n")
        return os.EX_CONFIG
    return _django(sys.argv)


def _django(arguments: list[str]) -> int:
    """Run a command of Django's kind; gives the exit status."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gateway.settings")
    from django.core.management import (  # noqa: PLC0415 - Django loads only where it is needed
        BaseCommand,
        execute_from_command_line,
    )
    from django.db import OperationalError  # noqa: PLC0415 - as above

    BaseCommand.suppressed_base_arguments = _HIDDEN
    try:
        execute_from_command_line(arguments)
    except OperationalError as error:
        if "--traceback" in arguments:
            raise
        sys.stderr.write(f"backstop: the database can't be used: {error}; run migrate, or check its address\n")
        return 1
    except BrokenPipeError:
        # Whoever read the output, such as head, has had enough. What is still buffered must not fail as well.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return 0


def _say_version() -> int:
    """Print the version; gives the exit status."""
    try:
        sys.stdout.write(f"backstop {installation.version()}\n")
    except installation.VersionError as error:
        sys.stderr.write(f"backstop: {error}\n")
        return 1
    return 0


def _take_home(arguments: list[str]) -> None:
    """Take ``--home DIR`` into the environment, where every process of the gateway finds it."""
    for at, argument in enumerate(arguments):
        name, equals, value = argument.partition("=")
        if name != "--home":
            continue
        if not equals:
            value = arguments[at + 1] if at + 1 < len(arguments) else ""
        if not value:
            sys.exit("backstop: --home needs the name of a folder")
        os.environ["BACKSTOP_NODE__HOME"] = os.path.abspath(value)  # noqa: PTH100 - before anything else is imported
        del arguments[at : at + (1 if equals else 2)]
        return
