"""The policy that the rows make: what publishing writes, and what is shown before it is written. Changes nothing."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any

import msgspec

from gateway import models
from gateway.mail.decisions import Action
from gateway.policy.defaults import CHECKS, OUTBOUND_CHECKS, THRESHOLDS
from gateway.policy.overlay import OUTBOUND, base_of, laid_over
from gateway.policy.snapshot import (
    Account,
    AttachmentRule,
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

Lists = Mapping[tuple[int | None, int | None], list[models.SenderEntry]]
_EPOCH = date(1970, 1, 1)


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


def _rule(row: models.CheckSetting) -> CheckRule:
    """Make a rule of a row; its actions of symbols are laid over the default's."""
    base = (CHECKS if row.domain_id else OUTBOUND_CHECKS).get(row.check_name, CheckRule())
    return CheckRule(
        Mode(row.mode),
        Action(row.action),
        Action(row.on_failure),
        dict(row.weights),
        {**base.actions, **msgspec.convert(row.actions, dict[str, Action])},
    )


def _thresholds(row: models.Domain | models.Recipient | models.NodePolicy, base: Thresholds) -> Thresholds:
    """Lay the thresholds that a row sets over those below it."""
    own = {name: value for name in base.__struct_fields__ if (value := getattr(row, name)) is not None}
    return msgspec.structs.replace(base, **own)


def _domain(domain: models.Domain, own_checks: dict[str, CheckRule], lists: Lists) -> DomainPolicy:
    """Make a domain's policy, with its recipients; ``lists`` are all lists of senders."""
    rules = _acting(domain, Rules(_thresholds(domain, THRESHOLDS), {**CHECKS, **own_checks}, domain.observe))
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
    """Make a recipient's policy: its own thresholds and actions, where it has some, over its domain's rules."""
    own = _acting(row, msgspec.structs.replace(rules, thresholds=_thresholds(row, rules.thresholds)))
    return RecipientPolicy(None if own == rules else own, _senders(senders), row.alias)


def _acting(row: models.Domain | models.Recipient | models.NodePolicy, base: Rules) -> Rules:
    """Lay what a row says of attachments, redirected mail and copies over what is below it, each as a whole."""
    own: dict[str, Any] = {}
    if row.attachments:
        own["attachments"] = msgspec.convert(row.attachments, tuple[AttachmentRule, ...])
    if row.redirect_to:
        own["redirect_to"] = row.redirect_to
    if row.copy_to:
        own["copy_to"] = tuple(row.copy_to)
    return msgspec.structs.replace(base, **own) if own else base


def _senders(rows: Iterable[models.SenderEntry]) -> dict[str, ListVerdict]:
    """Make a list of senders."""
    return {row.who: ListVerdict(row.verdict) for row in rows}


def _outbound(node: models.NodePolicy, own_checks: dict[str, CheckRule]) -> Outbound:
    """Make the policy of mail that leaves; what is said of one account, client or domain is laid over the rest."""
    outbound = Outbound(
        networks=tuple(node.outbound_networks),
        route=node.outbound_route.name if node.outbound_route else "",
        rules=_acting(node, Rules(_thresholds(node, THRESHOLDS), {**OUTBOUND_CHECKS, **own_checks})),
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
