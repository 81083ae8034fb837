"""Plays the dialogues in tests/transcripts against the real SMTP front."""

from pathlib import Path

from tests.smtpfront.dialogues import dialogues, play
from tests.smtpfront.running import Gateway


@dialogues()
def test_dialogue(gateway: Gateway, path: Path) -> None:
    play(gateway, path)
