"""The one place where decisions are made: a pure function from what was observed to what is done.

It can be run again over a stored trace with another policy; nothing but its arguments decides.
"""

from collections.abc import Iterator

import msgspec

from gateway.backscatter import batv
from gateway.mail.address import AddressError, parse_mailbox, parse_path
from gateway.mail.decisions import Action, Decision
from gateway.mail.findings import SPEAKING, Finding, Observation, Outcome
from gateway.mail.reply import Reply
from gateway.mail.trace import Trace
from gateway.policy import attachments, precedence, replies
from gateway.policy.attachments import ATTACHMENTS
from gateway.policy.learned import FORGED
from gateway.policy.matching import Match, Policy
from gateway.policy.recipients import ALWAYS_DELIVERABLE
from gateway.policy.snapshot import CheckRule, Forwarder, Mode, Rules

# Node-wide rules: observe mode does not lift them, for a loop or a flood of octets harms whoever lets it pass.
NODE_WIDE = frozenset({"loops", "message_size"})

# These may answer before a recipient is named, where all domains enforce them (``Policy.enforced``).
EARLY = frozenset({"client_networks", "early_talker", "rates", "sending_limits"})

# The strongest word wins. A definite refusal goes before "can't tell", which goes before every way of accepting.
_STRENGTH = (
    Action.REJECT,
    Action.DROP,
    Action.DEFER,
    Action.QUARANTINE,
    Action.REDIRECT,
    Action.STRIP,
    Action.TAG,
    Action.DELIVER,
)
_OFF = CheckRule(mode=Mode.OFF)
_NOTHING = "nothing speaks against it"
_UNOPPOSED = Decision(Action.DELIVER, _NOTHING)
_NAMED = 3  # findings that the sentence names


class Verdict(msgspec.Struct, frozen=True):
    """One voice: an action, the check and finding behind it, and the reason in words."""

    action: Action
    because: str
    check: str | None = None
    symbol: str | None = None
    detail: str = ""


def match_of(policy: Policy, recipient: str) -> Match | None:
    """Give what the policy says of a recipient as it stands in a trace, or None where it is not ours."""
    try:
        address = parse_mailbox(recipient) if "@" in recipient else parse_path(f"<{recipient}>")[0]
    except AddressError:
        return None
    return policy.match(address) if address is not None else None


def rules_for(policy: Policy, recipient: str) -> Rules:
    """Give the rules for a recipient as it stands in a trace: its own, its domain's, or those of outbound mail."""
    match = match_of(policy, recipient)
    return match.rules if match is not None else policy.snapshot.outbound.rules


def decide(trace: Trace, policy: Policy, recipient: str) -> Decision:
    """Decide what is done with the message for one recipient.

    ``trace`` holds the observations and the client; ``recipient`` is an address as it stands in the trace.
    """
    rules = rules_for(policy, recipient)
    # Most have nothing to say; a rule may be about an attachment in which nothing was found.
    speaking = [
        one
        for one in trace.observations
        if one.outcome in SPEAKING or (rules.attachments and one.check == ATTACHMENTS and one.findings)
    ]
    seen = [each for one in speaking if (each := one.seen_for(recipient)) is not None]
    if not seen and rules.thresholds.tag > 0:
        return _UNOPPOSED
    scored = _scored(seen, rules)
    verdicts = [*_voices(seen, rules), _by_score(scored, rules, recipient)]
    verdict = _strongest(verdicts)
    if verdict.action is not Action.DELIVER:
        verdict, verdicts = _by_lists(verdict, verdicts, seen, trace, policy, recipient)
    observing = rules.observe or policy.snapshot.observe
    held = [each for each in verdicts if each.check in NODE_WIDE] if observing else []
    if held:
        verdict = _strongest(held)  # all other voices are only observed
    if verdict.check == FORGED and (match := match_of(policy, recipient)) is not None:
        verdict = _at_stage(verdict, policy.stage_words(match.domain_key))
    if verdict.action is Action.REJECT and (forwarder := policy.forwarder(trace.client.forwarder)):
        verdict = _for_forwarder(verdict, forwarder, trace.client.forwarder)
    if verdict.action is Action.REDIRECT:
        verdict = _redirected(verdict, rules, policy, recipient)
    observed = None
    if observing and not held and verdict.action is not Action.DELIVER:
        who = "node" if policy.snapshot.observe else "domain"
        observed = verdict.action
        verdict = Verdict(
            Action.DELIVER,
            f"the {who} only observes; else: {verdict.action}, because {verdict.because}",
            verdict.check,
            verdict.symbol,
        )
    return Decision(
        action=verdict.action,
        because=verdict.because,
        check=verdict.check,
        symbol=verdict.symbol,
        score=round(_score(scored), 2),
        reply=_reply(verdict),
        observed=observed,
    )


def early_reply(seen: Observation, policy: Policy, *, outbound: bool = False) -> Reply | None:
    """Give the answer before any recipient is named, where a check may answer then and all domains enforce it.

    Where ``outbound`` is set the rules of mail that leaves decide.
    """
    if seen.check not in EARLY:
        return None
    if outbound:
        rule = policy.snapshot.outbound.rules.checks.get(seen.check, _OFF)
        if rule.mode is not Mode.ENFORCE:
            return None
        if seen.outcome.failed and rule.on_failure is Action.DEFER:
            return replies.UNDECIDED
    elif seen.check in policy.enforced:
        rule = policy.wanted.checks[seen.check]
    else:
        return None
    if seen.outcome is not Outcome.HIT:
        return None
    return replies.later(seen.check) if rule.action is Action.DEFER else replies.refusal(seen.check)


def reason(seen: Observation) -> str:
    """Say what a hit was, for the sentence that begins with what was done."""
    if not seen.findings:
        return f"{seen.check} failed: {seen.detail}"
    finding = seen.findings[0]
    return f"{seen.check} found {finding.symbol} ({finding.detail})"


def _scored(seen: list[Observation], rules: Rules) -> list[tuple[float, str]]:
    """Give what counts towards the score: the weight of each finding, in points, and its symbol."""
    scored: list[tuple[float, str]] = []
    for each in seen:
        if each.outcome is Outcome.HIT and (rule := rules.checks.get(each.check, _OFF)).mode is Mode.SCORE:
            scored += [(weight_of(finding, rule), finding.symbol) for finding in each.findings]
    return scored


def _score(scored: list[tuple[float, str]]) -> float:
    """Add the weights up."""
    return sum([weight for weight, _ in scored])


def weight_of(finding: Finding, rule: CheckRule) -> float:
    """Give a finding's weight: the rule's, where it names the symbol, else its own."""
    return rule.weights.get(finding.symbol, finding.weight)


def _voices(seen: list[Observation], rules: Rules) -> Iterator[Verdict]:
    """Give what the failed checks and the enforced hits ask for."""
    for each in seen:
        rule = rules.checks.get(each.check, _OFF)
        if rule.mode in {Mode.OFF, Mode.OBSERVE}:
            continue
        if each.outcome.failed and rule.on_failure is Action.DEFER:
            how = "timed out" if each.outcome is Outcome.TIMEOUT else "failed"
            yield Verdict(Action.DEFER, f"{each.check} {how}: {each.detail}", each.check)
        elif rule.mode is Mode.ENFORCE and each.check == ATTACHMENTS:
            yield from (verdict for _, verdict in _of_attachments(each, rules))
        elif each.outcome is Outcome.HIT and rule.mode is Mode.ENFORCE:
            found = [one for one in each.findings if not one.informs] if rule.actions else each.findings[:1]
            yield from (_voice(each.check, finding, rule) for finding in found or [Finding(each.check.upper())])


def _of_attachments(seen: Observation, rules: Rules) -> Iterator[tuple[Finding, Verdict]]:
    """Give what each finding about an attachment asks for: by the first rule that fits it, else by its symbol."""
    for finding in seen.findings:
        rule = attachments.rule_for(finding, rules.attachments) if rules.attachments else None
        if rule is not None and not (finding.informs and rule.action is Action.DELIVER):
            because = attachments.because(rule, finding)
            yield finding, Verdict(rule.action, because, ATTACHMENTS, finding.symbol, finding.detail)
        elif rule is None and not finding.informs:
            yield finding, _voice(ATTACHMENTS, finding, rules.checks[ATTACHMENTS])


def _voice(check: str, finding: Finding, rule: CheckRule) -> Verdict:
    """Give what an enforced finding asks for: what the rule says of its symbol, or of the check as a whole."""
    because = f"{check} found {finding.symbol}"
    if finding.detail:
        because = f"{because} ({finding.detail})"
    action = rule.actions.get(finding.symbol, rule.action)
    if finding.at_most is not None and _STRENGTH.index(finding.at_most) > _STRENGTH.index(action):
        action = finding.at_most
    return Verdict(action, because, check, finding.symbol, finding.facts.get("told", finding.detail))


def to_strip(trace: Trace, policy: Policy, recipient: str) -> tuple[Finding, ...]:
    """Give the findings whose parts are taken out for a recipient, where the decision is to strip."""
    rules = rules_for(policy, recipient)
    if rules.checks.get(ATTACHMENTS, _OFF).mode is not Mode.ENFORCE:
        return ()
    return tuple(
        finding
        for one in trace.observations
        if one.check == ATTACHMENTS and (each := one.seen_for(recipient)) is not None
        for finding, verdict in _of_attachments(each, rules)
        if verdict.action is Action.STRIP
    )


def _redirected(verdict: Verdict, rules: Rules, policy: Policy, recipient: str) -> Verdict:
    """Give what a redirect comes to: the mailbox that gets what is redirected keeps its own mail, tagged."""
    target = match_of(policy, rules.redirect_to) if rules.redirect_to else None
    if target is None:
        because = f"{verdict.because}; there is no address to redirect to"
        return msgspec.structs.replace(verdict, action=Action.QUARANTINE, because=because)
    match = match_of(policy, recipient)
    if match is not None and match.mailbox.key == target.mailbox.key:
        because = f"{verdict.because}; it is for {rules.redirect_to}, to which such mail is redirected"
        return msgspec.structs.replace(verdict, action=Action.TAG, because=because)
    return verdict


def _heaviest(scored: list[tuple[float, str]]) -> str:
    """Name the three findings that weigh most, with their points."""
    weights = sorted([pair for pair in scored if pair[0]], key=lambda pair: -pair[0])  # what only informs is no reason
    named = ", ".join(f"{symbol} {weight:.1f}" for weight, symbol in weights[:_NAMED])
    return f"{named} and {len(weights) - _NAMED} more" if len(weights) > _NAMED else named


def _by_score(scored: list[tuple[float, str]], rules: Rules, recipient: str) -> Verdict:
    """Give what the score asks for. Mail to postmaster and abuse is tagged at most: they must stay reachable."""
    score, limits = _score(scored), rules.thresholds
    if score <= 0 and score < limits.tag:
        return Verdict(Action.DELIVER, _NOTHING)
    found = _heaviest(scored)
    if score < limits.tag:
        return Verdict(Action.DELIVER, f"the score {score:.1f} ({found}) stays below {limits.tag:.1f} (tag)")
    text = f"the score {score:.1f} ({found}) reaches"
    if batv.without_tag(recipient).partition("@")[0].lower() in ALWAYS_DELIVERABLE:
        return Verdict(Action.TAG, f"{text} {limits.tag:.1f} (tag), and postmaster and abuse are always deliverable")
    if limits.drop is not None and score >= limits.drop:
        return Verdict(Action.DROP, f"{text} {limits.drop:.1f} (drop)", "spam")
    if score >= limits.reject:
        return Verdict(Action.REJECT, f"{text} {limits.reject:.1f} (reject)", "spam")
    if score >= limits.quarantine:
        return Verdict(Action.QUARANTINE, f"{text} {limits.quarantine:.1f} (quarantine)", "spam")
    if limits.redirect is not None and score >= limits.redirect:
        return Verdict(Action.REDIRECT, f"{text} {limits.redirect:.1f} (redirect)", "spam")
    return Verdict(Action.TAG, f"{text} {limits.tag:.1f} (tag)", "spam")


def _strongest(verdicts: list[Verdict]) -> Verdict:
    """Give the voice that wins."""
    return min(verdicts, key=lambda voice: _STRENGTH.index(voice.action))


def _by_lists(  # noqa: PLR0913, PLR0917 - one question, all it is about
    verdict: Verdict, verdicts: list[Verdict], seen: list[Observation], trace: Trace, policy: Policy, recipient: str
) -> tuple[Verdict, list[Verdict]]:
    """Give verdict and voices with what the lists of senders lift; what they can't lift, or nothing proves, is said."""
    match = match_of(policy, recipient)
    listing = precedence.listing(trace, policy, match, recipient) if match is not None else precedence.Listing()
    if not listing.allows:
        return _unproven(verdict, listing), verdicts
    rules = rules_for(policy, recipient)
    left = [each for each in seen if each.check not in precedence.LIFTED]
    voices = [*_voices(left, rules), _by_score(_scored(left, rules), rules, recipient)]
    strongest = _strongest(voices)
    if strongest.action is Action.DELIVER:
        because = f"{listing.words}; else: {verdict.action}, because {verdict.because}"
        return Verdict(Action.DELIVER, because, "sender_lists", "ALLOWED_SENDER"), voices
    because = f"{strongest.because}; {listing.words}, which does not lift this"
    return msgspec.structs.replace(strongest, because=because), voices


def _unproven(verdict: Verdict, listing: precedence.Listing) -> Verdict:
    """Say where a list would allow the sender, were it proven."""
    if not listing.unproven:
        return verdict
    said = f"{listing.unproven[0].text} is listed as allowed, but nothing proves the sender"
    return msgspec.structs.replace(verdict, because=f"{verdict.because}; {said}")


def _at_stage(verdict: Verdict, stage: str) -> Verdict:
    """Cite the stage that an action comes from; ``stage`` is empty where an administrator has set it."""
    return msgspec.structs.replace(verdict, because=f"{verdict.because}; {stage}") if stage else verdict


def _for_forwarder(verdict: Verdict, forwarder: Forwarder, name: str) -> Verdict:
    """Turn a reject into what does not become a bounce at a trusted forwarder."""
    if verdict.check == "recipient_known":
        action = forwarder.unknown_recipient
    elif verdict.check == "clamav" and verdict.symbol == "VIRUS":
        action = forwarder.virus
    else:
        action = forwarder.other
    because = f"{verdict.because}, and the trusted forwarder {name} would bounce a reject"
    return Verdict(action, because, verdict.check, verdict.symbol, verdict.detail)


def _reply(verdict: Verdict) -> Reply | None:
    """Give what the client is told where the recipient is refused."""
    if verdict.action is Action.REJECT:
        told = verdict.detail if verdict.check in replies.TOLD else ""
        return replies.refusal(verdict.check or "", told, verdict.symbol or "")
    if verdict.action is Action.DEFER:
        return replies.later(verdict.check or "") if verdict.symbol is not None else replies.UNDECIDED
    return None
