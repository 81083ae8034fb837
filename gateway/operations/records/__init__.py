"""The DNS records of a working MX: what a node and its domains need, as a zone has it, and what DNS says of it now.

Nothing here changes anything, in DNS or elsewhere: who keeps the zone copies what is shown.
"""

from gateway.operations.records.compare import SECONDS, Compared, compare
from gateway.operations.records.record import Kind, Record, Seen, State
from gateway.operations.records.wanted import (
    notes_on,
    notes_on_node,
    of_domain,
    of_marking,
    of_node,
    own_addresses,
    policy_file,
)
from gateway.operations.records.zone import as_zone

__all__ = [
    "SECONDS",
    "Compared",
    "Kind",
    "Record",
    "Seen",
    "State",
    "as_zone",
    "compare",
    "notes_on",
    "notes_on_node",
    "of_domain",
    "of_marking",
    "of_node",
    "own_addresses",
    "policy_file",
]
