"""The certificate in force, as far as DNS speaks of it. Its key is never touched."""

import hashlib
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


class Certificate(msgspec.Struct, frozen=True):
    """What others see of it. ``key`` is the SHA-256 of its public key, in hex: the end of a TLSA record ``3 1 1``."""

    key: str
    names: tuple[str, ...] = ()
    self_signed: bool = False

    def covers(self, name: str) -> bool:
        """Whether it is for a host of that name (RFC 6125 6.4)."""
        return name in self.names or f"*.{name.partition('.')[2]}" in self.names


def read(path: Path) -> Certificate | None:
    """Read the first certificate of a PEM file; None where there is none that can be read."""
    try:
        found = x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError):
        return None
    try:
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        known = tuple(each.lower() for each in names.get_values_for_type(x509.DNSName))
    except (x509.ExtensionNotFound, ValueError):
        known = ()
    public = found.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return Certificate(hashlib.sha256(public).hexdigest(), known, found.issuer == found.subject)
