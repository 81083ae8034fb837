"""The bundled sink keeps what it gets, and misbehaves as it is told."""

import asyncio
import json
import smtplib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

from smtpfront.lab.sink import Behaviour, Sink, main

Said = TypeVar("Said")
MESSAGE = b"Subject: hello\r\n\r\n.a line that begins with a dot\r\n" + b"x" * 5000 + b"\r\nbare\rCR and \xff\r\n"


@pytest.fixture
async def sink(tmp_path: Path) -> AsyncIterator[Sink]:
    sink = Sink(tmp_path / "sink")
    await sink.start()
    yield sink
    await sink.stop()


async def talk(sink: Sink, conversation: Callable[[smtplib.SMTP], Said]) -> Said:
    def run() -> Said:
        with smtplib.SMTP("127.0.0.1", sink.port, local_hostname="client.example", timeout=60) as client:
            client.ehlo()
            return conversation(client)

    return await asyncio.to_thread(run)


def send(client: smtplib.SMTP, *recipients: str, sender: str = "a@example.net") -> tuple[int, bytes]:
    client.mail(sender)
    for recipient in recipients or ("b@example.test",):
        client.rcpt(recipient)
    return client.data(MESSAGE)


def envelopes(sink: Sink) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in sorted(sink.folder.glob("*.json"))]


def messages(sink: Sink) -> list[bytes]:
    return [path.read_bytes() for path in sorted(sink.folder.glob("*.eml"))]


async def test_a_message_is_kept_byte_for_byte(sink: Sink) -> None:
    code, _ = await talk(sink, send)
    assert code == 250
    assert messages(sink) == [MESSAGE]


async def test_the_envelope_stands_beside_the_message(sink: Sink) -> None:
    await talk(sink, lambda client: send(client, "b@example.test", "c@example.test"))
    (envelope,) = envelopes(sink)
    assert (envelope["sender"], envelope["recipients"]) == ("a@example.net", ["b@example.test", "c@example.test"])
    assert envelope["helo"] == "client.example"


async def test_the_null_sender_is_taken_and_kept_as_empty(sink: Sink) -> None:
    code, _ = await talk(sink, lambda client: send(client, sender=""))
    assert code == 250
    assert envelopes(sink)[0]["sender"] == ""


async def test_messages_of_one_connection_are_kept_apart(sink: Sink) -> None:
    await talk(sink, lambda client: [send(client), send(client)])
    assert len(messages(sink)) == 2


async def test_what_fits_a_pattern_is_refused_and_the_rest_is_taken(sink: Sink) -> None:
    sink.behaviour = Behaviour(refuse=(("bob@*", 452), ("*@gone.test", 550)))

    def conversation(client: smtplib.SMTP) -> list[int]:
        client.mail("a@example.net")
        return [client.rcpt(each)[0] for each in ("Bob@example.test", "x@gone.test", "alice@example.test")]

    assert await talk(sink, conversation) == [452, 550, 250]


@pytest.mark.parametrize("code", [451, 554])
async def test_the_final_dot_is_answered_as_told_and_nothing_is_kept(sink: Sink, code: int) -> None:
    sink.behaviour = Behaviour(data=code)
    assert (await talk(sink, send))[0] == code
    assert messages(sink) == []


async def test_ehlo_is_answered_as_told(sink: Sink) -> None:
    sink.behaviour = Behaviour(ehlo=550)
    assert (await talk(sink, lambda client: client.ehlo()))[0] == 550


async def test_mail_is_answered_as_told(sink: Sink) -> None:
    sink.behaviour = Behaviour(mail=451)
    assert (await talk(sink, lambda client: client.mail("a@example.net")))[0] == 451


async def test_it_hangs_up_behind_rcpt(sink: Sink) -> None:
    sink.behaviour = Behaviour(hang_up_after="rcpt")
    with pytest.raises(smtplib.SMTPServerDisconnected):
        await talk(sink, send)
    assert messages(sink) == []


async def test_it_hangs_up_behind_the_dot_without_a_reply(sink: Sink) -> None:
    sink.behaviour = Behaviour(hang_up_after="dot")
    with pytest.raises(smtplib.SMTPServerDisconnected):
        await talk(sink, send)
    assert messages(sink) == []


async def test_a_port_in_use_is_one_clear_line(sink: Sink, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    listen = f"127.0.0.1:{sink.port}"
    status = await asyncio.to_thread(main, ["--listen", listen, "--folder", str(tmp_path)])
    assert status == 1
    said = capsys.readouterr().err
    assert listen in said
    assert said.count("\n") == 1


def test_a_malformed_refusal_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--folder", str(tmp_path), "--refuse-rcpt", "bob"])
    assert "PATTERN=CODE" in capsys.readouterr().err
