"""How the domains in force know their recipients: directories that answer, next hops that refuse who is unknown."""

import asyncio
from collections.abc import Iterator

from gateway.config import Config
from gateway.operations import probe
from gateway.operations.doctor.result import Result, fail, ok, skip, warn
from gateway.policy import codec
from gateway.policy.admission import takes_unknown
from gateway.policy.feed import FILE
from gateway.policy.recipients import methods
from gateway.policy.snapshot import Ldap, Snapshot, Validation
from gateway.services import secrets
from gateway.services.ldap import Directory, DirectoryError


def validation(config: Config) -> Iterator[Result]:
    """Tell of each domain that asks a directory, or leaves unknown recipients to its next hop."""
    try:
        snapshot = codec.load(config.policy_folder / FILE)
    except codec.PolicyError:
        yield skip("recipients", "there is no policy that names a domain")
        return
    for name, domain in snapshot.domains.items():
        if Validation.LDAP in methods(domain) and domain.ldap is not None:
            yield _directory(config, name, domain.ldap)
        if takes_unknown(domain):
            yield _next_hop(snapshot, name)


def _directory(config: Config, name: str, ldap: Ldap) -> Result:
    """Ask a directory for somebody that nobody is."""

    async def ask() -> bool:
        directory = Directory(lambda secret: secrets.read(config.secrets_folder, secret))
        try:
            return await directory.has(ldap, (probe.nobody(name),))
        finally:
            directory.close()

    of = f"directory of {name}"
    try:
        everybody = asyncio.run(ask())
    except DirectoryError as error:
        return fail(
            of, f"{error}; recipients that only it knows are deferred", "mend it, or what the domain says of it"
        )
    if everybody:
        return fail(of, "its filter finds an entry for a recipient that nobody has", "correct the domain's LDAP filter")
    return ok(of, f"{ldap.url} answers")


def _next_hop(snapshot: Snapshot, name: str) -> Result:
    """Say whether a next hop to which unknown recipients are left refuses them."""
    of, domain = f"unknown recipients of {name}", snapshot.domains[name]
    accepts = probe.known(snapshot, name)
    if accepts is None:
        return warn(of, "whether the next hop refuses them is not known", f"run: backstop probe {name}")
    if not accepts:
        return ok(of, "the next hop refuses them")
    if domain.accepts_everyone:
        return warn(
            of,
            f"the next hop accepts them, which may be, says {domain.accepts_everyone!r}",
            "see that it delivers them, and never bounces",
        )
    return fail(
        of,
        "the next hop accepts them, and bounces later to strangers",
        "list the recipients, let it refuse unknown ones, or say in accepts_everyone why this may be",
    )
