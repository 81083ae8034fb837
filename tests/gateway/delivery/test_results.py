"""Authentication-Results: what stands in it, and that a second implementation reads it, whatever strangers wrote."""

import authres
import msgspec
import pytest

from gateway.delivery.headers import authentication_results, results_of
from gateway.mail.client import Client
from gateway.mail.findings import Finding, Observation, Outcome
from gateway.mail.stages import Stage
from gateway.mail.trace import Trace
from tests.samples import trace

AUTHSERV = "mx.example.test"


def seen(check: str, *facts: dict[str, str], outcome: Outcome = Outcome.MISS) -> Observation:
    """What a check saw, as facts."""
    return Observation(check, Stage.DATA, outcome, tuple(Finding(check, facts=each, informs=True) for each in facts))


def with_seen(*observations: Observation, **more: object) -> Trace:
    """A trace with these observations."""
    return msgspec.structs.replace(trace(), observations=list(observations), **more)


def read(made: Trace) -> list[authres.core.AuthenticationResult]:
    """The field, as authres reads it, unfolded."""
    field = authentication_results(AUTHSERV, results_of(made)).decode()
    assert field.endswith("\r\n")
    assert all(line.startswith("\t") for line in field.split("\r\n")[1:-1])
    assert max(map(len, field.split("\r\n"))) < 998
    parsed = authres.AuthenticationResultsHeader.parse(field.replace("\r\n", "").replace("\t", " "))
    assert parsed.authserv_id == AUTHSERV
    return list(parsed.results)


FULL = with_seen(
    seen("spf", {"result": "pass", "domain": "example.org", "identity": "mailfrom"},
         {"result": "none", "domain": "mail.example.org", "identity": "helo"}),
    seen("dkim", {"result": "pass", "domain": "example.org", "selector": "s1", "hint": "ab/+12=="},
         {"result": "fail", "domain": "list.test", "selector": "s2", "hint": "x", "reason": "the body was changed"}),
    seen("dmarc", {"result": "pass", "domain": "example.org", "policy": "reject", "aligned": "dkim"}),
    seen("arc", {"result": "pass", "sealers": "list.test"}),
    Observation("reverse_dns", Stage.CONNECT, Outcome.MISS,
                (Finding("REVERSE_DNS", facts={"name": "mail.example.org"}, informs=True),)),
)  # fmt: skip


def test_every_method_has_its_result() -> None:
    assert authentication_results(AUTHSERV, results_of(FULL)).decode() == (
        "Authentication-Results: mx.example.test;\r\n"
        "\tspf=pass smtp.mailfrom=example.org;\r\n"
        "\tspf=none smtp.helo=mail.example.org;\r\n"
        '\tdkim=pass header.d=example.org header.s=s1 header.b="ab/+12==";\r\n'
        '\tdkim=fail reason="the body was changed" header.d=list.test header.s=s2 header.b=x;\r\n'
        "\tdmarc=pass (p=reject) header.from=example.org;\r\n"
        "\tarc=pass smtp.remote-ip=192.0.2.1;\r\n"
        "\tiprev=pass policy.iprev=192.0.2.1\r\n"
    )


def test_a_second_implementation_reads_it() -> None:
    found = [(each.method, each.result) for each in read(FULL)]
    assert found == [
        ("spf", "pass"), ("spf", "none"), ("dkim", "pass"), ("dkim", "fail"), ("dmarc", "pass"), ("arc", "pass"),
        ("iprev", "pass"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text",
    ['a"; dmarc=pass', "a\r\nX-Evil: 1", "a; spf=pass", "(", ")", "\\", "x" * 5000, "\udcff\x00", "a b", "ü", ""],
)
def test_what_strangers_write_stays_a_value(text: str) -> None:
    made = with_seen(
        seen("spf", {"result": "fail", "domain": text, "identity": "helo"}),
        seen("dkim", {"result": "fail", "domain": text, "selector": text, "hint": text, "reason": text}),
        seen("dmarc", {"result": "fail", "domain": text, "policy": text}),
        client=Client("2001:db8::1", helo=text),
    )
    assert [(each.method, each.result) for each in read(made)] == [("spf", "fail"), ("dkim", "fail"), ("dmarc", "fail")]


def test_checks_that_could_not_tell_are_temporary_errors() -> None:
    made = with_seen(seen("spf", outcome=Outcome.TIMEOUT), seen("reverse_dns", outcome=Outcome.ERROR))
    assert [(each.method, each.result) for each in read(made)] == [("spf", "temperror"), ("iprev", "temperror")]


def test_unsigned_mail_is_told_and_unchecked_mail_is_none() -> None:
    assert results_of(with_seen(seen("dkim", outcome=Outcome.SKIPPED))) == ("dkim=none",)
    assert results_of(with_seen()) == ()
    assert results_of(with_seen(seen("dkim", outcome=Outcome.SKIPPED), listener="outbound")) == ()


@pytest.mark.parametrize(
    ("account", "value"), [("ann@example.test", "ann@example.test"), ('a"; b', '"a\\"; b"'), ("a\r\nb", '"a??b"')]
)
def test_mail_that_leaves_tells_its_account(account: str, value: str) -> None:
    made = with_seen(client=Client("192.0.2.1", account=account), listener="outbound")
    assert results_of(made) == (f"auth=pass smtp.auth={value}",)
