"""Makes traces of judged bounces, as the SMTP side writes them."""

import itertools

from django.utils import timezone

from gateway.backscatter.words import Evidence, Force, Judged, Kind, Verdict
from gateway.checks.judging import findings_of
from gateway.mail.client import Client
from gateway.mail.decisions import Disposition
from gateway.mail.findings import Observation, Outcome
from gateway.mail.stages import Stage
from gateway.mail.trace import RecipientTrace, Trace
from gateway.policy.learned import FORGED

KIM = "kim@example.test"
_numbers = itertools.count()


def bounce(  # noqa: PLR0913 - what a test wants otherwise
    verdict: Verdict = Verdict.FORGED,
    *recipients: str,
    ago: float = 0.0,
    client: Client | None = None,
    hint: bool = False,
    kind: Kind = Kind.BOUNCE,
    disposition: Disposition = Disposition.REJECTED,
) -> Trace:
    """A trace of one bounce, so many seconds ago, with the same verdict for each recipient."""
    evidence = [Evidence("pair", Force.HINT, "they wrote")] if hint else []
    judged = Judged(verdict, kind, tuple(evidence), "so it is")
    people = recipients or (KIM,)
    findings = tuple(finding for each in people for finding in findings_of("ANY", 0.0, judged, each))
    return Trace(
        id=f"{next(_numbers):06d}",
        started=timezone.now().timestamp() - ago,
        node="mx",
        revision=1,
        listener="inbound",
        client=client or Client(ip="192.0.2.7", helo="mx.reporter.test"),
        sender="",
        recipients=[RecipientTrace(each, disposition=disposition) for each in people],
        observations=[Observation(FORGED, Stage.DATA, Outcome.MISS, findings)],
        disposition=disposition.value,
    )
