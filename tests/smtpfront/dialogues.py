"""Plays the dialogues in tests/transcripts; its README tells their form."""

import codecs
import re
from pathlib import Path

import pytest

from tests.smtpfront.running import Gateway

FOLDER = Path(__file__).resolve().parents[1] / "transcripts"


def dialogues(folder: str = ".") -> pytest.MarkDecorator:
    """Mark a test that plays each dialogue of a folder: its ``path``."""
    paths = sorted((FOLDER / folder).glob("*.txt"))
    assert paths, folder
    return pytest.mark.parametrize("path", paths, ids=[path.stem for path in paths])


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
