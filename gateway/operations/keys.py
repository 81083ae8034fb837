"""The keys of marking: made, retired, destroyed. A secret goes into a file at once; the policy names it once published.

A secret is destroyed when the published policy no longer needs it, and never before: mail would wait without it.
"""

import secrets as randomness
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.conf import settings
from django.db import transaction

from gateway.models import Domain, MarkingKey, NodePolicy
from gateway.operations import accounts, audit
from gateway.policy.snapshot import Snapshot
from gateway.services import secrets

_BITS = 2048  # RFC 8301 3.2
_NUMBERS = 10


def today() -> date:
    """Give the day, in UTC."""
    return datetime.now(UTC).date()


def make_key(who: str) -> MarkingKey:
    """Make a BATV key: the first signs from today, a further one from tomorrow, so that there is time to publish.

    Raises OSError.
    """
    with transaction.atomic():
        keys = list(MarkingKey.objects.select_for_update())
        able = any(not key.retired for key in keys)
        key = MarkingKey(
            number=_free_number(keys),
            secret=accounts.new_secret_id("batv", ""),
            since=today() + timedelta(days=1) if able else today(),
        )
        secrets.write(settings.CONFIG.secrets_folder, key.secret, randomness.token_hex(16))
        key.save()
        audit.record(who, "make key", str(key))
    return key


def retire(key: MarkingKey, who: str) -> None:
    """Retire a key in an emergency: its tags become suspect, and another key signs from today. Raises OSError."""
    with transaction.atomic():
        MarkingKey.objects.filter(pk=key.pk).update(retired=True)
        audit.record(who, "retire key", str(key))
        able = list(MarkingKey.objects.filter(retired=False))
        if not able:
            make_key(who)
        elif able[-1].since > today():
            able[-1].since = today()
            able[-1].save(update_fields=["since"])


def make_seal(who: str) -> None:
    """Make the secret of the seal, where there is none. Raises OSError."""
    node = NodePolicy.load()
    if node.seal_secret:
        return
    node.seal_secret = accounts.new_secret_id("seal", "")
    secrets.write(settings.CONFIG.secrets_folder, node.seal_secret, randomness.token_hex(32))
    node.save(update_fields=["seal_secret"])
    audit.record(who, "make seal", "node policy")


def make_dkim_key(domain: Domain, who: str) -> None:
    """Make a DKIM key and its selector for a domain. Its record must be out before the policy. Raises OSError."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=_BITS)
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    domain.dkim_selector = f"bs{today():%Y%m%d}{randomness.token_hex(2)}"
    domain.dkim_secret = accounts.new_secret_id("dkim", domain.name)
    secrets.write(settings.CONFIG.secrets_folder, domain.dkim_secret, pem.decode())
    domain.save(update_fields=["dkim_selector", "dkim_secret"])
    audit.record(who, "make DKIM key", domain.name, f"selector {domain.dkim_selector}")


def destroy_unneeded(before: Snapshot | None, now: Snapshot) -> None:
    """Destroy the secrets that the policy in force does not need any more: dropped ones, and those of retired keys."""
    needed = set(_named(now))
    dropped = set(_named(before)) - needed if before is not None else set()
    for each in dropped | {key.secret for key in now.marking.keys if key.retired}:
        secrets.destroy(settings.CONFIG.secrets_folder, each)


def _named(snapshot: Snapshot) -> Iterable[str]:
    """Give the secrets of marking and of directories that a policy names."""
    yield from (key.secret for key in snapshot.marking.keys)
    yield from (domain.dkim.secret for domain in snapshot.domains.values() if domain.dkim is not None)
    yield from (domain.ldap.secret for domain in snapshot.domains.values() if domain.ldap and domain.ldap.secret)
    if snapshot.marking.seal:
        yield snapshot.marking.seal


def _free_number(keys: list[MarkingKey]) -> int:
    """Give the number that follows the newest key's, and that no other key has."""
    used = {key.number for key in keys}
    start = keys[0].number + 1 if keys else 1
    order = [(start + step) % _NUMBERS for step in range(_NUMBERS)]
    return next((number for number in order if number not in used), order[0])
