"""How gunicorn serves the console; read by gunicorn alone.

Sockets that systemd hands over come before ``bind``, and gunicorn itself tells systemd when it serves.
"""

import ipaddress
import logging
from typing import Any

from gateway import logs, starting

_CONFIG = starting.configured("console")

bind = [_CONFIG.console.listen]
workers = _CONFIG.console.workers
threads = 4
preload_app = True  # memory is shared, and "ready" means that the application has loaded
loglevel = "warning"
graceful_timeout = 2
worker_tmp_dir = "/dev/shm"  # noqa: S108 - heartbeats on a disk can block a worker; gunicorn makes its own file there
control_socket_disable = True
# Who is believed that a request came over https: these, and whoever reaches the unix socket.
forwarded_allow_ips = ",".join(str(ipaddress.ip_network(each, strict=False)) for each in _CONFIG.console.proxies)
secure_scheme_headers = {"X-FORWARDED-PROTO": "https"}
if _CONFIG.log.format == "json":
    logconfig_dict = logs.described(_CONFIG, level="WARNING")
    logging.captureWarnings(capture=True)


def when_ready(server: Any) -> None:  # noqa: ANN401, ARG001 - gunicorn's own type has no stubs
    """Say that the console serves."""
    print(f"ready: console on {_CONFIG.console.listen}", flush=True)  # noqa: T201 - the supervisor reads it
