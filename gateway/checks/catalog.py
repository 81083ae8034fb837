"""THE ordered list of checks: what runs when. Results are kept in this order, whichever check ends first."""

from collections.abc import Callable

from gateway.backscatter.ledger import Ledger
from gateway.checks.base import Check
from gateway.checks.batv import Batv
from gateway.checks.bounce_storm import BounceStorm
from gateway.checks.clamav import ClamAv
from gateway.checks.forged_bounce import ForgedBounce
from gateway.checks.judging import Judging
from gateway.checks.known_backscatterer import KnownBackscatterer
from gateway.checks.line_ends import LineEnds
from gateway.checks.loops import Loops
from gateway.checks.message_size import MessageSize
from gateway.checks.past_gateway import PastGateway
from gateway.checks.recipient_known import RecipientKnown
from gateway.checks.spam import Spam
from gateway.checks.unsolicited import Unsolicited
from gateway.checks.unverifiable_bounce import UnverifiableBounce
from gateway.mail.stages import Stage
from gateway.services.clamd import Clamd

Catalog = dict[Stage, tuple[Check, ...]]


def build(clamd: Clamd, read_secret: Callable[[str], str | None], ledger: Ledger) -> Catalog:
    """Make the checks with the services that they ask; ``read_secret`` gives a secret by its id."""
    size = MessageSize()
    judging = Judging(ledger, read_secret)
    return {
        Stage.CONNECT: (),
        Stage.HELO: (),
        Stage.MAIL: (size,),
        Stage.RCPT: (RecipientKnown(), Batv(read_secret)),
        Stage.DATA: (
            size,
            LineEnds(),
            Loops(),
            ClamAv(clamd),
            ForgedBounce(judging),
            UnverifiableBounce(judging),
            Unsolicited(judging),
            BounceStorm(judging),
            KnownBackscatterer(judging),
            PastGateway(ledger),
            Spam(),
        ),
    }
