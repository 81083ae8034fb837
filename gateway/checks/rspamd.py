"""Rspamd: what does it think of the message.

It is handed the message with envelope, client, and what SPF and DKIM have said here; each of its symbols is a finding
with rspamd's own points. Its actions are only noted: the policy's thresholds decide. Down, slow or nonsense is an error
or a timeout, which defers by default.
"""

from gateway.checks.opinions import AsksEngine
from gateway.services.engines.rspamd_protocol import REST


class Rspamd(AsksEngine):
    """Asks rspamd."""

    name = "rspamd"
    action = "RSPAMD_ACTION"
    symbols = {
        REST: "what rspamd's total differs by from the sum of its symbols",
        action: "what rspamd itself would do; nobody does it",
    }
