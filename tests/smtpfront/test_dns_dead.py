"""With DNS wholly dead every session gets its answer within the budget, and the gateway still stops cleanly."""

import concurrent.futures
import time
from collections.abc import Iterator

import msgspec
import pytest

from gateway.mail.decisions import Action
from gateway.policy import defaults
from gateway.policy.snapshot import CheckRule, DnsList, DomainPolicy, Mode, RecipientPolicy, Rules, Snapshot
from tests.nameserving import serving
from tests.smtpfront.conftest import Serve
from tests.smtpfront.nexthop import NextHop
from tests.smtpfront.running import Gateway, dns, mail, snapshot, until

ASKING = ("dns_lists", "reverse_dns", "helo", "sender_domain", "spf", "dkim", "arc", "dmarc")
SECONDS = 3.0  # of one look-up
SESSIONS = 20
SIGNATURE = b"DKIM-Signature: v=1; a=rsa-sha256; d=sig.test; s=s; h=From; bh=AAAA; b=AAAA\r\n"


def policy(next_hop: int) -> Snapshot:
    """One domain that insists on every answer of DNS, and one that goes on without."""
    insisting = defaults.CHECKS | dict.fromkeys(ASKING, CheckRule(Mode.ENFORCE, Action.REJECT, Action.DEFER))
    people = {"kim": RecipientPolicy()}
    return msgspec.structs.replace(
        snapshot(next_hop, dns_lists={"bl.test": DnsList()}),
        domains={
            "insisting.test": DomainPolicy("inner", Rules(checks=insisting), people),
            "easy.test": DomainPolicy("inner", Rules(checks=defaults.CHECKS), people),
        },
    )


@pytest.fixture(params=["silent", "refused"])
def deaf(request: pytest.FixtureRequest, hop: NextHop, serve: Serve) -> Iterator[Gateway]:
    with serving(lambda _: "silent") as nameserver:
        settings = dns(nameserver, seconds=SECONDS)
        if request.param == "refused":
            settings["BACKSTOP_DNS__SERVERS"] = '["127.0.0.1:9"]'
        yield serve(policy(hop.port), **settings)


def talk(gateway: Gateway, number: int, domain: str) -> tuple[str, str, float]:
    """Bring one message; gives the last two replies and how long the slowest took, in seconds."""
    with gateway.client(source=f"127.0.7.{number + 1}") as client:
        began = time.monotonic()
        (reply,) = client.open(f"them@s{number}.test", f"kim@{domain}", helo=f"h{number}.test")
        middle = time.monotonic()
        end = client.data(SIGNATURE + mail(Message_ID=f"<{number}@s.test>")) if reply.startswith("250") else ""
        return reply, end, max(middle - began, time.monotonic() - middle)


@pytest.mark.parametrize(("domain", "answers"), [("insisting.test", ("451", "")), ("easy.test", ("250", "250"))])
def test_every_session_has_its_answer_within_the_budget(deaf: Gateway, domain: str, answers: tuple[str, str]) -> None:
    with concurrent.futures.ThreadPoolExecutor(SESSIONS) as pool:
        told = list(pool.map(lambda number: talk(deaf, number, domain), range(SESSIONS)))

    assert {(reply[:3], end[:3]) for reply, end, _ in told} == {answers}
    # The quickest tells of the gateway, the slowest of the machine.
    assert min(seconds for *_, seconds in told) < 3 * SECONDS, "one check after the other takes three budgets at least"
    until("a trace of each", lambda: len(deaf.traces()) == SESSIONS)
