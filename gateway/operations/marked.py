"""Marks a released message that leaves as it would have been marked on its first way out, by the policy of today."""

import asyncio
import time

import msgspec
from django.conf import settings

from gateway.mail.address import parse_mailbox
from gateway.mail.message import Content
from gateway.outbound import keys, marking
from gateway.policy import codec
from gateway.policy.feed import FILE, LearnedFeed
from gateway.policy.learned import NOTHING
from gateway.policy.matching import Policy
from gateway.services import secrets
from gateway.services.ledger import ENTRIES_A_MEGABYTE, open_ledger
from gateway.spool.item import Item


class Marked(msgspec.Struct, frozen=True):
    """The envelope sender, and what stands in front of our own fields and behind them."""

    sender: str
    front: bytes = b""
    behind: bytes = b""


def marked(item: Item, recipient: str, content: Content, head: bytes, skip: int) -> Marked:
    """Mark a message from the outbound listener, and note it in the ledger; give any other one as it is.

    ``head`` stands for the first ``skip`` octets of the content. Raises MarkingError, LedgerError, PolicyError, OSError
    and the errors of signing.
    """
    if item.listener != "outbound":
        return Marked(item.sender, behind=head)
    config, now = settings.CONFIG, time.time()
    known = LearnedFeed(config.learned_folder).current or NOTHING
    policy = Policy(codec.load(config.policy_folder / FILE), known)
    sender = policy.plain(parse_mailbox(item.sender)) if item.sender else None
    address = parse_mailbox(recipient)
    marks = marking.load(policy, sender, lambda id_: secrets.read(config.secrets_folder, id_), keys.today())
    leaves = not policy.is_ours(address.domain_key)
    front, behind = asyncio.run(marks.fields(content, head, skip, sender, leaves=leaves, now=now))
    if sender is None:
        return Marked("", front, behind)
    ledger, store = open_ledger(
        config.home, config.secrets_folder, entries=config.ledger.megabytes * ENTRIES_A_MEGABYTE
    )
    with store:
        ledger.sent(item.message_id, str(sender), [recipient], now)
    return Marked(marks.sender_towards(sender, address, policy), front, behind)
