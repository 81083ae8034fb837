"""Policy as code: makes the rows say what a document says, and publishes them.

Within the sections that a document names, what it does not hold is removed; other sections stay as they are.
Applying the same document again changes nothing.
"""

import functools
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any

import msgspec
from django.core.exceptions import ValidationError
from django.db import models as orm
from django.db import transaction

from gateway import models
from gateway.checks.symbols import symbol_fault
from gateway.operations import accounts, audit, building, document, export, probe, publish
from gateway.policy.admission import open_domains
from gateway.policy.changes import changes
from gateway.policy.defaults import CHECKS, OUTBOUND_CHECKS
from gateway.policy.digest import DigestTo, digest_fault
from gateway.policy.learned import FORGED
from gateway.policy.location import Place, PolicyError, line_of
from gateway.policy.matching import Policy
from gateway.policy.snapshot import CheckRule, Snapshot
from gateway.policy.validity import faults, guided_fault
from gateway.policy.wellformed import Fault

_THRESHOLDS = document.Thresholds.__struct_fields__
_ACTIONS = ("attachments", "redirect_to", "copy_to")  # columns of domains, recipients and of what leaves
_OF_NODE = frozenset({"revision", *document.Node.__struct_fields__})


def apply_policy(text: str, name: str, who: str, *, check: bool = False) -> list[str]:
    """Apply a document in YAML, and publish; gives what changed, one line each, nothing where it all was so already.

    ``name`` is what errors call the file, ``who`` stands in the audit. With ``check`` everything is checked
    and nothing kept. Raises PolicyError, and then nothing has changed; OSError where the policy can't be written.
    """
    applying = _Applying(text, name, document.read(text, name), who)
    try:
        difference = _applied(applying, check=check)
    except _UnprovenError as stop:
        # Next hops are asked outside of the transaction: nobody has to wait for the database meanwhile.
        probe.probe_domains(stop.snapshot, probe.unproven(stop.snapshot))
        applying.probed = True
        difference = _applied(applying, check=check)
    if not check:
        publish.publish_policy(who, probed=True)
    return difference


def draft(text: str, name: str) -> Snapshot:
    """Give the policy that a document in YAML would make, and keep nothing of it. Raises PolicyError."""
    applying = _Applying(text, name, document.read(text, name), "")
    applying.probed = True  # nobody is asked for what is only looked at
    with transaction.atomic():
        applying.carry_out()
        applying.raise_faults()
        snapshot = building.build(0, "")
        transaction.set_rollback(True)
    return snapshot


def _applied(applying: "_Applying", *, check: bool) -> list[str]:
    """Make the rows say what the document says; gives what changed. Raises PolicyError, _UnprovenError."""
    with transaction.atomic():
        before = document.plain(export.of_rows())
        applying.carry_out()
        difference = changes(before, document.plain(export.of_rows()))
        applying.raise_faults()
        if difference and not check:
            audit.record(applying.who, "apply", applying.name, "\n".join(difference))
        transaction.set_rollback(check)
    return difference


class _UnprovenError(Exception):
    """The policy leaves unknown recipients to next hops that are not known to refuse them."""

    def __init__(self, snapshot: Snapshot) -> None:
        """Keep the policy that the document makes."""
        super().__init__("next hops must be asked first")
        self.snapshot = snapshot


class _Applying:
    """One document on its way into the rows. Within a transaction."""

    def __init__(self, text: str, name: str, wanted: document.Document, who: str) -> None:
        """Keep what errors and audit need."""
        self.text = text
        self.name = name
        self.wanted = wanted
        self.who = who
        self.probed = False

    def carry_out(self) -> None:
        """Write each section that the document names. Routes go last: others must let go of them first."""
        wanted = self.wanted
        if isinstance(wanted.routes, dict):
            self._write_routes(wanted.routes)
        if isinstance(wanted.domains, dict):
            self._write_domains(wanted.domains)
        if isinstance(wanted.forwarders, dict):
            self._write_forwarders(wanted.forwarders)
        if isinstance(wanted.accounts, dict):
            self._write_accounts(wanted.accounts)
        if isinstance(wanted.dns_lists, dict):
            self._write_dns_lists(wanted.dns_lists)
        if isinstance(wanted.senders, dict):
            _write_senders(wanted.senders)
        node = models.NodePolicy.load()
        if isinstance(wanted.marking, document.Marking):
            self._write_marking(node, wanted.marking)
        if isinstance(wanted.outbound, document.Outbound):
            self._set_outbound(node, wanted.outbound)
        if isinstance(wanted.node, document.Node):
            node.observe = wanted.node.observe
            node.max_size = wanted.node.max_size
            node.normalise_line_ends = wanted.node.normalise_line_ends
            node.clients = msgspec.to_builtins(wanted.node.clients)
            node.greylisting = msgspec.to_builtins(wanted.node.greylisting)
            node.arc_sealers = wanted.node.arc_sealers
            node.spf_void_limit = wanted.node.spf_void_limit
        self._save(node, ("node",))
        if isinstance(wanted.routes, dict):
            self._remove_routes(wanted.routes)

    def raise_faults(self) -> None:
        """Raise the first thing that is wrong with the policy which the rows now make, or that it must be probed."""
        snapshot = building.build(1, "")
        fault = next(faults(snapshot, CHECKS.keys()), None) or next(_digest_faults(snapshot), None)
        if fault is None:
            if not self.probed and probe.unproven(snapshot):
                raise _UnprovenError(snapshot)
            fault = next(open_domains(snapshot, probe.accepting(snapshot)), None)
        if fault is None:
            return
        place = _in_document(fault.place)
        if getattr(self.wanted, str(place[0])) is msgspec.UNSET:
            where = ", ".join(map(str, place))
            raise PolicyError(self.name, 0, f"{where} (not in this file): {fault.reason}", fault.remedy)
        raise self._error(place, fault.reason, fault.remedy)

    def _error(self, place: Place, reason: str, remedy: str) -> PolicyError:
        """Make the error that names the line of a place of the document."""
        return PolicyError(self.name, line_of(self.text, place), reason, remedy)

    def _save(self, row: orm.Model, place: Place) -> None:
        """Check a row's fields and save it. Raises PolicyError."""
        try:
            row.full_clean(validate_unique=False, validate_constraints=False)
        except ValidationError as error:
            field, reasons = next(iter(error.message_dict.items()))
            raise self._error((*place, field), f"{field}: {reasons[0]}", "correct it") from None
        row.save()

    def _route_named(self, name: str, place: Place) -> models.Route:
        """Give a route by its name. Raises PolicyError."""
        route = models.Route.objects.filter(name=name).first()
        if route is None:
            names = ", ".join(models.Route.objects.values_list("name", flat=True))
            remedy = f"name one of {names}, or add it" if names else "add a route of that name"
            raise self._error(place, f"there is no route {name!r}", remedy)
        return route

    def _write_routes(self, wanted: Mapping[str, document.Route]) -> None:
        """Make or change the routes."""
        for name, part in wanted.items():
            place: Place = ("routes", name)
            row = models.Route.objects.filter(name=name).first() or models.Route(name=name)
            row.tls, row.username, row.secret = part.tls, part.username, part.secret
            self._save(row, place)
            hops = [(hop.host, hop.port, hop.tls_from_start) for hop in row.hosts.all()]
            if hops != [(hop.host, hop.port, hop.tls_from_start) for hop in part.hosts]:
                row.hosts.all().delete()
                for at, hop in enumerate(part.hosts):
                    new = models.RouteHost(
                        route=row, position=at, host=hop.host, port=hop.port, tls_from_start=hop.tls_from_start
                    )
                    self._save(new, (*place, "hosts", at))

    def _remove_routes(self, wanted: Iterable[str]) -> None:
        """Remove the routes that the document does not hold. Raises PolicyError where something still takes one."""
        for row in models.Route.objects.exclude(name__in=list(wanted)):
            user = models.Domain.objects.filter(route=row).first()
            if user or models.NodePolicy.objects.filter(outbound_route=row).exists():
                what = f"domain {user}" if user else "outbound mail"
                reason = f"route {row.name!r} is not here, but {what} still takes it"
                raise self._error(("routes",), reason, f"add the route, or give {what} another one")
            row.delete()
            accounts.destroy_when_unused(row.secret)

    def _write_domains(self, wanted: Mapping[str, document.Domain]) -> None:
        """Make, change and remove domains, with their checks and recipients."""
        models.Domain.objects.exclude(name__in=list(wanted)).delete()
        for name, part in wanted.items():
            place: Place = ("domains", name)
            row = models.Domain.objects.filter(name=name).first() or models.Domain(name=name)
            row.route = self._route_named(part.route, (*place, "route"))
            row.observe, row.accept_unknown = part.observe, part.accept_unknown
            row.marks_since = self._day(part.marks_since, (*place, "marks_since")) if part.marks_since else None
            row.guided = part.is_guided
            self._refuse_unheeded(part, place)
            row.switch_on = self._day(part.switch_on, (*place, "switch_on")) if part.switch_on else None
            row.dkim_selector = part.dkim.selector if part.dkim is not None else ""
            row.dkim_secret = part.dkim.secret if part.dkim is not None else ""
            row.validation, row.validation_down = list(part.validation), part.validation_down
            row.plus, row.ldap = part.plus, None if part.ldap is None else msgspec.to_builtins(part.ldap)
            row.accepts_everyone = part.accepts_everyone
            row.mta_sts, row.mta_sts_max_age, row.tls_reports = part.mta_sts, part.mta_sts_max_age, part.tls_reports
            row.digest, row.digest_to = part.digest, part.digest_to
            _set_thresholds(row, part.thresholds)
            _set_actions(row, part)
            self._save(row, place)
            self._write_checks(row, part.checks, CHECKS, place)
            if isinstance(part.senders, dict):
                _write_senders(part.senders, domain=row)
            if part.recipients is not msgspec.UNSET:
                _write_recipients(row, part.recipient_parts())

    def _write_dns_lists(self, wanted: Mapping[str, document.DnsList | None]) -> None:
        """Make, change and remove DNS lists."""
        models.DnsList.objects.exclude(zone__in=list(wanted)).delete()
        for zone, given in wanted.items():
            part = given or document.DnsList()
            row = models.DnsList.objects.filter(zone=zone).first() or models.DnsList(zone=zone)
            base = models.dnslist.DEFAULTS
            row.kind, row.enabled = part.kind, part.enabled
            row.codes = dict(base.codes) if part.codes is msgspec.UNSET else part.codes
            row.listed = base.listed if part.listed is msgspec.UNSET else part.listed
            row.unlisted = base.unlisted if part.unlisted is msgspec.UNSET else part.unlisted
            self._save(row, ("dns_lists", zone))

    def _refuse_unheeded(self, part: document.Domain, place: Place) -> None:
        """Refuse to set for forged bounces what a guided domain would not heed. Raises PolicyError."""
        check, base = part.checks.get(FORGED), CHECKS[FORGED]
        if check is None or not part.is_guided:
            return
        mode = base.mode if check.mode is msgspec.UNSET else check.mode
        action = base.action if check.action is msgspec.UNSET else check.action
        if fault := guided_fault(mode, action):
            raise self._error((*place, "checks", FORGED), *fault)

    def _write_checks(
        self,
        domain: models.Domain | None,
        wanted: Mapping[str, document.Check],
        defaults: Mapping[str, CheckRule],
        place: Place,
    ) -> None:
        """Make, change and remove what checks mean to a domain, or (None) to outbound mail."""
        rows = models.CheckSetting.objects.filter(domain=domain)
        rows.exclude(check_name__in=list(wanted)).delete()
        for name, part in wanted.items():
            base = defaults.get(name, CheckRule())
            row = rows.filter(check_name=name).first() or models.CheckSetting(domain=domain, check_name=name)
            row.mode = base.mode if part.mode is msgspec.UNSET else part.mode
            row.action = base.action if part.action is msgspec.UNSET else part.action
            row.on_failure = base.on_failure if part.on_failure is msgspec.UNSET else part.on_failure
            row.weights = dict(base.weights) if part.weights is msgspec.UNSET else part.weights
            row.actions = {} if part.actions is msgspec.UNSET else msgspec.to_builtins(part.actions)
            for symbol in row.actions:
                if fault := symbol_fault(name, symbol):
                    raise self._error((*place, "checks", name, "actions", symbol), *fault)
            self._save(row, (*place, "checks", name))

    def _write_forwarders(self, wanted: Mapping[str, document.Forwarder]) -> None:
        """Make, change and remove trusted forwarders."""
        models.Forwarder.objects.exclude(name__in=list(wanted)).delete()
        for name, part in wanted.items():
            row = models.Forwarder.objects.filter(name=name).first() or models.Forwarder(name=name)
            row.networks = part.networks
            row.unknown_recipient, row.virus, row.other = part.unknown_recipient, part.virus, part.other
            self._save(row, ("forwarders", name))

    def _write_accounts(self, wanted: Mapping[str, document.Account]) -> None:
        """Make, change and remove accounts. A removed one's secret is destroyed with it."""
        for row in models.Account.objects.exclude(login__in=list(wanted)):
            accounts.delete(row, self.who)
        for login, part in wanted.items():
            row = models.Account.objects.filter(login=login).first() or models.Account(login=login)
            row.addresses, row.enabled = part.addresses, part.enabled
            row.secret = part.secret or row.secret or accounts.new_secret_id("account", login)
            self._save(row, ("accounts", login))

    def _write_marking(self, node: models.NodePolicy, part: document.Marking) -> None:
        """Make, change and remove the keys, known by their secrets' ids; their secrets go when that is published."""
        node.seal_secret, node.never_tag = part.seal, part.never_tag
        models.MarkingKey.objects.exclude(secret__in=[key.secret for key in part.keys]).delete()
        for at, key in enumerate(part.keys):
            place: Place = ("marking", "keys", at)
            row = models.MarkingKey.objects.filter(secret=key.secret).first() or models.MarkingKey(secret=key.secret)
            row.number, row.retired = key.number, key.retired
            row.since = self._day(key.since, (*place, "since"))
            self._save(row, place)

    def _day(self, text: str, place: Place) -> date:
        """Give a day in ISO form. Raises PolicyError."""
        try:
            return date.fromisoformat(text)
        except ValueError:
            raise self._error(place, f"{text!r} is no day", "write it as 2026-11-21") from None

    def _set_outbound(self, node: models.NodePolicy, part: document.Outbound) -> None:
        """Set what holds for mail that leaves."""
        place: Place = ("outbound",)
        node.outbound_route = self._route_named(part.route, (*place, "route")) if part.route else None
        node.outbound_networks = part.networks
        node.per_account = msgspec.to_builtins(part.per_account)
        node.per_client = msgspec.to_builtins(part.per_client)
        node.per_domain = msgspec.to_builtins(part.per_domain)
        node.limits_of = msgspec.to_builtins(part.limits_of)
        _set_thresholds(node, part.thresholds)
        _set_actions(node, part)
        self._write_checks(None, part.checks, OUTBOUND_CHECKS, place)


def _write_recipients(domain: models.Domain, wanted: Mapping[str, document.Recipient]) -> None:
    """Make, change and remove a domain's recipients, many at a time, with their lists of senders."""
    rows = {row.local_part: row for row in domain.recipients.all()}
    gone = [row.pk for local, row in rows.items() if local not in wanted]
    for at in range(0, len(gone), 500):
        models.Recipient.objects.filter(pk__in=gone[at : at + 500]).delete()
    new, changed = [], []
    for local, part in wanted.items():
        row = rows.get(local)
        if row is None:
            row = rows[local] = models.Recipient(domain=domain, local_part=local)
            new.append(row)
        elif (
            (row.alias, row.digest) != (part.alias, part.digest)
            or any(getattr(row, each) != getattr(part.thresholds, each) for each in _THRESHOLDS)
            or any(getattr(row, each) != own for each, own in _actions(part).items())
        ):
            changed.append(row)
        row.alias, row.digest = part.alias, part.digest
        _set_thresholds(row, part.thresholds)
        _set_actions(row, part)
    models.Recipient.objects.bulk_create(new, batch_size=500)
    models.Recipient.objects.bulk_update(changed, ("alias", "digest", *_THRESHOLDS, *_ACTIONS), batch_size=100)
    listed = set(models.SenderEntry.objects.filter(recipient__domain=domain).values_list("recipient_id", flat=True))
    for local, part in wanted.items():
        if part.senders or rows[local].pk in listed:
            _write_senders(part.senders, recipient=rows[local])


def _write_senders(
    wanted: document.Senders, *, domain: models.Domain | None = None, recipient: models.Recipient | None = None
) -> None:
    """Make, change and remove the entries of one list of senders; those that stay keep their day."""
    rows = {row.who: row for row in models.SenderEntry.objects.filter(domain=domain, recipient=recipient)}
    gone = [row.pk for who, row in rows.items() if who not in wanted]
    for at in range(0, len(gone), 500):
        models.SenderEntry.objects.filter(pk__in=gone[at : at + 500]).delete()
    new, changed = [], []
    for who, given in wanted.items():
        part = given if isinstance(given, document.SenderEntry) else document.SenderEntry(given)
        row = rows.get(who)
        if row is None:
            row = models.SenderEntry(who=who, domain=domain, recipient=recipient)
            new.append(row)
        elif (row.verdict, row.comment) != (part.verdict, part.comment):
            changed.append(row)
        row.verdict, row.comment = part.verdict, part.comment
    models.SenderEntry.objects.bulk_create(new, batch_size=500)
    models.SenderEntry.objects.bulk_update(changed, ("verdict", "comment"), batch_size=100)


def _set_thresholds(row: models.Domain | models.Recipient | models.NodePolicy, thresholds: document.Thresholds) -> None:
    """Set a row's thresholds."""
    for field in _THRESHOLDS:
        setattr(row, field, getattr(thresholds, field))


def _actions(part: document.Domain | document.Recipient | document.Outbound) -> dict[str, Any]:
    """Give the columns of what actions need, as they are kept."""
    return {name: msgspec.to_builtins(getattr(part, name)) for name in _ACTIONS}


def _set_actions(
    row: models.Domain | models.Recipient | models.NodePolicy,
    part: document.Domain | document.Recipient | document.Outbound,
) -> None:
    """Set a row's actions."""
    for field, value in _actions(part).items():
        setattr(row, field, value)


def _digest_faults(snapshot: Snapshot) -> Iterator[Fault]:
    """Give what is wrong with the digests of domains, which are no part of the policy that the rows now make."""
    rows = models.Domain.objects.exclude(digest=DigestTo.NONE, digest_to="")
    policy = functools.cache(lambda: Policy(snapshot))
    for name, to, address in rows.values_list("name", "digest", "digest_to"):
        if wrong := digest_fault(to, address, policy):
            key, reason, remedy = wrong
            yield Fault(("domains", name, key), reason, remedy)


def _in_document(place: Place) -> Place:
    """Give the place in a document of a place in a snapshot."""
    if place[0] in _OF_NODE:
        return ("node", *place)
    return tuple(step for step in place if step != "rules")
