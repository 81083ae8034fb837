"""Plays the dialogues in tests/transcripts against the real SMTP front."""

import codecs
import re
from pathlib import Path

import pytest

from tests.smtpfront.running import Gateway

FOLDER = Path(__file__).resolve().parents[1] / "transcripts"


def play(gateway: Gateway, path: Path, **values: str) -> None:
    """Play one dialogue; ``{name}`` in its lines stands for the value of that name."""
    name, text = path.name, path.read_text()
    for word, value in values.items():
        text = text.replace(f"{{{word}}}", value)
    lines = text.splitlines()
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
                    assert fits, f"{name}:{number}: expected {text!r}, got {reply!r}"
                case "S!":
                    assert client.reply() == "", f"{name}:{number}: the connection should end"


@pytest.mark.parametrize("name", sorted(path.stem for path in FOLDER.glob("*.txt")))
def test_dialogue(gateway: Gateway, name: str) -> None:
    play(gateway, FOLDER / f"{name}.txt")
