#!/usr/bin/env python3
"""The command line of a checkout; where the product is installed the same is called ``backstop``."""

import sys

from gateway.commandline import main

if __name__ == "__main__":
    sys.exit(main())
