"""A message's way through the real SMTP front: what the next hop gets, what is kept, what the trace tells."""

import base64
import io
import json
import re
import signal
import subprocess
import zipfile
from pathlib import Path

import pytest

from gateway.config import STOP_GRACE_SECONDS
from gateway.mail.decisions import Action, Disposition
from gateway.mail.trace import Trace
from gateway.policy import defaults
from gateway.policy.snapshot import CheckRule, DomainPolicy, Mode, RecipientPolicy, Rules
from gateway.services.clamd import remedy
from gateway.services.dns.cache import CLEAR
from gateway.spool.quarantine import Quarantine
from tests.fake_clamd import FakeClamd
from tests.smtpfront.conftest import EICAR, PASSWORD, Serve, prepare
from tests.smtpfront.nexthop import NextHop
from tests.smtpfront.running import FORWARDER, PATIENCE, STRANGER, Gateway, mail, snapshot, spam, until

OURS = re.compile(rb"(?:(?:Received|Authentication-Results|X-Spam-[A-Za-z]+):.*\r\n(?:[ \t].*\r\n)*)")


def eicar_zip() -> bytes:
    """A message with the EICAR test file in a zip."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("eicar.com", EICAR)
    attached = base64.encodebytes(archive.getvalue()).decode().replace("\n", "\r\n")
    body = (
        '--x\r\nContent-Type: application/zip; name="a.zip"\r\nContent-Transfer-Encoding: base64\r\n\r\n'
        f"{attached}\r\n--x--\r\n"
    )
    return mail(body, MIME_Version="1.0", Content_Type='multipart/mixed; boundary="x"')


def added_by_us(content: bytes) -> int:
    """Octets of the header lines that we put in front."""
    at = 0
    while found := OURS.match(content, at):
        at = found.end()
    return at


def test_the_next_hop_gets_the_message_byte_for_byte_behind_our_lines(own_gateway: Gateway, hop: NextHop) -> None:
    sent = mail("a\r\n.\r\n..b\r\n\r\nlast\r\n")
    with own_gateway.client() as client:
        client.open("them@other.test", "alice@example.test")
        assert client.data(sent).startswith("250 2.0.0")

    (kept,) = hop.kept
    ours, theirs = kept.content[: len(kept.content) - len(sent)], kept.content[-len(sent) :]
    assert theirs == sent
    assert added_by_us(kept.content) == len(ours)
    assert b"Received: from client.test ([127.0.0.1])" in ours
    assert b"Authentication-Results: mx.example.test;\r\n\tspf=" in ours
    assert b"X-Spam-Flag: NO" in ours
    assert kept.recipients == ["alice@example.test"]


def test_forged_lines_of_ours_are_removed(own_gateway: Gateway, hop: NextHop) -> None:
    forged = b"Authentication-Results: mx.example.test;\r\n\tspf=pass\r\nX-Spam-Flag: NO\r\nX-Other: stays\r\n"
    with own_gateway.client() as client:
        client.open("them@other.test", "alice@example.test")
        assert client.data(forged + mail()).startswith("250")

    (kept,) = hop.kept
    assert b"spf=pass" not in kept.content
    assert kept.content.count(b"X-Spam-Flag") == 1
    assert kept.content.endswith(b"X-Other: stays\r\n" + mail())


def test_a_virus_is_refused_and_nothing_reaches_the_next_hop(own_gateway: Gateway, hop: NextHop) -> None:
    with own_gateway.client() as client:
        client.open("them@other.test", "alice@example.test")
        reply = client.data(eicar_zip())

    assert reply.startswith("550 5.7.1 message contains a virus: Eicar-Test")
    assert hop.kept == []
    trace = own_gateway.trace_of(reply)
    assert trace.because.startswith("clamav found VIRUS (Eicar-Test")
    assert trace.recipients[0].disposition is Disposition.REJECTED


def test_gtube_is_refused(own_gateway: Gateway, hop: NextHop) -> None:
    with own_gateway.client() as client:
        client.open("them@other.test", "alice@example.test")
        assert client.data(spam()).startswith("550 5.7.1 message looks like spam")
    assert hop.kept == []


def test_a_tagged_message_says_so_in_its_headers(own_gateway: Gateway, hop: NextHop) -> None:
    with own_gateway.client() as client:
        client.open("them@other.test", "alice@example.test")
        assert client.data(spam("tagged")).startswith("250")

    (kept,) = hop.kept
    assert b"X-Spam-Flag: YES\r\nX-Spam-Score: 6.0\r\n" in kept.content
    assert b"MISSING_DATE=1.5" in kept.content


def test_two_recipients_of_which_one_is_stricter_get_one_reply_and_different_treatment(
    own_gateway: Gateway, hop: NextHop
) -> None:
    with own_gateway.client() as client:
        client.open("them@other.test", "alice@example.test", "carol@example.test")
        reply = client.data(spam("tagged"))

    assert reply.startswith("250 2.0.0")
    assert [kept.recipients for kept in hop.kept] == [["alice@example.test"]]
    trace = own_gateway.trace_of(reply)
    assert trace.disposition == "mixed"
    item, content = Quarantine(own_gateway.home / "spool").read(trace.id)
    assert [copy.recipient for copy in item.copies] == ["carol@example.test"]
    assert content.read() == spam("tagged")


def test_the_trace_of_a_retry_says_what_was_done_for_each_the_first_time(own_gateway: Gateway, hop: NextHop) -> None:
    def attempt() -> Trace:
        with own_gateway.client() as client:  # it never says that it has read the answer
            client.open("them@other.test", "alice@example.test", "carol@example.test")
            return own_gateway.trace_of(client.data(spam("tagged")))

    attempt()

    assert [each.disposition for each in attempt().recipients] == [Disposition.DELIVERED, Disposition.QUARANTINED]
    assert len(hop.kept) == 1


def test_a_recipient_that_rejects_beside_one_that_takes_is_quarantined(own_gateway: Gateway, hop: NextHop) -> None:
    """postmaster takes what spam rejects; one reply must fit both."""
    with own_gateway.client() as client:
        client.open("them@other.test", "postmaster@example.test", "alice@example.test")
        reply = client.data(spam())

    assert reply.startswith("250")
    trace = own_gateway.trace_of(reply)
    assert {each.address: each.disposition for each in trace.recipients} == {
        "postmaster@example.test": Disposition.DELIVERED,
        "alice@example.test": Disposition.QUARANTINED,
    }
    assert [kept.recipients for kept in hop.kept] == [["postmaster@example.test"]]


def test_an_undeclared_over_size_message_is_refused_and_not_kept(own_gateway: Gateway, hop: NextHop) -> None:
    with own_gateway.client() as client:
        client.open("them@other.test", "alice@example.test")
        assert client.data(mail("x" * 70 + "\r\n") + (b"y" * 70 + b"\r\n") * 15_000).startswith("552 5.3.4")
    assert hop.kept == []
    assert own_gateway.staged() == []


def test_a_large_message_is_spooled_and_arrives_byte_for_byte(own_gateway: Gateway, hop: NextHop) -> None:
    sent = mail() + b"".join(b"%d " % number + b"z" * 60 + b"\r\n" for number in range(13_000))
    with own_gateway.client() as client:
        client.open("them@other.test", "alice@example.test")
        assert client.data(sent).startswith("250")

    assert hop.kept[0].content.endswith(sent)
    until("the spool is empty again", lambda: own_gateway.staged() == [])


def test_next_hop_down_means_451_at_rcpt_and_an_alarm(own_gateway: Gateway, hop: NextHop) -> None:
    hop.stop()
    with own_gateway.client() as client:
        (reply,) = client.open("them@other.test", "alice@example.test")

    assert reply.startswith("451 4.4.0")
    assert str(hop.port) not in reply
    assert any("Connection refused" in alarm for alarm in own_gateway.alarms())


def test_next_hop_gone_between_rcpt_and_data_means_451_and_nothing_is_kept(own_gateway: Gateway, hop: NextHop) -> None:
    with own_gateway.client() as client:
        replies = client.open("them@other.test", "alice@example.test", "carol@example.test")
        assert [reply[:3] for reply in replies] == ["250", "250"]
        hop.stop()
        reply = client.data(spam("tagged"))

    assert reply.startswith("451 4.4.0")
    assert own_gateway.staged() == []
    assert own_gateway.quarantined(own_gateway.trace_of(reply).id) is None


@pytest.mark.parametrize("answer", ["500 5.5.1 what", "421 4.3.2 closing", "nonsense"])
def test_trouble_at_the_next_hops_ehlo_is_our_routes_fault(own_gateway: Gateway, hop: NextHop, answer: str) -> None:
    hop.script.ehlo = answer
    with own_gateway.client() as client:
        (reply,) = client.open("them@other.test", "alice@example.test")

    assert reply.startswith("451 4.4.0")
    assert own_gateway.alarms()


def test_one_recipient_refused_by_the_next_hop_does_not_stop_the_other(own_gateway: Gateway, hop: NextHop) -> None:
    hop.script.rcpt = {"bob": "452 4.2.2 mailbox full"}
    with own_gateway.client() as client:
        alice, bob = client.open("them@other.test", "alice@example.test", "bob@example.test")
        reply = client.data(mail())

    assert alice.startswith("250")
    assert bob.startswith("452 4.2.2")
    assert reply.startswith("250")
    assert hop.kept[0].recipients == ["alice@example.test"]
    assert own_gateway.trace_of(reply).recipients[1].next_hop_reply == "452 4.2.2 mailbox full"


def test_a_next_hops_5xx_to_a_recipient_is_remembered_for_a_while(own_gateway: Gateway, hop: NextHop) -> None:
    hop.script.rcpt = {"bob": "550 5.1.1 gone"}

    def is_asked() -> bool:
        asked = len(hop.log)
        with own_gateway.client() as client:
            (reply,) = client.open("them@other.test", "bob@example.test")
            assert reply.startswith("550 5.1.1 refused by")
        return any(line.startswith("RCPT") for line in hop.log[asked:])

    assert is_asked()
    until("it is remembered", lambda: not is_asked())
    assert not is_asked()


def test_a_remembered_5xx_is_forgotten_when_the_node_is_told_to_by_every_process_and_for_good(
    tmp_path: Path, hop: NextHop, serve: Serve
) -> None:
    def told() -> str:
        with gateway.client() as client:
            return client.open("them@other.test", "bob@example.test")[0][:9]

    gateway = serve(snapshot(hop.port), processes=2)
    hop.script.rcpt = {"bob": "550 5.1.1 gone"}
    assert told() == "550 5.1.1"
    hop.script.rcpt = {}
    until("the process that was not asked knows it too", lambda: {told() for _ in range(10)} == {"550 5.1.1"})

    (tmp_path / "status" / CLEAR).touch()

    until("the forgetting", lambda: {told() for _ in range(10)} == {"250 2.1.5"})
    gateway.stop()
    gateway.start()
    assert told() == "250 2.1.5"


@pytest.mark.parametrize(
    ("failure", "word"),
    [("missing", "down"), ("silent", "slow"), ("empty", "empty answer"), ("cut", "cut answer"), ("garbage", "garbage")],
)
def test_a_scanner_that_can_not_tell_defers(
    tmp_path: Path, hop: NextHop, serve: Serve, failure: str, word: str
) -> None:
    with FakeClamd(tmp_path / "clamd.sock", failure) as fake:
        own = serve(snapshot(hop.port), clamd=fake.address, BACKSTOP_CLAMD__SECONDS="0.5")
        with own.client() as client:
            client.open("them@other.test", "alice@example.test")
            reply = client.data(mail())

    assert reply.startswith("451 4.7.1")
    assert hop.kept == []
    (alarm,) = (alarm for alarm in own.alarms() if "clamav" in alarm)
    assert f"clamav: {'timeout' if word == 'slow' else 'error'}: {word}: " in alarm
    assert alarm.endswith(f"; {remedy(f'{word}: ')}")


def test_a_message_that_waits_for_a_scanner_until_the_budget_is_spent_is_deferred_and_told_so(
    tmp_path: Path, hop: NextHop, serve: Serve
) -> None:
    alone = {"BACKSTOP_CLAMD__CONCURRENT": "1", "BACKSTOP_CLAMD__CONNECT_SECONDS": "60"}
    with FakeClamd(tmp_path / "clamd.sock", "silent") as fake:  # so that it does not become free for the second
        own = serve(snapshot(hop.port), clamd=fake.address, BACKSTOP_BUDGET__DATA="3", **alone)
        with own.client() as first, own.client() as second:
            for client in (first, second):
                client.open("them@other.test", "alice@example.test")
                assert client.say("DATA").startswith("354")
                client.send(mail() + b".\r\n")
            replies = [first.reply(), second.reply()]
        seen = [each for reply in replies for each in own.trace_of(reply).observations if each.check == "clamav"]

    assert all(reply.startswith("451 4.7.1") for reply in replies)
    assert sorted(each.detail.partition(":")[0] for each in seen) == ["busy", "slow"]
    assert all("the time that was left" in each.detail for each in seen)
    assert hop.kept == []


def test_a_forwarders_mail_is_kept_where_others_would_be_refused(own_gateway: Gateway, hop: NextHop) -> None:
    with own_gateway.client(source=FORWARDER) as client:
        client.open("them@other.test", "alice@example.test")
        kept = client.data(spam())
        client.open("them@other.test", "alice@example.test")
        dropped = client.data(eicar_zip())

    assert kept.startswith("250")
    assert own_gateway.quarantined(own_gateway.trace_of(kept).id)
    assert dropped.startswith("250")
    assert own_gateway.trace_of(dropped).disposition == "dropped"
    assert hop.kept == []


def test_a_delivery_whose_250_got_lost_is_not_made_twice(own_gateway: Gateway, hop: NextHop) -> None:
    hop.script.hang_at = "DOT"
    with own_gateway.client() as client:
        client.open("them@other.test", "alice@example.test")
        client.say("DATA")
        client.send(mail() + b".\r\n")
        until("the next hop has it", lambda: any("DATA" in line for line in hop.log))
    # The client is gone; now the next hop answers.
    hop.script.hang_at = ""
    hop.stop()
    hop.start()
    with own_gateway.client() as client:
        client.open("them@other.test", "alice@example.test")
        client.say("DATA")
        client.send(mail("twice?\r\n") + b".\r\n")
        client.socket.close()
    until("it is delivered", lambda: len(hop.kept) == 1)
    until("it is remembered", lambda: any((own_gateway.home / "spool" / "deliveries").iterdir()))

    def retry() -> str:
        with own_gateway.client() as again:
            again.open("them@other.test", "alice@example.test")
            return again.data(mail("twice?\r\n"))

    assert retry().startswith("250 2.0.0 accepted before")
    assert len(hop.kept) == 1


def test_auth_needs_tls_a_right_password_and_ones_own_address(own_gateway: Gateway, hop: NextHop) -> None:
    def plain(password: str) -> str:
        return base64.b64encode(f"\0alice\0{password}".encode()).decode()

    with own_gateway.client("outbound", source=STRANGER) as client:
        assert client.say("EHLO laptop.test").count("AUTH") == 0
        assert client.starttls().startswith("220 2.0.0")
        assert "AUTH PLAIN LOGIN" in client.say("EHLO laptop.test")
        assert client.say(f"AUTH PLAIN {plain('wrong')}").startswith("535 5.7.8")
        assert client.say("AUTH PLAIN !!").startswith("501 5.5.2")
        assert client.say("AUTH CRAM-MD5").startswith("504 5.5.4")
        assert client.say(f"AUTH PLAIN {plain(PASSWORD)}").startswith("235 2.7.0")
        assert client.say("MAIL FROM:<bob@example.test>").startswith("553 5.7.1")
        assert client.say("MAIL FROM:<>").startswith("553 5.7.1")
        assert client.say("MAIL FROM:<alice@example.test>").startswith("250")
        assert client.say("RCPT TO:<friend@far.test>").startswith("250")
        assert client.data(mail()).startswith("250")
    assert b"with ESMTPSA" in hop.kept[0].content


def test_tls_from_the_start(own_gateway: Gateway) -> None:
    with own_gateway.client("tls", source=STRANGER) as client:
        assert "AUTH PLAIN LOGIN" in client.say("EHLO laptop.test")
        assert "STARTTLS" not in client.say("EHLO laptop.test")
        assert client.say("AUTH LOGIN").startswith("334")
        assert client.say(base64.b64encode(b"alice").decode()).startswith("334")
        assert client.say(base64.b64encode(PASSWORD.encode()).decode()).startswith("235")


def test_what_is_sent_ahead_of_starttls_is_forgotten(own_gateway: Gateway) -> None:
    with own_gateway.client() as client:
        client.say("EHLO client.test")
        client.send(b"STARTTLS\r\nMAIL FROM:<injected@other.test>\r\n")
        assert client.reply().startswith("220")
        client._wrap()  # noqa: SLF001 - the test plays the client
        assert client.say("EHLO client.test").startswith("250")
        assert client.say("MAIL FROM:<them@other.test>").startswith("250")


def test_guessing_passwords_is_limited(own_gateway: Gateway) -> None:
    wrong = base64.b64encode(b"\0alice\0guess").decode()
    answers = []
    for _ in range(2):
        with own_gateway.client("tls", source=STRANGER) as client:
            client.say("EHLO laptop.test")
            answers += [client.say(f"AUTH PLAIN {wrong}")[:3] for _ in range(6)]

    assert answers == ["535"] * 10 + ["454"] * 2


def test_a_new_policy_is_taken_and_a_broken_one_is_not(own_gateway: Gateway, hop: NextHop) -> None:
    own_gateway.publish(snapshot(hop.port, revision=2))
    until("revision 2", lambda: own_gateway.statuses()[0]["revision"] == 2)
    (own_gateway.home / "policy" / "current.json").write_text('{\n"revision": 3,\n"publised": ""\n}')
    until("the error", lambda: own_gateway.statuses()[0]["revision_error"])

    assert "current.json:" in str(own_gateway.statuses()[0]["revision_error"])
    with own_gateway.client() as client:
        client.open("them@other.test", "alice@example.test")
        assert own_gateway.trace_of(client.data(mail())).revision == 2


def test_a_transaction_keeps_the_policy_that_it_began_with(own_gateway: Gateway, hop: NextHop) -> None:
    with own_gateway.client() as client:
        client.open("them@other.test", "alice@example.test")
        own_gateway.publish(snapshot(hop.port, revision=2))
        until("revision 2", lambda: own_gateway.statuses()[0]["revision"] == 2)
        assert own_gateway.trace_of(client.data(mail())).revision == 1


def test_a_stop_lets_a_running_transaction_end_and_sends_others_away(hop: NextHop, serve: Serve) -> None:
    gateway = serve(snapshot(hop.port), BACKSTOP_LIMITS__STOP_SECONDS="30")
    with gateway.client() as running, gateway.client() as idle:
        idle.say("EHLO idle.test")
        running.open("them@other.test", "alice@example.test")
        running.say("DATA")
        assert gateway.process is not None
        gateway.process.send_signal(signal.SIGTERM)
        assert idle.reply().startswith("421 4.3.2")
        running.send(mail() + b".\r\n")
        assert running.reply().startswith("250 2.0.0")
        assert running.reply().startswith("421 4.3.2")
    assert gateway.process.wait(PATIENCE) == 0
    assert len(hop.kept) == 1


def test_a_stop_cuts_nobody_whose_message_the_next_hop_may_have(tmp_path: Path, hop: NextHop, serve: Serve) -> None:
    hop.script.dot_waits = True
    prepare(tmp_path)
    gateway = serve(snapshot(hop.port), BACKSTOP_LIMITS__STOP_SECONDS="0.1")
    assert gateway.process is not None
    with gateway.client() as settling, gateway.client() as half_way:
        half_way.open("them@other.test", "bob@example.test")
        half_way.say("DATA")
        settling.open("them@other.test", "alice@example.test")
        settling.say("DATA")
        settling.send(mail() + b".\r\n")
        until("the next hop has it", lambda: hop.kept)

        gateway.process.send_signal(signal.SIGTERM)
        assert half_way.reply() == ""
        with pytest.raises(subprocess.TimeoutExpired):
            gateway.process.wait(0.1 + STOP_GRACE_SECONDS + 1)
        hop.script.dot_waits = False

        assert settling.reply().startswith("250 2.0.0")
        assert settling.reply().startswith("421 4.3.2")
    assert gateway.process.wait(PATIENCE) == 0
    assert len(hop.kept) == 1


def test_a_client_that_closes_its_half_still_gets_its_reply(own_gateway: Gateway) -> None:
    import socket  # noqa: PLC0415 - only here

    with own_gateway.client() as client:
        client.open("them@other.test", "alice@example.test")
        client.say("DATA")
        client.send(mail() + b".\r\n")
        client.socket.shutdown(socket.SHUT_WR)
        assert client.reply().startswith("250 2.0.0")


def test_a_refused_command_without_a_transaction_leaves_a_trace(own_gateway: Gateway) -> None:
    with own_gateway.client() as client:
        client.say("BOGUS")
        client.say("QUIT")
    until("the trace", own_gateway.traces)

    (trace,) = own_gateway.traces()
    assert trace.sender is None
    assert "'BOGUS' was answered with 500 5.5.2" in trace.because


def test_a_refused_message_leaves_one_trace_and_each_command_one_line(own_gateway: Gateway) -> None:
    with own_gateway.client() as client:
        client.open("them@other.test", "nobody@example.test", "alice@example.test")
        client.data(eicar_zip())
        client.say("MAIL FROM:<them@other.test> SIZE=99999999")
        client.say("QUIT")
    until("the traces", lambda: len(own_gateway.traces()) == 2)

    message, oversize = own_gateway.traces()
    said = [event.what for event in message.events]
    assert said == ["MAIL", "RCPT TO:<nobody@example.test>", "RCPT <alice@example.test>", said[3], "checked"]
    assert oversize.because.startswith("message_size found OVERSIZE")
    assert len(oversize.events) == 2


def test_connections_of_one_client_are_limited_exactly_across_processes(hop: NextHop, serve: Serve) -> None:
    own = serve(snapshot(hop.port), processes=3, BACKSTOP_LIMITS__CONNECTIONS_PER_CLIENT="7")
    clients = [own.client() for _ in range(12)]
    greeted = [client for client in clients if client.banner.startswith("220")]
    refused = [client for client in clients if client.banner.startswith("421 4.7.0")]
    assert (len(greeted), len(refused)) == (7, 5)
    greeted[0].say("QUIT")
    until("a slot is free", lambda: own.client().banner.startswith("220"))
    for client in clients:
        client.socket.close()


def test_without_a_policy_everything_waits(tmp_path: Path, serve: Serve) -> None:
    own = serve(snapshot(9))
    own.stop()
    (tmp_path / "policy" / "current.json").unlink()
    own.start()
    with own.client() as client:
        client.say("EHLO client.test")
        assert client.say("MAIL FROM:<them@other.test>").startswith("451 4.3.5")


def test_the_decision_is_in_the_trace_of_an_observed_domain(own_gateway: Gateway, hop: NextHop) -> None:
    with own_gateway.client() as client:
        client.open("them@other.test", "alice@observed.test")
        reply = client.data(eicar_zip())

    assert reply.startswith("250")
    assert len(hop.kept) == 1
    decision = own_gateway.trace_of(reply).recipients[0].decision
    assert decision is not None
    assert (decision.action, decision.observed) == (Action.DELIVER, Action.REJECT)


def test_what_the_next_hop_can_not_take_is_refused_at_rcpt(own_gateway: Gateway, hop: NextHop) -> None:
    hop.script.ehlo = "250-inner.test\r\n250 SIZE 5000"
    with own_gateway.client() as client:
        client.say("EHLO client.test")
        client.say("MAIL FROM:<them@other.test> SMTPUTF8")
        assert client.say("RCPT TO:<alice@example.test>").startswith("550 5.6.7")
        client.say("RSET")
        client.say("MAIL FROM:<them@other.test> SIZE=6000")
        assert client.say("RCPT TO:<alice@example.test>").startswith("552 5.3.4")
        client.say("RSET")
        client.say("MAIL FROM:<them@other.test> SIZE=300")
        assert client.say("RCPT TO:<alice@example.test>").startswith("250")


@pytest.mark.parametrize("answer", ["500 5.5.2 what", "503 5.5.1 MAIL first"])
def test_a_next_hop_that_does_not_take_our_command_is_a_fault_of_our_route(
    own_gateway: Gateway, hop: NextHop, answer: str
) -> None:
    hop.script.rcpt = {"bob": answer}
    for _ in range(2):
        with own_gateway.client() as client:
            assert client.open("them@other.test", "bob@example.test")[0].startswith("451 4.4.0")

    assert sum(line.startswith("RCPT") for line in hop.log) == 2


def test_a_next_hop_that_refuses_everybody_is_a_fault_of_our_route(own_gateway: Gateway, hop: NextHop) -> None:
    """Twenty transactions in a row without one recipient taken: from then on 451, until it takes somebody again."""
    everybody = dict.fromkeys(("alice", *(f"user{number}" for number in range(25))), "550 5.1.1 who?")
    hop.script.rcpt = dict(everybody)
    codes = []
    for number in range(22):
        with own_gateway.client() as client:
            codes.append(client.open("them@other.test", f"user{number}@unrouted.test")[0][:3])
            client.say("QUIT")
    assert codes == ["550"] * 20 + ["451"] * 2
    assert any("refuses every recipient" in alarm for alarm in own_gateway.alarms())

    hop.script.rcpt = {}
    with own_gateway.client() as client:
        assert client.open("them@other.test", "alice@example.test")[0].startswith("250")
    hop.script.rcpt = everybody
    with own_gateway.client() as client:
        assert client.open("them@other.test", "user24@unrouted.test")[0].startswith("550")


def test_once_the_budget_is_spent_nothing_is_sent_whatever_a_failed_check_is_worth(hop: NextHop, serve: Serve) -> None:
    lenient = CheckRule(mode=Mode.ENFORCE, on_failure=Action.DELIVER)
    rules = Rules(checks={**dict.fromkeys(defaults.CHECKS, CheckRule(mode=Mode.OFF)), "clamav": lenient})
    domains = {"example.test": DomainPolicy(route="inner", rules=rules, recipients={"alice": RecipientPolicy()})}
    own = serve(snapshot(hop.port, domains=domains), BACKSTOP_BUDGET__DATA="0")
    with own.client() as client:
        client.open("them@other.test", "alice@example.test")
        reply = client.data(mail())

    assert reply.startswith("451 4.7.1")
    assert own.trace_of(reply).because.startswith("the budget of DATA was spent before the next hop was asked")
    assert hop.kept == []
    assert not any("route" in alarm for alarm in own.alarms())


def test_mail_goes_on_while_one_of_several_scanners_is_away_and_an_alarm_tells_it(
    tmp_path: Path, hop: NextHop, serve: Serve, clamd: str
) -> None:
    away = str(tmp_path / "away.sock")
    own = serve(snapshot(hop.port), clamd="", BACKSTOP_CLAMD__SOCKETS=json.dumps([away, clamd]))
    with own.client() as client:
        for content in (mail(), eicar_zip(), mail()):
            client.open("them@other.test", "alice@example.test")
            client.data(content)

    assert len(hop.kept) == 2
    (alarm,) = (alarm for alarm in own.alarms() if "scanner" in alarm)
    assert alarm.startswith(f"scanner failed: down: clamd at {away}: No such file or directory; the others go on; ")
    assert alarm.endswith("; see that it runs, and that [clamd] socket names it")
