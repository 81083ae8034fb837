"""Asks DNS lists of backscatterers about who brings mail from the null sender, and nobody else's.

Such lists (``null_sender`` in the policy) also name hosts that bounce real mail, so that they are asked for the null
sender only, and what they say weighs at the end of DATA on bounces that are not proven genuine. The judge is told too.
A list that gives no answer says nothing; it is noted.
"""

from collections.abc import Awaitable

from gateway.backscatter.words import Verdict
from gateway.checks.base import MISS, Seen, View, hit, skipped
from gateway.checks.judging import JudgedCheck, Judgements, Judging, is_always_deliverable
from gateway.checks.listing import SYMBOLS, Lists, Plan, lists_of, remarks
from gateway.mail.findings import Finding, Outcome
from gateway.mail.stages import Stage
from gateway.policy.snapshot import ListKind
from gateway.services.dns import Resolver

NAME = "null_sender_lists"
LISTED = "NULL_SENDER_LISTED"
NO_ANSWER = "none of the DNS lists for the null sender gave an answer; doctor says how DNS servers and lists are"
_KINDS = (ListKind.NULL_SENDER,)


class NullSenderLists(JudgedCheck):
    """Asks at MAIL, and weighs at DATA."""

    name = NAME
    stages = (Stage.MAIL, Stage.DATA)
    symbols = {LISTED: "a DNS list has the host as one that sends false bounces", **SYMBOLS}

    def __init__(self, resolver: Resolver, judging: Judging) -> None:
        """Take the resolver, and share the judge with the other checks."""
        super().__init__(judging)
        self._lists = Lists(resolver, self.name, _KINDS)

    @classmethod
    def reads(cls, view: View) -> object:
        """Give the lists that are asked, and what the judge reads."""
        return lists_of(view.policy, _KINDS), super().reads(view)

    def look(self, view: View) -> Seen | Awaitable[Seen]:
        """Ask, where the sender is null and there is somebody to be asked; at DATA say what that means."""
        if view.sender is not None:
            return skipped("it has a sender")
        if view.spares_client:
            return skipped("the client is trusted")
        if view.content is not None:
            return super().look(view) if _listings(view) else skipped("no list has the host")
        plan = self._lists.plan(view.policy)
        return skipped("no DNS list for the null sender is set") if plan.is_empty else self._ask(view, plan)

    async def _ask(self, view: View, plan: Plan) -> Seen:
        """Ask all lists. Nothing is a hit before the judge has spoken."""
        said = await self._lists.ask(view, plan)
        others = tuple(remarks(plan, said))
        if said and all(each.trouble for each in said):
            return Seen(Outcome.TIMEOUT if all(each.late for each in said) else Outcome.ERROR, others, NO_ANSWER)
        listed = tuple(
            Finding(
                LISTED,
                each.points,
                f"listed by {each.zone}",
                facts={"list": each.zone, "code": each.code},
                informs=True,
            )
            for each in said
            if each.code
        )
        return Seen(Outcome.MISS, (*listed, *others))

    def say(self, view: View, judged: Judgements) -> Seen:
        """Hit for each recipient to whom it is not proven genuine."""
        found = [
            Finding(LISTED, each.weight, each.detail, recipient, each.facts)
            for recipient, one in judged.items()
            if one.verdict is not Verdict.GENUINE and not is_always_deliverable(view, recipient)
            for each in _listings(view)
        ]
        return hit(*found) if found else MISS


def _listings(view: View) -> list[Finding]:
    """Give what the lists said at MAIL."""
    seen = view.seen(NAME)
    return [each for each in seen.findings if each.symbol == LISTED] if seen is not None else []
