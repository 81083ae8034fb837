"""SpamAssassin: what does its spamd think of the message.

It costs about 55 times the processor time of rspamd. It is handed the message as it would be delivered, with our
Received field in front, from which it knows the client; each of its rules is a finding with its own points. Down, slow
or nonsense is an error or a timeout, which defers by default.
"""

from gateway.checks.opinions import AsksEngine
from gateway.services.engines.spamassassin_protocol import REST


class SpamAssassin(AsksEngine):
    """Asks spamd."""

    name = "spamassassin"
    symbols = {REST: "what spamd's total differs by from the sum of its rules"}
