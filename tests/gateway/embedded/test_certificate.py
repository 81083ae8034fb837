"""The certificate of the first start works for STARTTLS."""

import ssl
import stat
from pathlib import Path

from cryptography import x509

from gateway.embedded.certificate import make_self_signed


def test_key_and_certificate_belong_together_and_name_the_host(tmp_path: Path) -> None:
    certificate, key = tmp_path / "tls" / "cert.pem", tmp_path / "tls" / "key.pem"
    make_self_signed("gateway.example.test", certificate, key)
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
    names = x509.load_pem_x509_certificate(certificate.read_bytes()).extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    assert "gateway.example.test" in names.value.get_values_for_type(x509.DNSName)


def test_nobody_else_can_read_the_key(tmp_path: Path) -> None:
    make_self_signed("gateway.example.test", tmp_path / "cert.pem", tmp_path / "key.pem")
    assert stat.S_IMODE((tmp_path / "key.pem").stat().st_mode) == 0o600


def test_a_pair_that_is_there_stays(tmp_path: Path) -> None:
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    make_self_signed("gateway.example.test", certificate, key)
    before = certificate.read_bytes(), key.read_bytes()
    make_self_signed("gateway.example.test", certificate, key)
    assert (certificate.read_bytes(), key.read_bytes()) == before


def test_half_a_pair_is_made_whole(tmp_path: Path) -> None:
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    make_self_signed("gateway.example.test", certificate, key)
    certificate.unlink()
    make_self_signed("gateway.example.test", certificate, key)
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)


def test_a_host_name_longer_than_a_common_name_may_be_is_no_obstacle(tmp_path: Path) -> None:
    make_self_signed(f"{'a' * 60}.example.test", tmp_path / "cert.pem", tmp_path / "key.pem")
    assert (tmp_path / "cert.pem").exists()
