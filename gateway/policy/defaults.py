"""What each check means where nobody has said anything else. The names here are all the check names there are.

A published snapshot lists every check, so that it can be read without this module; what an older snapshot does not
know yet is filled in from here when it is read, for a check that is missing must not be a check that is off.
"""

import msgspec

from gateway.mail.decisions import Action
from gateway.policy.snapshot import CheckRule, Mode, Rules, Thresholds

THRESHOLDS = Thresholds()

# Inbound: what holds for a new domain.
CHECKS: dict[str, CheckRule] = {
    "client_networks": CheckRule(mode=Mode.ENFORCE, action=Action.REJECT),
    "early_talker": CheckRule(mode=Mode.ENFORCE, action=Action.REJECT),
    "dns_lists": CheckRule(mode=Mode.SCORE, on_failure=Action.DELIVER),
    "rates": CheckRule(mode=Mode.ENFORCE, action=Action.DEFER, on_failure=Action.DEFER),
    "sending_limits": CheckRule(mode=Mode.ENFORCE, action=Action.DEFER, on_failure=Action.DEFER),
    "reverse_dns": CheckRule(mode=Mode.SCORE, on_failure=Action.DELIVER),
    "helo": CheckRule(mode=Mode.SCORE, on_failure=Action.DELIVER),
    "recipient_known": CheckRule(mode=Mode.ENFORCE, action=Action.REJECT),
    "sender_lists": CheckRule(mode=Mode.ENFORCE, action=Action.REJECT),
    "own_sender": CheckRule(mode=Mode.SCORE, on_failure=Action.DELIVER),
    "batv": CheckRule(mode=Mode.OBSERVE),
    "sender_domain": CheckRule(mode=Mode.SCORE, on_failure=Action.DELIVER),
    "spf": CheckRule(mode=Mode.SCORE, on_failure=Action.DELIVER),
    "message_size": CheckRule(mode=Mode.ENFORCE, action=Action.REJECT),
    "line_ends": CheckRule(mode=Mode.ENFORCE, action=Action.REJECT),
    "loops": CheckRule(mode=Mode.ENFORCE, action=Action.REJECT),
    "dkim": CheckRule(mode=Mode.SCORE, on_failure=Action.DELIVER),
    "arc": CheckRule(mode=Mode.SCORE, on_failure=Action.DELIVER),
    "dmarc": CheckRule(mode=Mode.SCORE, on_failure=Action.DELIVER),
    "mime": CheckRule(mode=Mode.SCORE, on_failure=Action.DEFER),
    "attachments": CheckRule(
        mode=Mode.ENFORCE,
        action=Action.QUARANTINE,
        on_failure=Action.DEFER,
        # Ordinary mail has such documents: banks encrypt, forms have scripts.
        actions={"ATTACHMENT_ENCRYPTED": Action.TAG, "ATTACHMENT_ACTIVE": Action.TAG},
    ),
    "clamav": CheckRule(
        mode=Mode.ENFORCE,
        action=Action.REJECT,
        on_failure=Action.DEFER,
        # What nobody could look into is neither a virus nor clean: a person decides.
        actions={
            "SCAN_LIMITS": Action.QUARANTINE,
            "ENCRYPTED": Action.QUARANTINE,
            "ENCRYPTED_DOCUMENT": Action.TAG,
            "HEURISTIC": Action.QUARANTINE,
            "SCAN_TOO_LARGE": Action.QUARANTINE,
        },
    ),
    "forged_bounce": CheckRule(mode=Mode.OBSERVE, action=Action.QUARANTINE),
    "unverifiable_bounce": CheckRule(mode=Mode.ENFORCE, action=Action.TAG, on_failure=Action.DELIVER),
    "unsolicited": CheckRule(mode=Mode.ENFORCE, action=Action.TAG, on_failure=Action.DELIVER),
    "bounce_storm": CheckRule(mode=Mode.ENFORCE, action=Action.QUARANTINE, on_failure=Action.DELIVER),
    "known_backscatterer": CheckRule(mode=Mode.SCORE, on_failure=Action.DELIVER),
    "null_sender_lists": CheckRule(mode=Mode.SCORE, on_failure=Action.DELIVER),
    "null_sender_rate": CheckRule(mode=Mode.SCORE, on_failure=Action.DELIVER),
    "greylisting": CheckRule(mode=Mode.OFF, action=Action.DEFER, on_failure=Action.DELIVER),
    "past_gateway": CheckRule(mode=Mode.OBSERVE),
    "rspamd": CheckRule(mode=Mode.OFF),
    "spamassassin": CheckRule(mode=Mode.OFF),
    "spam": CheckRule(mode=Mode.SCORE),
}

# Outbound: what our senders may do is another question. What they encrypt themselves leaves, and the trace says so.
OUTBOUND_CHECKS: dict[str, CheckRule] = {
    **CHECKS,
    "attachments": msgspec.structs.replace(
        CHECKS["attachments"], actions=dict.fromkeys(CHECKS["attachments"].actions, Action.DELIVER)
    ),
    "clamav": msgspec.structs.replace(
        CHECKS["clamav"],
        actions={**CHECKS["clamav"].actions, "ENCRYPTED": Action.DELIVER, "ENCRYPTED_DOCUMENT": Action.DELIVER},
    ),
}


def complete(rules: Rules, checks: dict[str, CheckRule]) -> Rules:
    """Give rules in which every check is listed, in the order of ``checks``; what ``rules`` says itself stands."""
    if checks.keys() <= rules.checks.keys():
        return rules
    return msgspec.structs.replace(rules, checks={**checks, **rules.checks})
