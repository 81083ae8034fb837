import subprocess

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from gateway.config import Config, Smtp
from gateway.models import Domain
from gateway.operations import keys, records
from gateway.operations.records import Record
from gateway.services import secrets
from tests.gateway.operations.records.certificates import signed_by_another


def lines(found: list[Record]) -> list[str]:
    return [each.line for each in found]


def test_a_node_wants_its_addresses_and_their_names(config: Config) -> None:
    found = lines(records.of_node(config, records.own_addresses(config)))

    assert found[:4] == [
        "mx1.example.org. IN A 8.8.8.8",
        "mx1.example.org. IN AAAA 2606:4700::25",
        "8.8.8.8.in-addr.arpa. IN PTR mx1.example.org.",
        f"{'5.2.0.0.' + '0.' * 20}0.0.7.4.6.0.6.2.ip6.arpa. IN PTR mx1.example.org.",
    ]


def test_an_address_that_nobody_can_reach_is_none(config: Config) -> None:
    behind = msgspec.structs.replace(config, smtp=Smtp(inbound=("10.0.0.25:25", "0.0.0.0:25", "[::1]:25", "mx:25")))

    assert records.own_addresses(behind) == ()
    assert lines(records.of_node(behind, ()))[0] == "; mx1.example.org. IN A <address>"


def test_the_key_of_the_certificate_in_force_is_as_openssl_has_it(config: Config) -> None:
    shell = f"openssl x509 -in {config.certificate} -noout -pubkey | openssl pkey -pubin -outform DER | sha256sum"
    key = subprocess.check_output(shell, shell=True, text=True).split()[0]  # noqa: S602 - a pipe of openssl's

    assert lines(records.of_node(config, ()))[-1] == f"_25._tcp.mx1.example.org. IN TLSA 3 1 1 {key}"


@pytest.mark.parametrize("text", [None, "", "no certificate"])
def test_without_a_certificate_that_can_be_read_there_is_no_such_record_and_a_note(
    config: Config, text: str | None
) -> None:
    config.certificate.unlink()
    if text is not None:
        config.certificate.write_text(text)

    assert not any("TLSA" in line for line in lines(records.of_node(config, ())))
    assert "can't be read" in records.notes_on_node(config)[0]


def test_a_domain_wants_its_mx_and_what_proves_its_mail(config: Config, domain: Domain) -> None:
    assert lines(records.of_domain(domain, config)) == [
        "example.org. IN MX 10 mx1.example.org.",
        'example.org. IN TXT "v=spf1 mx ~all"',
        '_dmarc.example.org. IN TXT "v=DMARC1; p=none; rua=mailto:postmaster@example.org"',
    ]


def test_a_domain_with_a_dkim_key_wants_its_record_in_strings_that_dns_takes(config: Config, domain: Domain) -> None:
    keys.make_dkim_key(domain, "admin")

    (line,) = [each for each in lines(records.of_domain(domain, config)) if "_domainkey" in each]
    assert line.startswith(f"{domain.dkim_selector}._domainkey.example.org. IN TXT (")
    assert all(len(each) <= 255 for each in line.split('"')[1::2])


def test_a_dkim_key_that_can_not_sign_has_no_record(config: Config, domain: Domain) -> None:
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    secrets.write(config.secrets_folder, "dkim-own", pem)
    domain.dkim_selector, domain.dkim_secret = "own", "dkim-own"

    assert not [each for each in lines(records.of_domain(domain, config)) if "_domainkey" in each]


def test_with_mta_sts_it_wants_the_host_of_the_file_and_what_announces_it(config: Config, domain: Domain) -> None:
    domain.mta_sts = "testing"

    found = lines(records.of_domain(domain, config))

    assert "mta-sts.example.org. IN CNAME mx1.example.org." in found
    (announced,) = [each for each in found if each.startswith("_mta-sts.")]
    assert announced.startswith('_mta-sts.example.org. IN TXT "v=STSv1; id=')
    assert records.policy_file(domain, config).splitlines()[1:3] == ["mode: testing", "mx: mx1.example.org"]


def test_what_announces_the_file_changes_exactly_when_the_file_does(config: Config, domain: Domain) -> None:
    def announced(**changed: object) -> str:
        for name, value in changed.items():
            setattr(domain, name, value)
        return next(each.value for each in records.of_domain(domain, config) if each.name.startswith("_mta-sts."))

    first = announced(mta_sts="testing")

    assert announced(plus="-", tls_reports="tls@example.org", observe=True) == first
    assert len({first, announced(mta_sts="enforce"), announced(mta_sts_max_age=86_400)}) == 3
    assert announced(mta_sts="testing", mta_sts_max_age=604_800) == first


@pytest.mark.parametrize(
    ("address", "there"),
    [
        ("tls@example.org", "tls@example.org"),
        ("tls+a=b@example.org", "tls+a=b@example.org"),
        ("a!b@example.org", "a%21b@example.org"),
        ('"a,b;c"@example.org', "%22a%2Cb%3Bc%22@example.org"),
    ],
)
def test_with_an_address_for_them_it_asks_for_tls_reports(
    config: Config, domain: Domain, address: str, there: str
) -> None:
    domain.tls_reports = address

    assert lines(records.of_domain(domain, config))[-1] == (
        f'_smtp._tls.example.org. IN TXT "v=TLSRPTv1; rua=mailto:{there}"'
    )


def test_a_note_says_that_mta_sts_needs_a_certificate_that_everybody_trusts(config: Config, domain: Domain) -> None:
    assert records.notes_on(domain, config) == []
    domain.mta_sts = "testing"
    assert ["self-signed" in note for note in records.notes_on(domain, config)] == [True]
    domain.mta_sts = "enforce"
    assert "do not deliver" in records.notes_on(domain, config)[1]


def test_a_note_says_for_which_name_the_certificate_is_not(config: Config, domain: Domain) -> None:
    domain.mta_sts = "testing"
    signed_by_another(config, "mx1.example.org")
    assert records.notes_on(domain, config) == ["The certificate is not for mta-sts.example.org, as MTA-STS asks."]

    signed_by_another(config, "mx1.example.org", "mta-sts.example.org")
    assert records.notes_on(domain, config) == []

    signed_by_another(config, "*.example.org")
    assert records.notes_on(domain, config) == []


def test_a_name_that_no_other_server_can_find_is_told(config: Config) -> None:
    alone = msgspec.structs.replace(config, node=msgspec.structs.replace(config.node, name="gateway"))

    assert "set node.name" in records.notes_on_node(alone)[0]
    assert records.notes_on_node(config) == []
