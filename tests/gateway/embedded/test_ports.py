"""Ports are tried before anything is started."""

import socket

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
