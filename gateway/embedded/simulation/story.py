"""Plays the whole simulation, in a temporary folder that vanishes behind it."""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from gateway import config as node_config
from gateway.embedded import clamav
from gateway.embedded.simulation import postfix, victim
from gateway.embedded.simulation.peers import Peer, SimulationError
from gateway.embedded.simulation.postfix import PostfixError
from gateway.embedded.simulation.sides import Progress, against_bouncer, against_gateway
from gateway.embedded.simulation.words import Settings, Story


def play(settings: Settings, progress: Progress) -> Story:
    """Play it. Raises SimulationError, PostfixError; whatever happens, everything that was started is ended."""
    postfix.require()
    with _folder() as home, _scanner(home) as clamd:
        return Story(
            settings=settings,
            gateway=against_gateway(home, clamd, settings, progress),
            bouncer=against_bouncer(home, clamd, settings, progress),
            storm=victim.storm(home, clamd, settings, progress) if victim.judged() else None,
        )


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    """Give a folder with a short path, for unix sockets, through which Postfix's own user may pass."""
    path = Path(tempfile.mkdtemp(prefix="backstop-"))
    try:
        path.chmod(0o711)
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def _scanner(home: Path) -> Iterator[str]:
    """Run a clamd of our own; gives its socket. Raises SimulationError."""
    folder = home / "clamd"
    for name in ("clamav", "status"):
        (folder / name).mkdir(parents=True)
    config = node_config.load({"BACKSTOP_NODE__HOME": str(folder)})
    prepared = clamav.prepare(config)
    if prepared is None:
        raise SimulationError("clamd is not installed; as root: apt-get install clamav-daemon")
    with Peer("clamd", home, *prepared.command) as running:
        running.wait_for(lambda: Path(config.clamd_address).exists())
        yield config.clamd_address


__all__ = ["PostfixError", "SimulationError", "play"]
