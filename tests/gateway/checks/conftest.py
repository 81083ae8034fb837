"""DNS for checks: a server on loopback with the table ``ZONE`` of the test's module, and a resolver that asks it."""

from collections.abc import AsyncIterator

import pytest

from gateway.services.dns import DnsResolver
from smtpfront.lab.nameserver import Nameserver
from tests.nameserving import asking


@pytest.fixture
async def server(request: pytest.FixtureRequest) -> AsyncIterator[Nameserver]:
    """The DNS server."""
    made = Nameserver(request.module.ZONE)
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def resolver(server: Nameserver) -> AsyncIterator[DnsResolver]:
    """A resolver that asks it."""
    made = DnsResolver(asking(server.address, server.zone))
    yield made
    await made.close()
