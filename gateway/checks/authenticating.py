"""What the checks of signatures share: a message's DKIM signatures and its ARC chain, verified once, by who asks first.

Unsigned mail costs a look at the header. A chain is verified only where one of its sealers is trusted: nothing else
could come of it.
"""

import asyncio
from collections.abc import Coroutine
from typing import TypeVar

from gateway.checks.base import View
from gateway.services.dkim import ArcChain, Signature, Verifier
from gateway.services.dns import Resolver

T = TypeVar("T")

SECONDS = 12.0  # for keys, and the arithmetic of the largest message


class Authenticating:
    """The verifier, with what was verified of a message. One a process."""

    def __init__(self, resolver: Resolver) -> None:
        """Take the resolver."""
        self._verifier = Verifier(resolver)

    async def signatures(self, view: View) -> tuple[Signature, ...]:
        """Give the results of the message's DKIM signatures, in order. Raises OSError."""
        content = view.content
        if content is None or b"dkim-signature" not in lower_head(view):
            return ()
        task = view.shared.get("dkim")
        if task is None:
            task = view.shared["dkim"] = _begun(self._verifier.signatures(content))
        return await asyncio.shield(task)  # type: ignore[arg-type] # nobody else sets it

    async def chain(self, view: View) -> ArcChain | None:
        """Give the message's ARC chain; None where it has none that a trusted sealer touched. Raises OSError."""
        content, sealers = view.content, view.policy.snapshot.arc_sealers
        if content is None or not sealers or b"arc-seal" not in lower_head(view):
            return None
        task = view.shared.get("arc")
        if task is None:
            trusted = frozenset(each.lower() for each in sealers)
            task = view.shared["arc"] = _begun(self._verifier.chain(content, trusted))
        return await asyncio.shield(task)  # type: ignore[arg-type] # nobody else sets it


def _begun(work: Coroutine[None, None, T]) -> asyncio.Task[T]:
    """Begin work that several wait for. Where the last of them has gone, nobody is told how it ends."""
    task = asyncio.ensure_future(work)
    task.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
    return task


def lower_head(view: View) -> bytes:
    """Give the header section in lower case, made once."""
    known = view.shared.get("lower_head")
    if not isinstance(known, bytes):
        known = view.shared["lower_head"] = view.content.head.lower() if view.content is not None else b""
    return known


def why_not(view: View) -> str:
    """Say why a message is not checked; empty where it is."""
    if view.content is None:
        return "no content"
    return "" if view.listener == "inbound" else "mail that leaves is not checked"
