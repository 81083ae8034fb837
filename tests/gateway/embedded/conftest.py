"""A configuration over an empty folder, on free ports."""

from pathlib import Path

import pytest

from gateway import config as node_config
from gateway.config import Config
from tests.ports import free_ports


def environment_of(folder: Path) -> dict[str, str]:
    """What a gateway must find in its environment that has this folder for itself."""
    inbound, outbound, outbound_tls, console, sink = free_ports(5)
    return {
        "BACKSTOP_NODE__HOME": str(folder / "state"),
        "BACKSTOP_NODE__NAME": "gateway.example.test",
        "BACKSTOP_SMTP__INBOUND": f'["127.0.0.1:{inbound}"]',
        "BACKSTOP_SMTP__OUTBOUND": f'["127.0.0.1:{outbound}"]',
        "BACKSTOP_SMTP__OUTBOUND_TLS": f'["127.0.0.1:{outbound_tls}"]',
        "BACKSTOP_CONSOLE__LISTEN": f"127.0.0.1:{console}",
        "BACKSTOP_CONSOLE__URL": f"http://127.0.0.1:{console}",
        "BACKSTOP_EMBEDDED__SINK": f"127.0.0.1:{sink}",
    }


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """What a gateway of this test alone must find in its environment."""
    return environment_of(tmp_path)


@pytest.fixture
def config(environment: dict[str, str]) -> Config:
    """The configuration that it makes."""
    return node_config.load(environment)
