"""What tells whether a machine lost mail: a load, a next hop that counts, the spool, and a verdict that can fail."""

import json
import shutil
import smtplib
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.ports import free_port
from tests.smtpfront.conftest import clamd, prepare
from tests.smtpfront.running import Gateway, snapshot
from tests.vm.kept import Kept, kept_in, kept_on
from tests.vm.letters import LARGE, Letter, id_of, is_whole
from tests.vm.load import Fate, Load, LoadError, Report
from tests.vm.session import CutError, RefusedError, Session
from tests.vm.sink import Sink
from tests.vm.verdict import Verdict, verdict

__all__ = ["clamd"]

PEOPLE = ("alice@example.test", "bob@example.test", "full@example.test")
LETTER = Letter("run", 1, "them@outside.example.net", (PEOPLE[0],), 1_800_000_000.0)
COPY = (LETTER.id, PEOPLE[0])
NOTHING: Counter[tuple[str, str]] = Counter()


# The load and its verdict, with a real gateway between load and sink


@dataclass
class Way:
    """A next hop, and a gateway in front of it that listens on one port however often it starts."""

    sink: Sink
    gateway: Gateway
    port: int

    def judge(self, report: Report) -> Verdict:
        return verdict(report, self.sink.copies(), kept_in(self.gateway.home), self.sink.damaged())

    def quarantined(self) -> list[Path]:
        return sorted((self.gateway.home / "spool" / "quarantine").glob("*/*"))


@pytest.fixture
def way(tmp_path: Path, clamd: str) -> Iterator[Way]:
    port = free_port()
    prepare(tmp_path)
    inbound = f'["127.0.0.1:{port}"]'
    with Sink(PEOPLE) as sink, Gateway(tmp_path, snapshot(sink.port), clamd, BACKSTOP_SMTP__INBOUND=inbound) as gateway:
        yield Way(sink, gateway, port)


def test_a_gateway_that_is_killed_under_load_loses_nothing_and_what_is_taken_away_is_missed(way: Way) -> None:
    with Load(way.port, PEOPLE, doubtful=8, pause=0) as load:
        for _ in range(2):
            load.wait_for(40, 120)
            way.gateway.kill()
            way.gateway.start()
        load.wait_for(20, 120)
        report = load.settle(120)

    found = way.judge(report)
    assert found.holds, str(found)
    assert found.relayed + found.kept == found.promised >= 100
    assert found.kept >= 10
    assert not report.refusals
    assert report.cut + report.broken
    assert report.refused  # nobody listened meanwhile; an upgrade must show none

    removed, torn = way.quarantined()[:2]
    expected = {copy for place in (removed, torn) for copy in copies_in(place)}
    shutil.rmtree(removed)
    (torn / "message.eml").write_bytes(b"half of")
    missed = way.judge(report)
    assert not missed.holds
    assert set(missed.lost) == expected
    assert missed.damaged == [str(torn)]


def test_a_gateway_that_is_left_alone_shows_no_refused_connection_and_no_double(way: Way) -> None:
    with Load(way.port, PEOPLE, doubtful=8, pause=0) as load:
        load.wait_for(45, 120)
        report = load.settle(120)

    found = way.judge(report)
    assert found.holds, str(found)
    assert found.repeated == []
    assert kept_on(LocalShell(), str(way.gateway.home)) == kept_in(way.gateway.home) != Kept(NOTHING)
    assert (report.refused, report.silent, report.cut, report.broken) == (0, 0, 0, 0)
    assert set(report.replies) == {"250"}
    accepted = {each for fate in report.fates.values() for each in fate.accepted.values()}
    assert accepted <= {trace.id for trace in way.gateway.traces()}
    assert {bool(trace.client.tls) for trace in way.gateway.traces()} == {True, False}


def copies_in(place: Path) -> list[tuple[str, str]]:
    item = json.loads((place / "item.json").read_bytes())
    return [(item["message_id"].strip("<>"), each["recipient"]) for each in item["copies"]]


class LocalShell:
    """As a Machine's, but on this computer."""

    def ssh(self, command: str, *, given: str | bytes = b"", seconds: float = 120.0, check: bool = True) -> str:
        raw = given.encode() if isinstance(given, str) else given
        words = command.replace("python3", f"{sys.executable} -I", 1)
        done = subprocess.run(words, shell=True, input=raw, capture_output=True, timeout=seconds, check=check)  # noqa: S602 - as a machine has it
        return done.stdout.decode()


# The verdict


def judged(
    *, accepted: bool = False, refused: bool = False, cut: bool = False, sink: int = 0, spool: int = 0
) -> Verdict:
    fate = Fate(LETTER)
    if accepted:
        fate.accepted[PEOPLE[0]] = "id"
    if refused:
        fate.refused[PEOPLE[0]] = "550 no"
    if cut:
        fate.cut.add(PEOPLE[0])
    other = Counter({("somebody else's", PEOPLE[0]): 7})
    return verdict(Report({LETTER.id: fate}), other + Counter({COPY: sink}), Kept(Counter({COPY: spool})))


@pytest.mark.parametrize("where", [{"sink": 1}, {"spool": 1}])
def test_a_promised_copy_that_is_at_one_place_is_as_it_should_be(where: dict[str, int]) -> None:
    assert judged(accepted=True, **where).holds


def test_a_promised_copy_that_is_nowhere_is_lost() -> None:
    assert judged(accepted=True).lost == [COPY]
    assert not judged(accepted=True).holds


@pytest.mark.parametrize("where", [{"sink": 2}, {"spool": 2}, {"sink": 1, "spool": 1}])
def test_a_second_copy_is_a_double_unless_a_reply_was_cut(where: dict[str, int]) -> None:
    assert judged(accepted=True, **where).doubled == [COPY]
    assert not judged(accepted=True, **where).holds
    assert judged(accepted=True, cut=True, **where).repeated == [COPY]
    assert judged(accepted=True, cut=True, **where).holds


def test_what_was_refused_for_good_must_not_be_there() -> None:
    assert judged(refused=True, sink=1).belied == [COPY]
    assert judged(refused=True).holds


def test_what_nobody_was_told_of_may_be_there_or_not() -> None:
    assert judged(cut=True).holds
    assert judged(cut=True, sink=1).unanswered == 1
    assert judged(cut=True, sink=1).holds


def test_it_says_which_copy_is_lost() -> None:
    assert f"1 lost, 0 doubled, 0 repeated after a cut; lost: {LETTER.id} for {PEOPLE[0]}" in str(judged(accepted=True))


# The sink


def test_the_sink_counts_every_copy_and_knows_whether_it_came_whole() -> None:
    letter = Letter("run", 2, "them@outside.example.net", PEOPLE[:2], 1_800_000_000.0, LARGE)
    with Sink(PEOPLE) as sink:
        with Session(sink.port, pipelining=True) as session:
            assert session.deliver(letter, PEOPLE[:2])[PEOPLE[1]].good
            assert session.deliver(letter, ["ALICE@example.test"])["ALICE@example.test"].good
        with smtplib.SMTP("127.0.0.1", sink.port) as client:
            client.sendmail("", [PEOPLE[0]], letter.content().replace(b"stands", b"stood"))

        assert sink.copies() == {(letter.id, PEOPLE[0]): 2, (letter.id, PEOPLE[1]): 1}
        assert sink.damaged() == {(letter.id, PEOPLE[0]): 1}
        assert [each.sender for each in sink.arrivals] == [letter.sender, letter.sender, ""]


@pytest.mark.parametrize("pipelining", [True, False])
def test_the_sink_refuses_whom_it_does_not_know(pipelining: bool) -> None:
    with Sink(PEOPLE) as sink, Session(sink.port, pipelining=pipelining) as session:
        told = session.deliver(LETTER, ["stranger@example.test", PEOPLE[0]])
        assert (told["stranger@example.test"].code, told[PEOPLE[0]].code) == (550, 250)
        assert session.deliver(LETTER, ["stranger@example.test"])["stranger@example.test"].code == 550
        assert session.deliver(LETTER, [PEOPLE[0]])[PEOPLE[0]].code == 250
        assert sink.copies() == {COPY: 2}


def test_half_a_message_is_no_copy() -> None:
    with Sink(PEOPLE) as sink:
        with socket.create_connection(("127.0.0.1", sink.port), 10) as client:
            client.sendall(f"EHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<{PEOPLE[0]}>\r\nDATA\r\nSubject: x\r\n".encode())
            client.shutdown(socket.SHUT_WR)
            while client.recv(4096):
                pass
        assert sink.arrivals == []


# The session, with servers that misbehave


@contextmanager
def server(*answers: bytes) -> Iterator[int]:
    """A server that gives an answer to each thing it reads, and hangs up after the last."""

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            for answer in answers:
                connection.sendall(answer)
                connection.recv(65536)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(10)


OPEN = (b"220 x\r\n", b"250 x\r\n")


@pytest.mark.parametrize(
    ("answers", "unknown"),
    [
        ((b"250 x\r\n",), ()),
        ((b"250 x\r\n", b"250 x\r\n"), ()),
        ((b"250 x\r\n", b"250 x\r\n", b"354 x\r\n", b""), (PEOPLE[0],)),
    ],
    ids=["after MAIL", "after RCPT", "after the dot"],
)
def test_only_a_cut_after_the_dot_leaves_it_open_whether_the_message_was_taken(
    answers: tuple[bytes, ...], unknown: tuple[str, ...]
) -> None:
    with server(*OPEN, *answers) as port, Session(port) as session:
        with pytest.raises(CutError) as caught:
            session.deliver(LETTER, [PEOPLE[0]])
        assert caught.value.unknown == unknown
        assert not session.usable


def test_nobody_who_listens_and_a_connection_that_ends_before_the_greeting_are_refusals() -> None:
    with pytest.raises(RefusedError):
        Session(free_port())
    with server() as port, pytest.raises(RefusedError):
        Session(port)


def test_who_was_accepted_is_put_off_by_a_421_in_between() -> None:
    with server(*OPEN, b"250 x\r\n", b"250 x\r\n", b"421 bye\r\n") as port, Session(port) as session:
        told = session.deliver(LETTER, PEOPLE[:2])
        assert {each: reply.code for each, reply in told.items()} == dict.fromkeys(PEOPLE[:2], 421)
        assert not session.usable


# The load, with servers that misbehave


def test_what_was_deferred_comes_again_octet_by_octet_the_same() -> None:
    assert LETTER.content() == Letter(*[getattr(LETTER, name) for name in LETTER.__dataclass_fields__]).content()
    assert id_of(LETTER.content()) == LETTER.id
    assert is_whole(LETTER.content())
    assert not is_whole(LETTER.content() + b"\r\n")


def test_a_load_that_gets_nowhere_says_what_it_was_told() -> None:
    with Load(free_port(), PEOPLE) as load:
        with pytest.raises(LoadError, match=r"1 more letters got their 250: 0 of \d letters got 250"):
            load.wait_for(1, 0.3)
        assert load.report().refused


def test_a_recipient_who_is_refused_for_good_is_not_tried_again() -> None:
    with Sink(PEOPLE[:1]) as sink, Load(sink.port, ("stranger@example.test", PEOPLE[0]), pause=0) as load:
        load.wait_for(5, 120)
        report = load.settle(120)
    assert all(key.endswith("stranger@example.test") for key in report.refusals)
    assert verdict(report, sink.copies(), Kept(NOTHING)).holds
