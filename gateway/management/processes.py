"""The processes of a gateway as commands, for a service manager: each is a program of its own that this one becomes.

Started by the command's own file, and not by a link to its folder, a process keeps to the release that it began with.
"""

import argparse
import runpy
import sys

import msgspec


class Process(msgspec.Struct, frozen=True):
    """One of them: the module that is run, with its arguments, and what ``--help`` says of it.

    ``parses`` says that the module has a ``--help`` of its own.
    """

    sentence: str
    module: str
    arguments: tuple[str, ...] = ()
    parses: bool = False


PROCESSES = {
    "smtpd": Process("the SMTP front alone: listens, judges, relays", "smtpfront", parses=True),
    "ingest": Process("the loop alone that brings journals into the database", "workers.ingest"),
    "worker": Process("the Celery worker alone, with the schedule of what is done regularly", "workers"),
    "console": Process(
        "the console alone: serves people over HTTP",
        "gunicorn",
        ("--config", "python:gateway.embedded.console", "gateway.wsgi"),
    ),
}


def run(name: str, arguments: list[str]) -> int:
    """Become that process; gives the exit status where it does not exit by itself."""
    process = PROCESSES[name]
    program = f"{sys.argv[0]} {name}"  # what --help calls it
    if not process.parses:
        argparse.ArgumentParser(program, description=f"{process.sentence}.").parse_args(arguments)
    sys.argv[:] = [program, *process.arguments, *(arguments if process.parses else ())]
    runpy.run_module(process.module, run_name="__main__", alter_sys=False)
    return 0
