"""The node's configuration: what is refused, and how it is told."""

from pathlib import Path

import pytest

from gateway.config import ConfigError, load


def test_the_ledger_has_64_megabytes_where_nothing_is_said() -> None:
    assert load({}).ledger.megabytes == 64


def test_the_size_of_the_ledger_is_read_from_file_or_environment(tmp_path: Path) -> None:
    file = tmp_path / "backstop.toml"
    file.write_text("[ledger]\nmegabytes = 8\n")
    assert load({"BACKSTOP_CONFIG": str(file)}).ledger.megabytes == 8
    assert load({"BACKSTOP_LEDGER__MEGABYTES": "16"}).ledger.megabytes == 16


@pytest.mark.parametrize("size", ["0", "-1", "65537", "1.5", "many"])
def test_a_size_that_a_ledger_can_not_have_is_refused_with_its_key(size: str) -> None:
    with pytest.raises(ConfigError, match=r"\$\.ledger\.megabytes"):
        load({"BACKSTOP_LEDGER__MEGABYTES": size})


def test_several_scanners_are_listed(tmp_path: Path) -> None:
    several = load({"BACKSTOP_CLAMD__SOCKETS": '["/run/a.sock", "192.0.2.1:3310"]'})
    assert several.clamd_addresses == ("/run/a.sock", "192.0.2.1:3310")
    assert not several.has_own_clamd
    assert load({"BACKSTOP_CLAMD__SOCKET": "/run/a.sock"}).clamd_addresses == ("/run/a.sock",)
    own = load({"BACKSTOP_NODE__HOME": str(tmp_path)})
    assert own.clamd_addresses == (str(tmp_path / "clamav" / "clamd.sock"),)
    assert own.has_own_clamd


def test_one_scanner_and_several_can_not_both_be_given() -> None:
    with pytest.raises(ConfigError, match="both given; list all of them"):
        load({"BACKSTOP_CLAMD__SOCKET": "/a", "BACKSTOP_CLAMD__SOCKETS": '["/b"]'})


@pytest.mark.parametrize(("processes", "share"), [("1", 5), ("2", 3), ("5", 1), ("8", 1)])
def test_processes_share_the_scans_of_a_node(processes: str, share: int) -> None:
    given = {"BACKSTOP_CLAMD__CONCURRENT": "5", "BACKSTOP_NODE__PROCESSES": processes}
    assert load(given).scans_at_once == share


def test_a_node_scans_twice_as_many_messages_at_once_as_it_has_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 6)
    assert load({"BACKSTOP_NODE__PROCESSES": "3"}).scans_at_once == 4


@pytest.mark.parametrize("key", ["SMTP__BALANCERS", "CONSOLE__PROXIES"])
def test_a_network_that_is_none_is_refused_with_its_key(key: str) -> None:
    with pytest.raises(ConfigError, match=rf"BACKSTOP_{key}: .*: 'nginx' is no network such as"):
        load({f"BACKSTOP_{key}": '["192.0.2.0/24", "nginx"]'})


@pytest.mark.parametrize(
    ("url", "origin", "host"),
    [
        ("https://mx.example.org", "https://mx.example.org", "mx.example.org"),
        ("HTTPS://MX.example.org:443/", "https://mx.example.org", "mx.example.org"),
        ("https://mx.example.org:8443/console", "https://mx.example.org:8443", "mx.example.org"),
        ("http://[2001:DB8::1]:80", "http://[2001:db8::1]", "[2001:db8::1]"),
    ],
)
def test_a_browser_has_its_own_words_for_the_address_of_the_console(url: str, origin: str, host: str) -> None:
    console = load({"BACKSTOP_CONSOLE__URL": url}).console
    assert (console.origin, console.host) == (origin, host)


@pytest.mark.parametrize(
    "url", ["mx.example.org", "https://", "ftp://mx.example.org", "https://mx:many", "https://[::1"]
)
def test_an_address_of_the_console_that_no_browser_could_open_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match=r"console\.url: .* is no address such as https://"):
        load({"BACKSTOP_CONSOLE__URL": url})


@pytest.mark.parametrize("key", ["LIMITS__STOP_SECONDS", "BUDGET__DATA", "BUDGET__FINAL_DOT"])
def test_a_stop_that_would_outlast_the_patience_of_systemd_is_refused_with_its_keys(key: str) -> None:
    with pytest.raises(ConfigError, match=r"limits\.stop_seconds, budget\.data and budget\.final_dot"):
        load({f"BACKSTOP_{key}": "850"})
