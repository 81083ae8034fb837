"""Who may send as whom. Mail that leaves carries our name: a sender that is not ours would make us the forger."""

from gateway.mail.address import Address
from gateway.mail.client import Client
from gateway.mail.reply import Reply
from gateway.policy.matching import Policy

NOT_YOURS = Reply(553, "5.7.1", "your account may not send as this address")
NOT_OURS = Reply(553, "5.7.1", "the sender's domain is none of ours")
NO_NULL_SENDER = Reply(553, "5.7.1", "an account needs a sender address")


def sender_refusal(policy: Policy, client: Client, sender: Address | None) -> Reply | None:
    """Give the refusal of a sender, or None where it is allowed.

    An account sends only as the addresses mapped to it; a listed network as any address of ours, or as the
    null sender, which its own mail server's delivery reports need.
    """
    if client.account:
        if sender is None:
            return NO_NULL_SENDER
        return None if policy.may_send_as(client.account, sender) else NOT_YOURS
    if sender is None or policy.is_ours(sender.domain_key):
        return None
    return NOT_OURS
