"""The policy as code: what ``apply`` takes back without a change."""

from typing import Any

from msgspec import UNSET

from gateway import models
from gateway.mail.decisions import Action
from gateway.operations import document
from gateway.policy.defaults import CHECKS, OUTBOUND_CHECKS
from gateway.policy.learned import FORGED
from gateway.policy.snapshot import CheckRule, Mode, TlsLevel


def export_policy() -> str:
    """Give the rows as YAML. Secrets are named by id, never contained."""
    return document.write(of_rows())


def of_rows() -> document.Document:
    """Make the document of the rows as they are now."""
    node = models.NodePolicy.load()
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
                recipients={each.local_part: _recipient(each) for each in row.recipients.all()},
            )
            for row in models.Domain.objects.select_related("route").prefetch_related("recipients")
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
        ),
        marking=document.Marking(
            keys=[
                document.Key(row.number, row.secret, row.since.isoformat(), row.retired)
                for row in models.MarkingKey.objects.all()
            ],
            seal=node.seal_secret,
            never_tag=list(node.never_tag),
        ),
        node=document.Node(node.observe, node.max_size, list(node.normalise_line_ends)),
    )


def _thresholds(row: models.Domain | models.Recipient | models.NodePolicy) -> document.Thresholds:
    """Give the thresholds that a row sets."""
    return document.Thresholds(row.tag, row.quarantine, row.reject, row.drop)


def _recipient(row: models.Recipient) -> document.Recipient:
    """Give one recipient."""
    return document.Recipient(_thresholds(row))


def _check(row: models.CheckSetting, base: CheckRule) -> document.Check:
    """Give what a setting has other than its check's default; where nothing differs, its mode, so that it is seen."""
    values = {
        "mode": Mode(row.mode),
        "action": Action(row.action),
        "on_failure": Action(row.on_failure),
        "weights": dict(row.weights),
    }
    own: dict[str, Any] = {field: value for field, value in values.items() if value != getattr(base, field)}
    return document.Check(**(own or {"mode": Mode(row.mode)}))


def _route(row: models.Route) -> document.Route:
    """Give one route with its next hops."""
    hosts = [document.Host(hop.host, hop.port, hop.tls_from_start) for hop in row.hosts.all()]
    return document.Route(hosts, TlsLevel(row.tls), row.username, row.secret)
