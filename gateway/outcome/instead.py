"""Decisions that can not be carried out as they are, and what is done instead. Pure."""

import msgspec

from gateway.mail.decisions import Action, Decision
from gateway.mail.reply import Reply
from gateway.mail.trace import RecipientTrace
from gateway.outcome.case import Case, decision_of
from gateway.policy import replies
from gateway.policy.decide import rules_for


def too_large(case: Case, decision: Decision) -> Decision:
    """Give the decision where nothing of a message was kept, so that it can neither be delivered nor quarantined."""
    because, forwarder = f"{case.content.size} octets are more than is kept", case.trace.client.forwarder
    if forwarder:
        because = f"{because}, and the trusted forwarder {forwarder} would bounce a reject"
        return msgspec.structs.replace(decision, action=Action.DROP, because=because, check="message_size")
    reply = replies.refusal("message_size")
    return Decision(Action.REJECT, because, "message_size", "OVERSIZE", score=decision.score, reply=reply)


def instead_of_reject(case: Case, each: RecipientTrace) -> Decision:
    """Give the decision where others take what this recipient refuses: quarantine, or drop at high confidence."""
    decision = decision_of(each)
    line = rules_for(case.policy, each.address).thresholds.drop
    certain = line is not None and decision.score >= line
    action = Action.DROP if certain or not case.content.kept else Action.QUARANTINE
    because = f"{decision.because}, and other recipients take the message"
    return msgspec.structs.replace(decision, action=action, because=because, reply=None, instead_of=Action.REJECT)


def quarantine_for_forwarder(case: Case, decision: Decision, answer: Reply) -> Decision:
    """Give the decision for what the next hop refused, or what can not be signed, from a trusted forwarder."""
    ours = decision.action is Action.REJECT  # it can't be signed, and was sent to nobody
    why, check = (decision.because, decision.check) if ours else (f"the next hop answered {answer.code}", "next_hop")
    because = f"{why}, and the trusted forwarder {case.trace.client.forwarder} would bounce a reject"
    return msgspec.structs.replace(decision, action=Action.QUARANTINE, because=because, check=check)
