import json
import re

import pytest

from gateway.management.plain import batv

KEY = ("--key", "secret", "--key-number", "1")


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, str]:
    assert batv.main([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_an_address_is_signed_as_of_a_time(capsys: pytest.CaptureFixture[str]) -> None:
    assert told(capsys, "sign", "user@example.org", *KEY, "--at", "2001-05-05T23:59:59Z") == {
        "address": "user@example.org",
        "signed": "prvs=1454f2b49f=user@example.org",
    }


@pytest.mark.parametrize(
    ("address", "at", "result"),
    [
        ("prvs=1454f2b49f=user@example.org", "2001-05-05", "valid"),
        ("prvs=1454f2b49f=user@example.org", "2001-05-12T23:00:00+00:00", "valid"),
        ("prvs=1454f2b49f=user@example.org", "2001-05-12T23:00:00-02:00", "expired"),
        ("prvs=1454f2b49e=user@example.org", "2001-05-05", "forged"),
        ("user@example.org", "2001-05-05", "missing"),
    ],
)
def test_a_tag_is_checked_as_of_a_time(address: str, at: str, result: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert told(capsys, "check", address, *KEY, "--at", at) == {
        "address": address,
        "original": "user@example.org",
        "result": result,
    }


def test_without_json_the_answer_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert batv.main(["sign", "user@example.org", *KEY]) == 0
    assert re.fullmatch(r"prvs=1\d{3}[0-9a-f]{6}=user@example\.org\n", capsys.readouterr().out)


def test_an_address_without_a_domain_is_one_line_and_a_failure(capsys: pytest.CaptureFixture[str]) -> None:
    assert batv.main(["sign", "user", *KEY]) == 1
    assert capsys.readouterr().err == "batv: 'user' is no address with a domain\n"


@pytest.mark.parametrize("wrong", [("--at", "tomorrow"), ("--key-number", "10")])
def test_a_malformed_option_is_named(wrong: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        batv.main(["sign", "user@example.org", *KEY, *wrong])
    assert stop.value.code == 2
    assert wrong[0] in capsys.readouterr().err


def test_without_a_policy_the_remedy_is_named(
    tmp_path: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BACKSTOP_NODE__HOME", str(tmp_path))
    assert batv.main(["sign", "user@example.org"]) == 1
    assert "publish a policy" in capsys.readouterr().err
