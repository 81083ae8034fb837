"""What a proof tries, written into the set while the gateway's own secrets are at hand.

Each thing is made with a secret of the node, so that it can only be verified by the same secret, restored. The account
is a throw-away one: it is on no node, its password opens nothing.
"""

import secrets as randomness
import time
from pathlib import Path

import msgspec
from django.contrib.auth.hashers import make_password

from gateway.backscatter import batv, seal
from gateway.config import Config
from gateway.outbound import keys
from gateway.policy import codec
from gateway.policy.feed import FILE as CURRENT
from gateway.services import passwords, secrets

FILE = "probe.json"
ADDRESS = "proof@backstop.invalid"
MESSAGE_ID = "<proof@backstop.invalid>"
DATE = "Thu, 01 Jan 1970 00:00:00 +0000"


class Tag(msgspec.Struct, frozen=True):
    """An address, tagged by the key of that number, on that day (since 1970)."""

    number: int
    day: int
    address: str


class Probe(msgspec.Struct, frozen=True):
    """All of it. ``tags`` and ``public`` are by the id of the secret; empty where the policy has none."""

    password: str
    account: str  # the hash, as accounts that send have it
    person: str  # the hash, as people who sign in to the console have it
    tags: dict[str, Tag] = {}
    seal: str = ""
    public: dict[str, str] = {}


def made(config: Config, draft: Path) -> Probe:
    """Make the probe of a set, for the policy that it holds. Raises OSError."""
    password = randomness.token_urlsafe(24)
    tags: dict[str, Tag] = {}
    sealed = ""
    public: dict[str, str] = {}
    try:
        snapshot = codec.load(draft / "home" / "policy" / CURRENT)
    except codec.PolicyError:
        snapshot = None  # nothing was published yet, or it is damaged, which the proof tells

    def read(name: str) -> str | None:
        return secrets.read(config.secrets_folder, name)

    if snapshot is not None:
        for key, named in zip(keys.batv_keys(snapshot.marking, read), snapshot.marking.keys, strict=True):
            if key.secret:
                day = max(keys.today(), key.since)
                tags[named.secret] = Tag(key.number, day, batv.sign(ADDRESS, key, day))
        if secret := keys.seal_secret(snapshot.marking, read):
            sealed = seal.make(secret, message_id=MESSAGE_ID, date=DATE, sender=ADDRESS, now=time.time())
        for domain in snapshot.domains.values():
            if domain.dkim is not None and (its := keys.public_of(read(domain.dkim.secret) or "")):
                public[domain.dkim.secret] = its
    return Probe(password, passwords.hash_password(password), make_password(password), tags, sealed, public)
