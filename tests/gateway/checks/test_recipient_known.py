"""In which order list, directory and next hop are asked for a recipient, and whose word counts."""

import asyncio

import pytest

from gateway.checks.base import Seen, View
from gateway.checks.recipient_known import RecipientKnown
from gateway.mail.address import parse_mailbox
from gateway.mail.client import Client
from gateway.mail.findings import Outcome
from gateway.policy.matching import Policy
from gateway.policy.snapshot import DomainPolicy, Ldap, RecipientPolicy, Snapshot, Validation
from gateway.services.ldap import Directory, DirectoryError, DirectoryTimeout

LIST, LDAP, NEXT_HOP = Validation.LIST, Validation.LDAP, Validation.NEXT_HOP


class Says(Directory):
    """A directory that knows bob, or that is down; its own tests ask a real one."""

    def __init__(self, trouble: DirectoryError | None = None) -> None:
        super().__init__(lambda _: None)
        self.trouble = trouble
        self.asked: list[tuple[str, ...]] = []

    async def has(self, ldap: Ldap, addresses: tuple[str, ...]) -> bool:  # noqa: ARG002 - the one here
        self.asked.append(addresses)
        if self.trouble is not None:
            raise self.trouble
        return "bob@example.test" in addresses


def look(directory: Directory, local: str, *validation: Validation, **domain: object) -> Seen:
    """What the check sees of a recipient; the list has alice, and an alias of bob."""
    recipients = {"alice": RecipientPolicy(), "robert": RecipientPolicy(alias="bob@example.test")}
    settings = DomainPolicy("next", recipients=recipients, validation=validation, ldap=Ldap("ldap://localhost", ""))
    for name, value in domain.items():
        settings = DomainPolicy(**{**_fields(settings), name: value})  # type: ignore[arg-type]
    policy = Policy(Snapshot(1, "", "", domains={"example.test": settings}))
    address = parse_mailbox(f"{local}@example.test")
    view = View(
        policy=policy,
        node="",
        listener="inbound",
        client=Client("192.0.2.1"),
        recipient=address,
        match=policy.match(address),
    )
    seen = RecipientKnown(directory).look(view)

    async def waited() -> Seen:
        return seen if isinstance(seen, Seen) else await seen

    return asyncio.run(waited())


def _fields(settings: DomainPolicy) -> dict[str, object]:
    return {name: getattr(settings, name) for name in settings.__struct_fields__}


@pytest.mark.parametrize(
    ("local", "validation", "expected"),
    [
        ("alice", (), Outcome.MISS),
        ("nobody", (), Outcome.HIT),
        ("nobody", (LIST,), Outcome.HIT),
        ("nobody", (LIST, NEXT_HOP), Outcome.SKIPPED),
        ("nobody", (NEXT_HOP,), Outcome.SKIPPED),
        ("alice", (LIST, LDAP), Outcome.MISS),
        ("bob", (LIST, LDAP), Outcome.MISS),
        ("bob+shop", (LIST, LDAP), Outcome.MISS),
        ("robert", (LIST, LDAP), Outcome.MISS),
        ("robert", (LDAP,), Outcome.MISS),
        ("nobody", (LIST, LDAP), Outcome.HIT),
        ("nobody", (LDAP, NEXT_HOP), Outcome.HIT),
        ("alice", (LDAP, LIST), Outcome.HIT),  # the directory knows all there are
        ("postmaster", (LDAP,), Outcome.MISS),
        ("postmaster", (NEXT_HOP,), Outcome.MISS),
    ],
)
def test_the_first_that_knows_decides(local: str, validation: tuple[Validation, ...], expected: Outcome) -> None:
    assert look(Says(), local, *validation).outcome is expected


@pytest.mark.parametrize(
    ("local", "validation", "expected"),
    [
        ("alice", (LIST, LDAP), Outcome.MISS),
        ("alice", (LDAP, LIST), Outcome.MISS),
        ("bob", (LIST, LDAP), Outcome.ERROR),
        ("bob", (LDAP, LIST), Outcome.ERROR),
        ("nobody", (LDAP, NEXT_HOP), Outcome.SKIPPED),
        ("postmaster", (LDAP,), Outcome.MISS),
    ],
)
def test_while_the_directory_is_down_the_others_are_asked_and_nobody_is_unknown(
    local: str, validation: tuple[Validation, ...], expected: Outcome
) -> None:
    assert look(Says(DirectoryError("it is down")), local, *validation).outcome is expected


def test_one_that_does_not_answer_in_time_is_a_timeout() -> None:
    seen = look(Says(DirectoryTimeout("no answer")), "bob", LDAP)

    assert (seen.outcome, seen.detail) == (Outcome.TIMEOUT, "no answer")


def test_a_trouble_that_the_next_hop_makes_good_is_told() -> None:
    assert look(Says(DirectoryError("it is down")), "bob", LDAP, NEXT_HOP).detail.startswith("it is down; ")


def test_who_is_listed_is_not_asked_for() -> None:
    directory = Says()

    look(directory, "alice", LIST, LDAP)

    assert directory.asked == []


def test_the_directory_is_asked_for_the_address_with_and_without_its_detail() -> None:
    directory = Says()

    look(directory, "BOB+shop", LDAP)

    assert directory.asked == [("bob+shop@example.test", "bob@example.test")]


def test_a_directory_that_nobody_has_set_up_is_an_error() -> None:
    assert look(Directory(lambda _: None), "bob", LDAP, ldap=None).outcome is Outcome.ERROR
