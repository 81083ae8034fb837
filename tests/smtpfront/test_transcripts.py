"""Plays the dialogues in tests/transcripts against the real SMTP front."""

import codecs
import re
from pathlib import Path

import pytest

from tests.smtpfront.running import Gateway

FOLDER = Path(__file__).resolve().parents[1] / "transcripts"


@pytest.mark.parametrize("name", sorted(path.stem for path in FOLDER.glob("*.txt")))
def test_dialogue(gateway: Gateway, name: str) -> None:
    lines = (FOLDER / f"{name}.txt").read_text().splitlines()
    told = dict(line[1:].split(" ", 1) for line in lines if line.startswith("@"))
    with gateway.client(told.get("listener", "inbound"), source=told.get("from", "127.0.0.1")) as client:
        waiting = [client.banner]
        for number, line in enumerate(lines, 1):
            kind, text = line[:2], line[2:].strip()
            match kind:
                case "C:":
                    client.send(text.encode() + b"\r\n")
                case "C*":
                    client.send(codecs.escape_decode(text.encode())[0])  # type: ignore[attr-defined]
                case "S:" | "S~":
                    reply = waiting.pop() if waiting else client.reply()
                    fits = reply.startswith(text) if kind == "S:" else re.search(text, reply)
                    assert fits, f"{name}.txt:{number}: expected {text!r}, got {reply!r}"
                case "S!":
                    assert client.reply() == "", f"{name}.txt:{number}: the connection should end"
