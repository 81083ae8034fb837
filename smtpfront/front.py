"""What the sessions of one SMTP process share: policy, checks, next hops, spool, journal, counters."""

import asyncio
import ipaddress
import logging
import ssl
import time
from collections.abc import Collection, Iterable
from typing import Protocol

from gateway import pipeline
from gateway.checks import catalog, sending_limits
from gateway.checks.base import Check, View
from gateway.checks.clamav import ClamAv
from gateway.config import Config
from gateway.delivery.faults import RouteFault
from gateway.delivery.health import RouteHealth
from gateway.delivery.pool import Pool
from gateway.mail.client import Client
from gateway.mail.findings import FAILED, Observation
from gateway.mail.stages import Stage
from gateway.outcome.case import Means
from gateway.policy.codec import PolicyError
from gateway.policy.decide import EARLY, NODE_WIDE
from gateway.policy.feed import LearnedFeed, PolicyFeed
from gateway.policy.learned import NOTHING, Learned
from gateway.policy.matching import Policy
from gateway.policy.snapshot import Snapshot
from gateway.services import secrets
from gateway.services.clamd import Clamd, remedy
from gateway.services.counters import Counters
from gateway.services.dns import DnsResolver
from gateway.services.engines.configured import engines
from gateway.services.ldap import Directory
from gateway.services.ledger import ENTRIES_A_MEGABYTE, open_ledger
from gateway.spool.deliveries import Deliveries
from gateway.spool.disk import SpoolError
from gateway.spool.journal import JournalWriter
from gateway.spool.quarantine import Quarantine
from gateway.spool.records import AlarmRecord, encode
from gateway.spool.staging import Spool

log = logging.getLogger("smtpd")

AT_ONCE = NODE_WIDE | EARLY  # checks that may answer before a recipient is named
ALARM_SECONDS = 60.0  # the same alarm is told again after so long


class Conversation(Protocol):
    """What the process must know of a session to end it."""

    @property
    def peer(self) -> str:
        """The client's address."""

    @property
    def settling(self) -> bool:
        """Whether a message of it has come whole, and is not answered yet."""

    def stop(self) -> None:
        """End it now, or behind the transaction that is under way."""

    def abort(self) -> None:
        """Cut it."""


class Front:
    """One SMTP process."""

    def __init__(self, config: Config, slot: str, counters: Counters, tls: ssl.SSLContext | None) -> None:
        """Open the stores. Raises SpoolError, LedgerError where the state folder can't be written."""
        self.config = config
        self.name = config.name
        self.slot = slot
        self.counters = counters
        self.tls = tls
        self.started = time.time()
        self.draining = False  # the process goes down: no second transaction begins
        self.hurrying = False  # nor does a first
        self.slow_replies = 0  # of those to unknown recipients, how many wait
        self.forgotten = 0  # when the node was last told to forget, in nanoseconds: what next hops said before is void
        self.sessions: set[Conversation] = set()
        self._policy: Policy | None = None
        self._alarms: dict[str, float] = {}
        self.spool = Spool(config.spool_folder, slot)
        self.journal = JournalWriter(config.journal_folder, slot)
        self.ledger, _ = open_ledger(
            config.home, config.secrets_folder, entries=config.ledger.megabytes * ENTRIES_A_MEGABYTE
        )
        self._unblocked = self.started
        self.feed = PolicyFeed(config.policy_folder, self._policy_changed, self._policy_refused)
        self.learned = LearnedFeed(config.learned_folder, self._learned_changed, self._learned_refused)
        self.pool = Pool(config.name, config.budget, self.read_secret, on_fault=self._next_hop_failed)
        self.health = RouteHealth()
        self.resolver = DnsResolver(config.dns, on_silence=self._dns_is_silent)
        self.directory = Directory(self.read_secret)
        self.clamd = Clamd.of(config, self._scanner_failed)
        self.engines = engines(config, self.read_secret)
        self.catalog = catalog.build(
            catalog.Services(
                self.clamd,
                self.read_secret,
                self.ledger,
                self.resolver,
                counters,
                self.directory,
                self.engines,
            )
        )
        self.at_once = {stage: _named(checks, AT_ONCE) for stage, checks in self.catalog.items()}
        self.later = {
            stage: tuple(each for each in checks if each.name not in AT_ONCE) for stage, checks in self.catalog.items()
        }
        self._preparing = tuple(each for each in self.catalog[Stage.DATA] if type(each).prepare is not Check.prepare)
        self._balancers = tuple(ipaddress.ip_network(each, strict=False) for each in config.smtp.balancers)
        self.deliveries = Deliveries(config.spool_folder)
        self.means = Means(
            config,
            self.spool,
            Quarantine(config.spool_folder),
            self.deliveries,
            self.journal,
            self.ledger,
            self.alarm,
            self.done_before,
        )

    def done_before(self, key: str) -> str | None:
        """Give the id of the transaction that did a delivery already, by its key."""
        return self.deliveries.find(key) or self.counters.get(f"delivered:{key}")  # older builds

    async def remember_delivery(self, key: str, message: str) -> None:
        """Remember a delivery by its key and its transaction's id: the client may not have read our 250."""
        try:
            await asyncio.to_thread(self.deliveries.remember, key, message)
        except SpoolError as error:
            self.alarm(f"a delivery could not be remembered: {error}")

    def forget_delivery(self, key: str) -> None:
        """Forget a delivery by its key: the client has read our 250."""
        if self.counters.get(f"delivered:{key}") is not None:
            self.counters.forget(f"delivered:{key}")
        try:
            self.deliveries.forget(key)
        except SpoolError as error:
            self.alarm(f"a delivery could not be forgotten, so that the same octets would count as a retry: {error}")

    @property
    def policy(self) -> Policy | None:
        """The policy in force with what was learned, compiled; None before the first one is published."""
        snapshot, learned = self.feed.current, self.learned.current or NOTHING
        if snapshot is None:
            return None
        known = self._policy
        if known is None or known.snapshot is not snapshot or known.learned is not learned:
            self._policy = known = Policy(snapshot, learned)
        return known

    def _policy_changed(self, snapshot: Snapshot) -> None:
        """Say that a new policy is in force; transactions under way keep theirs."""
        log.info("policy revision %d is in force", snapshot.revision)

    def _policy_refused(self, error: PolicyError) -> None:
        """Say that the published file is bad."""
        self.alarm(f"policy refused, the one before stays in force: {error}")

    def _learned_changed(self, learned: Learned) -> None:
        """Let who was unblocked since the last time begin anew; every process of the node says so, which is no harm."""
        for name, entry in learned.unblocked.items():
            if entry.since > self._unblocked:
                kind, _, who = name.partition(":")
                for what in sending_limits.WHATS:
                    self.counters.forget(sending_limits.key(kind, who, what))
        self._unblocked = max([self._unblocked, *(entry.since for entry in learned.unblocked.values())])

    def _learned_refused(self, error: PolicyError) -> None:
        """Say that the file of what was learned is bad."""
        self.alarm(f"what was learned can not be read, what was known before stays in force: {error}")

    def _dns_is_silent(self, trouble: str) -> None:
        """Say that no DNS server answers."""
        self.alarm(f"no DNS server answers: {trouble}; see that it runs, or name another in [dns] servers")

    def _next_hop_failed(self, host: str, fault: RouteFault) -> None:
        """Say that a next hop was passed over, which the mail itself may never show."""
        del host  # the fault names it
        self.alarm(f"next hop failed: {fault}")

    def _scanner_failed(self, trouble: str) -> None:
        """Say that one of several scanners was passed over, which the mail itself never shows."""
        self.alarm(f"scanner failed: {trouble}; {remedy(trouble)}")

    def read_secret(self, name: str) -> str | None:
        """Give a secret by its id."""
        return secrets.read(self.config.secrets_folder, name)

    def alarm(self, text: str) -> None:
        """Tell the administrator, in the log and (by the journal) in the console; the same words once a minute."""
        now = time.monotonic()
        if now - self._alarms.get(text, float("-inf")) < ALARM_SECONDS:
            return
        if len(self._alarms) > 1000:  # noqa: PLR2004 - texts can differ without end
            self._alarms.clear()
        self._alarms[text] = now
        log.error("ALARM %s", text)
        try:
            self.journal.append(encode(AlarmRecord(time.time(), self.name, text)))
        except SpoolError as error:
            log.error("ALARM journal can not be written: %s", error)  # noqa: TRY400 - one line tells it

    def alarm_on_breakage(self, observations: list[Observation]) -> None:
        """Raise an alarm for each check that could not tell. A stranger's broken DNS is no reason for one."""
        for each in observations:
            if each.outcome in FAILED and each.check not in catalog.ASK_DNS:
                advice = f"; {remedy(each.detail)}" if each.check == ClamAv.name else ""
                self.alarm(f"check {each.check}: {each.outcome}: {each.detail}{advice}")

    def check(self, stage: Stage, view: View) -> asyncio.Future[list[Observation]]:
        """Begin the checks of a stage before RCPT, for any domain that has them on; nobody waits for them here."""
        wanted = (view.policy.wanted,)
        return pipeline.begin(stage, self.later[stage], view, wanted, seconds=self.config.budget.connect)

    async def check_at_once(self, stage: Stage, policy: Policy, client: Client, *, ahead: bool) -> list[Observation]:
        """Run the checks of a stage that may answer before a recipient is named; they wait for nobody."""
        view = View(policy=policy, node=self.name, listener="inbound", client=client, ahead=ahead)
        return await pipeline.run(
            stage, self.at_once[stage], view, (policy.wanted,), seconds=self.config.budget.connect
        )

    def looks(self, stage: Stage, policy: Policy) -> bool:
        """Whether ``check`` has anything to do at that stage: any domain has one of its checks on."""
        wanted = policy.wanted.checks
        return any(each.name in wanted for each in self.later[stage])

    def is_balancer(self, ip: str) -> bool:
        """Whether the address is that of a load balancer, whose connections begin with the PROXY protocol."""
        if not self._balancers:
            return False
        address = ipaddress.ip_address(ip)
        return any(address in network for network in self._balancers)

    def prepare(self, view: View) -> None:
        """Let the checks of DATA begin what takes its time, where any domain has them on."""
        for each in self._preparing:
            if each.name in view.policy.wanted.checks:
                each.prepare(view)

    def wants(self, stage: Stage) -> bool:
        """Whether any check looks at that stage."""
        return bool(self.catalog[stage])


def _named(checks: Iterable[Check], names: Collection[str]) -> tuple[Check, ...]:
    """Give the checks of these names."""
    return tuple(each for each in checks if each.name in names)
