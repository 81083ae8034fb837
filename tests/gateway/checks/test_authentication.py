"""DKIM, ARC and DMARC of mail that comes in, over a real name server."""

from typing import Any

import pytest

from gateway.checks.arc import Arc, saw_pass
from gateway.checks.authenticating import Authenticating
from gateway.checks.base import Seen, View
from gateway.checks.dkim import Dkim
from gateway.checks.dmarc import Dmarc
from gateway.config import Dns
from gateway.mail.address import parse_mailbox
from gateway.mail.client import Client
from gateway.mail.decisions import Action
from gateway.mail.findings import Finding, Observation, Outcome
from gateway.mail.stages import Stage
from gateway.policy.matching import Policy
from gateway.policy.snapshot import ClientRules, Snapshot
from gateway.services.dkim import ArcSet
from gateway.services.dns import DnsResolver
from smtpfront.lab.nameserver import Nameserver
from tests.gateway.services.dkim.signing import MESSAGE, ZONE, signed
from tests.gateway.services.dkim.test_arc import ZONE as SEALERS
from tests.gateway.services.dkim.test_arc import sealed
from tests.nameserving import asking
from tests.samples import content

CLIENT = Client("192.0.2.1")
REJECT = {"_dmarc.example.org": {"TXT": ['"v=DMARC1; p=reject"']}}


def spf(result: str, domain: str = "example.org", identity: str = "mailfrom") -> Observation:
    """What the check of SPF saw."""
    facts = {"result": result, "domain": domain, "identity": identity}
    outcome = Outcome.ERROR if result == "temperror" else Outcome.MISS
    return Observation("spf", Stage.MAIL, outcome, (Finding("SPF", facts=facts, informs=True),))


def view(
    message: bytes,
    *earlier: Observation,
    policy: dict[str, Any] | None = None,
    sender: str = "ann@example.org",
    listener: str = "inbound",
    client: Client = CLIENT,
) -> View:
    """What the checks look at."""
    return View(
        policy=Policy(Snapshot(1, "2026-01-01T00:00:00Z", "test", **(policy or {}))),
        node="mx.example.test",
        listener=listener,
        client=client,
        sender=parse_mailbox(sender) if sender else None,
        content=content(message),
        earlier=earlier,
    )


async def look(name: str, seen: View, zone: dict[str, Any] | None = None) -> Seen:
    """What a check says, over a zone: the usual keys and sealers, and what is given."""
    whole = {**ZONE, **SEALERS, **(zone or {})}
    server = Nameserver(whole)
    resolver = DnsResolver(asking(await server.start(), whole))
    shared = Authenticating(resolver)
    check = {"dkim": Dkim(shared), "arc": Arc(shared), "dmarc": Dmarc(shared, resolver)}[name]
    answer = check.look(seen)
    try:
        return answer if isinstance(answer, Seen) else await answer
    finally:
        await resolver.close()
        await server.stop()


async def dmarc(seen: View, zone: dict[str, Any] | None = None) -> tuple[str, str, str]:
    """The first symbol of DMARC, its result, and what was aligned."""
    found = (await look("dmarc", seen, REJECT if zone is None else zone)).findings[0]
    return found.symbol, found.facts["result"], found.facts["aligned"]


async def test_a_signature_that_holds_is_a_fact_and_no_hit() -> None:
    seen = await look("dkim", view(signed()))
    assert seen.outcome is Outcome.MISS
    facts = seen.findings[0].facts
    assert (facts["result"], facts["domain"], facts["selector"]) == ("pass", "example.org", "s1")


async def test_a_signed_message_none_of_whose_signatures_holds_is_a_hit() -> None:
    seen = await look("dkim", view(signed().replace(b"bye", b"buy")))
    assert seen.outcome is Outcome.HIT
    assert seen.findings[0].symbol == "DKIM_FAIL"
    assert seen.findings[0].detail == "fail for example.org: the body was changed"


async def test_one_signature_that_holds_is_enough() -> None:
    message = signed(signed(domain="list.test").replace(b"s=s1", b"s=gone"))
    assert (await look("dkim", view(message))).outcome is Outcome.MISS


async def test_unsigned_mail_and_mail_that_leaves_are_skipped() -> None:
    for name in ("dkim", "arc"):
        assert (await look(name, view(MESSAGE))).outcome is Outcome.SKIPPED
    for name in ("dkim", "arc", "dmarc"):
        assert (await look(name, view(signed(), listener="outbound"))).outcome is Outcome.SKIPPED


async def test_a_key_that_does_not_come_fails_the_check() -> None:
    seen = await look("dkim", view(signed()), {"s1._domainkey.example.org": "servfail"})
    assert seen.outcome is Outcome.ERROR
    assert "doctor" in seen.detail


async def test_dmarc_passes_by_an_aligned_signature() -> None:
    assert await dmarc(view(signed(), sender="bounce@esp.test")) == ("DMARC", "pass", "dkim")


async def test_dmarc_passes_by_spf() -> None:
    assert await dmarc(view(MESSAGE, spf("pass"))) == ("DMARC", "pass", "spf")


async def test_dmarc_takes_the_helo_name_for_the_null_sender_only() -> None:
    assert await dmarc(view(MESSAGE, spf("pass", identity="helo"), sender="")) == ("DMARC", "pass", "spf")
    assert (await dmarc(view(MESSAGE, spf("pass", identity="helo"))))[1] == "fail"


async def test_relaxed_alignment_is_of_the_organization_and_strict_of_the_very_domain() -> None:
    mail = view(MESSAGE, spf("pass", "bounces.example.org"))
    assert await dmarc(mail) == ("DMARC", "pass", "spf")
    strict = {"_dmarc.example.org": {"TXT": ['"v=DMARC1; p=reject; aspf=s"']}}
    assert await dmarc(view(MESSAGE, spf("pass", "bounces.example.org")), strict) == ("DMARC_REJECT", "fail", "")


@pytest.mark.parametrize(
    ("record", "symbol", "at_most"),
    [
        ("v=DMARC1; p=reject", "DMARC_REJECT", None),
        ("v=DMARC1; p=quarantine", "DMARC_QUARANTINE", Action.QUARANTINE),
        ("v=DMARC1; p=reject; t=y", "DMARC_QUARANTINE", Action.QUARANTINE),
        ("v=DMARC1; p=none", "DMARC", None),
    ],
)
async def test_a_failure_weighs_what_the_policy_says(record: str, symbol: str, at_most: Action | None) -> None:
    seen = await look("dmarc", view(MESSAGE, spf("fail")), {"_dmarc.example.org": {"TXT": [f'"{record}"']}})
    assert (seen.findings[0].symbol, seen.findings[0].at_most) == (symbol, at_most)
    assert seen.outcome is (Outcome.MISS if symbol == "DMARC" else Outcome.HIT)


async def test_a_domain_without_a_policy_is_no_hit() -> None:
    assert await dmarc(view(MESSAGE), {}) == ("DMARC", "none", "")


async def test_a_subdomain_has_the_policy_of_its_organization() -> None:
    mail = MESSAGE.replace(b"ann@example.org", b"ann@news.example.org")
    zone = {
        "_dmarc.example.org": {"TXT": ['"v=DMARC1; p=none; sp=quarantine; np=reject"']},
        "news.example.org": {"A": ["192.0.2.9"]},
    }
    assert (await dmarc(view(mail), zone))[0] == "DMARC_QUARANTINE"
    del zone["news.example.org"]
    assert (await dmarc(view(mail), zone))[0] == "DMARC_REJECT"


async def test_a_public_suffix_parts_its_organizations() -> None:
    """RFC 9989 B.4.3."""
    zone = {
        "_dmarc.bank.example": {"TXT": ['"v=DMARC1; p=reject; psd=y"']},
        "_dmarc.giant.bank.example": {"TXT": ['"v=DMARC1; p=reject"']},
    }
    mail = MESSAGE.replace(b"ann@example.org", b"ann@giant.bank.example")
    assert (await dmarc(view(mail, spf("pass", "mail.giant.bank.example")), zone))[1] == "pass"
    assert (await dmarc(view(mail, spf("pass", "mail.mega.bank.example")), zone))[1] == "fail"


@pytest.mark.parametrize("failing", ["_dmarc.example.org", "s1._domainkey.example.org"])
@pytest.mark.parametrize("how", ["servfail", "silent", "malformed"])
async def test_an_answer_that_is_needed_and_does_not_come_fails_the_check(failing: str, how: str) -> None:
    seen = await look("dmarc", view(signed()), {**REJECT, failing: how})
    assert seen.outcome is Outcome.ERROR
    assert "doctor" in seen.detail
    assert seen.findings[0].facts["result"] == "temperror"


async def test_spf_that_could_not_tell_matters_only_where_nothing_else_is_aligned() -> None:
    assert (await dmarc(view(MESSAGE, spf("temperror"))))[1] == "temperror"
    assert (await dmarc(view(signed(), spf("temperror"))))[1] == "pass"


@pytest.mark.parametrize(
    ("field", "symbol"),
    [
        (b"From: ann@example.org, eve@evil.test\r\n", "DMARC_FROM_MANY"),
        (b"From: ann@example.org\r\nFrom: eve@evil.test\r\n", "DMARC_FROM_MANY"),
        (b"From: Ann\r\n", "DMARC_FROM_NONE"),
        (b"From:\r\n", "DMARC_FROM_NONE"),
        (b"From: \xff\xfe@\x00\r\n", "DMARC_FROM_NONE"),
        (b"Subject: x\r\n", "DMARC_FROM_NONE"),
    ],
)
async def test_a_from_without_one_author_domain_has_a_definite_result(field: bytes, symbol: str) -> None:
    assert await dmarc(view(field + b"\r\nhello\r\n")) == (symbol, "permerror", "")


async def test_a_blank_before_the_colon_hides_no_author() -> None:
    assert (await dmarc(view(MESSAGE.replace(b"From:", b"From :"))))[0] == "DMARC_REJECT"
    assert (await dmarc(view(b"From : eve@evil.test\r\n" + MESSAGE)))[0] == "DMARC_FROM_MANY"


async def test_a_trusted_forwarder_and_an_allowed_network_override_a_failure_visibly() -> None:
    seen = await look("dmarc", view(MESSAGE, client=Client("192.0.2.1", forwarder="partner")), REJECT)
    assert seen.outcome is Outcome.MISS
    assert seen.findings[0].facts["override"] == "trusted_forwarder"
    assert "the trusted forwarder partner brings it" in seen.findings[0].detail
    allowed = {"clients": ClientRules(allowed=("192.0.2.0/24",))}
    seen = await look("dmarc", view(MESSAGE, policy=allowed), REJECT)
    assert (seen.outcome, seen.findings[0].facts["override"]) == (Outcome.MISS, "local_policy")


async def test_a_trusted_sealer_that_saw_it_pass_overrides_a_failure() -> None:
    mail = sealed(MESSAGE, "list.test")
    seen = await look("dmarc", view(mail, policy={"arc_sealers": ("list.test",)}), REJECT)
    assert seen.outcome is Outcome.MISS
    assert "the trusted ARC sealer list.test saw it pass" in seen.findings[0].detail
    assert (await look("dmarc", view(mail, policy={"arc_sealers": ("other.test",)}), REJECT)).outcome is Outcome.HIT
    assert (await look("dmarc", view(mail), REJECT)).outcome is Outcome.HIT
    changed = view(mail.replace(b"bye", b"buy"), policy={"arc_sealers": ("list.test",)})
    assert (await look("dmarc", changed, REJECT)).outcome is Outcome.HIT


async def test_a_sealer_vouches_only_while_every_later_one_is_trusted() -> None:
    mail = sealed(sealed(MESSAGE, "list.test"), "forwarder.test", "arc=pass; dmarc=fail")
    both = {"arc_sealers": ("list.test", "Forwarder.test")}
    assert (await look("dmarc", view(mail, policy=both), REJECT)).outcome is Outcome.MISS
    assert (await look("dmarc", view(mail, policy={"arc_sealers": ("list.test",)}), REJECT)).outcome is Outcome.HIT
    seen = await look("arc", view(mail, policy=both))
    assert seen.findings[0].facts == {"result": "pass", "sealers": "list.test forwarder.test", "reason": ""}


@pytest.mark.parametrize(
    ("results", "speaks"),
    [
        ("list.test; dmarc=pass header.from=example.org", True),
        ("list.test; spf=fail; dmarc=pass (p=reject) header.from=Example.org", True),
        ("list.test; dmarc=pass header.from=evil.test", False),
        ("list.test; dmarc=fail header.from=example.org", False),
        ('list.test; auth=pass smtp.auth="; dmarc=pass"', False),
        ("list.test (; dmarc=pass)", False),
        ("list.test; dkim=pass header.d=example.org", True),
        ("list.test; dkim=pass header.i=@example.org header.s=x", True),
        ("list.test; dkim=pass header.d=org", False),
        ("list.test; dkim=pass header.d=notexample.org", False),
        ("list.test; dkim=fail header.d=example.org", False),
        ("", False),
    ],
)
def test_what_a_sealer_saw(results: str, *, speaks: bool) -> None:
    assert saw_pass(ArcSet(1, "list.test", results), "example.org") is speaks


async def test_the_checks_share_one_verification() -> None:
    server = Nameserver({**ZONE, **REJECT})
    resolver = DnsResolver(Dns(servers=(await server.start(),)))
    shared, seen = Authenticating(resolver), view(signed())
    await Dmarc(shared, resolver).look(seen)
    task = seen.shared["dkim"]
    answer = Dkim(shared).look(seen)
    assert not isinstance(answer, Seen)
    await answer
    assert seen.shared["dkim"] is task
    assert server.asked["s1._domainkey.example.org", "TXT"] == 1
    await resolver.close()
    await server.stop()
