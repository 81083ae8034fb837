"""THE ordered list of checks: what runs when. Results are kept in this order, whichever check ends first."""

import functools
from collections.abc import Callable, Mapping

import msgspec

from gateway.backscatter.ledger import Ledger
from gateway.checks.arc import Arc
from gateway.checks.attachments import Attachments
from gateway.checks.authenticating import Authenticating
from gateway.checks.base import Check
from gateway.checks.batv import Batv
from gateway.checks.bounce_storm import BounceStorm
from gateway.checks.clamav import ClamAv
from gateway.checks.client_networks import ClientNetworks
from gateway.checks.dissecting import Dissecting
from gateway.checks.dkim import Dkim
from gateway.checks.dmarc import Dmarc
from gateway.checks.dns_lists import DnsLists
from gateway.checks.early_talker import EarlyTalker
from gateway.checks.forged_bounce import ForgedBounce
from gateway.checks.greylisting import Greylisting
from gateway.checks.helo import Helo
from gateway.checks.judging import Judging
from gateway.checks.known_backscatterer import KnownBackscatterer
from gateway.checks.line_ends import LineEnds
from gateway.checks.loops import Loops
from gateway.checks.message_size import MessageSize
from gateway.checks.mime import Mime
from gateway.checks.null_sender_lists import NullSenderLists
from gateway.checks.null_sender_rate import NullSenderRate
from gateway.checks.own_sender import OwnSender
from gateway.checks.past_gateway import PastGateway
from gateway.checks.rates import Rates
from gateway.checks.recipient_known import RecipientKnown
from gateway.checks.reverse_dns import ReverseDns
from gateway.checks.rspamd import Rspamd
from gateway.checks.sender_domain import SenderDomain
from gateway.checks.sender_lists import SenderLists
from gateway.checks.sending_limits import SendingLimitsCheck
from gateway.checks.spam import Spam
from gateway.checks.spamassassin import SpamAssassin
from gateway.checks.spf import Spf
from gateway.checks.unsolicited import Unsolicited
from gateway.checks.unverifiable_bounce import UnverifiableBounce
from gateway.config import Config
from gateway.mail.stages import Stage
from gateway.services.clamd import Clamd
from gateway.services.counters import Counters
from gateway.services.dns import Resolver
from gateway.services.engines import Engine
from gateway.services.engines.configured import engines
from gateway.services.inspector import Inspector
from gateway.services.ldap import Directory

Catalog = dict[Stage, tuple[Check, ...]]


# Checks that ask DNS for what strangers publish: that one of them can't tell is mostly a stranger's trouble.
ASK_DNS = frozenset({"arc", "dkim", "dmarc", "helo", "own_sender", "reverse_dns", "sender_domain", "spf"})


class Services(msgspec.Struct, frozen=True):
    """What checks may ask. ``read_secret`` gives a secret by its id; ``engines`` are by the names of their checks."""

    clamd: Clamd
    read_secret: Callable[[str], str | None]
    ledger: Ledger
    resolver: Resolver
    counters: Counters
    directory: Directory | None = None  # where the process has one that it can make forget
    engines: Mapping[str, Engine] = {}  # where the process has them to close
    inspector: Inspector | None = None  # the same


def build(services: Services) -> Catalog:
    """Make the checks with the services that they ask."""
    size, sending = MessageSize(), SendingLimitsCheck(services.counters)
    early_talker = EarlyTalker()
    judging = Judging(services.ledger, services.read_secret)
    authenticating = Authenticating(services.resolver)
    dissecting = Dissecting()
    sender_lists, own_sender = SenderLists(), OwnSender(services.read_secret, authenticating)
    null_sender_lists = NullSenderLists(services.resolver, judging)
    null_sender_rate = NullSenderRate(services.counters, judging)
    greylisting = Greylisting(services.counters, services.ledger)
    asked = services.engines or engines(Config(), services.read_secret)
    return {
        Stage.CONNECT: (ClientNetworks(), early_talker, ReverseDns(services.resolver), DnsLists(services.resolver)),
        Stage.HELO: (early_talker, Helo(services.resolver)),
        Stage.MAIL: (
            size,
            Rates(services.counters),
            sending,
            SenderDomain(services.resolver),
            Spf(services.resolver),
            null_sender_lists,
        ),
        Stage.RCPT: (
            RecipientKnown(services.directory or Directory(services.read_secret)),
            sender_lists,
            own_sender,
            Batv(services.read_secret),
            null_sender_rate,
            greylisting,
            sending,
        ),
        Stage.DATA: (
            size,
            LineEnds(),
            Loops(),
            sender_lists,
            own_sender,
            Dkim(authenticating),
            Arc(authenticating),
            Dmarc(authenticating, services.resolver),
            Mime(dissecting),
            Attachments(dissecting, services.inspector or Inspector()),
            ClamAv(services.clamd, dissecting),
            ForgedBounce(judging),
            UnverifiableBounce(judging),
            Unsolicited(judging),
            BounceStorm(judging),
            KnownBackscatterer(judging),
            null_sender_lists,
            null_sender_rate,
            greylisting,
            PastGateway(services.ledger),
            Rspamd(asked["rspamd"], authenticating),
            SpamAssassin(asked["spamassassin"], authenticating),
            Spam(),
        ),
    }


@functools.cache
def classes() -> Mapping[str, type[Check]]:
    """Give the class of each check in the list, by its name."""
    known = (each for each in globals().values() if isinstance(each, type) and issubclass(each, Check))
    return {each.name: each for each in known if hasattr(each, "name")}
