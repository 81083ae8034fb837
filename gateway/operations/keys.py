"""The keys of marking: made, rotated, retired. A secret goes into a file at once; the policy names it once published.

A secret is destroyed when the published policy no longer needs it, and never before: mail would wait without it.
"""

import base64
import secrets as randomness
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.conf import settings
from django.db import transaction

from gateway.backscatter import batv
from gateway.models import Domain, MarkingKey, NodePolicy
from gateway.operations import accounts, alarms, audit
from gateway.policy.snapshot import Snapshot
from gateway.services import secrets

ROTATE_AFTER = 30  # days for which a key signs
WORKER = "rotation"  # who the audit names for what the schedule did
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


def rotation_is_due() -> bool:
    """Whether the newest key has signed for so long that another one should follow."""
    newest = MarkingKey.objects.filter(retired=False).first()
    return newest is not None and (today() - newest.since).days >= ROTATE_AFTER


def tend() -> None:
    """Rotate by schedule: make the next key when it is time, and remove those whose last tag has expired.

    Publishes that, unless a person is in the middle of an edit: then an alarm asks for it. Raises PolicyError, OSError.
    """
    from gateway.operations import publish  # noqa: PLC0415 - publishing knows this module too

    undisturbed = not publish.pending()
    made = rotation_is_due() and make_key(WORKER)
    if not (remove_expired(WORKER) or made):
        return
    if undisturbed:
        publish.publish_policy(WORKER)
    else:
        alarms.raise_alarm(settings.CONFIG.name, "the next BATV key waits for a publish: look at what is pending")


def remove_expired(who: str) -> int:
    """Remove the keys whose last tag has expired; gives how many. They go with the next publish."""
    rows = list(MarkingKey.objects.filter(retired=False))
    keys = [batv.Key(row.number, b"", _days(row.since)) for row in rows]
    gone = 0
    for row, key in zip(rows, keys, strict=True):
        last = batv.last_day(key, keys)
        if last is not None and last < _days(today()):
            audit.record(who, "remove key", str(row))
            row.delete()
            gone += 1
    return gone


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


def dns_records(domain: Domain) -> list[tuple[str, str]]:
    """Give the DNS records to publish for a domain, name and TXT value: SPF, DKIM where it has a key, DMARC.

    SPF lets the domain's MX send; DMARC only asks for reports, which is the way to begin.
    """
    records = [(domain.name, "v=spf1 mx ~all")]
    if public := dkim_public(domain.dkim_secret):
        records.append((f"{domain.dkim_selector}._domainkey.{domain.name}", f"v=DKIM1; k=rsa; p={public}"))
    records.append((f"_dmarc.{domain.name}", f"v=DMARC1; p=none; rua=mailto:postmaster@{domain.name}"))
    return records


def zone_line(name: str, value: str) -> str:
    """Give a TXT record as a zone file has it. A string holds 255 octets (RFC 1035 3.3.14): a long one is cut."""
    pieces = " ".join(f'"{value[at : at + 255]}"' for at in range(0, len(value), 255))
    return f"{name}. IN TXT {pieces}" if len(value) <= 255 else f"{name}. IN TXT ( {pieces} )"  # noqa: PLR2004 - as above


def dkim_public(secret: str) -> str:
    """Give the public key of a private one, in base64; empty where there is none that can be used."""
    pem = secrets.read(settings.CONFIG.secrets_folder, secret) if secret else None
    return public_of(pem or "")


def public_of(pem: str) -> str:
    """Give the public key of a private one in PEM, in base64; empty where it can't be used."""
    try:
        public = serialization.load_pem_private_key(pem.encode(), None).public_key()
    except (ValueError, TypeError):
        return ""
    der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(der).decode()


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


def _days(day: date) -> int:
    """Give a day as days since 1970."""
    return (day - date(1970, 1, 1)).days
