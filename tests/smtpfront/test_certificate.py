"""A new certificate is taken up while the SMTP front runs; a broken one never takes the place of one that works."""

import datetime
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tests.smtpfront.conftest import prepare
from tests.smtpfront.nexthop import NextHop
from tests.smtpfront.running import Client, Gateway, snapshot, until

KEYS: dict[str, Callable[[], ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey]] = {
    "EC": lambda: ec.generate_private_key(ec.SECP256R1()),
    "RSA": lambda: rsa.generate_private_key(65537, 2048),
}


def pair(name: str, kind: str = "EC", password: bytes = b"") -> tuple[bytes, bytes]:
    """A certificate with its key."""
    private = KEYS[kind]()
    subject = x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder(subject, subject, private.public_key(), x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(private, hashes.SHA256())
    )
    hidden = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    key = private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, hidden)
    return signed.public_bytes(serialization.Encoding.PEM), key


def put(home: Path, **files: bytes) -> None:
    """Replace files of the certificate in the order in which they are given."""
    for name, content in files.items():
        new = home / "tls" / "new"
        new.write_bytes(content)
        new.replace(home / "tls" / f"{name}.pem")


def served(client: Client) -> str:
    """Whose certificate a client has been shown."""
    assert isinstance(client.socket, ssl.SSLSocket)
    shown = client.socket.getpeercert(binary_form=True)
    assert shown
    return x509.load_der_x509_certificate(shown).subject.rfc4514_string().removeprefix("CN=")


def on_each_port(gateway: Gateway) -> set[str]:
    """Whose certificates new clients are shown, on all ports."""
    found = set()
    for listener in gateway.ports:
        with gateway.client(listener) as client:
            if listener != "tls":
                client.say("EHLO client.test")
                client.starttls()
            found.add(served(client))
    return found


@pytest.fixture
def gateway(own_gateway: Gateway) -> Gateway:
    assert on_each_port(own_gateway) == {"mx.example.test"}
    return own_gateway


@pytest.mark.parametrize("kind", KEYS)
def test_a_new_certificate_is_served_on_each_port(gateway: Gateway, kind: str) -> None:
    cert, key = pair("new.example.test", kind)
    put(gateway.home, key=key, cert=cert)

    until("the new one everywhere", lambda: on_each_port(gateway) == {"new.example.test"})
    assert gateway.alarms() == []


def test_a_session_that_is_open_goes_on(gateway: Gateway, hop: NextHop) -> None:
    with gateway.client() as before:
        before.say("EHLO client.test")
        before.starttls()
        assert before.open("them@other.test", "alice@example.test")[0].startswith("250")
        cert, key = pair("new.example.test")
        put(gateway.home, cert=cert, key=key)
        until("the new one everywhere", lambda: on_each_port(gateway) == {"new.example.test"})

        assert before.data(b"Subject: still here\r\n\r\nx\r\n").startswith("250")
        assert served(before) == "mx.example.test"
    assert len(hop.kept) == 1


@pytest.mark.parametrize("how", ["the key of another", "half a file", "a key that nobody can open"])
def test_a_broken_one_leaves_the_one_before_in_force_with_an_alarm_that_names_it(gateway: Gateway, how: str) -> None:
    cert, _ = pair("new.example.test")
    match how:
        case "the key of another":
            put(gateway.home, cert=cert)
        case "half a file":
            put(gateway.home, cert=cert[:200])
        case "a key that nobody can open":
            cert, key = pair("new.example.test", password=b"secret")
            put(gateway.home, key=key, cert=cert)

    until("the alarm", gateway.alarms)
    assert on_each_port(gateway) == {"mx.example.test"}
    named = f"certificate {gateway.home}/tls/cert.pem with key {gateway.home}/tls/key.pem can not be loaded"
    assert gateway.alarms()[0].startswith(f"{named}, the one before stays in force: ")


def test_one_that_vanishes_leaves_the_one_before_in_force(gateway: Gateway) -> None:
    (gateway.home / "tls" / "key.pem").unlink()

    until("the alarm", gateway.alarms)
    assert on_each_port(gateway) == {"mx.example.test"}


def test_a_broken_one_is_mended_by_a_whole_one(gateway: Gateway) -> None:
    put(gateway.home, cert=b"none\n")
    until("the alarm", gateway.alarms)

    cert, key = pair("new.example.test")
    put(gateway.home, key=key, cert=cert)

    until("the new one everywhere", lambda: on_each_port(gateway) == {"new.example.test"})


def test_one_that_is_broken_at_the_start_keeps_no_mail_out(tmp_path: Path, hop: NextHop, clamd: str) -> None:
    prepare(tmp_path)
    put(tmp_path, cert=b"none\n")
    with Gateway(tmp_path, snapshot(hop.port), clamd) as gateway:
        with gateway.client() as client:
            assert "STARTTLS" not in client.say("EHLO client.test")
            assert client.open("them@other.test", "alice@example.test")[0].startswith("250")
        until("the alarm", lambda: "TLS can not be offered" in str(gateway.alarms()))
        with pytest.raises(OSError, match=r"(?i)alert|reset|eof"):
            gateway.client("tls")

        cert, key = pair("new.example.test")
        put(tmp_path, key=key, cert=cert)
        until("STARTTLS", lambda: "STARTTLS" in offers(gateway))
        assert on_each_port(gateway) == {"new.example.test"}


def offers(gateway: Gateway) -> str:
    with gateway.client() as client:
        return client.say("EHLO client.test")
