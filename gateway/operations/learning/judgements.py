"""The verdicts on automatic mail, as rows: storms, backscatterers and a domain's readiness are learned from them."""

from collections.abc import Iterator, Sequence

from gateway.backscatter import batv
from gateway.backscatter.words import Force, Verdict
from gateway.mail.address import AddressError, parse_mailbox
from gateway.mail.decisions import Disposition
from gateway.mail.findings import Finding
from gateway.mail.trace import RecipientTrace, Trace
from gateway.models import JudgedBounce
from gateway.operations import columns
from gateway.policy.learned import FORGED

_KEPT_FROM = frozenset({Disposition.REJECTED, Disposition.QUARANTINED, Disposition.DROPPED})


def take_in(traces: Sequence[Trace]) -> list[JudgedBounce]:
    """Make and save the rows of traces; gives them."""
    rows = [row for trace in traces for row in of_trace(trace)]
    JudgedBounce.objects.bulk_create(rows)
    return rows


def of_trace(trace: Trace) -> Iterator[JudgedBounce]:
    """Give the verdicts of one trace, not yet saved."""
    told: dict[str, list[Finding]] = {}
    for each in trace.observations:
        for finding in each.findings if each.check == FORGED else ():
            if finding.recipient is not None:
                told.setdefault(finding.recipient, []).append(finding)
    done = set()
    for recipient in trace.recipients:
        findings = told.get(recipient.address)
        verdict = next((one.facts for one in findings if "verdict" in one.facts), None) if findings else None
        if findings is None or verdict is None or (address := _plain(recipient)) is None or address[0] in done:
            continue
        done.add(address[0])
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
            past_gateway=verdict["verdict"] != Verdict.GENUINE
            and any(one.facts.get("name") == "past_gateway" for one in findings),
        )


def _plain(recipient: RecipientTrace) -> tuple[str, str] | None:
    """Give a recipient's address in lower case without its tag, and its domain; None for the bare postmaster."""
    try:
        address = parse_mailbox(batv.without_tag(recipient.delivered_to))
    except AddressError:
        return None
    return str(address).lower(), address.domain_key
