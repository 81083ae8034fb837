"""To whom a domain tells what was quarantined. Pure.

It is told by mail, once a day, and within our own domains only: never to whoever sent it.
"""

import enum

from gateway.policy.actions import Look, target_fault


class DigestTo(enum.StrEnum):
    """Who gets the digest of a domain: nobody, one address that the policy names, or each recipient their own."""

    NONE = "none"
    ADMINISTRATOR = "administrator"
    RECIPIENTS = "recipients"


def digest_fault(to: str, address: str, policy: Look) -> tuple[str, str, str] | None:
    """Give the key of a domain's digest that is wrong, what is wrong with it and the remedy; None where nothing is.

    ``address`` is ``digest_to``: it gets the administrator's digest, or recipients are told to ask there.
    """
    if address:
        wrong = target_fault(address, policy)
        return ("digest_to", *wrong) if wrong else None
    if to == DigestTo.ADMINISTRATOR:
        reason = "the digest goes to the administrator, and digest_to is empty"
        return "digest", reason, "give the address of ours that gets it"
    return None
