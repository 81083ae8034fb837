"""The test file of EICAR, past a real clamd and over the wire: whatever it is wrapped in, nobody gets it."""

from collections.abc import Callable

import pytest

from gateway.mail.decisions import Action
from tests.lies import catalog, hostile
from tests.lies.building import EICAR, LETTER, TEXT, attachment, bare, base64_of, mixed, part
from tests.lies.containers import tnef
from tests.smtpfront.nexthop import NextHop
from tests.smtpfront.running import Gateway

LIES = {each.name: each.raw for each in catalog.lies() if not each.name.startswith("named-")}
FORWARDED = mixed(TEXT, LETTER, parameters="boundary=b", boundary="b")
WRAPPED: dict[str, Callable[[], bytes]] = {
    "plain": lambda: bare(body=EICAR + b"\r\n"),
    "base64": lambda: bare("MIME-Version: 1.0", "Content-Transfer-Encoding: base64", body=base64_of(EICAR)),
    "attached": lambda: mixed(TEXT, attachment("a.txt", EICAR)),
    "in an archive": lambda: mixed(TEXT, LETTER),
    "in an archive in an archive": lambda: mixed(TEXT, attachment("a.zip", hostile.nested(2))),
    "17 levels deep": lambda: mixed(TEXT, attachment("a.zip", hostile.nested(17))),
    "forwarded": lambda: mixed(part("Content-Type: message/rfc822", body=FORWARDED)),
    "in TNEF": lambda: mixed(TEXT, attachment("winmail.dat", tnef("a.txt", EICAR), "application/ms-tnef")),
    **{
        name: (lambda name=name: LIES[name])
        for name in (
            "told-unclosed-quote", "told-extended-percent", "parameter-last", "parameter-first", "two-types-last",
            "two-types-first", "no-end", "boundary-not-told", "boundary-told-wrong", "delimiter-trailing-text",
            "nested-same", "head-no-colon", "no-mime-at-all", "tnef-cut", "message-base64", "message-partial-alone",
        )
    },
}  # fmt: skip


@pytest.mark.parametrize("name", WRAPPED)
def test_no_virus_is_delivered(gateway: Gateway, inner: NextHop, name: str) -> None:
    taken = len(inner.kept)

    with gateway.client() as client:
        client.open("them@other.test", "alice@example.test")
        reply = client.data(WRAPPED[name]())
    trace = gateway.trace_of(reply)

    decision = trace.recipients[0].decision
    assert decision is not None
    assert decision.action in {Action.REJECT, Action.QUARANTINE}, decision.because
    assert len(inner.kept) == taken
