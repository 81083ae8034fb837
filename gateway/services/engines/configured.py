"""The engines of a node, by the names of their checks."""

from collections.abc import Callable

from gateway.config import Config
from gateway.services.engines import Engine
from gateway.services.engines.rspamd import Rspamd
from gateway.services.engines.spamassassin import Spamassassin


def engines(config: Config, read_secret: Callable[[str], str | None]) -> dict[str, Engine]:
    """Give the way to each engine; none is asked before it is needed. ``read_secret`` gives a secret by its id."""
    return {"rspamd": Rspamd(config.rspamd, read_secret), "spamassassin": Spamassassin(config.spamassassin)}
