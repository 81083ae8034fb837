"""The whole gateway in one terminal: prepare, start, say so, and stop when told."""

import asyncio
import signal
import time

from django.conf import settings
from django.db import connections

from gateway import installation
from gateway.config import Config
from gateway.embedded import clamav, database, firststart, home, ports, static
from gateway.embedded.children import children, clamd_child, environment
from gateway.embedded.lines import Lines
from gateway.embedded.supervisor import Supervisor
from gateway.operations import protection
from gateway.operations.protection import Protection

_SIGNATURES_SECONDS = 30.0  # between two looks for signatures that freshclam has fetched


def run() -> int:
    """Run the gateway until SIGINT or SIGTERM; gives the exit status.

    Raises HomeError, PortError or DatabaseUnusableError, each with one clear sentence, before anything is started.
    """
    config: Config = settings.CONFIG
    began = time.monotonic()
    lines = Lines()
    home.prepare(config)
    with home.hold(config):
        ports.require_free(config)
        lines.write("backstop", f"state folder {config.home}")
        if count := database.migrate():
            lines.write("backstop", f"database: {count} migrations applied")
        if static.collect():
            lines.write("backstop", "console: static files collected")
        firststart.make_keys(config)
        if firststart.make_policy(config):
            lines.write("backstop", f"first start: domain {firststart.DOMAIN} behind the bundled sink, published")
        if warning := firststart.sink_elsewhere(config):
            lines.write("backstop", warning, loud=True)
        connections.close_all()
        return asyncio.run(_supervise(config, lines, began))


async def _supervise(config: Config, lines: Lines, began: float) -> int:
    """Start the processes, keep them, stop them."""
    clamd = clamav.prepare(config) if config.has_own_clamd else None
    supervisor = Supervisor(children(config, clamd), environment(config), lines)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, supervisor.ask_to_stop)
    await supervisor.start()
    watch = None
    if not supervisor.stopping:
        await _say_up(config, lines, time.monotonic() - began)
        watch = asyncio.create_task(_watch_signatures(config, supervisor, lines))
        await supervisor.wait()
    lines.write("backstop", "stopping")
    if watch is not None:
        watch.cancel()
    asked = time.monotonic()
    await supervisor.stop()
    lines.write("backstop", f"stopped in {time.monotonic() - asked:.1f} s; the state stays in {config.home}")
    return 0


async def _say_up(config: Config, lines: Lines, seconds: float) -> None:
    """Say where everything is, what does not protect, and, once, the administrator's password."""
    password = await asyncio.to_thread(_make_administrator)
    _say_protection(config, lines)
    if password is not None:
        frame = "+" + "-" * 70 + "+"
        lines.write("backstop", frame)
        for text in (
            f"Console: {config.console.url}",
            f"Sign in as {firststart.ADMINISTRATOR} with the password {password}",
            f"It is shown this once; {installation.PROGRAM} changepassword admin sets another.",
        ):
            lines.write("backstop", f"| {text:<68} |")
        lines.write("backstop", frame)
    lines.write(
        "backstop",
        f"Backstop is up: SMTP in {_ports(config.smtp.inbound)}, "
        f"SMTP out {_ports(config.smtp.outbound + config.smtp.outbound_tls)}, "
        f"console {config.console.url} ({seconds:.1f} s); Ctrl-C stops it",
    )


def _make_administrator() -> str | None:
    """Make the administrator in a thread of its own; the connection ends with it."""
    try:
        return firststart.make_administrator()
    finally:
        connections.close_all()


def _say_protection(config: Config, lines: Lines) -> None:
    """Say loudly what clamd does not protect from."""
    status = protection.read(config)
    if status is not None and status.protection is not Protection.FULL:
        lines.write("backstop", status.detail, loud=True)


async def _watch_signatures(config: Config, supervisor: Supervisor, lines: Lines) -> None:
    """Start clamd anew with the system's signatures as soon as freshclam has fetched them."""
    status = protection.read(config)
    while status is not None and status.protection is Protection.EICAR_ONLY:
        await asyncio.sleep(_SIGNATURES_SECONDS)
        if clamav.system_signatures() and (clamd := clamav.prepare(config)):
            lines.write("backstop", "clamd: the system has signatures now; it is started again with them")
            supervisor.replace(clamd_child(clamd))
            return


def _ports(addresses: tuple[str, ...]) -> str:
    """Give the ports of listeners, each once."""
    return "/".join(dict.fromkeys(address.rpartition(":")[2] for address in addresses)) or "off"
