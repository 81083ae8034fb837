"""Accounts that may send by SMTP AUTH, and the passwords of routes and directories.

A secret lies in a file; no row ever holds one.
"""

import re
import secrets as randomness

from django.conf import settings
from django.db import transaction

from gateway.models import Account, Domain, Route
from gateway.operations import audit
from gateway.services import passwords, secrets

_ODD = re.compile(r"[^a-z0-9]+")


def new_secret_id(kind: str, name: str) -> str:
    """Make an id for a secret that tells a person whose it is, and is never given twice."""
    readable = _ODD.sub("-", name.lower()).strip("-")[:30]
    return "-".join(part for part in (kind, readable, randomness.token_hex(4)) if part)


def set_password(account: Account, password: str, who: str) -> None:
    """Store the hash of an account's password. It holds at once, on the next AUTH. Raises OSError."""
    if not account.secret:
        account.secret = new_secret_id("account", account.login)
        account.save(update_fields=["secret"])
    secrets.write(settings.CONFIG.secrets_folder, account.secret, passwords.hash_password(password))
    audit.record(who, "set password", f"account {account.login}")


def has_password(account: Account) -> bool:
    """Whether a password was ever set."""
    return bool(account.secret) and secrets.read(settings.CONFIG.secrets_folder, account.secret) is not None


def delete(account: Account, who: str) -> None:
    """Remove an account, and destroy its secret."""
    with transaction.atomic():
        audit.record(who, "delete account", account.login)
        account.delete()
        destroy_when_unused(account.secret)


def set_route_password(route: Route, password: str, who: str) -> None:
    """Store the password by which a route's next hops are told who we are. Raises OSError."""
    if not route.secret:
        route.secret = new_secret_id("route", route.name)
        route.save(update_fields=["secret"])
    secrets.write(settings.CONFIG.secrets_folder, route.secret, password)
    audit.record(who, "set password", f"route {route.name}")


def set_ldap_password(domain: Domain, password: str, who: str) -> None:
    """Store the password by which a domain's directory is told who we are. Raises OSError."""
    ldap = dict(domain.ldap or {})
    if not ldap.get("secret"):
        ldap["secret"] = new_secret_id("ldap", domain.name)
        domain.ldap = ldap
        domain.save(update_fields=["ldap"])
    secrets.write(settings.CONFIG.secrets_folder, ldap["secret"], password)
    audit.record(who, "set password", f"directory of {domain.name}")


def destroy_when_unused(secret: str) -> None:
    """Destroy a secret once the transaction has ended well, unless an account or a route still names it."""

    def destroy() -> None:
        used = Account.objects.filter(secret=secret).exists() or Route.objects.filter(secret=secret).exists()
        if not used:
            secrets.destroy(settings.CONFIG.secrets_folder, secret)

    if secret:
        transaction.on_commit(destroy)
