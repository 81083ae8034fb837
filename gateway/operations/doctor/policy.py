"""The published policy."""

from collections.abc import Iterator

from gateway import installation
from gateway.config import Config
from gateway.models import PolicyRevision
from gateway.operations import publish
from gateway.operations.doctor.result import Result, fail, ok, warn
from gateway.policy import codec
from gateway.policy.feed import FILE


def published(config: Config) -> Iterator[Result]:
    """Tell whether there is a policy that can be read and is the one on record."""
    try:
        snapshot = codec.load(config.policy_folder / FILE)
    except codec.PolicyError as error:
        yield fail("policy", str(error), f"publish in the console, or: {installation.PROGRAM} apply FILE.yml")
        return
    last = PolicyRevision.objects.first()
    if last is None or last.number != snapshot.revision:
        on_record = "none" if last is None else f"revision {last.number}"
        yield fail("policy", f"revision {snapshot.revision} is in force, {on_record} on record", "publish again")
        return
    if reason := publish.problem():
        yield warn("policy", f"the edits since revision {last.number} can't be published: {reason}", "correct them")
    elif edits := publish.pending():
        yield warn("policy", f"revision {last.number} is in force; {len(edits)} edits are not published", "publish")
    else:
        yield ok("policy", f"revision {last.number} of {last.published:%Y-%m-%d %H:%M} UTC, by {last.by}")
