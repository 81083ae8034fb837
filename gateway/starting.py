"""What every process asks before it starts: is the configuration one that can be used, and is all of the state there.

Where it is not, systemd must not try again: the status is that of a configuration error. Nothing here starts anything.
"""

import os
import sys

from gateway import config as node_config
from gateway import halfway
from gateway.config import Config, ConfigError


def configured(process: str) -> Config:
    """Give the node's configuration; ``process`` is what the line on standard error begins with.

    Raises SystemExit (EX_CONFIG) once that line has said what is wrong, and what helps.
    """
    try:
        config = node_config.load()
    except ConfigError as error:
        trouble = str(error)
    else:
        trouble = halfway.trouble(config.home)
        if not trouble:
            return config
    sys.stderr.write(f"{process}: {trouble}\n")
    raise SystemExit(os.EX_CONFIG)
