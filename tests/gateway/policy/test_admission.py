from typing import Any

import msgspec
import pytest

from gateway.mail.decisions import Action
from gateway.policy.admission import open_domains
from gateway.policy.defaults import CHECKS
from gateway.policy.matching import Policy
from gateway.policy.snapshot import (
    Account,
    ClientRules,
    DnsList,
    DomainPolicy,
    Greylisting,
    Ldap,
    ListVerdict,
    NextHop,
    Outbound,
    RecipientPolicy,
    Route,
    Rules,
    SendingLimits,
    Snapshot,
    Validation,
)
from gateway.policy.validity import faults


def snapshot(domain: DomainPolicy | None = None, **parts: Any) -> Snapshot:  # noqa: ANN401 - parts of a snapshot
    """A policy of one domain."""
    return Snapshot(
        revision=1,
        published="",
        by="",
        routes={"next": Route((NextHop("127.0.0.1"),))},
        domains={"example.test": domain or DomainPolicy("next")},
        **parts,
    )


def told(policy: Snapshot) -> list[str]:
    return [f"{'/'.join(map(str, each.place))}: {each.reason}; {each.remedy}" for each in faults(policy, CHECKS.keys())]


def test_the_defaults_are_sound() -> None:
    assert told(snapshot(dns_lists={"list.example": DnsList()})) == []


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        ({"clients": ClientRules(greet_delay=61)}, "clients/greet_delay: greet_delay: 61 is out of bounds; "),
        ({"clients": ClientRules(messages_per_hour=20_000)}, "clients/messages_per_hour: messages_per_hour: 20000 is"),
        ({"clients": ClientRules(ipv6_prefix=128)}, "clients/ipv6_prefix: ipv6_prefix: 128 is out of bounds; "),
        ({"clients": ClientRules(blocked=("ten",))}, "clients/blocked/0: 'ten' is no network; "),
        (
            {"clients": ClientRules(allowed=("10.0.0.0/8",), blocked=("10.0.0.0/8",))},
            "clients/blocked: 10.0.0.0/8 is both allowed and blocked; keep one of the two",
        ),
        ({"dns_lists": {"a b": DnsList()}}, "dns_lists/a b: 'a b' is no domain"),
        ({"dns_lists": {"l.example": DnsList(codes={})}}, "dns_lists/l.example/codes: the list has no return codes; "),
        (
            {"dns_lists": {"l.example": DnsList(codes={"127.255.255.1": 1.0})}},
            "dns_lists/l.example/codes/127.255.255.1: return code 127.255.255.1 takes in",
        ),
        (
            {"dns_lists": {"l.example": DnsList(codes={"127.0.0.2": float("inf")})}},
            "dns_lists/l.example/codes/127.0.0.2: inf points can't be added up; ",
        ),
        (
            {"dns_lists": {"l.example": DnsList(codes={"127.0.0.2": -1.0})}},
            "dns_lists/l.example/codes/127.0.0.2: -1 points would speak for a client that the list blocks; ",
        ),
        ({"dns_lists": {"l.example": DnsList(listed="yes")}}, "dns_lists/l.example/listed: 'yes' is no address; "),
        ({"senders": {"*@spam.example": ListVerdict.BLOCK}}, "senders/*@spam.example: '*@spam.example' is not in its"),
        ({"greylisting": Greylisting(delay=-1)}, "greylisting/delay: delay: -1 is out of bounds; "),
        (
            {"greylisting": Greylisting(delay=7200, window_hours=2)},
            "greylisting/window_hours: nobody can come back: after 7200 s the window of 2 h is over; ",
        ),
        ({"arc_sealers": ("Example.org",)}, "arc_sealers/0: domain 'Example.org' is not in lower-case A-labels; "),
        ({"spf_void_limit": 11}, "spf_void_limit: spf_void_limit: 11 is out of bounds; "),
        (
            {"outbound": Outbound(per_domain=SendingLimits(hours=0))},
            "outbound/per_domain/hours: hours: 0 is out of bounds; ",
        ),
        (
            {"outbound": Outbound(limits_of={"no such one": SendingLimits()})},
            "outbound/limits_of/no such one: 'no such one' is no account, client or domain; ",
        ),
        (
            {"outbound": Outbound(limits_of={"10.0.0.7": SendingLimits(senders=-1)})},
            "outbound/limits_of/10.0.0.7/senders: senders: -1 is out of bounds; ",
        ),
    ],
)
def test_a_fault_of_the_node_is_told_with_its_place_and_remedy(parts: dict[str, Any], says: str) -> None:
    assert told(snapshot(**parts))[0].startswith(says)


def test_limits_of_an_account_a_client_and_a_domain_are_known_by_their_names() -> None:
    limits = dict.fromkeys(("Big Printer", "2001:db8::1", "example.org"), SendingLimits())
    assert told(snapshot(accounts={"Big Printer": Account("a")}, outbound=Outbound(limits_of=limits))) == []


LDAP = Ldap("ldap://directory", "dc=example")


@pytest.mark.parametrize(
    ("domain", "says"),
    [
        (
            DomainPolicy("next", validation=(Validation.LIST, Validation.LIST)),
            "validation/1: list stands here twice; name each method once",
        ),
        (DomainPolicy("next", validation=(Validation.LDAP,)), "validation: ldap has no settings; give ldap with url"),
        (
            DomainPolicy("next", validation_down=Action.REJECT),
            "validation_down: validation_down can't be reject; use defer or deliver",
        ),
        (DomainPolicy("next", plus="x"), "plus: 'x' can't part a detail; "),
        (DomainPolicy("next", ldap=msgspec.structs.replace(LDAP, url="http://x")), "ldap/url: 'http://x' is no URL of"),
        (DomainPolicy("next", ldap=msgspec.structs.replace(LDAP, filter="(a=b")), "ldap/filter: the parentheses of "),
        (DomainPolicy("next", ldap=msgspec.structs.replace(LDAP, bind="cn=me")), "ldap/bind: a bind name without a "),
        (DomainPolicy("next", ldap=msgspec.structs.replace(LDAP, secret="/x")), "ldap/secret: '/x' is no id of a"),
        (DomainPolicy("next", ldap=msgspec.structs.replace(LDAP, seconds=600)), "ldap/seconds: seconds: 600 is out"),
        (DomainPolicy("next", senders={"x": ListVerdict.ALLOW}), "senders/x: 'x' is no sender; "),
        (
            DomainPolicy("next", recipients={"ann": RecipientPolicy(senders={"x": ListVerdict.ALLOW})}),
            "recipients/ann/senders/x: 'x' is no sender; ",
        ),
        (
            DomainPolicy("next", recipients={"ann": RecipientPolicy(alias="Ann")}),
            "recipients/ann/alias: 'Ann' is no address: address has no domain; write user@domain",
        ),
        (
            DomainPolicy("next", recipients={"ann": RecipientPolicy(alias="ann@far.example")}),
            "recipients/ann/alias: ann@far.example is no address of ours: mail is never forwarded to others; ",
        ),
        (
            DomainPolicy(
                "next",
                recipients={
                    "a": RecipientPolicy(alias="b@example.test"),
                    "b": RecipientPolicy(alias="a@example.test"),
                    "c": RecipientPolicy(alias="a@example.test"),
                },
            ),
            "recipients/a/alias: the alias leads back to itself: a@example.test -> b@example.test -> a@example.test; ",
        ),
    ],
)
def test_a_fault_of_a_domain_is_told_with_its_place_and_remedy(domain: DomainPolicy, says: str) -> None:
    assert told(snapshot(domain))[0].startswith(f"domains/example.test/{says}")


def test_a_chain_of_aliases_that_ends_is_sound() -> None:
    chain = {"a": RecipientPolicy(alias="b@example.test"), "b": RecipientPolicy(alias="c@example.test")}
    assert told(snapshot(DomainPolicy("next", recipients=chain))) == []


@pytest.mark.parametrize(
    "domain",
    [
        DomainPolicy("next", accept_unknown=True),
        DomainPolicy("next", validation=(Validation.LIST, Validation.NEXT_HOP)),
        DomainPolicy("next", recipients={"*": RecipientPolicy()}),
    ],
)
def test_a_domain_that_leaves_unknown_users_to_a_next_hop_which_takes_all_must_say_so(domain: DomainPolicy) -> None:
    assert [each.reason for each in open_domains(snapshot(domain), {"example.test"})] == [
        "nobody knows the recipients of example.test: its next hop accepts everyone, and bounces later"
    ]
    assert not list(open_domains(snapshot(domain), ()))
    said = msgspec.structs.replace(domain, accepts_everyone="an archive, Ann, 2026-11-21")
    assert not list(open_domains(snapshot(said), {"example.test"}))


def test_a_domain_that_knows_its_recipients_may_have_any_next_hop() -> None:
    everyone_is_office = DomainPolicy("next", recipients={"*": RecipientPolicy(alias="office@example.test")})
    for domain in (DomainPolicy("next"), everyone_is_office):
        assert not list(open_domains(snapshot(domain), {"example.test"}))


def test_a_guided_domains_recipient_keeps_its_alias_and_its_senders() -> None:
    own = RecipientPolicy(Rules(checks=CHECKS), {"far.example": ListVerdict.BLOCK}, "office@example.test")
    policy = Policy(snapshot(DomainPolicy("next", Rules(checks=CHECKS), recipients={"ann": own}, guided=True)))
    staged = policy._domains["example.test"].recipients["ann"]  # noqa: SLF001 - whatever a match gives of it
    assert (staged.alias, staged.senders) == (own.alias, own.senders)
