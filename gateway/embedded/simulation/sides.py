"""The two sides of the simulation: the same spam run against this gateway, and against accept-then-bounce.

Both have the same Postfix inside, which does not know many of the recipients, has mailboxes that are full, refuses some
messages at the end of DATA, and is down for a while. The second side is Debian's Postfix at the edge with an
after-queue content filter. Everything listens on loopback, and mail to any
other domain ends at a listener that counts it.
"""

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from gateway.embedded import ports
from gateway.embedded.simulation.peers import Peer, SimulationError, front
from gateway.embedded.simulation.postfix import Postfix
from gateway.embedded.simulation.words import DOMAIN, Settings, Side
from gateway.policy import codec, defaults
from gateway.policy.snapshot import ClientRules, DomainPolicy, NextHop, Outbound, Route, Rules, Snapshot, TlsLevel

Progress = Callable[[str, int, int], None]  # what is being done, how much is done, of how much

DOWN = (0.40, 0.45)  # shares of the spam run between which the inner server is down
RUN_SECONDS = 1800.0
DRAIN_SECONDS = 600.0
USERS = 20  # user1 to user20 exist, and the two below
FULL, LATE = "full", "late"
REFUSED_FIELD = "X-Campaign"
_POLL_SECONDS = 0.2
_STILL = 4  # polls in a row without work, after which a queue counts as empty


class Inner:
    """The inner mail server, and the world around it: mailboxes, and the forged senders' sink."""

    def __init__(self, folder: Path) -> None:
        """Write and start both. Raises PostfixError, SimulationError."""
        folder.mkdir()
        folder.chmod(0o711)  # Postfix's own user passes through
        self.world = Peer.module(
            "world",
            folder,
            *("smtpfront.lab.world", "--listen", "edge", "--listen", "inner"),
            *("--listen", "mailboxes", "--mailboxes", "mailboxes", "--refuse", f"{LATE}@*"),
        )
        try:
            users = (*(f"user{number}" for number in range(1, USERS + 1)), FULL, LATE)
            (folder / "users").write_text("".join(f"{user}@{DOMAIN} x\n" for user in users))
            (folder / "full").write_text(f"{FULL}@{DOMAIN} 452 4.2.2 mailbox full\n")
            (folder / "headers").write_text(f"/^{REFUSED_FIELD}:/ REJECT not wanted here\n")
            (self.port,) = ports.free(1)
            settings = {
                "myhostname": f"inner.{DOMAIN}",
                "virtual_mailbox_domains": DOMAIN,
                "virtual_mailbox_maps": f"texthash:{folder}/users",
                "virtual_transport": f"smtp:[127.0.0.1]:{self.world.port('mailboxes')}",
                "default_transport": f"smtp:[127.0.0.1]:{self.world.port('inner')}",
                # Its edge asks for many unknown users over few connections: that is no reason to slow it down.
                "smtpd_error_sleep_time": "0",
                "smtpd_soft_error_limit": "100000",
                "smtpd_hard_error_limit": "100000",
                "header_checks": f"regexp:{folder}/headers",
                "smtpd_recipient_restrictions": (
                    f"check_recipient_access texthash:{folder}/full, reject_unauth_destination"
                ),
            }
            self.postfix = Postfix(folder / "inner", settings, {self.port: {}})
            self.postfix.start()
        except BaseException:
            self.world.stop()
            raise

    def stop(self) -> None:
        """End both."""
        self.postfix.stop()
        self.world.stop()

    def count(self, name: str) -> dict[str, int]:
        """Give what a listener of the world has counted, by kind."""
        return dict(self.world.said.get("counts", {}).get(name, {}))


def against_gateway(home: Path, clamd: str, settings: Settings, progress: Progress) -> Side:
    """Send the spam run to this gateway. Raises PostfixError, SimulationError."""
    name = "this gateway"
    with _inner(home / "gw") as inner:
        state = home / "gateway"
        (state / "policy").mkdir(parents=True)
        (state / "policy" / "current.json").write_bytes(codec.encode(policy(inner.port, inner.world.port("edge"))))
        with front(state, clamd) as port:
            began = time.monotonic()
            outcomes, seconds = _spam(home, port, settings, inner, lambda *done: progress(name, *done))
            _drain(inner, [inner.postfix])
            return _side(name, inner, outcomes, seconds, time.monotonic() - began)


def against_bouncer(home: Path, clamd: str, settings: Settings, progress: Progress) -> Side:
    """Send the spam run to Postfix with an after-queue content filter. Raises PostfixError, SimulationError."""
    name = "accept, then bounce"
    with _inner(home / "ab") as inner, contextlib.ExitStack() as stack:
        front_port, back_port = ports.free(2)
        content_filter = Peer.module(
            "filter", home, "smtpfront.lab.bouncer", "--back", f"127.0.0.1:{back_port}", "--clamd", clamd
        )
        stack.enter_context(content_filter)
        edge = Postfix(
            home / "edge",
            {
                "myhostname": f"mx.{DOMAIN}",
                "relay_domains": DOMAIN,
                "transport_maps": f"inline:{{{DOMAIN}=relay:[127.0.0.1]:{inner.port}}}",
                "default_transport": f"smtp:[127.0.0.1]:{inner.world.port('edge')}",
                "content_filter": f"smtp:[127.0.0.1]:{content_filter.port('filter')}",
                # It tries again after seconds here, not minutes; it gives up when it is told that days have passed.
                "queue_run_delay": "3s",
                "minimal_backoff_time": "3s",
                "maximal_backoff_time": "10s",
            },
            {
                front_port: {"mynetworks": "", "smtpd_relay_restrictions": "reject_unauth_destination"},
                back_port: {"content_filter": ""},
            },
        )
        stack.callback(edge.stop)
        edge.start()
        began = time.monotonic()
        outcomes, seconds = _spam(home, front_port, settings, inner, lambda *done: progress(name, *done))
        servers = [edge, inner.postfix]
        waiting = max(1, edge.busy() + edge.deferred())

        def show(left: int) -> None:
            progress(f"{name}: its queue", max(0, waiting - left), waiting)

        _drain(inner, servers, show)
        edge.flush()
        _drain(inner, servers, show)
        # The five days after which a queue gives up and tells the sender.
        edge.set("maximal_queue_lifetime", "0")
        edge.flush()
        _drain(inner, servers, show, deferred=True)
        return _side(name, inner, outcomes, seconds, time.monotonic() - began)


def policy(next_hop: int, world: int) -> Snapshot:
    """Give the gateway's policy: every check as a new domain has it; the inner server says who exists."""
    local = {
        "inner": Route(hosts=(NextHop("127.0.0.1", next_hop),), tls=TlsLevel.NEVER),
        "world": Route(hosts=(NextHop("127.0.0.1", world),), tls=TlsLevel.NEVER),
    }
    return Snapshot(
        revision=1,
        published="2026-01-01T00:00:00Z",
        by="simulate",
        domains={DOMAIN: DomainPolicy(route="inner", rules=Rules(checks=defaults.CHECKS), accept_unknown=True)},
        routes=local,
        outbound=Outbound(route="world", rules=Rules(checks=defaults.OUTBOUND_CHECKS)),
        # The whole world is one address here.
        clients=ClientRules(connections_per_minute=None, messages_per_hour=None, unknown_per_hour=None),
    )


@contextlib.contextmanager
def _inner(folder: Path) -> Iterator[Inner]:
    """Run the inner server and its world while the block lasts."""
    inner = Inner(folder)
    try:
        yield inner
    finally:
        inner.stop()


def _spam(
    home: Path, port: int, settings: Settings, inner: Inner, progress: Callable[[int, int], None]
) -> tuple[dict[str, dict[str, int]], float]:
    """Send the spam run, the inner server down for a while; gives what was answered, and the seconds it took."""
    marks = [part for share in DOWN for part in ("--pause-at", str(share))]
    with Peer.module(
        "spamrun",
        home,
        *("smtpfront.lab.spamrun", "--to", f"127.0.0.1:{port}", "--seed", str(settings.seed)),
        *("--messages", str(settings.messages), "--unknown", str(settings.unknown), *marks),
    ) as run:
        deadline = time.monotonic() + RUN_SECONDS
        changes = iter((inner.postfix.stop, inner.postfix.start))
        while "outcomes" not in run.said:
            if time.monotonic() > deadline:
                raise SimulationError(f"the spam run did not end within {RUN_SECONDS:.0f} s; send fewer: --messages")
            if "paused" in run.said:
                next(changes)()
                run.go_on()
            run.wait_for(lambda: {"sent", "paused", "outcomes"} & run.said.keys())
            progress(run.said.get("sent", 0), settings.messages)
            time.sleep(_POLL_SECONDS / 4)
            run.wait_for(lambda: run.runs or "outcomes" in run.said)
        return run.said["outcomes"], float(run.said["seconds"])


def _drain(
    inner: Inner, servers: list[Postfix], show: Callable[[int], None] | None = None, *, deferred: bool = False
) -> None:
    """Wait until the queues are empty and nothing more arrives in the world. Raises SimulationError.

    What is deferred counts where ``deferred``; ``show`` is told how many messages the queues hold in all.
    """
    deadline = time.monotonic() + DRAIN_SECONDS
    still, last = 0, None
    while still < _STILL:
        if time.monotonic() > deadline:
            raise SimulationError(f"a queue was not empty after {DRAIN_SECONDS:.0f} s; send fewer: --messages")
        time.sleep(_POLL_SECONDS)
        busy, put_off = sum(each.busy() for each in servers), sum(each.deferred() for each in servers)
        if show is not None:
            show(busy + put_off)
        waiting = busy + put_off if deferred else busy
        counts = inner.world.said.get("counts")
        still = still + 1 if not waiting and counts == last else 0
        last = counts


def _side(name: str, inner: Inner, outcomes: dict[str, dict[str, int]], seconds: float, drained: float) -> Side:
    """Put the figures together."""
    return Side(
        name=name,
        seconds=seconds,
        drained=drained,
        outcomes=msgspec.convert(outcomes, dict[str, dict[str, int]]),
        mailboxes=sum(inner.count("mailboxes").values()),
        backscatter=inner.count("edge"),
        inner=inner.count("inner"),
    )
