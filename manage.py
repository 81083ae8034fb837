#!/usr/bin/env python3
"""The command line. It looks at its arguments before Django loads: commands of the SMTP side start without it."""

import importlib
import os
import runpy
import sys

from gateway import config as node_config

# Commands without Django: gateway/management/plain has a file for each.
PLAIN = ("batv", "classify", "judge", "spf")


def main() -> int:
    """Run the named command; gives the exit status where the command doesn't exit by itself."""
    _take_home(sys.argv)
    if sys.argv[1:2] == ["smtpd"]:
        sys.argv[:2] = [f"{sys.argv[0]} smtpd"]
        runpy.run_module("smtpfront", run_name="__main__", alter_sys=False)
        return 0
    if sys.argv[1:2] and sys.argv[1] in PLAIN:
        return int(importlib.import_module(f"gateway.management.plain.{sys.argv[1]}").main(sys.argv[2:]))
    try:
        node_config.load()
    except node_config.ConfigError as error:
        # Django's settings are made from it: said here, it is a line and not a traceback.
        sys.stderr.write(f"backstop: {error}\n")
        return 2
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gateway.settings")
    from django.core.management import execute_from_command_line  # noqa: PLC0415 - Django loads only where it is needed

    try:
        execute_from_command_line(sys.argv)
    except BrokenPipeError:
        # Whoever read the output, such as head, has had enough. What is still buffered must not fail as well.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
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


if __name__ == "__main__":
    sys.exit(main())
