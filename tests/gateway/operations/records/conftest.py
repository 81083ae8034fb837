"""A node called mx1.example.org with a certificate, and one domain."""

from pathlib import Path

import msgspec
import pytest
from django.conf import settings

from gateway.config import Config, Smtp
from gateway.embedded.certificate import make_self_signed
from gateway.models import Domain, Route


@pytest.fixture
def config(home: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    """The node's configuration. Its addresses are those that it listens on, and not this machine's own ones."""
    monkeypatch.setattr("gateway.operations.records.wanted._OUTSIDE", ())
    node = msgspec.structs.replace(settings.CONFIG.node, name="MX1.example.org.")
    smtp = Smtp(inbound=("198.18.0.25:25", "8.8.8.8:25", "[2606:4700::25]:25"))
    made: Config = msgspec.structs.replace(settings.CONFIG, node=node, smtp=smtp)
    monkeypatch.setattr(settings, "CONFIG", made)
    make_self_signed("mx1.example.org", made.certificate, made.key)
    assert made.certificate.is_relative_to(home)
    return made


@pytest.fixture
def domain(db: None) -> Domain:  # noqa: ARG001 - it is a row
    return Domain.objects.create(name="example.org", route=Route.objects.create(name="inside"))
