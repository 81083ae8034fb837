"""The domain that a command is asked for by its name."""

from django.core.management.base import CommandError

from gateway.mail.address import AddressError, domain_key
from gateway.models import Domain


def named(name: str) -> Domain:
    """Give the domain of a name, in whatever form it is written. Raises CommandError that names those there are."""
    try:
        found = Domain.objects.filter(name=domain_key(name)).first()
    except AddressError as error:
        raise CommandError(f"{name!r} is no domain: {error}") from None
    if found is None:
        known = ", ".join(Domain.objects.values_list("name", flat=True)[:20]) or "none yet"
        raise CommandError(f"{name} is no domain of this gateway; it takes mail for {known}")
    return found
