"""What a proof tries on a restored set. Each trial gives what it has proven in words, or raises TrialError.

Nothing here connects to anything but the scratch database, and nothing is delivered, taught or published.
"""

import datetime
import secrets as randomness
from collections.abc import Callable, Sequence
from pathlib import Path

import argon2
import msgspec
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import identify_hasher
from django.db import connections

from gateway.backscatter import batv, seal
from gateway.models import PolicyRevision, QuarantinedCopy, Transaction
from gateway.operations.backup.making import LEDGER
from gateway.operations.backup.manifest import Manifest
from gateway.operations.backup.probe import ADDRESS, DATE, MESSAGE_ID, Probe
from gateway.operations.delete import LIVE
from gateway.outbound import keys
from gateway.policy import codec, learned
from gateway.policy.feed import FILE as CURRENT
from gateway.policy.snapshot import Snapshot
from gateway.services import passwords, secrets
from gateway.services.ledger import SECRET, FileStore, LedgerError
from gateway.spool.disk import SpoolError
from gateway.spool.quarantine import Quarantine

_NAMED = 3
_CHUNK = 500


class TrialError(Exception):
    """A trial has failed. The text says what, as it is told to an administrator."""


class Scene(msgspec.Struct, frozen=True):
    """What was restored: the scratch home, Django's alias of the scratch database, and what the set says.

    ``session_seconds`` is how long a connection may last: a message can be that much older than its arrival.
    """

    home: Path
    database: str
    manifest: Manifest
    probe: Probe
    session_seconds: float

    def read(self, name: str) -> str | None:
        """Read a restored secret."""
        return secrets.read(self.home / "secrets", name)

    @property
    def policy(self) -> Snapshot | None:
        """The policy in force; None where none was ever published. Raises TrialError."""
        path = self.home / "policy" / CURRENT
        if not path.exists() and not PolicyRevision.objects.using(self.database).exists():
            return None
        try:
            return codec.load(path)
        except codec.PolicyError as error:
            raise TrialError(f"the policy in force can't be read: {error}") from error


def database(scene: Scene) -> str:
    """Ask the database of its tables, and SQLite whether it is whole."""
    connection = connections[scene.database]
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA quick_check")
            (said,) = cursor.fetchone()
        if said != "ok":
            raise TrialError(f"the database is damaged: {said}")
    count = Transaction.objects.using(scene.database).count()
    return f"the database loads ({connection.vendor}, {count} transactions) and is migrated"


def policy(scene: Scene) -> str:
    """Decode what was published, and what was learned."""
    found = scene.policy
    path = scene.home / "learned" / learned.FILE
    if path.exists():
        try:
            learned.decode(path.read_bytes(), name=str(path))
        except codec.PolicyError as error:
            raise TrialError(f"what was learned can't be read: {error}") from error
    return "nothing was published yet" if found is None else f"policy revision {found.revision} can be read"


def batv_keys(scene: Scene) -> str:
    """Verify with each key the tag that it has signed when the backup was made."""
    found = scene.policy
    good = 0
    for key, named in zip(
        keys.batv_keys(found.marking, scene.read) if found else (), found.marking.keys if found else (), strict=True
    ):
        tag = scene.probe.tags.get(named.secret)
        if tag is None:
            if not key.retired:
                raise TrialError(f"BATV key {key.number} had no secret when the backup was made")
            continue
        result = batv.check(tag.address, (key,), tag.day).result
        if result not in (batv.Result.VALID, batv.Result.SUSPECT):
            raise TrialError(f"BATV key {key.number} does not verify its own tag: {result}")
        good += 1
    return f"{good} BATV keys verify their tags" if good else "there is no BATV key"


def seals(scene: Scene) -> str:
    """Verify the seal."""
    found = scene.policy
    if found is None or not found.marking.seal:
        return "there is no seal"
    secret = keys.seal_secret(found.marking, scene.read)
    if seal.verify(scene.probe.seal, secret, message_id=MESSAGE_ID, date=DATE, sender=ADDRESS) is None:
        raise TrialError("the seal's secret does not verify a seal that it has made")
    return "a seal verifies"


def dkim_keys(scene: Scene) -> str:
    """Load the DKIM keys, and compare their public halves."""
    found = scene.policy
    signing = {name: each.dkim for name, each in (found.domains if found else {}).items() if each.dkim}
    for name, dkim in signing.items():
        public = keys.public_of(scene.read(dkim.secret) or "")
        if not public:
            raise TrialError(f"the DKIM key of {name} can't be loaded")
        if public != scene.probe.public.get(dkim.secret):
            raise TrialError(f"the DKIM key of {name} is not the one that was backed up")
    return f"{len(signing)} DKIM keys load" if signing else "there is no DKIM key"


def quarantine(scene: Scene) -> str:
    """Open every quarantined message; its bytes must be what came in, and every copy must have some."""
    folder = Quarantine(scene.home / "spool")
    if damaged := scene.manifest.damaged:
        raise TrialError(
            f"quarantined messages were damaged before they were backed up: {_named(damaged)}; delete them"
        )
    messages = set()
    for message in folder.ids():
        try:
            item, content = folder.read(message)
        except SpoolError as error:
            raise TrialError(f"a quarantined message can't be opened: {error}") from error
        # The file is what the manifest says; that this is what came in is told by the item.
        entry = scene.manifest.files.get(f"home/{content.path.relative_to(scene.home)}" if content.path else "")
        if entry is None or entry.sha256 != item.sha256:
            raise TrialError(f"quarantined message {message} is not what came in")
        messages.add(message)
    if missing := _missing(scene, messages):
        raise TrialError(f"quarantined messages have rows and no bytes: {_named(missing)}")
    return f"{len(messages)} quarantined messages open, and are what came in"


def sign_in(scene: Scene) -> str:
    """Sign in with the throw-away account, by both kinds of hash, and load every hash there is."""
    probe = scene.probe
    wrong = randomness.token_urlsafe(12)
    if not passwords.matches(probe.account, probe.password) or passwords.matches(probe.account, wrong):
        raise TrialError("a password of an account that sends does not compare")
    people = get_user_model()
    person = people(username=f"proof-{randomness.token_hex(8)}", password=probe.person)
    person.save(using=scene.database)
    person.refresh_from_db(using=scene.database)
    if not person.check_password(probe.password) or person.check_password(wrong):
        raise TrialError("nobody could sign in to the console: a password does not compare")
    person.delete(using=scene.database)
    users = [each for each in people.objects.using(scene.database).all() if each.has_usable_password()]
    for user in users:
        try:
            identify_hasher(user.password)
        except ValueError as error:
            raise TrialError(f"{user.get_username()} could not sign in to the console: {error}") from error
    found = scene.policy
    stored = {login: scene.read(each.secret) for login, each in (found.accounts if found else {}).items()}
    # One without a password had none when the backup was made: the manifest tells that no file is missing.
    accounts = {login: text for login, text in stored.items() if text is not None}
    for login, text in accounts.items():
        try:
            argon2.extract_parameters(text)
        except argon2.exceptions.InvalidHash as error:
            raise TrialError(f"account {login} could not send: its password's hash can't be read") from error
    return f"sign-in works; {len(users)} people of the console and {len(accounts)} accounts have hashes that load"


def ledger(scene: Scene) -> str:
    """Open the ledger, with its secret."""
    path = scene.home / LEDGER
    if not path.exists():
        return "there is no ledger"
    try:
        with FileStore(path, writable=False) as store:
            entries = store.entries
    except LedgerError as error:
        raise TrialError(f"the ledger can't be opened: {error}") from error
    if not scene.read(SECRET):
        raise TrialError("the ledger's secret is missing: nothing that it holds could be found")
    return f"the ledger opens, with room for {entries} entries"


TRIALS: tuple[Callable[[Scene], str], ...] = (
    database, policy, batv_keys, seals, dkim_keys, quarantine, sign_in, ledger,
)  # fmt: skip


def _missing(scene: Scene, present: set[str]) -> list[str]:
    """Give the messages of this node that were kept before the backup began, and are not in the set.

    What came or went while it was made may be missing: it was released, or is in the next one.
    """
    before = datetime.datetime.fromtimestamp(scene.manifest.began - scene.session_seconds, datetime.UTC)
    copies = QuarantinedCopy.objects.using(scene.database).filter(state__in=LIVE, received__lt=before)
    wanted = sorted(set(copies.order_by().values_list("message", flat=True)) - present)
    elsewhere: set[str] = set()
    for start in range(0, len(wanted), _CHUNK):
        rows = Transaction.objects.using(scene.database).filter(id__in=wanted[start : start + _CHUNK])
        elsewhere.update(rows.exclude(node=scene.manifest.node).values_list("id", flat=True))
    return [message for message in wanted if message not in elsewhere]


def _named(messages: Sequence[str]) -> str:
    """Name some of the messages."""
    more = len(messages) - _NAMED
    return ", ".join(messages[:_NAMED]) + (f" and {more} more" if more > 0 else "")
