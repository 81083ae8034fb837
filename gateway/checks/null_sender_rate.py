"""Asks whether more mail from the null sender comes to one recipient than bounces ever would.

It counts at RCPT and says nothing there, so that sender call-outs keep working; it weighs at the end of DATA, on what
is not proven genuine. The judge is told too. An address counts without its tag, an alias for the address that it leads
to; ``null_sender_per_hour`` is the limit. Where the counters can't be reached the check fails, and by default the
message goes on without it.
"""

from collections.abc import Awaitable

from gateway.backscatter.words import Verdict
from gateway.checks.base import MISS, Seen, View, failed, hit, skipped
from gateway.checks.judging import JudgedCheck, Judgements, Judging, is_always_deliverable
from gateway.mail.address import Address
from gateway.mail.findings import Finding, Outcome
from gateway.mail.stages import Stage
from gateway.services.counters import Counters, CountersUnreachable

NAME = "null_sender_rate"
RATE = "NULL_SENDER_RATE"
WEIGHT = 2.0
_HOUR = 3600.0


class NullSenderRate(JudgedCheck):
    """Counts at RCPT, and weighs at DATA."""

    name = NAME
    stages = (Stage.RCPT, Stage.DATA)
    symbols = {RATE: "more mail from the null sender comes to the recipient than it may"}

    def __init__(self, counters: Counters, judging: Judging) -> None:
        """Take the counters of the node, and share the judge with the other checks."""
        super().__init__(judging)
        self._counters = counters

    @classmethod
    def reads(cls, view: View) -> object:
        """Give the limit, whom it counts for, and what the judge reads."""
        limit = view.policy.snapshot.clients.null_sender_per_hour
        return limit, view.match and view.match.mailbox, super().reads(view)

    def look(self, view: View) -> Seen | Awaitable[Seen]:
        """Count, or say what the count means."""
        if view.sender is not None or view.listener != "inbound":
            return skipped("it has a sender" if view.sender is not None else "mail that leaves is not judged")
        limit = view.policy.snapshot.clients.null_sender_per_hour
        if limit is None:
            return skipped("no limit is set")
        if view.content is not None:
            over = any(each.check == NAME and each.findings for each in view.earlier)
            return super().look(view) if over else MISS
        return self._count(view.match.mailbox, limit) if view.match is not None else skipped("no recipient of ours")

    async def _count(self, recipient: Address, limit: int) -> Seen:
        """Count one recipient of one message. Nothing is a hit before the judge has spoken."""
        try:
            count = await self._counters.count(f"null-sender:{recipient.key}", _HOUR)
        except CountersUnreachable:
            return failed("the counters can not be reached; is the SMTP parent process well?")
        if count <= limit:
            return MISS
        detail = f"{count} from the null sender within an hour, over the limit of {limit}"
        return Seen(Outcome.MISS, (Finding(RATE, WEIGHT, detail, facts={"count": str(count)}, informs=True),))

    def say(self, view: View, judged: Judgements) -> Seen:
        """Hit for each recipient over the limit to whom it is not proven genuine."""
        over = {each.recipient: each.findings[0] for each in view.earlier if each.check == NAME and each.findings}
        found = [
            Finding(RATE, WEIGHT, over[recipient].detail, recipient, over[recipient].facts)
            for recipient, one in judged.items()
            if recipient in over and one.verdict is not Verdict.GENUINE and not is_always_deliverable(view, recipient)
        ]
        return hit(*found) if found else MISS
