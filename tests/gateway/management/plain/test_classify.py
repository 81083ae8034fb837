import json
from pathlib import Path

import pytest

from gateway.management.plain import classify

BOUNCE = (
    b"Return-Path: <>\r\nFrom: MAILER-DAEMON@example.com\r\nSubject: failure notice\r\n\r\n"
    b"I'm afraid I wasn't able to deliver your message to the following addresses.\r\n"
)


def test_each_file_gets_one_object(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bounce, plain = tmp_path / "bounce.eml", tmp_path / "plain.eml"
    bounce.write_bytes(BOUNCE)
    plain.write_bytes(b"From: a@example.com\r\nSubject: lunch\r\n\r\nAt one?\r\n")
    assert classify.main([str(bounce), str(plain), "--json"]) == 0
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert (first["file"], first["kind"]) == (str(bounce), "bounce")
    assert "the sender is null" in first["evidence"]
    assert second == {"file": str(plain), "kind": "none", "evidence": []}


def test_a_missing_file_is_named_and_the_others_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bounce = tmp_path / "bounce.eml"
    bounce.write_bytes(BOUNCE)
    assert classify.main([str(tmp_path / "missing.eml"), str(bounce)]) == 1
    told = capsys.readouterr()
    assert "missing.eml: No such file" in told.err
    assert told.out.startswith(f"{bounce}: bounce\n")


def test_the_envelope_sender_can_be_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "bounce.eml"
    file.write_bytes(BOUNCE.partition(b"\r\n")[2])
    classify.main([str(file), "--sender", ""])
    assert "the sender is null" in capsys.readouterr().out
