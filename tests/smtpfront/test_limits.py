"""Bounds: what a client may take of us, in time, octets, commands and connections."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.mail.decisions import Disposition
from tests.smtpfront.conftest import Serve
from tests.smtpfront.nexthop import NextHop
from tests.smtpfront.running import PATIENCE, Gateway, mail, snapshot, until

Start = Callable[..., Gateway]


@pytest.fixture
def start(hop: NextHop, serve: Serve) -> Start:
    """Starts a gateway with limits and budgets of its own."""
    return lambda **bounds: serve(snapshot(hop.port), **{f"BACKSTOP_{name}": each for name, each in bounds.items()})


def test_a_silent_client_is_told_and_let_go(start: Start) -> None:
    gateway = start(LIMITS__COMMAND_SECONDS="1")
    with gateway.client() as client:
        assert client.reply() == "421 4.4.2 timeout, closing"
        assert client.reply() == ""


def test_a_client_that_stops_within_data_is_told_and_let_go(start: Start, hop: NextHop) -> None:
    gateway = start(LIMITS__DATA_SECONDS="1")
    with gateway.client() as client:
        client.open("them@other.test", "alice@example.test")
        client.say("DATA")
        client.send(b"Subject: half\r\n\r\n")
        assert client.reply() == "421 4.4.2 timeout, closing"
    until("the trace", gateway.traces)
    assert gateway.traces()[0].disposition == Disposition.ABANDONED
    assert hop.kept == []


def test_a_client_that_vanishes_within_data_leaves_nothing(start: Start, hop: NextHop) -> None:
    gateway = start()
    with gateway.client() as client:
        client.open("them@other.test", "alice@example.test")
        client.say("DATA")
        client.send(b"x" * 900_000)
    until("the trace", gateway.traces)

    assert gateway.traces()[0].because == "the transaction ended without a message"
    assert gateway.staged() == []
    assert hop.kept == []


def test_recipients_above_the_limit_come_in_another_transaction(start: Start) -> None:
    gateway = start(LIMITS__RECIPIENTS="2")
    with gateway.client() as client:
        replies = client.open("them@other.test", "alice@example.test", "bob@example.test", "carol@example.test")

    assert [reply[:9] for reply in replies] == ["250 2.1.5", "250 2.1.5", "452 4.5.3"]


def test_messages_above_the_limit_come_in_another_connection(start: Start) -> None:
    gateway = start(LIMITS__TRANSACTIONS_PER_CONNECTION="2")
    with gateway.client() as client:
        for _ in range(2):
            client.open("them@other.test", "alice@example.test")
            assert client.data(mail()).startswith("250")
        client.say("EHLO client.test")
        assert client.say("MAIL FROM:<them@other.test>").startswith("421 4.7.0")


def test_a_line_without_end_is_refused_and_forgotten(start: Start) -> None:
    gateway = start()
    with gateway.client() as client:
        client.send(b"NOOP " + b"x" * 100_000 + b"\r\n")
        assert client.reply() == "500 5.5.2 line too long"
        assert client.say("NOOP").startswith("250")


@pytest.mark.parametrize("verb", ["EHLO", "MAIL", "RCPT"])
def test_a_next_hop_that_hangs_costs_its_budget_and_no_more(start: Start, hop: NextHop, verb: str) -> None:
    gateway = start(BUDGET__NEXT_HOP="1")
    hop.script.hang_at = verb
    with gateway.client() as client:
        (reply,) = client.open("them@other.test", "alice@example.test")
    assert reply.startswith("451 4.4.0")


def test_when_the_budget_of_data_is_spent_nothing_is_delivered(start: Start, hop: NextHop) -> None:
    gateway = start(BUDGET__DATA="4")
    with gateway.client() as client:
        client.open("them@other.test", "alice@example.test")
        hop.script.hang_at = "DATA"
        reply = client.data(mail())
    assert reply.startswith("451 4.4.0")
    assert hop.kept == []


def test_a_dead_process_is_replaced_and_its_slots_are_free(hop: NextHop, serve: Serve) -> None:
    own = serve(snapshot(hop.port), BACKSTOP_LIMITS__CONNECTIONS_PER_CLIENT="1")
    first = own.client()
    assert own.client().banner.startswith("421")
    dead = own.statuses()[0]["pid"]
    os.kill(int(str(dead)), signal.SIGKILL)
    until("another process", lambda: own.statuses() and own.statuses()[0]["pid"] != dead)
    with own.client() as client:
        assert client.banner.startswith("220")
    first.socket.close()


def test_a_port_in_use_is_one_clear_line(tmp_path: Path, serve: Serve) -> None:
    taken = serve(snapshot(9)).ports["inbound"]
    ended = subprocess.run(
        [sys.executable, "-m", "smtpfront"],
        env=os.environ
        | {"BACKSTOP_NODE__HOME": str(tmp_path / "b"), "BACKSTOP_SMTP__INBOUND": json.dumps([f"127.0.0.1:{taken}"])},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )

    assert ended.returncode == 1
    assert ended.stderr == (
        f"smtpd: 127.0.0.1:{taken}: Address already in use; another program listens there; stop it, or set "
        "smtp.inbound and smtp.outbound\n"
    )


def test_both_address_families_are_served(hop: NextHop, serve: Serve) -> None:
    listeners = json.dumps(["127.0.0.1:0", "[::1]:0"])
    own = serve(snapshot(hop.port), BACKSTOP_SMTP__INBOUND=listeners)
    addresses = own.statuses()[0]["listeners"]
    assert isinstance(addresses, list)
    for address in addresses[:2]:
        host, _, port = address.rpartition(":")
        with socket.create_connection((host.strip("[]"), int(port)), PATIENCE) as sock:
            assert sock.recv(100).startswith(b"220 mx.example.test")
