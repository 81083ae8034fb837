"""How gunicorn serves the console; read by gunicorn alone."""

from typing import Any

from gateway import config as node_config

_CONFIG = node_config.load()

bind = [_CONFIG.console.listen]
workers = _CONFIG.console.workers
threads = 4
preload_app = True  # memory is shared, and "ready" means that the application has loaded
loglevel = "warning"
graceful_timeout = 2
worker_tmp_dir = "/dev/shm"  # noqa: S108 - heartbeats on a disk can block a worker; gunicorn makes its own file there
control_socket_disable = True


def when_ready(server: Any) -> None:  # noqa: ANN401, ARG001 - gunicorn's own type has no stubs
    """Say that the console serves."""
    print(f"ready: console on {_CONFIG.console.listen}", flush=True)  # noqa: T201 - the supervisor reads it
