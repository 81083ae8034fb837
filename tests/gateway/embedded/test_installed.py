"""The one-machine gateway where the product is installed, and where it is a checkout."""

from pathlib import Path

import pytest
from django.conf import LazySettings

from gateway import installation
from gateway.config import Config
from gateway.embedded import static
from gateway.embedded.children import environment


def test_static_files_that_a_wheel_brings_are_not_collected_again(
    home: Path, monkeypatch: pytest.MonkeyPatch, settings: LazySettings
) -> None:
    settings.STATIC_ROOT = home / "static"
    monkeypatch.setattr(installation, "COLLECTED", home / "brought")

    assert not static.collect()
    assert not (home / "static").exists()


def test_a_checkout_collects_its_static_files_once(home: Path, settings: LazySettings) -> None:
    settings.STATIC_ROOT = home / "static"

    assert static.collect()
    assert (home / "static" / "webadmin" / "console.css").exists()
    assert not static.collect()


def test_processes_find_a_checkout_by_its_folder_and_a_wheel_without(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", "/theirs")
    in_checkout = environment(config)["PYTHONPATH"]
    monkeypatch.setattr(installation, "CHECKOUT", False)

    assert in_checkout == f"{installation.ROOT}:/theirs"
    assert environment(config)["PYTHONPATH"] == "/theirs"
