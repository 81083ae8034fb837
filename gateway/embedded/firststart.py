"""What a new state folder gets: keys, a certificate, a domain to try, and an administrator.

Nothing that is there already is ever changed.
"""

import secrets

from django.contrib.auth import get_user_model
from django.db import transaction

from gateway.config import Config
from gateway.embedded.certificate import make_self_signed
from gateway.embedded.ports import split
from gateway.mail.decisions import Action
from gateway.models import CheckSetting, Domain, MarkingKey, NodePolicy, PolicyRevision, Recipient, Route, RouteHost
from gateway.operations import keys
from gateway.operations.publish import pending, publish_policy
from gateway.policy.feed import FILE
from gateway.policy.snapshot import Mode, TlsLevel
from gateway.services import secrets as secret_files

DOMAIN = "example.test"
ROUTE = "bundled-sink"
WHO = "first start"
ADMINISTRATOR = "admin"
# The one whose mail is held back sooner, so that there is something to see.
STRICTER = "carol"
_STRICTER_THRESHOLDS = {"quarantine": 5.5}
_RECIPIENTS = ("postmaster", "abuse", "alice", "bob", STRICTER)
# The demo's clients and senders have made-up names: what DNS says of them is shown, and does not count.
_OBSERVED = ("reverse_dns", "helo", "sender_domain", "spf", "dmarc")
_OBSERVE = {"mode": Mode.OBSERVE, "on_failure": Action.DELIVER}
_LOOPBACK = ["127.0.0.0/8", "::1/128"]


def make_keys(config: Config) -> None:
    """Make what the processes need before they start: Django's key and the self-signed certificate."""
    if secret_files.read(config.secrets_folder, "django") is None:
        secret_files.write(config.secrets_folder, "django", secrets.token_urlsafe(50))
    if config.smtp.certificate is None and config.smtp.key is None:
        make_self_signed(config.name, config.certificate, config.key)


def make_policy(config: Config) -> bool:
    """Make a domain with recipients behind the bundled sink, and publish it; tells whether there was none yet."""
    if PolicyRevision.objects.exists():
        # A stop between record and file, or a lost file, is mended where nobody is in the middle of an edit.
        if not (config.policy_folder / FILE).exists() and not pending():
            publish_policy(WHO)
        return False
    with transaction.atomic():
        host, port = split(config.embedded.sink)
        route, _ = Route.objects.get_or_create(name=ROUTE, defaults={"tls": TlsLevel.NEVER})
        RouteHost.objects.get_or_create(route=route, host=host, port=port)
        domain, _ = Domain.objects.get_or_create(name=DOMAIN, defaults={"route": route})
        for local_part in _RECIPIENTS:
            thresholds = _STRICTER_THRESHOLDS if local_part == STRICTER else {}
            Recipient.objects.get_or_create(domain=domain, local_part=local_part, defaults=thresholds)
        for check in _OBSERVED:
            CheckSetting.objects.get_or_create(domain=domain, check_name=check, defaults=_OBSERVE)
        node = NodePolicy.load()
        # Holds for the outbound listeners only; to the inbound ones this machine is the internet.
        node.outbound_networks = _LOOPBACK
        node.outbound_route = route
        node.save()
        keys.make_seal(WHO)
        if not MarkingKey.objects.exists():
            keys.make_key(WHO)
    publish_policy(WHO)
    return True


def sink_elsewhere(config: Config) -> str | None:
    """Say so where the route to the bundled sink leads to another place than the sink's; None where all is well."""
    host, port = split(config.embedded.sink)
    hosts = RouteHost.objects.filter(route__name=ROUTE)
    if not hosts.exists() or hosts.filter(host=host, port=port).exists():
        return None
    return (
        f"the bundled sink listens on {config.embedded.sink}, but the route {ROUTE} leads to {hosts[0]}: "
        "correct the route in the console and publish, or mail for it is deferred"
    )


def make_administrator(name: str = ADMINISTRATOR) -> str | None:
    """Make the administrator and give the password, which is stored nowhere else; None where there is one already."""
    users = get_user_model()
    if users.objects.filter(is_superuser=True).exists():
        return None
    password = secrets.token_urlsafe(15)
    users.objects.create_superuser(name, password=password)
    return password
