"""What a directory says of a recipient, and what is said where it can't be asked: against a real slapd."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec
import pytest

from gateway.policy.snapshot import Ldap, TlsLevel
from gateway.services.ldap import Directory, DirectoryError, DirectoryTimeout, filter_for
from tests.fixtures_slapd import BASE, PASSWORD, READER, Slapd, slapd

__all__ = ["slapd"]


Answer = TypeVar("Answer")


class Clock:
    """Time that moves when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def ldap(server: Slapd, **changes: object) -> Ldap:
    """Settings that work."""
    settings = Ldap(
        server.url, BASE, "(mail={address})", READER, "ldap-password", seconds=60.0, ca=str(server.certificate)
    )
    return msgspec.structs.replace(settings, **changes)


def asked(
    work: Callable[[Directory], Awaitable[Answer]], password: str | None = PASSWORD, clock: Clock | None = None
) -> Answer:
    """Ask a new directory within a loop of its own."""

    async def run() -> Answer:
        directory = Directory(lambda _: password, clock or Clock())
        try:
            return await work(directory)
        finally:
            directory.close()

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("address", "known"),
    [
        ("alice@example.test", True),
        ("sales@example.test", True),  # two entries have it
        ("nobody@example.test", False),
        ("*@example.test", False),
        ("star*(odd)\\name@example.test", True),
        ("x)(mail=*", False),
    ],
)
def test_an_address_is_known_where_an_entry_has_it(slapd: Slapd, address: str, known: bool) -> None:
    assert asked(lambda directory: directory.has(ldap(slapd), (address,))) is known


def test_all_forms_of_an_address_are_one_question(slapd: Slapd) -> None:
    forms = ("alice+shop@example.test", "alice@example.test")

    assert asked(lambda directory: directory.has(ldap(slapd), forms))


@pytest.mark.parametrize("tls", [TlsLevel.NEVER, TlsLevel.MUST, TlsLevel.VERIFIED])
def test_each_level_of_tls(slapd: Slapd, tls: TlsLevel) -> None:
    assert asked(lambda directory: directory.has(ldap(slapd, tls=tls), ("alice@example.test",)))


def test_tls_from_the_start(slapd: Slapd) -> None:
    assert asked(lambda directory: directory.has(ldap(slapd, url=slapd.secure_url), ("alice@example.test",)))


@pytest.mark.parametrize("secure", [False, True])
def test_a_certificate_that_nobody_trusts_is_an_error(slapd: Slapd, secure: bool) -> None:
    settings = ldap(slapd, url=slapd.secure_url if secure else slapd.url, ca="")

    with pytest.raises(DirectoryError, match="certificate verify failed"):
        asked(lambda directory: directory.has(settings, ("alice@example.test",)))


@pytest.mark.parametrize("secure", [False, True])
def test_a_certificate_for_another_host_is_an_error(slapd: Slapd, secure: bool) -> None:
    url = (slapd.secure_url if secure else slapd.url).replace("localhost", "127.0.0.1")

    with pytest.raises(DirectoryError):
        asked(lambda directory: directory.has(ldap(slapd, url=url), ("alice@example.test",)))


@pytest.mark.parametrize(
    ("changes", "password", "words"),
    [
        ({}, "wrong", "invalidCredentials; mend the name"),
        ({}, None, "the secret ldap-password is missing"),
        ({"base": "dc=elsewhere,dc=test"}, PASSWORD, "noSuchObject; may cn=reader"),
        ({"bind": "", "secret": ""}, PASSWORD, "insufficientAccessRights; may "),  # a stranger may read nothing
        ({"url": "ldap://localhost:9"}, PASSWORD, "refused"),
    ],
)
def test_what_can_not_be_asked_is_an_error_and_never_nobody(
    slapd: Slapd, changes: dict[str, object], password: str | None, words: str
) -> None:
    with pytest.raises(DirectoryError, match=words) as error:
        asked(lambda directory: directory.has(ldap(slapd, **changes), ("alice@example.test",)), password)

    assert "alice" not in str(error.value)


def test_one_that_hangs_costs_its_time_once_and_is_left_alone_for_a_while(slapd: Slapd) -> None:
    clock = Clock()

    async def run(directory: Directory) -> tuple[float, float, bool]:
        slapd.hang()
        took = []
        for _ in range(2):
            start = time.perf_counter()
            with pytest.raises(DirectoryTimeout, match="gave no answer within 3 s"):
                await directory.has(ldap(slapd, seconds=3.0), ("alice@example.test",))
            took.append(time.perf_counter() - start)
        slapd.resume()
        clock.now += 6
        return took[0], took[1], await directory.has(ldap(slapd, seconds=3.0), ("alice@example.test",))

    first, second, known = asked(run, clock=clock)

    assert first > 2.9
    assert second < 1.5
    assert known


def test_a_connection_that_was_cut_meanwhile_is_made_anew(slapd: Slapd) -> None:
    async def run(directory: Directory) -> list[bool]:
        before = await directory.has(ldap(slapd), ("alice@example.test",))
        slapd.stop()
        slapd.start()
        return [before, await directory.has(ldap(slapd), ("nobody@example.test",))]

    assert asked(run) == [True, False]


def test_answers_are_remembered_the_good_ones_longer(slapd: Slapd) -> None:
    clock = Clock()

    async def run(directory: Directory) -> None:
        await directory.has(ldap(slapd), ("alice@example.test",))
        await directory.has(ldap(slapd), ("nobody@example.test",))
        slapd.stop()
        clock.now += 59
        assert not await directory.has(ldap(slapd), ("nobody@example.test",))
        clock.now += 2
        assert await directory.has(ldap(slapd), ("alice@example.test",))
        with pytest.raises(DirectoryError):
            await directory.has(ldap(slapd), ("nobody@example.test",))
        clock.now += 540
        with pytest.raises(DirectoryError):
            await directory.has(ldap(slapd), ("alice@example.test",))

    asked(run, clock=clock)


def test_many_questions_at_once_share_few_connections(slapd: Slapd) -> None:
    async def run(directory: Directory) -> list[bool]:
        return await asyncio.gather(
            *(directory.has(ldap(slapd), (f"nobody-{number}@example.test",)) for number in range(50))
        )

    assert asked(run) == [False] * 50


def test_what_an_address_holds_is_never_more_than_a_value() -> None:
    assert filter_for("(mail={address})", ("a*)(x\\@b\0",)) == r"(mail=a\2a\29\28x\5c@b\00)"
    assert filter_for("(uid={local})(dc={domain})", ("{domain}@one",)) == r"(uid=\7bdomain\7d)(dc=one)"
    assert filter_for("(mail={address})", ("a@b", "c@d")) == "(|(mail=a@b)(mail=c@d))"
