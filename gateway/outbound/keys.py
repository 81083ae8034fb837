"""The keys of marking: named by id in the policy, read from their files. No secret is kept, logged or passed on."""

import base64
import functools
import time
from collections.abc import Callable, Iterable

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from gateway.backscatter import batv
from gateway.backscatter.words import SecretGoneError
from gateway.config import Config
from gateway.policy import codec
from gateway.policy.feed import FILE
from gateway.policy.snapshot import Marking
from gateway.services import secrets

ReadSecret = Callable[[str], str | None]

_SECONDS_A_DAY = 86400


def today() -> int:
    """Give the day since 1970, in UTC."""
    return int(time.time() // _SECONDS_A_DAY)


def batv_keys(marking: Marking, read: ReadSecret) -> tuple[batv.Key, ...]:
    """Give the BATV keys with their secrets; one whose file is gone is known by its number only, and never signs.

    Raises OSError where a file can't be read.
    """
    return tuple(
        batv.Key(each.number, (read(each.secret) or "").encode(), each.since, each.retired, each.secret)
        for each in marking.keys
    )


def gone(known: Iterable[batv.Key], checked: batv.Checked) -> SecretGoneError:
    """Give the fault of an unknown tag: the key that may have made it has no secret."""
    return SecretGoneError(next(each.name for each in known if each.number == checked.key_number and not each.secret))


def seal_secret(marking: Marking, read: ReadSecret) -> bytes:
    """Give the secret of the seal; empty where there is none. Raises OSError."""
    return (read(marking.seal) or "").encode() if marking.seal else b""


@functools.lru_cache(maxsize=1000)
def public_of(pem: str) -> str:
    """Give the public key of a private one in PEM, in base64, as a DKIM record has it (RFC 6376 3.6.1).

    Empty where it can't sign: it is no key, or none of RSA, which alone signs here.
    """
    try:
        public = serialization.load_pem_private_key(pem.encode(), None).public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return ""
    if not isinstance(public, rsa.RSAPublicKey):
        return ""
    der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(der).decode()


def dkim_record(pem: str) -> str:
    """Give the DKIM record of a private key in PEM; empty where it can't sign."""
    public = public_of(pem)
    return f"v=DKIM1; k=rsa; p={public}" if public else ""


def published(config: Config) -> tuple[batv.Key, ...]:
    """Give the BATV keys of the policy in force on this node. Raises PolicyError, OSError."""
    snapshot = codec.load(config.policy_folder / FILE)
    return batv_keys(snapshot.marking, lambda id_: secrets.read(config.secrets_folder, id_))
