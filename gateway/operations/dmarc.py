"""Counts what DMARC saw, so that the aggregate reports of RFC 9990 could be made. None is ever sent.

A report is automatic mail to an address that its recipient has put into DNS: this gateway sends no such thing. The
figures are for its administrator: ``manage.py dmarc``.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import Any

from django.db.models import F

from gateway.mail.decisions import Disposition
from gateway.mail.findings import Finding
from gateway.mail.trace import Trace
from gateway.models import DmarcCount
from gateway.operations import columns
from gateway.operations.columns import text

MOST = 50_000  # rows of one day: a flood of forged names is counted as one row then
OTHERS = "(others)"
_FATES = {
    Disposition.REJECTED.value: "reject",
    Disposition.QUARANTINED.value: "quarantine",
    Disposition.REDIRECTED.value: "quarantine",  # it was taken for suspicious, and kept from its recipient
}
_SIGNATURES = 8


def take_in(traces: Sequence[Trace]) -> None:
    """Count traces whose rows were just made, in their database transaction. Raises ``django.db.Error``."""
    counts: Counter[str] = Counter()
    rows: dict[str, DmarcCount] = {}
    for trace in traces:
        row = row_of(trace)
        if row is not None:
            rows[row.key] = row
            counts[row.key] += 1
    if not rows:
        return
    known = set(DmarcCount.objects.filter(key__in=rows).values_list("key", flat=True))
    new = [rows[key] for key in sorted(rows.keys() - known)]
    for day in {row.day for row in new}:
        if DmarcCount.objects.filter(day=day).count() + len(new) > MOST:
            _fold(day, new, counts)
    DmarcCount.objects.bulk_create(new, ignore_conflicts=True)
    for key, count in sorted(counts.items()):
        DmarcCount.objects.filter(key=key).update(count=F("count") + count)


def forget(before: datetime) -> None:
    """Remove the figures of days before then."""
    DmarcCount.objects.filter(day__lt=before.date()).delete()


def summary(author: str, day: date) -> Iterator[dict[str, Any]]:
    """Give what was seen of an author domain on a day, as the records of RFC 9990 have it, most messages first."""
    for row in DmarcCount.objects.filter(author=author.lower(), day=day).order_by("-count", "key"):
        yield {
            "source_ip": row.client_ip,
            "count": row.count,
            "policy_published": {"domain": row.policy_domain, "p": row.published},
            "policy_evaluated": {
                "disposition": row.disposition,
                "dkim": "pass" if row.dkim_aligned else "fail",
                "spf": "pass" if row.spf_aligned else "fail",
                "reason": row.override,
            },
            "identifiers": {"header_from": row.author, "envelope_from": row.sender_domain},
            "auth_results": {"dkim": row.dkim, "spf": row.spf},
        }


def row_of(trace: Trace) -> DmarcCount | None:
    """Give the row that a trace counts for; None where no policy was found."""
    facts = next((each.facts for each in _findings(trace, "dmarc")), {})
    if trace.listener != "inbound" or facts.get("result") not in {"pass", "fail"}:
        return None
    row = DmarcCount(
        day=columns.moment(trace.started).date(),
        author=text(facts["domain"], 255),
        policy_domain=text(facts.get("policy_domain", ""), 255),
        published=text(facts.get("published", ""), 16),
        policy=text(facts.get("policy", ""), 16),
        client_ip=columns.address(trace.client.ip),
        sender_domain=text((trace.sender or "").rpartition("@")[2].lower(), 255),
        spf=text(_spf(trace), 300),
        dkim=text(_dkim(trace), 600),
        spf_aligned=facts.get("spf") == "pass",
        dkim_aligned=facts.get("dkim") == "pass",
        disposition="pass" if facts["result"] == "pass" else _FATES.get(trace.disposition, "none"),
        override=text(facts.get("override", ""), 32),
    )
    row.key = _key(row)
    return row


def _key(row: DmarcCount) -> str:
    """Give the hash of all that a row is about."""
    about = [
        row.day.isoformat(), row.author, row.policy_domain, row.published, row.policy, row.client_ip, row.sender_domain,
        row.spf, row.dkim, str(row.spf_aligned), str(row.dkim_aligned), row.disposition, row.override,
    ]  # fmt: skip
    return hashlib.sha256("\0".join(about).encode("utf-8", "surrogateescape")).hexdigest()


def _fold(day: date, new: list[DmarcCount], counts: Counter[str]) -> None:
    """Count the new rows of a day that has enough of them as one."""
    others = DmarcCount(
        day=day,
        author=OTHERS,
        client_ip="0.0.0.0",  # noqa: S104 - it is nobody's
        spf_aligned=False,
        dkim_aligned=False,
        disposition="none",
    )
    others.key = _key(others)
    for row in [each for each in new if each.day == day]:
        counts[others.key] += counts.pop(row.key)
        new.remove(row)
    new.append(others)


def _findings(trace: Trace, check: str) -> Iterator[Finding]:
    """Give a check's findings with a result."""
    for each in trace.observations:
        if each.check == check:
            yield from (one for one in each.findings if "result" in one.facts)


def _spf(trace: Trace) -> str:
    """Give what SPF said of the envelope sender, else of the HELO name."""
    found = sorted(_findings(trace, "spf"), key=lambda each: each.facts.get("identity") != "mailfrom")
    facts = found[0].facts if found else {}
    return f"{facts['result']} {facts.get('identity', '')} {facts.get('domain', '')}" if facts else ""


def _dkim(trace: Trace) -> str:
    """Give what each signature came to."""
    found = [each.facts for each in _findings(trace, "dkim")][:_SIGNATURES]
    return ", ".join(f"{one['result']} {one.get('domain', '')} {one.get('selector', '')}" for one in found)
