"""The guided domains: how far each has come with forged bounces."""

from collections.abc import Iterator

from django.utils import timezone

from gateway.config import Config
from gateway.operations.doctor.result import Result, ok, skip, warn
from gateway.operations.learning.readiness import in_force, next_move, readiness
from gateway.policy.learned import Stage


def guided(_config: Config) -> Iterator[Result]:
    """Tell each guided domain's stage, its next move, and what is in the way."""
    snapshot = in_force()
    if snapshot is None:
        yield skip("stages", "there is no policy that names a domain")
        return
    now = timezone.now()
    for name, domain in snapshot.domains.items():
        if not domain.guided:
            continue
        seen = readiness(name, snapshot, now, count=False)
        text = f"forged bounces: {seen.stage}; {next_move(seen, now)}"
        blocker = next(iter(seen.blockers), None)
        if blocker is None:
            yield ok(f"stage {name}", text)
        elif seen.marks_since is None and seen.stage is Stage.OBSERVE:
            yield skip(f"stage {name}", f"{text}; {blocker.remedy}")  # it has not begun, which is no fault
        else:
            yield warn(f"stage {name}", f"{text}; {blocker.text}", blocker.remedy)
