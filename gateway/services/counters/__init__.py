"""Counters that are exact on a node: connection slots, sliding windows, and a small store that each process holds.

The SMTP parent owns them (``CounterServer``); its children ask over a socket pair (``CounterClient``);
``LocalCounters`` serve a single process. The owner being unreachable is an outcome of its own, never "below the limit".
"""

from gateway.services.counters.client import CounterClient
from gateway.services.counters.interface import Claim, Counters, CountersUnreachable
from gateway.services.counters.local import LocalCounters
from gateway.services.counters.server import CounterServer

__all__ = ["Claim", "CounterClient", "CounterServer", "Counters", "CountersUnreachable", "LocalCounters"]
