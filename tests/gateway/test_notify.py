"""What the service manager is told."""

import os
import socket
from pathlib import Path

import pytest

from gateway import notify


@pytest.mark.parametrize("abstract", [False, True])
def test_lines_go_to_the_socket_that_the_service_manager_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, abstract: bool
) -> None:
    path = f"{tmp_path}/notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(f"\0{path}" if abstract else path)
        manager.settimeout(60)
        monkeypatch.setenv("NOTIFY_SOCKET", f"@{path}" if abstract else path)
        assert notify.is_wanted()
        assert notify.tell(notify.READY, notify.status("serves\nBARRIER=1"))
        assert manager.recv(100) == b"READY=1\nSTATUS=serves BARRIER=1"


@pytest.mark.parametrize("address", [None, "", "relative", "/nobody/listens"])
def test_a_service_manager_that_does_not_listen_is_no_trouble(
    monkeypatch: pytest.MonkeyPatch, address: str | None
) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    if address is not None:
        monkeypatch.setenv("NOTIFY_SOCKET", address)
    assert not notify.tell(notify.READY)


@pytest.mark.parametrize(
    ("environment", "seconds"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_the_watchdog_is_told_in_half_of_its_time_where_it_is_ours(
    environment: dict[str, str], seconds: float | None
) -> None:
    assert notify.watchdog_seconds(environment) == seconds
