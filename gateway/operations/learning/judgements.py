"""The verdicts on automatic mail, as rows: storms, backscatterers and a domain's readiness are learned from them."""

from collections.abc import Iterator, Sequence

from gateway.backscatter import batv
from gateway.backscatter.words import Force, Kind, Verdict
from gateway.mail.address import AddressError, parse_mailbox
from gateway.mail.decisions import Disposition
from gateway.mail.findings import Finding
from gateway.mail.trace import RecipientTrace, Trace
from gateway.models import JudgedBounce
from gateway.operations import columns
from gateway.policy.learned import FORGED

PAST_GATEWAY = "past_gateway"  # the check that looks at replies, and the evidence in what a bounce quotes
_ORDINARY = {"verdict": Verdict.NOT_AUTOMATIC.value, "kind": Kind.NONE.value}
_KEPT_FROM = frozenset({Disposition.REJECTED, Disposition.QUARANTINED, Disposition.REDIRECTED, Disposition.DROPPED})


def take_in(traces: Sequence[Trace]) -> list[JudgedBounce]:
    """Make and save the rows of traces; gives them."""
    rows = [row for trace in traces for row in of_trace(trace)]
    JudgedBounce.objects.bulk_create(rows)
    return rows


def of_trace(trace: Trace) -> Iterator[JudgedBounce]:
    """Give the verdicts of one trace, not yet saved; a reply that is a sign of mail past the gateway is one too.

    Only a reply that was delivered is a sign: much of what claims to be one is spam.
    """
    told: dict[str, list[Finding]] = {}
    signs = {
        finding.recipient for each in trace.observations if each.check == PAST_GATEWAY for finding in each.findings
    }
    for each in trace.observations:
        for finding in each.findings if each.check == FORGED else ():
            if finding.recipient is not None:
                told.setdefault(finding.recipient, []).append(finding)
    done = set()
    for recipient in trace.recipients:
        findings = told.get(recipient.address)
        verdict = next((one.facts for one in findings if "verdict" in one.facts), None) if findings else None
        sign = recipient.address in signs and recipient.disposition is Disposition.DELIVERED
        if not (verdict or sign) or (address := _plain(recipient)) is None or address[0] in done:
            continue
        done.add(address[0])
        verdict = verdict or _ORDINARY
        findings = findings or []
        yield JudgedBounce(
            transaction_id=columns.text(trace.id, 40),
            recipient=columns.text(address[0], 320),
            domain=columns.text(address[1], 255),
            at=columns.moment(trace.started),
            client_ip=columns.address(trace.client.ip),
            helo=columns.text(trace.client.helo, 255),
            null_sender=trace.sender == "",
            kind=verdict["kind"],
            verdict=verdict["verdict"],
            refused=recipient.disposition in _KEPT_FROM,
            hinted=any(one.facts.get("force") in {Force.HINT, Force.PROOF} for one in findings),
            past_gateway=sign
            or (
                verdict["verdict"] != Verdict.GENUINE and any(one.facts.get("name") == PAST_GATEWAY for one in findings)
            ),
        )


def _plain(recipient: RecipientTrace) -> tuple[str, str] | None:
    """Give a recipient's address in lower case without its tag, and its domain; None for the bare postmaster."""
    try:
        address = parse_mailbox(batv.without_tag(recipient.delivered_to))
    except AddressError:
        return None
    return str(address).lower(), address.domain_key
