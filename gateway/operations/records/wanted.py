"""The records that a node and a domain want, from configuration, policy and the certificate in force."""

import contextlib
import ipaddress
import socket
from collections.abc import Iterator
from urllib.parse import quote

from gateway.config import Config
from gateway.models import Domain
from gateway.operations.records import certificate
from gateway.operations.records.record import Kind, Record
from gateway.outbound import keys
from gateway.policy.mta_sts import StsMode, policy_id, policy_text
from gateway.policy.wellformed import domain_fault
from gateway.services import secrets

STS = "mta-sts"  # the label of the host that serves the policy file (RFC 8461 3.3)
_PREFERENCE = 10
# Nothing is sent there: only the address that would be used is asked for.
_OUTSIDE = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"))
_BEHIND_NAT = "The node itself does not know it. Ask its hoster that its PTR record leads back to this name."
_ABOUT_TXT = {
    "v=spf1": "SPF: lets the hosts of the MX records send in the domain's name. Add others that send, such as a "
    "smarthost; go on to -all when none is left out.",
    "v=DKIM1": "DKIM: the public key of the signatures that mail gets here.",
    "v=DMARC1": "DMARC: asks for reports first. Go on to p=quarantine and p=reject when they show no mail of yours.",
}
_SUGGESTED = ("v=spf1", "v=DMARC1")


def host_of(config: Config) -> str:
    """Give the name of this node as DNS has it."""
    return config.name.rstrip(".").lower()


def own_addresses(config: Config) -> tuple[str, ...]:
    """Give the addresses under which the internet reaches this node, as far as it can know: none behind a NAT."""
    found = [listener.rpartition(":")[0].strip("[]") for listener in config.smtp.inbound]
    for family, outside in _OUTSIDE:
        with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as asked:
            asked.connect((outside, 25))
            found.append(asked.getsockname()[0])
    return tuple(dict.fromkeys(each for each in found if _is_global(each)))


def of_node(config: Config, addresses: tuple[str, ...]) -> list[Record]:
    """Give the records of this node: of its name, for each of its addresses, and of the key of its certificate."""
    host = host_of(config)
    records: list[Record] = []
    about = f"The address under which the internet reaches this node, in the zone of {host}."
    records += [Record(host, Kind.AAAA if ":" in each else Kind.A, each, about) for each in addresses]
    if not addresses:
        records.append(Record(host, Kind.A, "", f"{about} {_BEHIND_NAT}"))
    records += [
        Record(
            ipaddress.ip_address(each).reverse_pointer,
            Kind.PTR,
            host,
            f"The name of {each}. Whoever gave you the address sets it: ask the hoster. Many servers take no mail from "
            "an address that has no name, or one that does not lead back to it.",
            elsewhere=True,
        )
        for each in addresses
    ]
    if found := certificate.read(config.certificate):
        records.append(
            Record(
                f"_25._tcp.{host}",
                Kind.TLSA,
                f"3 1 1 {found.key}",
                "DANE: the key that other servers must meet on port 25. Only in a zone that DNSSEC signs. Before the "
                "key changes, put the record of the next one beside it, and take the old one away two days after.",
                optional=True,
            )
        )
    return records


def of_domain(row: Domain, config: Config, *, withdrawn: bool = False) -> list[Record]:
    """Give the records of a domain; on demand also those that only domains need which had MTA-STS before."""
    host = host_of(config)
    about = "Mail for the domain comes here. Another MX is either this gateway too, or one of its trusted forwarders."
    records = [Record(row.name, Kind.MX, f"{_PREFERENCE} {host}", about)]
    records += of_marking(row, config)
    if withdrawn or row.mta_sts != StsMode.NONE:
        records += _of_sts(row, config)
    return [*records, *_of_reports(row)]


def of_marking(row: Domain, config: Config) -> list[Record]:
    """Give the records by which others tell a domain's own mail: SPF, DKIM where it has a key, DMARC.

    SPF lets the domain's MX send; DMARC only asks for reports, which is the way to begin.
    """
    values = [(row.name, "v=spf1 mx ~all")]
    pem = secrets.read(config.secrets_folder, row.dkim_secret) if row.dkim_secret else None
    if record := keys.dkim_record(pem or ""):
        values.append((f"{row.dkim_selector}._domainkey.{row.name}", record))
    values.append((f"_dmarc.{row.name}", f"v=DMARC1; p=none; rua=mailto:postmaster@{row.name}"))
    versions = [value.partition(" ")[0].rstrip(";") for _, value in values]
    return [
        Record(name, Kind.TXT, value, _ABOUT_TXT[version], suggestion=version in _SUGGESTED)
        for (name, value), version in zip(values, versions, strict=True)
    ]


def policy_file(row: Domain, config: Config) -> str:
    """Give the text of a domain's MTA-STS policy file (RFC 8461 3.2)."""
    return policy_text(StsMode(row.mta_sts), row.mta_sts_max_age, host_of(config))


def notes_on_node(config: Config) -> list[str]:
    """Say what is in the way of a node's records, for a person; nothing where nothing is."""
    notes = []
    if domain_fault(host_of(config)) or "." not in host_of(config):
        notes.append(f"This node is called {config.name!r}, which no other server can find: set node.name.")
    if certificate.read(config.certificate) is None:
        notes.append(f"There is no TLSA record: {config.certificate} can't be read as a certificate.")
    return notes


def notes_on(row: Domain, config: Config) -> list[str]:
    """Say what is in the way of a domain's records, for a person; nothing where nothing is."""
    found = certificate.read(config.certificate)
    if row.mta_sts == StsMode.NONE or found is None:
        return []
    wanted = (host_of(config), f"{STS}.{row.name}")
    if found.self_signed:
        notes = ["The certificate is self-signed, and MTA-STS asks for one that everybody trusts."]
    else:
        notes = [f"The certificate is not for {name}, as MTA-STS asks." for name in wanted if not found.covers(name)]
    if notes and row.mta_sts == StsMode.ENFORCE:
        notes.append("As the policy says enforce, servers that heed it do not deliver. Get such a certificate first.")
    return notes


def _of_sts(row: Domain, config: Config) -> Iterator[Record]:
    """Give the records of MTA-STS (RFC 8461 3.1 and 8.3)."""
    off = row.mta_sts == StsMode.NONE
    fetched = "MTA-STS: where the policy file is fetched from, by https, with a certificate for this very name."
    announced = (
        "MTA-STS is off, and DNS still announces a policy. Leave this record, with this id, until what others remember "
        "has expired; then take it away, and the name of the file's host."
        if off
        else "MTA-STS: announces the policy file. The id is another one whenever the file is: copy it again then. "
        "First see that the file can be fetched."
    )
    value = f"v=STSv1; id={policy_id(policy_file(row, config))};"
    yield Record(f"{STS}.{row.name}", Kind.CNAME, host_of(config), fetched, withdrawn=off)
    yield Record(f"_{STS}.{row.name}", Kind.TXT, value, announced, withdrawn=off)


def _of_reports(row: Domain) -> Iterator[Record]:
    """Give the record that asks for TLS reports (RFC 8460 3), where there is an address for them."""
    if row.tls_reports:
        value = f"v=TLSRPTv1; rua=mailto:{quote(row.tls_reports, safe='@+=')}"
        about = "TLS-RPT: asks other servers for a daily report of how TLS with this one went."
        yield Record(f"_smtp._tls.{row.name}", Kind.TXT, value, about)


def _is_global(address: str) -> bool:
    """Whether an address is one that the internet can reach."""
    try:
        return ipaddress.ip_address(address).is_global
    except ValueError:
        return False
