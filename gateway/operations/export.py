"""The policy as code: what ``apply`` takes back without a change."""

from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import UNSET

from gateway import models
from gateway.mail.decisions import Action
from gateway.operations import document
from gateway.policy.defaults import CHECKS, OUTBOUND_CHECKS
from gateway.policy.digest import DigestTo
from gateway.policy.learned import FORGED
from gateway.policy.mta_sts import StsMode
from gateway.policy.overlay import differing
from gateway.policy.snapshot import CheckRule, ListKind, ListVerdict, Mode, TlsLevel, Validation


def export_policy() -> str:
    """Give the rows as YAML. Secrets are named by id, never contained."""
    return document.write(of_rows())


def of_rows() -> document.Document:
    """Make the document of the rows as they are now."""
    node = models.NodePolicy.load()
    lists = models.SenderEntry.by_scope()
    checks: dict[int | None, dict[str, document.Check]] = {}
    for row in models.CheckSetting.objects.all():
        base = (CHECKS if row.domain_id else OUTBOUND_CHECKS).get(row.check_name, CheckRule())
        checks.setdefault(row.domain_id, {})[row.check_name] = _check(row, base)
    return document.Document(
        routes={row.name: _route(row) for row in models.Route.objects.prefetch_related("hosts")},
        domains={
            row.name: document.Domain(
                route=row.route.name,
                observe=row.observe,
                accept_unknown=row.accept_unknown,
                marks_since=row.marks_since.isoformat() if row.marks_since else "",
                guided=UNSET if row.guided == (FORGED not in checks.get(row.pk, {})) else row.guided,
                switch_on=row.switch_on.isoformat() if row.switch_on else "",
                dkim=document.Dkim(row.dkim_selector, row.dkim_secret) if row.dkim_secret else None,
                thresholds=_thresholds(row),
                checks=checks.get(row.pk, {}),
                **_actions(row),
                validation=[Validation(each) for each in row.validation],
                validation_down=Action(row.validation_down),
                plus=row.plus,
                ldap=msgspec.convert(row.ldap, document.Ldap) if row.ldap else None,
                accepts_everyone=row.accepts_everyone,
                mta_sts=StsMode(row.mta_sts),
                mta_sts_max_age=row.mta_sts_max_age,
                tls_reports=row.tls_reports,
                digest=DigestTo(row.digest),
                digest_to=row.digest_to,
                senders=_senders(lists.get((row.pk, None), ())),
                recipients={
                    each.local_part: _recipient(each, lists.get((None, each.pk), ())) for each in row.recipients.all()
                },
            )
            for row in models.Domain.objects.select_related("route").prefetch_related("senders", "recipients__senders")
        },
        forwarders={
            row.name: document.Forwarder(
                list(row.networks), Action(row.unknown_recipient), Action(row.virus), Action(row.other)
            )
            for row in models.Forwarder.objects.all()
        },
        accounts={
            row.login: document.Account(list(row.addresses), row.secret, row.enabled)
            for row in models.Account.objects.all()
        },
        outbound=document.Outbound(
            route=node.outbound_route.name if node.outbound_route else "",
            networks=list(node.outbound_networks),
            thresholds=_thresholds(node),
            checks=checks.get(None, {}),
            **_actions(node),
            per_account=msgspec.convert(node.per_account, document.SendingLimits),
            per_client=msgspec.convert(node.per_client, document.SendingLimits),
            per_domain=msgspec.convert(node.per_domain, document.SendingLimits),
            limits_of=msgspec.convert(node.limits_of, dict[str, document.SendingLimits]),
        ),
        marking=document.Marking(
            keys=[
                document.Key(row.number, row.secret, row.since.isoformat(), row.retired)
                for row in models.MarkingKey.objects.all()
            ],
            seal=node.seal_secret,
            never_tag=list(node.never_tag),
        ),
        dns_lists={row.zone: _dns_list(row) for row in models.DnsList.objects.all()},
        senders=_senders(lists.get((None, None), ())),
        node=document.Node(
            observe=node.observe,
            max_size=node.max_size,
            normalise_line_ends=list(node.normalise_line_ends),
            clients=msgspec.convert(node.clients, document.Clients),
            greylisting=msgspec.convert(node.greylisting, document.Greylisting),
            arc_sealers=list(node.arc_sealers),
            spf_void_limit=node.spf_void_limit,
        ),
    )


def _thresholds(row: models.Domain | models.Recipient | models.NodePolicy) -> document.Thresholds:
    """Give the thresholds that a row sets."""
    return document.Thresholds(row.tag, row.quarantine, row.reject, row.drop, row.redirect)


def _actions(row: models.Domain | models.Recipient | models.NodePolicy) -> dict[str, Any]:
    """Give what actions need, as a row has it."""
    return {
        "attachments": msgspec.convert(row.attachments, list[document.AttachmentRule]),
        "redirect_to": row.redirect_to,
        "copy_to": list(row.copy_to),
    }


def _recipient(row: models.Recipient, senders: Iterable[models.SenderEntry]) -> document.Recipient:
    """Give one recipient."""
    return document.Recipient(
        row.alias, _thresholds(row), _senders(senders), **_actions(row), digest="none" if row.digest else ""
    )


def _senders(rows: Iterable[models.SenderEntry]) -> document.Senders:
    """Give a list of senders; one without a comment is its verdict alone."""
    return {
        row.who: document.SenderEntry(ListVerdict(row.verdict), row.comment)
        if row.comment
        else ListVerdict(row.verdict)
        for row in rows
    }


def _dns_list(row: models.DnsList) -> document.DnsList:
    """Give one DNS list, and of it what is other than by default."""
    values = {"codes": row.codes, "listed": row.listed, "unlisted": row.unlisted}
    return document.DnsList(kind=ListKind(row.kind), enabled=row.enabled, **differing(models.dnslist.DEFAULTS, values))


def _check(row: models.CheckSetting, base: CheckRule) -> document.Check:
    """Give what a setting has other than its check's default; where nothing differs, its mode, so that it is seen."""
    values = {
        "mode": Mode(row.mode),
        "action": Action(row.action),
        "on_failure": Action(row.on_failure),
        "weights": dict(row.weights),
    }
    own: dict[str, Any] = {field: value for field, value in values.items() if value != getattr(base, field)}
    if row.actions:  # they are laid over the default's
        own["actions"] = msgspec.convert(row.actions, dict[str, Action])
    return document.Check(**(own or {"mode": Mode(row.mode)}))


def _route(row: models.Route) -> document.Route:
    """Give one route with its next hops."""
    hosts = [document.Host(hop.host, hop.port, hop.tls_from_start) for hop in row.hosts.all()]
    return document.Route(hosts, TlsLevel(row.tls), row.username, row.secret)
