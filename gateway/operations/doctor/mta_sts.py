"""MTA-STS: whether the certificate in force is one that servers which heed the policy can accept."""

from collections.abc import Iterator

from gateway import installation
from gateway.config import Config
from gateway.models import Domain
from gateway.operations import records
from gateway.operations.doctor.result import Result, fail, ok, skip, warn
from gateway.policy.mta_sts import StsMode

_NAME = "MTA-STS"


def certificate(config: Config) -> Iterator[Result]:
    """Tell of each domain with MTA-STS whether the certificate is for it. DNS and the policy file are not asked."""
    rows = list(Domain.objects.exclude(mta_sts=StsMode.NONE))
    if not rows:
        yield skip(_NAME, "no domain has it on")
    for row in rows:
        notes = records.notes_on(row, config)
        if not notes:
            yield ok(_NAME, f"{row}: {row.mta_sts}, and the certificate is for it")
            continue
        remedy = f"get a certificate for these names, or set none; {installation.PROGRAM} records {row} tells more"
        level = fail if row.mta_sts == StsMode.ENFORCE else warn
        yield level(_NAME, f"{row}: {row.mta_sts}. {' '.join(notes)}", remedy)
