"""What sums a transaction up: its disposition, the sentence, and the reply with the id that people can quote."""

import time

from gateway.mail.decisions import Disposition
from gateway.mail.reply import Reply
from gateway.mail.trace import RecipientTrace, Trace


def finish(trace: Trace, reply: Reply | None) -> None:
    """Set what sums a transaction up: disposition, sentence, reply with the id that people can quote, duration."""
    words = {each.disposition.value for each in trace.recipients if each.disposition is not None}
    if len(words) == 1:
        trace.disposition = words.pop()
    elif words:
        trace.disposition = "mixed"
    if not trace.because:
        trace.because = _reason(trace)
    if reply is not None:
        trace.reply = with_id(trace, reply)
    trace.duration_ms = round((time.time() - trace.started) * 1000, 1)


def _reason(trace: Trace) -> str:
    """Give what completes the sentence "<disposition>, because ...": the one reason, or each with its recipients."""
    parts: dict[tuple[str, str], list[str]] = {}
    for each in trace.recipients:
        if each.disposition is not None:
            parts.setdefault((each.disposition.value, _why(each)), []).append(each.address)
    if len(parts) == 1:
        return next(iter(parts))[1]
    if trace.disposition == "mixed":
        return "; ".join(f"it was {what} for {', '.join(who)}, because {why}" for (what, why), who in parts.items())
    return "; ".join(f"{why} (for {', '.join(who)})" for (_, why), who in parts.items())


def _why(each: RecipientTrace) -> str:
    """Give the reason of one recipient: its decision's, unless the next hop had the last word."""
    if each.decision is None:
        return "the transaction ended without a message"
    if each.decision.action.relays and each.disposition is not Disposition.DELIVERED:
        return f"the next hop said {each.next_hop_reply}"
    if each.stripped:
        return f"{each.decision.because}; taken out: {', '.join(each.stripped)}"
    return each.decision.because


def with_id(trace: Trace, reply: Reply) -> Reply:
    """Give a reply as the client hears it, with the id that people can quote."""
    return trace.client.hears(Reply(reply.code, reply.enhanced, f"{reply.text}, id {trace.id}"))
