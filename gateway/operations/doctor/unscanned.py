"""Who gets mail that no virus scanner has passed, because the policy says so: that may be wanted, never unseen."""

from collections.abc import Iterator

from gateway.config import Config
from gateway.mail.decisions import Action
from gateway.operations.doctor.result import Result, warn
from gateway.policy.codec import PolicyError, load
from gateway.policy.feed import FILE
from gateway.policy.snapshot import CheckRule, Mode, Rules

_CHECK, _VIRUS = "clamav", "VIRUS"
_OFF = CheckRule(mode=Mode.OFF)


def domains(config: Config) -> Iterator[Result]:
    """Tell of each domain, and of mail that leaves, how a virus, or what nobody scanned, would be delivered."""
    try:
        snapshot = load(config.policy_folder / FILE)
    except PolicyError:
        return  # the policy's own look tells
    for name, domain in snapshot.domains.items():
        yield from _of(f"viruses {name}", domain.rules)
    yield from _of("viruses outbound", snapshot.outbound.rules)


def _of(name: str, rules: Rules) -> Iterator[Result]:
    """Tell of one set of rules."""
    rule = rules.checks.get(_CHECK, _OFF)
    if rules.observe:
        yield warn(
            name, "they are delivered: the domain only observes", "end its observe mode when you have seen enough"
        )
    elif rule.mode is not Mode.ENFORCE:
        yield warn(name, f"they may be delivered: {_CHECK} is set to {rule.mode}", f"set {_CHECK} to enforce")
    elif rule.actions.get(_VIRUS, rule.action) in {Action.DELIVER, Action.TAG}:
        action = rule.actions.get(_VIRUS, rule.action)
        yield warn(name, f"they are delivered: {_CHECK} says {_VIRUS} {action}", f"let {_VIRUS} be rejected")
    elif rule.on_failure.relays:
        yield warn(
            name,
            f"while clamd can't tell, mail is delivered unscanned: {_CHECK} says {rule.on_failure} on failure",
            "set on failure to defer",
        )
