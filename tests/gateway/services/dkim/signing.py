"""Keys, and messages signed by dkimpy, for the tests of signatures."""

import base64
import functools

import dkim
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from gateway.mail.message import Content
from gateway.services.dkim import Signature, Verifier
from gateway.services.dns import DnsResolver
from smtpfront.lab.nameserver import Nameserver, Zone
from tests.nameserving import asking
from tests.samples import content

MESSAGE = (
    b"From: Ann <ann@example.org>\r\nTo: bob@example.test\r\nSubject:  hello\r\n\tworld\r\n"
    b"Date: Fri, 20 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1@example.org>\r\n\r\nHello  Bob, \r\n\r\nbye\r\n\r\n\r\n"
)


@functools.cache
def rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    """A private key, made once a process."""
    return rsa.generate_private_key(65537, bits)


@functools.cache
def ed_key() -> ed25519.Ed25519PrivateKey:
    """A private key, made once a process."""
    return ed25519.Ed25519PrivateKey.generate()


def pem(key: rsa.RSAPrivateKey) -> bytes:
    """The private key as dkimpy wants it."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )


def record(key: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey | None = None, more: str = "") -> str:
    """The key's TXT record in presentation form."""
    key = key or rsa_key()
    if isinstance(key, ed25519.Ed25519PrivateKey):
        kind = "ed25519"
        octets = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    else:
        kind = "rsa"
        octets = key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    text = f"v=DKIM1; k={kind}; {more}p={base64.b64encode(octets).decode()}"
    return " ".join(f'"{text[at : at + 200]}"' for at in range(0, len(text), 200))


def signed(message: bytes = MESSAGE, domain: str = "example.org", **more: object) -> bytes:
    """The message with a signature of dkimpy in front."""
    key = more.pop("key", None) or rsa_key()
    arguments: dict[str, object] = {"canonicalize": (b"relaxed", b"relaxed"), **more}
    return bytes(dkim.sign(message, b"s1", domain.encode(), pem(key), **arguments)) + message  # type: ignore[arg-type]


def ed_signed(message: bytes = MESSAGE, domain: str = "example.org") -> bytes:
    """The message with an Ed25519 signature in front, written here by RFC 8463: dkimpy needs another library for it."""
    body = base64.b64encode(_digest(b"Hello Bob,\r\n\r\nbye\r\n")).decode()
    field = f"v=1; a=ed25519-sha256; c=relaxed/relaxed; d={domain}; s=e1; h=from; bh={body}; b="
    octets = f"from:Ann <ann@example.org>\r\ndkim-signature:{field}".encode()
    value = base64.b64encode(ed_key().sign(_digest(octets))).decode()
    return f"DKIM-Signature: {field}{value}\r\n".encode() + message


def _digest(octets: bytes) -> bytes:
    made = hashes.Hash(hashes.SHA256())
    made.update(octets)
    return made.finalize()


ZONE: Zone = {
    "s1._domainkey.example.org": {"TXT": [record()]},
    "s1._domainkey.list.test": {"TXT": [record()]},
    "e1._domainkey.example.org": {"TXT": [record(ed_key())]},
}


class Asked:
    """A verifier over a name server with a zone."""

    def __init__(self, held: Zone | None = None) -> None:
        self.zone = ZONE if held is None else held
        self.server = Nameserver(self.zone)

    async def __aenter__(self) -> Verifier:
        self.resolver = DnsResolver(asking(await self.server.start(), self.zone))
        return Verifier(self.resolver)

    async def __aexit__(self, *_: object) -> None:
        await self.resolver.close()
        await self.server.stop()


async def verified(message: bytes, held: Zone | None = None) -> tuple[Signature, ...]:
    """The results of a message's signatures."""
    async with Asked(held) as verifier:
        return await verifier.signatures(content_of(message))


def content_of(message: bytes) -> Content:
    """A content in memory."""
    return content(message)
