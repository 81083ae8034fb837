"""Publishing: from the rows that people edit to the one file that the SMTP side reads.

    policy/<revision>.json    written once, never changed
    policy/current.json       the one in force; replaced by a rename, so that a reader sees the old or the new one

Nothing here decides what a policy means, and no secret is ever part of one.
"""

import contextlib
import json
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any

import msgspec
from django.conf import settings
from django.db import transaction

from gateway import models
from gateway.mail.decisions import Action
from gateway.operations import audit, keys, probe
from gateway.policy import codec
from gateway.policy.admission import open_domains
from gateway.policy.changes import changes
from gateway.policy.defaults import CHECKS, OUTBOUND_CHECKS, THRESHOLDS
from gateway.policy.feed import FILE
from gateway.policy.location import PolicyError, line_of
from gateway.policy.overlay import OUTBOUND, base_of, laid_over
from gateway.policy.snapshot import (
    Account,
    BatvKey,
    CheckRule,
    ClientRules,
    Dkim,
    DnsList,
    DomainPolicy,
    Forwarder,
    Greylisting,
    Ldap,
    ListKind,
    ListVerdict,
    Marking,
    Mode,
    NextHop,
    Outbound,
    RecipientPolicy,
    Route,
    Rules,
    Snapshot,
    Thresholds,
    TlsLevel,
    Validation,
)
from gateway.spool.disk import make_folder, sync_folder, write_file

_SUMMARY_LINES = 200
_ALIVE_SECONDS = 15.0
Lists = Mapping[tuple[int | None, int | None], list[models.SenderEntry]]
_EPOCH = date(1970, 1, 1)


class ProcessStatus(msgspec.Struct):
    """What one SMTP process says of itself. Times are seconds since the epoch."""

    slot: int
    pid: int
    revision: int | None = None
    revision_error: str | None = None
    started: float = 0.0
    heartbeat: float = 0.0
    connections: int = 0
    listeners: list[str] = []

    @property
    def alive(self) -> bool:
        """Whether it has said so lately."""
        return time.time() - self.heartbeat < _ALIVE_SECONDS


def build(revision: int, by: str) -> Snapshot:
    """Make a snapshot of the rows as they are now. It may be invalid; ``encode`` and ``decode`` tell."""
    node = models.NodePolicy.load()
    lists = models.SenderEntry.by_scope()
    settings_of: dict[int | None, dict[str, CheckRule]] = {}
    for row in models.CheckSetting.objects.all():
        settings_of.setdefault(row.domain_id, {})[row.check_name] = _rule(row)
    return Snapshot(
        revision=revision,
        published=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        by=by,
        domains={
            domain.name: _domain(domain, settings_of.get(domain.pk, {}), lists)
            for domain in models.Domain.objects.select_related("route").prefetch_related("recipients")
        },
        routes={route.name: _route(route) for route in models.Route.objects.prefetch_related("hosts")},
        forwarders={
            row.name: Forwarder(
                tuple(row.networks), Action(row.unknown_recipient), Action(row.virus), Action(row.other)
            )
            for row in models.Forwarder.objects.all()
        },
        accounts={
            row.login: Account(row.secret, tuple(row.addresses))
            for row in models.Account.objects.filter(enabled=True)
            if row.secret
        },
        outbound=_outbound(node, settings_of.get(None, {})),
        marking=Marking(
            keys=tuple(
                BatvKey(row.number, row.secret, (row.since - _EPOCH).days, row.retired)
                for row in models.MarkingKey.objects.all()
            ),
            seal=node.seal_secret,
            never_tag=tuple(node.never_tag),
        ),
        observe=node.observe,
        max_size=node.max_size,
        normalise_line_ends=tuple(node.normalise_line_ends),
        clients=laid_over(ClientRules(), node.clients),
        dns_lists={
            row.zone: DnsList(ListKind(row.kind), dict(row.codes), row.listed, row.unlisted)
            for row in models.DnsList.objects.filter(enabled=True)
        },
        senders=_senders(lists.get((None, None), ())),
        greylisting=laid_over(Greylisting(), node.greylisting),
        arc_sealers=tuple(node.arc_sealers),
        spf_void_limit=node.spf_void_limit,
    )


def publish_policy(who: str) -> models.PolicyRevision:
    """Publish the rows as they are: a new revision, or the last one where nothing has changed.

    Raises PolicyError where the rows make no valid policy, and then nothing has changed; OSError where the file can't
    be written. A next hop to which unknown recipients are left is probed before, where it is not known to refuse them.
    """
    probe.look_before(build(0, who))
    with transaction.atomic():
        # One at a time: the row is the lock.
        models.NodePolicy.load()
        models.NodePolicy.objects.select_for_update().get(pk=1)
        last = models.PolicyRevision.objects.first()
        number = max(last.number if last else 0, _installed()) + 1
        snapshot = build(number, who)
        text = codec.encode(snapshot)
        codec.decode(text, name=f"{number}.json")
        for fault in open_domains(snapshot, probe.accepting(snapshot)):
            raise PolicyError(f"{number}.json", line_of(text.decode(), fault.place), fault.reason, fault.remedy)
        difference = changes(_stored(last), _plain(snapshot))
        if last is not None and not difference:
            revision, number, text = last, last.number, codec.encode(_snapshot_of(last))
        else:
            revision = models.PolicyRevision.objects.create(
                number=number,
                published=datetime.fromisoformat(snapshot.published),
                by=who,
                summary=_summary(difference),
                snapshot=json.loads(text),
            )
            audit.record(who, "publish", str(revision), revision.summary)
            _write(f"{number}.json", text)
    before = _in_force()
    # Only what is on record may come into force; a stop right here is mended by publishing again.
    if _installed() != number:
        _write(FILE, text)
    keys.destroy_unneeded(before, codec.decode(text, name=f"{number}.json"))
    return revision


def pending() -> list[str]:
    """Say what publishing now would change, one line for each difference."""
    return changes(_stored(models.PolicyRevision.objects.first()), _plain(build(1, "")))


def problem() -> str | None:
    """Say why the rows can't be published as they are, or None where they can."""
    snapshot = build(1, "")
    try:
        codec.decode(codec.encode(snapshot), name="policy")
    except PolicyError as error:
        return f"{error.reason}; {error.remedy}"
    fault = next(open_domains(snapshot, probe.accepting(snapshot)), None)
    return f"{fault.reason}; {fault.remedy}" if fault is not None else None


def applied() -> list[ProcessStatus]:
    """Give what each SMTP process of this node says of itself, by slot. A status that can't be read is left out."""
    found = []
    for path in sorted(settings.CONFIG.status_folder.glob("smtp-*.json")):
        with contextlib.suppress(OSError, msgspec.MsgspecError):
            found.append(msgspec.json.decode(path.read_bytes(), type=ProcessStatus, strict=False))
    return sorted(found, key=lambda each: each.slot)


def _rule(row: models.CheckSetting) -> CheckRule:
    """Make a rule of a row."""
    return CheckRule(Mode(row.mode), Action(row.action), Action(row.on_failure), dict(row.weights))


def _thresholds(row: models.Domain | models.Recipient | models.NodePolicy, base: Thresholds) -> Thresholds:
    """Lay the thresholds that a row sets over those below it."""
    own = {name: value for name in base.__struct_fields__ if (value := getattr(row, name)) is not None}
    return msgspec.structs.replace(base, **own)


def _domain(domain: models.Domain, own_checks: dict[str, CheckRule], lists: Lists) -> DomainPolicy:
    """Make a domain's policy, with its recipients; ``lists`` are all lists of senders."""
    rules = Rules(thresholds=_thresholds(domain, THRESHOLDS), checks={**CHECKS, **own_checks}, observe=domain.observe)
    return DomainPolicy(
        route=domain.route.name,
        rules=rules,
        recipients={
            row.local_part: _recipient(row, rules, lists.get((None, row.pk), ())) for row in domain.recipients.all()
        },
        accept_unknown=domain.accept_unknown,
        marks_since=domain.marks_since.isoformat() if domain.marks_since else "",
        dkim=Dkim(domain.dkim_selector, domain.dkim_secret) if domain.dkim_secret else None,
        guided=domain.guided,
        switch_on=domain.switch_on.isoformat() if domain.switch_on else "",
        senders=_senders(lists.get((domain.pk, None), ())),
        validation=tuple(Validation(each) for each in domain.validation),
        validation_down=Action(domain.validation_down),
        plus=domain.plus,
        ldap=msgspec.convert(domain.ldap, Ldap) if domain.ldap else None,
        accepts_everyone=domain.accepts_everyone,
    )


def _recipient(row: models.Recipient, rules: Rules, senders: Iterable[models.SenderEntry]) -> RecipientPolicy:
    """Make a recipient's policy: its own thresholds, where it has some, over its domain's rules."""
    thresholds = _thresholds(row, rules.thresholds)
    own = None if thresholds == rules.thresholds else msgspec.structs.replace(rules, thresholds=thresholds)
    return RecipientPolicy(own, _senders(senders), row.alias)


def _senders(rows: Iterable[models.SenderEntry]) -> dict[str, ListVerdict]:
    """Make a list of senders."""
    return {row.who: ListVerdict(row.verdict) for row in rows}


def _outbound(node: models.NodePolicy, own_checks: dict[str, CheckRule]) -> Outbound:
    """Make the policy of mail that leaves; what is said of one account, client or domain is laid over the rest."""
    outbound = Outbound(
        networks=tuple(node.outbound_networks),
        route=node.outbound_route.name if node.outbound_route else "",
        rules=Rules(thresholds=_thresholds(node, THRESHOLDS), checks={**OUTBOUND_CHECKS, **own_checks}),
        per_account=laid_over(OUTBOUND.per_account, node.per_account),
        per_client=laid_over(OUTBOUND.per_client, node.per_client),
        per_domain=laid_over(OUTBOUND.per_domain, node.per_domain),
    )
    logins = dict(models.Account.objects.values_list("login", "enabled")) if node.limits_of else {}
    limits = {
        name: laid_over(base_of(name, outbound, logins), own)
        for name, own in node.limits_of.items()
        if logins.get(name, True)  # an account that may not send needs no limits
    }
    return msgspec.structs.replace(outbound, limits_of=limits)


def _route(route: models.Route) -> Route:
    """Make a route with its next hops."""
    hops = tuple(NextHop(hop.host, hop.port, hop.tls_from_start) for hop in route.hosts.all())
    return Route(hops, TlsLevel(route.tls), route.username, route.secret)


def _snapshot_of(revision: models.PolicyRevision) -> Snapshot:
    """Give the snapshot of a revision. Raises PolicyError."""
    return codec.decode(json.dumps(revision.snapshot).encode(), name=f"{revision.number}.json")


def _stored(revision: models.PolicyRevision | None) -> dict[str, Any]:
    """Give the last revision as built-in values; an empty policy where there is none, or none that is still valid."""
    empty = Snapshot(revision=1, published="", by="")
    if revision is None:
        return _plain(empty)
    try:
        return _plain(_snapshot_of(revision))
    except PolicyError:
        return _plain(empty)


def _plain(snapshot: Snapshot) -> dict[str, Any]:
    """Give a snapshot as built-in values."""
    plain: dict[str, Any] = json.loads(codec.encode(snapshot))
    return plain


def _summary(difference: list[str]) -> str:
    """Join the differences; of very many, the first."""
    lines = difference[:_SUMMARY_LINES]
    if more := len(difference) - len(lines):
        lines.append(f"and {more} more")
    return "\n".join(lines)


def _in_force() -> Snapshot | None:
    """Give the policy in force on this node, None where there is none that can be read."""
    try:
        return codec.load(settings.CONFIG.policy_folder / FILE)
    except PolicyError:
        return None


def _installed() -> int:
    """Give the revision in force on this node, 0 where there is none that can be read."""
    snapshot = _in_force()
    return 0 if snapshot is None else snapshot.revision


def _write(name: str, text: bytes) -> None:
    """Put a file of the policy in its place, whole and durably. Raises OSError."""
    folder = settings.CONFIG.policy_folder
    make_folder(folder)
    passing = folder / f".{name}.new"
    passing.unlink(missing_ok=True)
    write_file(passing, [text])
    passing.replace(folder / name)
    sync_folder(folder)
