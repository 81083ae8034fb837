"""What the checks of a sender see: its domain, our own domains from outside, and the lists of senders."""

import hashlib

import pytest

from gateway.backscatter import batv
from gateway.checks.authenticating import Authenticating
from gateway.checks.base import Check, Seen, View
from gateway.checks.own_sender import OwnSender
from gateway.checks.sender_domain import SenderDomain
from gateway.checks.sender_lists import SenderLists
from gateway.config import Dns
from gateway.mail.address import parse_mailbox, parse_path
from gateway.mail.client import Client
from gateway.mail.decisions import Action
from gateway.mail.findings import Finding, Observation, Outcome
from gateway.mail.message import Content, LineEnds, head_of
from gateway.mail.stages import Stage
from gateway.policy.matching import Policy
from gateway.policy.snapshot import (
    BatvKey,
    ClientRules,
    DomainPolicy,
    Forwarder,
    ListVerdict,
    Marking,
    RecipientPolicy,
    Snapshot,
)
from gateway.services.dns import DnsResolver
from smtpfront.lab.nameserver import Nameserver, Records
from tests.gateway.services.dkim import signing
from tests.nameserving import asking

ALLOW, BLOCK = ListVerdict.ALLOW, ListVerdict.BLOCK
TODAY = 20_000
KEY = batv.Key(1, b"secret")
ZONE: dict[str, Records | str] = {
    "shop.example": {"MX": ["10 mx.shop.example."]},
    "hidden.example": {"MX": ["0 ."]},
    "two.example": {"MX": ["0 .", "10 mx.shop.example."]},
    "old.example": {"A": ["192.0.2.9"]},
    "new.example": {"AAAA": ["2001:db8::9"]},
    "text.example": {"TXT": ['"no mail here"']},
    "broken.example": "servfail",
    "half.example": {"TXT": ['"x"'], "A": ["192.0.2.9"]},
    "malformed.example": "malformed",
    "loop.example": "loop",
    "xn--bcher-kva.example": {"MX": ["10 mx.shop.example."]},
}
SPF = Observation(
    "spf",
    Stage.MAIL,
    Outcome.MISS,
    (Finding("SPF", facts={"result": "pass", "domain": "example.test", "identity": "mailfrom"}, informs=True),),
)


def policy(*, own: dict[str, ListVerdict] | None = None, node: dict[str, ListVerdict] | None = None) -> Policy:
    """A policy of one domain with lists, a forwarder and an allowed network."""
    domain = DomainPolicy("inner", recipients={"alice": RecipientPolicy(senders=own or {}), "bob": RecipientPolicy()})
    return Policy(
        Snapshot(
            1,
            "",
            "",
            domains={"example.test": domain},
            forwarders={"partner": Forwarder(("198.51.100.0/24",))},
            clients=ClientRules(allowed=("203.0.113.0/24",)),
            marking=Marking((BatvKey(1, "key"),)),
            senders=node or {},
        )
    )


def view(  # noqa: PLR0913 - a transaction, all it is about
    sender: str,
    *,
    rules: Policy | None = None,
    ip: str = "192.0.2.1",
    recipient: str = "alice@example.test",
    head: str | None = None,
    earlier: tuple[Observation, ...] = (),
    listener: str = "inbound",
) -> View:
    """Give the view at RCPT, or after DATA where a header is given."""
    made = rules or policy()
    address = parse_mailbox(recipient)
    raw = (head or "").encode() + b"\r\nhello\r\n"
    content = Content(len(raw), hashlib.sha256(raw).hexdigest(), head_of(raw), LineEnds(), memory=raw)
    return View(
        policy=made,
        node="mx.example.test",
        listener=listener,
        client=Client(ip, forwarder=made.forwarder_of(ip)),
        sender=parse_path(f"<{sender}>")[0],
        recipient=address if head is None else None,
        match=made.match(address) if head is None else None,
        content=None if head is None else content,
        recipients=(recipient,),
        earlier=earlier,
    )


def symbols(check: Check, what: View) -> list[str]:
    """Give what a check that asks nobody finds, without what only informs."""
    seen = check.look(what)
    assert isinstance(seen, Seen)
    return [each.symbol for each in seen.findings if not each.informs]


def own(what: View) -> Seen:
    """Give what is seen of our own name where no signature has to be verified."""
    seen = OWN.look(what)
    assert isinstance(seen, Seen)
    return seen


# -- sender_domain --------------------------------------------------------------------------------------------------


async def ask(resolver: DnsResolver, sender: str) -> Seen:
    seen = SenderDomain(resolver).look(view(sender))
    return seen if isinstance(seen, Seen) else await seen


@pytest.mark.parametrize("domain", ["shop.example", "two.example", "old.example", "new.example", "Bücher.example"])
async def test_a_domain_that_takes_mail_is_fine(resolver: DnsResolver, domain: str) -> None:
    assert (await ask(resolver, f"a@{domain}")).outcome is Outcome.MISS


@pytest.mark.parametrize(
    ("domain", "symbol"),
    [
        ("hidden.example", "SENDER_NULL_MX"),
        ("none.example", "SENDER_DOMAIN_MISSING"),
        ("text.example", "SENDER_DOMAIN_MISSING"),
        ("localhost", "SENDER_UNQUALIFIED"),
        ("[192.0.2.1]", "SENDER_ADDRESS_LITERAL"),
        ("[IPv6:2001:db8::1]", "SENDER_ADDRESS_LITERAL"),
    ],
)
async def test_a_domain_that_takes_none_is_found(resolver: DnsResolver, domain: str, symbol: str) -> None:
    seen = await ask(resolver, f"a@{domain}")
    assert [each.symbol for each in seen.findings] == [symbol]


@pytest.mark.parametrize(
    ("domain", "outcome"),
    [
        ("broken.example", Outcome.ERROR),
        ("malformed.example", Outcome.ERROR),
        ("loop.example", Outcome.ERROR),
        (".".join(["x" * 60] * 4), Outcome.HIT),
    ],
)
async def test_dns_that_does_not_tell_is_no_miss(resolver: DnsResolver, domain: str, outcome: Outcome) -> None:
    seen = await ask(resolver, f"a@{domain}")
    assert seen.outcome is outcome
    assert domain not in seen.detail  # an alarm is told once for all senders


async def test_dns_that_stays_silent_is_a_timeout(server: Nameserver) -> None:
    server.zone = lambda _: "silent"
    hasty = DnsResolver(asking(server.address, server.zone))
    seen = await ask(hasty, "a@silent.example")
    await hasty.close()
    assert seen.outcome is Outcome.TIMEOUT
    assert "silent.example" not in seen.detail


async def test_a_domain_with_an_mx_costs_one_question(resolver: DnsResolver, server: Nameserver) -> None:
    await ask(resolver, "a@shop.example")
    assert server.asked == {("shop.example", "MX"): 1}


async def test_who_has_no_domain_and_who_is_ours_is_not_looked_up(resolver: DnsResolver, server: Nameserver) -> None:
    assert (await ask(resolver, "")).outcome is Outcome.SKIPPED
    assert (await ask(resolver, "bob@example.test")).outcome is Outcome.SKIPPED
    assert not server.asked


async def test_an_address_literal_is_tagged_at_most(resolver: DnsResolver) -> None:
    assert (await ask(resolver, "a@[192.0.2.1]")).findings[0].at_most is Action.TAG


# -- own_sender -----------------------------------------------------------------------------------------------------

NOBODY = Authenticating(DnsResolver(Dns(servers=())))
OWN = OwnSender(lambda _: "secret", NOBODY, lambda: TODAY)
TAGGED = batv.sign("bob@example.test", KEY, TODAY)


def test_our_name_from_outside_is_found() -> None:
    assert symbols(OWN, view("bob@example.test")) == ["OWN_SENDER"]
    assert symbols(OWN, view("Bob@EXAMPLE.test")) == ["OWN_SENDER"]
    assert not symbols(OWN, view("bob@other.test"))
    assert not symbols(OWN, view("bob@sub.example.test"))
    assert not symbols(OWN, view(""))


def test_spf_proves_that_a_client_may_use_our_name() -> None:
    assert not symbols(OWN, view("bob@example.test", earlier=(SPF,)))


def test_a_sender_with_our_own_tag_is_mail_that_comes_back() -> None:
    assert own(view(TAGGED)).outcome is Outcome.SKIPPED
    forged = TAGGED.replace("prvs=1", "prvs=2")
    assert symbols(OWN, view(forged)) == ["OWN_SENDER"]
    old = batv.sign("bob@example.test", KEY, TODAY - 30)
    assert symbols(OWN, view(old)) == ["OWN_SENDER"]


def test_a_key_that_can_not_be_read_is_no_miss() -> None:
    def broken(_: str) -> str:
        raise OSError("disk")

    seen = OwnSender(broken, NOBODY, lambda: TODAY).look(view(TAGGED))
    assert isinstance(seen, Seen)
    assert seen.outcome is Outcome.ERROR


@pytest.mark.parametrize("ip", ["198.51.100.1", "203.0.113.1"])
def test_trusted_clients_may_bring_what_bears_our_name(ip: str) -> None:
    assert own(view("bob@example.test", ip=ip)).outcome is Outcome.SKIPPED


def test_our_name_in_from_weighs_little() -> None:
    seen = own(view("x@other.test", head="From: Bob <bob@example.test>\r\n"))
    assert [(each.symbol, each.weight) for each in seen.findings] == [("OWN_FROM", 1.5)]
    assert symbols(OWN, view("", head="From: bob@example.test\r\n")) == ["OWN_FROM"]
    assert not symbols(OWN, view("x@other.test", head="From: x@other.test\r\n"))
    assert not symbols(OWN, view("x@other.test", head=""))


@pytest.mark.parametrize(
    ("signer", "body", "found"),
    [
        ("example.test", "hello", []),
        ("other.test", "hello", ["OWN_FROM"]),
        ("example.test", "another", ["OWN_FROM"]),  # no longer what was signed
    ],
)
async def test_a_valid_signature_of_ours_proves_from(
    resolver: DnsResolver, server: Nameserver, signer: str, body: str, found: list[str]
) -> None:
    server.zone = {f"s1._domainkey.{signer}": {"TXT": [signing.record()]}}
    head = "From: bob@example.test\r\nDate: Fri, 20 Nov 2026 10:00:00 +0000\r\n"
    body = f"\r\n{body}\r\n"
    raw = signing.signed(f"{head}{body}".encode(), signer)
    what = view("x@other.test", head=raw.removesuffix(body.encode()).decode())
    seen = OwnSender(lambda _: "secret", Authenticating(resolver), lambda: TODAY).look(what)
    assert not isinstance(seen, Seen)
    assert [each.symbol for each in (await seen).findings] == found


def test_the_envelope_is_not_counted_twice() -> None:
    assert not symbols(OWN, view("bob@example.test", head="From: bob@example.test\r\n"))


def test_a_mailing_list_brings_our_own_posts_back() -> None:
    seen = own(view("list-bounces@lists.test", head="From: bob@example.test\r\nList-Id: <talk.lists.test>\r\n"))
    assert seen.outcome is Outcome.MISS
    assert [each.symbol for each in seen.findings] == ["OWN_FROM_BY_LIST"]


# -- sender_lists ---------------------------------------------------------------------------------------------------

LISTS = SenderLists()


def lists(what: View) -> Seen:
    """Give what the lists say."""
    seen = LISTS.look(what)
    assert isinstance(seen, Seen)
    return seen


def test_a_blocked_sender_is_found_at_rcpt_and_the_entry_cited() -> None:
    seen = lists(view("news@shop.example", rules=policy(node={".example": BLOCK})))
    (finding,) = seen.findings
    assert seen.outcome is Outcome.HIT
    assert finding.facts == {"scope": "node", "entry": ".example", "identity": "sender"}
    assert finding.detail == "the node's list blocks .example, the envelope sender"


def test_without_a_list_there_is_nothing_to_look_at() -> None:
    assert lists(view("news@shop.example")).outcome is Outcome.SKIPPED
    assert lists(view("news@shop.example", head="From: a@b.test\r\n")).outcome is Outcome.SKIPPED
    ours = policy(node={"example.test": BLOCK})
    assert lists(view("bob@example.test", rules=ours, listener="outbound")).outcome is Outcome.SKIPPED


def test_an_entry_that_allows_and_goes_before_makes_a_block_wait_for_data() -> None:
    rules = policy(own={"news@shop.example": ALLOW}, node={"shop.example": BLOCK})
    at_rcpt = lists(view("news@shop.example", rules=rules))
    assert at_rcpt.outcome is Outcome.MISS
    assert [each.detail for each in at_rcpt.findings] == [
        "the recipient's own list allows news@shop.example, the envelope sender: nothing proves it yet"
    ]
    assert symbols(LISTS, view("news@shop.example", rules=rules, head="")) == ["BLOCKED_SENDER"]
    proven = Observation(
        "spf",
        Stage.MAIL,
        Outcome.MISS,
        (Finding("SPF", facts={"result": "pass", "domain": "shop.example", "identity": "mailfrom"}, informs=True),),
    )
    assert not symbols(LISTS, view("news@shop.example", rules=rules, head="", earlier=(proven,)))
    assert symbols(LISTS, view("news@shop.example", rules=rules, recipient="bob@example.test")) == ["BLOCKED_SENDER"]


def test_the_header_is_looked_at_after_data() -> None:
    rules = policy(node={"seller@shop.example": BLOCK})
    assert not symbols(LISTS, view("bounce-1@esp.test", rules=rules))
    after = lists(view("bounce-1@esp.test", rules=rules, head='From: "A, B" <Seller@shop.example>\r\n'))
    (finding,) = after.findings
    assert (finding.symbol, finding.recipient) == ("BLOCKED_SENDER", "alice@example.test")
    assert finding.facts["identity"] == "from"


def test_what_rcpt_found_is_not_found_again_after_data() -> None:
    rules = policy(node={"shop.example": BLOCK})
    found = (Finding("BLOCKED_SENDER"),)
    before = Observation("sender_lists", Stage.RCPT, Outcome.HIT, found, "alice@example.test")
    assert not symbols(LISTS, view("a@shop.example", rules=rules, head="", earlier=(before,)))


def test_a_blocked_network_is_found_but_not_where_the_client_is_trusted() -> None:
    everywhere = policy(node={"192.0.2.0/24": BLOCK, "198.51.100.0/24": BLOCK, "203.0.113.0/24": BLOCK})
    assert symbols(LISTS, view("a@shop.example", rules=everywhere)) == ["BLOCKED_SENDER"]
    for ip in ("198.51.100.1", "203.0.113.1", "2001:db8::1"):
        assert not symbols(LISTS, view("a@shop.example", rules=everywhere, ip=ip))


@pytest.mark.parametrize(
    "header",
    ["a@b.test, seller@shop.example", "seller@shop.example <a@b.test>", "<", "", '"' + '\\"' * 5000, "x" * 5000],
)
def test_a_from_that_is_not_one_plain_mailbox_is_on_no_list(header: str) -> None:
    rules = policy(node={"seller@shop.example": BLOCK})
    assert not symbols(LISTS, view("x@esp.test", rules=rules, head=f"From: {header}\r\n"))
