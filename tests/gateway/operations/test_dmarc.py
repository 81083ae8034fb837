"""What DMARC saw is counted, bounded and forgotten; nothing is ever sent."""

import json
from datetime import UTC, date, datetime
from io import StringIO

import msgspec
import pytest
from django.core.management import CommandError, call_command

from gateway.mail.client import Client
from gateway.mail.findings import Finding, Observation, Outcome
from gateway.mail.stages import Stage
from gateway.mail.trace import Trace
from gateway.models import DmarcCount
from gateway.operations import dmarc
from tests import samples

pytestmark = pytest.mark.django_db
DAY = datetime.fromtimestamp(samples.STARTED, UTC).date()


def seen(check: str, **facts: str) -> Observation:
    """What a check saw."""
    return Observation(check, Stage.DATA, Outcome.MISS, (Finding(check, facts=facts, informs=True),))


def trace(*, result: str = "fail", disposition: str = "quarantined", ip: str = "192.0.2.1", **facts: str) -> Trace:
    """A trace with what the three checks say."""
    about = {
        "result": result, "domain": "example.org", "policy": "reject", "aligned": "", "policy_domain": "example.org",
        "published": "reject", "spf": "fail", "dkim": result, **facts,
    }  # fmt: skip
    return msgspec.structs.replace(
        samples.trace(),
        client=Client(ip),
        sender="bounce@esp.test",
        disposition=disposition,
        observations=[
            seen("spf", result="pass", domain="esp.test", identity="mailfrom"),
            seen("dkim", result=result, domain="example.org", selector="s1"),
            seen("dmarc", **about),
        ],
    )


def run(*arguments: str) -> str:
    """What the command says."""
    said = StringIO()
    call_command("dmarc", *arguments, stdout=said)
    return said.getvalue()


def test_like_messages_are_one_row_with_a_count() -> None:
    dmarc.take_in([trace(), trace(), trace(ip="192.0.2.2")])
    dmarc.take_in([trace()])

    assert sorted(DmarcCount.objects.values_list("client_ip", "count")) == [("192.0.2.1", 3), ("192.0.2.2", 1)]


def test_the_command_tells_a_day_as_the_records_of_rfc_9990() -> None:
    dmarc.take_in([trace(override="trusted_forwarder", disposition="delivered")])

    assert json.loads(run("--domain", "Example.org", "--day", DAY.isoformat(), "--json")) == {
        "source_ip": "192.0.2.1",
        "count": 1,
        "policy_published": {"domain": "example.org", "p": "reject"},
        "policy_evaluated": {"disposition": "none", "dkim": "fail", "spf": "fail", "reason": "trusted_forwarder"},
        "identifiers": {"header_from": "example.org", "envelope_from": "esp.test"},
        "auth_results": {"dkim": "fail example.org s1", "spf": "pass mailfrom esp.test"},
    }
    assert "not proven; SPF pass mailfrom esp.test" in run("--domain", "example.org", "--day", DAY.isoformat())
    assert run("--domain", "other.org", "--day", DAY.isoformat(), "--json") == ""
    with pytest.raises(CommandError, match="YYYY-MM-DD"):
        run("--domain", "example.org", "--day", "yesterday")


@pytest.mark.parametrize(
    ("result", "disposition", "told"),
    [
        ("pass", "delivered", "pass"),
        ("pass", "rejected", "pass"),
        ("fail", "rejected", "reject"),
        ("fail", "quarantined", "quarantine"),
        ("fail", "delivered", "none"),
    ],
)
def test_the_fate_has_its_name(result: str, disposition: str, told: str) -> None:
    row = dmarc.row_of(trace(result=result, disposition=disposition))
    assert row is not None
    assert row.disposition == told


def test_messages_without_a_policy_and_mail_that_leaves_are_not_counted() -> None:
    outbound = msgspec.structs.replace(trace(), listener="outbound")
    dmarc.take_in([trace(result="none"), trace(result="temperror"), outbound, samples.trace()])
    assert not DmarcCount.objects.exists()


def test_a_flood_of_names_is_counted_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dmarc, "MOST", 2)
    dmarc.take_in([trace(), trace(ip="192.0.2.2")])
    dmarc.take_in([trace(domain=f"{n}.test") for n in range(5)])
    dmarc.take_in([trace(domain="6.test"), trace()])

    assert DmarcCount.objects.count() == 3
    assert DmarcCount.objects.get(author=dmarc.OTHERS).count == 6
    assert DmarcCount.objects.get(client_ip="192.0.2.1").count == 2


def test_old_days_are_forgotten() -> None:
    dmarc.take_in([trace()])
    dmarc.forget(datetime(DAY.year, DAY.month, DAY.day, tzinfo=UTC))
    assert DmarcCount.objects.exists()
    dmarc.forget(datetime.combine(date.fromordinal(DAY.toordinal() + 1), datetime.min.time(), UTC))
    assert not DmarcCount.objects.exists()


def test_the_command_says_that_nothing_was_counted() -> None:
    assert "Nothing was counted for quiet.test on 2026-01-02" in run("--domain", "quiet.test", "--day", "2026-01-02")
