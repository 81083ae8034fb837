"""A client that asks for it hears of each recipient apart (PRDR, draft-hall-prdr-00): nothing need be quarantined."""

import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.checks.spam import GTUBE
from tests.gateway.backscatter import exim
from tests.smtpfront.conftest import Serve, prepare
from tests.smtpfront.nexthop import NextHop
from tests.smtpfront.running import Client, Gateway, snapshot, until

SPAM = b"From: them@other.test\r\nSubject: " + GTUBE + b"\r\n\r\nbuy this\r\n.\r\n"
HAM = b"From: them@other.test\r\nTo: alice@example.test\r\nSubject: lunch\r\n\r\nnoon?\r\n.\r\n"
REFUSED, TAGGED = "alice@example.test", "postmaster@example.test"  # whose mail is never refused for a score


def begin(client: Client, *recipients: str, ask: str = " PRDR") -> None:
    client.say("EHLO client.test")
    assert client.say(f"MAIL FROM:<them@other.test>{ask}").startswith("250")
    for each in recipients:
        assert client.say(f"RCPT TO:<{each}>").startswith("250")
    assert client.say("DATA").startswith("354")


def end(client: Client, content: bytes, replies: int) -> list[str]:
    client.send(content)
    return [client.reply() for _ in range(replies)]


def test_it_is_offered(own_gateway: Gateway) -> None:
    with own_gateway.client() as client:
        assert "250 PRDR" in client.say("EHLO client.test").replace("-", " ")


def test_each_recipient_has_a_reply_in_the_order_of_rcpt_and_then_the_message(
    own_gateway: Gateway, hop: NextHop
) -> None:
    with own_gateway.client() as client:
        begin(client, REFUSED, TAGGED)
        start, alice, postmaster, whole = end(client, SPAM, 4)
        assert client.say("QUIT").startswith("221")
    assert start.startswith("353 ")
    assert alice.startswith("550 5.7.1 message looks like spam")
    assert postmaster.startswith("250 2.0.0 accepted, id ")
    assert whole.startswith("250 2.0.0 accepted, id ")
    trace = own_gateway.trace_of(whole)
    assert [each.disposition for each in trace.recipients] == ["rejected", "delivered"]
    assert str(trace.recipients[0].reply) == alice
    assert hop.kept[0].recipients == [TAGGED]
    assert own_gateway.quarantined(trace.id) is None


def test_without_it_one_reply_fits_all_and_what_is_refused_is_quarantined(own_gateway: Gateway) -> None:
    with own_gateway.client() as client:
        begin(client, REFUSED, TAGGED, ask="")
        (whole,) = end(client, SPAM, 1)
        assert client.say("QUIT").startswith("221")
    assert whole.startswith("250")
    assert own_gateway.quarantined(own_gateway.trace_of(whole).id) is not None


def test_a_recipient_named_twice_has_two_replies_and_one_copy(own_gateway: Gateway, hop: NextHop) -> None:
    with own_gateway.client() as client:
        begin(client, "alice@example.test", "alice@example.test")
        start, *replies = end(client, HAM, 4)
    assert start.startswith("353")
    assert [each[:3] for each in replies] == ["250"] * 3
    assert hop.kept[0].recipients == ["alice@example.test"]


def test_one_recipient_has_one_reply(own_gateway: Gateway) -> None:
    with own_gateway.client() as client:
        begin(client, REFUSED)
        (whole,) = end(client, SPAM, 1)
        assert client.say("QUIT").startswith("221")
    assert whole.startswith("550 5.7.1 message looks like spam")


def test_where_nobody_takes_it_the_last_reply_refuses_too(own_gateway: Gateway, hop: NextHop) -> None:
    with own_gateway.client() as client:
        begin(client, REFUSED, "bob@example.test")
        replies = end(client, SPAM, 4)
    assert [each[:3] for each in replies] == ["353", "550", "550", "550"]
    assert hop.kept == []


def test_what_the_next_hop_says_to_the_dot_is_told_to_those_whom_it_is_about(
    own_gateway: Gateway, hop: NextHop
) -> None:
    hop.script.dot = {"postmaster": "452 4.3.1 disk full"}
    with own_gateway.client() as client:
        begin(client, REFUSED, TAGGED)
        replies = end(client, SPAM, 4)
    assert [each[:3] for each in replies] == ["353", "550", "452", "452"]


def test_a_scanner_that_can_not_tell_defers_each(tmp_path: Path, hop: NextHop, serve: Serve) -> None:
    prepare(tmp_path)
    running = serve(snapshot(hop.port), clamd="127.0.0.1:9")
    with running.client() as client:
        begin(client, "alice@example.test", "bob@example.test")
        replies = end(client, HAM, 4)
    assert [each[:3] for each in replies] == ["353", "451", "451", "451"]


def test_a_retry_of_what_got_lost_makes_no_second_copy_and_refuses_whom_it_refused(
    own_gateway: Gateway, hop: NextHop
) -> None:
    with own_gateway.client() as client:
        begin(client, REFUSED, TAGGED)
        client.send(SPAM)  # and it is gone before it reads what came of it
        until("the delivery", lambda: hop.kept)
    until("the trace", own_gateway.traces)
    until("the session's end", lambda: own_gateway.statuses()[0]["connections"] == 0)

    with own_gateway.client() as client:
        begin(client, REFUSED, TAGGED)
        replies = end(client, SPAM, 4)

    assert [each[:3] for each in replies] == ["353", "550", "250", "250"]
    assert "accepted before" in replies[2]
    assert len(hop.kept) == 1


def test_prdr_takes_no_value(own_gateway: Gateway) -> None:
    with own_gateway.client() as client:
        client.say("EHLO client.test")
        assert client.say("MAIL FROM:<them@other.test> PRDR=yes").startswith("501 5.5.4 PRDR takes no value")


CONFIGURATION = """
primary_hostname = client.test
exim_path = {exim}
spool_directory = {home}/spool
log_file_path = {home}/log/%slog
log_selector = +smtp_confirmation
keep_environment = *
bounce_return_message = false
begin routers
all:
  driver = manualroute
  route_data = 127.0.0.1
  self = send
  transport = smtp
begin transports
smtp:
  driver = smtp
  port = {port}
  allow_localhost
  hosts_try_prdr = *
  hosts_avoid_tls = *
begin retry
* * F,1h,15m
"""


@pytest.fixture
def exims_home() -> Iterator[Path]:
    """A folder that is Exim's: it leaves root's rights behind."""
    with tempfile.TemporaryDirectory() as name:
        os.chown(name, *exim.USER)
        yield Path(name)


@pytest.mark.skipif(not exim.available() or os.geteuid() != 0, reason="Exim needs its packages, and root")
def test_exim_hears_who_is_refused(own_gateway: Gateway, hop: NextHop, tmp_path: Path, exims_home: Path) -> None:
    configuration = tmp_path / "exim.conf"
    configuration.write_text(
        CONFIGURATION.format(exim=exim.program(), home=exims_home, port=own_gateway.ports["inbound"])
    )
    configuration.chmod(0o600)  # Exim trusts nothing that others may write
    message = SPAM.removesuffix(b".\r\n").replace(b"\r\n", b"\n")

    exims = ["-C", str(configuration)]
    queued = exim.run([*exims, "-odq", "-oi", "-f", "them@other.test", REFUSED, TAGGED], exims_home, message)
    delivered = exim.run([*exims, "-qff"], exims_home)

    assert (queued.returncode, delivered.returncode) == (0, 0), queued.stderr + delivered.stderr
    log = (exims_home / "log" / "mainlog").read_text()
    assert re.search(rf"=> {TAGGED} .* PRDR", log), log
    assert re.search(rf"\*\* {REFUSED} .*550 5\.7\.1 message looks like spam", log), log
    assert [each.recipients for each in hop.kept] == [[TAGGED]]
