"""What carrying out works with: the case at hand, and the means; and what a recipient's trace must have by then."""

from collections.abc import Callable, Sequence

import msgspec

from gateway.backscatter.ledger import Ledger
from gateway.config import Config
from gateway.delivery.relay import NextHopTransaction
from gateway.mail.decisions import Action, Decision, Disposition
from gateway.mail.message import Content
from gateway.mail.stripped import Taken
from gateway.mail.trace import RecipientTrace, Trace
from gateway.outbound.marking import Marks
from gateway.policy.matching import Policy
from gateway.spool.deliveries import Deliveries
from gateway.spool.journal import JournalWriter
from gateway.spool.quarantine import Quarantine
from gateway.spool.staging import Spool


class Means(msgspec.Struct, frozen=True):
    """What carrying out needs.

    ``alarm`` tells the administrator, at once and once. ``done_before`` gives the id of the transaction that did a
    delivery already, by its key.
    """

    config: Config
    spool: Spool
    quarantine: Quarantine
    deliveries: Deliveries
    journal: JournalWriter
    ledger: Ledger
    alarm: Callable[[str], None]
    done_before: Callable[[str], str | None]


class Case(msgspec.Struct, frozen=True):
    """One message at the end of DATA. ``held`` is the transaction with the next hop, None where nobody needs one.

    ``deadline`` is the loop time at which the budget of DATA ends; ``key`` names the delivery (sender, recipients,
    content), so that a retry is known; ``marks`` is set for mail that leaves; ``apart`` says that the client hears of
    each recipient apart, and then the key is made once it is known for whom something is done. ``sent`` is what is sent
    on where that is not the content, and ``taken`` what was stripped from it.
    """

    trace: Trace
    policy: Policy
    content: Content
    held: NextHopTransaction | None
    deadline: float
    key: str
    marks: Marks | None = None
    apart: bool = False
    sent: Content | None = None
    taken: tuple[Taken, ...] = ()


def decision_of(each: RecipientTrace) -> Decision:
    """Give the decision, which every open recipient has by now."""
    if each.decision is None:
        raise ValueError(f"no decision was made for {each.address}")
    return each.decision


def action_of(each: RecipientTrace) -> Action:
    """Give the decided action."""
    return decision_of(each).action


def settle(recipients: Sequence[RecipientTrace], disposition: Disposition) -> None:
    """Say what became of these."""
    for each in recipients:
        each.disposition = disposition
