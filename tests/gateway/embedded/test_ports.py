"""Ports are tried before anything is started."""

import socket
from pathlib import Path

import msgspec
import pytest

from gateway.config import Config, Smtp
from gateway.embedded import ports
from gateway.embedded.ports import PortError


def listening_on(address: str) -> Config:
    return msgspec.structs.replace(
        Config(), smtp=Smtp(inbound=(address,), outbound=(), outbound_tls=()), console=Config().console
    )


def test_free_ports_are_taken_for_free(config: Config) -> None:
    ports.require_free(config)
    ports.require_free(config)


def test_ports_that_are_given_out_differ_are_free_and_never_an_outgoing_connections() -> None:
    found = ports.free(50)

    first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    assert len(set(found)) == 50
    assert all(10_000 <= port < first for port in found)
    for port in found:
        socket.create_server(("127.0.0.1", port)).close()


def test_a_port_that_somebody_has_is_not_given_out(monkeypatch: pytest.MonkeyPatch) -> None:
    (taken,) = ports.free(1)
    monkeypatch.setattr(ports, "_LOWEST", taken)
    monkeypatch.setattr(ports, "_first_ephemeral", lambda: taken + 1)
    with socket.create_server(("127.0.0.1", taken)), pytest.raises(PortError, match=f"from {taken} to {taken} is free"):
        ports.free(1)

    assert ports.free(1) == [taken]


def test_where_outgoing_connections_may_have_any_port_another_is_found(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    wide = tmp_path / "range"
    wide.write_text("1024\t65535\n")
    monkeypatch.setattr(ports, "_RANGE", wide)

    assert len(ports.free(3)) == 3


def test_a_port_in_use_is_one_line_that_names_port_and_remedy(config: Config) -> None:
    host, port = ports.split(config.console.listen)
    with socket.create_server((host, port)), pytest.raises(PortError) as error:
        ports.require_free(config)
    said = str(error.value)
    assert f"port {port}" in said
    assert "BACKSTOP_CONSOLE__LISTEN" in said
    assert "\n" not in said


@pytest.mark.parametrize("address", ["2525", "127.0.0.1", "127.0.0.1:", "127.0.0.1:smtp", "127.0.0.1:70000", ":25"])
def test_a_malformed_address_is_named(address: str) -> None:
    with pytest.raises(PortError, match="host:port"):
        ports.require_free(listening_on(address))


def test_an_address_of_another_machine_is_named() -> None:
    with pytest.raises(PortError, match=r"port 2525 on 192\.0\.2\.1: Cannot assign"):
        ports.require_free(listening_on("192.0.2.1:2525"))


def test_ipv6_addresses_are_read() -> None:
    assert ports.split("[::1]:2525") == ("::1", 2525)
