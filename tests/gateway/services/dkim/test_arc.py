"""ARC: chains that dkimpy sealed, chains that somebody changed, and the public suite where it is at hand."""

import re
from pathlib import Path
from typing import Any

import dkim
import pytest
import yaml

from gateway.services.dkim import ArcChain, arc
from gateway.services.dkim.message import SignedMessage
from gateway.services.dkim.tags import read_key
from smtpfront.lab.nameserver import Zone
from tests.gateway.services.dkim.signing import MESSAGE, Asked, content_of, pem, record, rsa_key

SAMPLES = Path(__file__).parents[4] / ".tools" / "samples"
SEALERS = frozenset({"list.test", "forwarder.test"})
ZONE: Zone = {f"s1._domainkey.{each}": {"TXT": [record()]} for each in SEALERS}


def sealed(message: bytes, sealer: str, results: str = "dmarc=pass header.from=example.org") -> bytes:
    """The message with one more ARC set of a sealer, and the results that it was made of."""
    message = f"Authentication-Results: {sealer}; {results}\r\n".encode() + message
    fields = dkim.arc_sign(message, b"s1", sealer.encode(), pem(rsa_key()), sealer.encode())
    assert fields, "dkimpy made no set"
    return b"".join(fields) + message


async def chain(message: bytes, *, trusted: frozenset[str] = SEALERS, held: Zone | None = None) -> ArcChain | None:
    """What a message's chain comes to."""
    async with Asked(ZONE if held is None else held) as verifier:
        return await verifier.chain(content_of(message), trusted)


async def test_a_chain_of_two_passes_and_names_its_sealers_and_what_they_saw() -> None:
    found = await chain(sealed(sealed(MESSAGE, "list.test"), "forwarder.test", "arc=pass; dmarc=fail"))
    assert found is not None
    assert found.result == "pass", found.detail
    assert [(each.instance, each.sealer) for each in found.sets] == [(1, "list.test"), (2, "forwarder.test")]
    assert found.sets[0].results.startswith("list.test;")
    assert "dmarc=pass" in found.sets[0].results


@pytest.mark.parametrize(
    ("old", "new"), [(b"Hello", b"Hallo"), (b"dmarc=pass", b"dmarc=fail"), (b"cv=none", b"cv=pass"), (b"i=1", b"i=2")]
)
async def test_a_chain_that_somebody_changed_fails(old: bytes, new: bytes) -> None:
    found = await chain(sealed(MESSAGE, "list.test").replace(old, new))
    assert found is not None
    assert found.result == "fail"
    assert not found.sets


async def test_a_chain_without_a_trusted_sealer_costs_no_question() -> None:
    asked = Asked(ZONE)
    async with asked as verifier:
        assert await verifier.chain(content_of(sealed(MESSAGE, "list.test")), frozenset({"other.test"})) is None
    assert not asked.server.asked


async def test_a_message_without_a_chain_costs_nothing() -> None:
    assert await chain(MESSAGE) is None


async def test_a_key_that_does_not_come_is_a_temporary_error() -> None:
    found = await chain(sealed(MESSAGE, "list.test"), held={"s1._domainkey.list.test": "silent"})
    assert found is not None
    assert found.result == "temperror"


@pytest.mark.parametrize(
    "fields",
    [
        b"ARC-Seal: i=1; d=list.test\r\n",
        b"ARC-Seal: d=list.test\r\n",
        b"ARC-Seal: i=99999999999999999999; d=list.test; s=s1; cv=none; a=rsa-sha256; b=AAAA\r\n",
        b"ARC-Seal: i=1; d=list.test; s=s1; cv=none; a=rsa-sha256; b=AAAA\r\n" * 100,
        (
            b"ARC-Seal: i=1; d=list.test; s=s1; cv=none; a=rsa-sha256; b=AAAA\r\n"
            b"ARC-Message-Signature:i=1; a=rsa-sha256; d=list.test; s=s1; h=from; b=AAAA; bh=AAAA\r\n"
            b"ARC-Authentication-Results: i=1; \xff\r\n"
        ),
    ],
)
async def test_a_hostile_chain_never_passes(fields: bytes) -> None:
    found = await chain(fields + MESSAGE)
    assert found is not None
    assert found.result in {"fail", "none"}
    assert not found.sets


def suite() -> Path | None:
    """The public suite, as the source of Debian's libmail-dkim-perl brings it."""
    return next(iter((SAMPLES / "src" / "libmail-dkim-perl").glob("**/arc-draft-validation-tests.yml")), None)


def cases() -> list[Any]:
    """Every case of the suite."""
    path = suite()
    if path is None:
        return []
    with path.open("rb") as file:
        return [
            pytest.param(data["txt-records"], case, id=name)
            for data in yaml.safe_load_all(file)
            if data
            for name, case in data["tests"].items()
        ]


@pytest.mark.parametrize(("records", "case"), cases())
def test_the_public_suite(records: dict[str, str], case: dict[str, Any]) -> None:
    keys: arc.Keys = {name.lower().rstrip("."): read_key(str(text).encode()) for name, text in records.items()}
    raw = re.sub(rb"\r?\n", b"\r\n", case["message"].encode())
    wanted = str(case["cv"]).strip().lower()
    found = arc.verify(SignedMessage(raw), keys)
    if b"a=rsa-sha1" in raw:
        assert found.result == "fail", "RFC 8301 3.1: rsa-sha1 must not verify, though the suite is older"
    else:
        # Nothing wanted: the chain says of itself that it failed, and its signatures are not looked at.
        assert found.result in ({wanted} if wanted else {"fail", "none"}), found


def test_the_public_suite_is_there_whole() -> None:
    if suite() is None:
        pytest.skip("the ARC suite is not in .tools/samples: scripts/samples fetches it where Debian's sources have it")
    assert len(cases()) >= 168
