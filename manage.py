#!/usr/bin/env python3
"""The command line. Commands of the SMTP side start without Django."""

import os
import runpy
import sys


def main() -> None:
    """Run the named command."""
    if sys.argv[1:2] == ["smtpd"]:
        sys.argv[:2] = [f"{sys.argv[0]} smtpd"]
        runpy.run_module("smtpfront", run_name="__main__", alter_sys=False)
        return
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gateway.settings")
    from django.core.management import execute_from_command_line  # noqa: PLC0415 - Django loads only where it is needed

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
