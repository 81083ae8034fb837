"""ClamAV: does it find something in the message.

The whole message, as it came, goes to clamd. A scanner that is down, slow or answers nonsense is an error or a timeout,
which defers by default; it is never a miss.
"""

from gateway.checks.base import MISS, Check, Seen, View, failed, hit, skipped, timed_out
from gateway.mail.findings import Finding
from gateway.mail.stages import Stage
from gateway.services.clamd import Clamd, ScannerError, ScannerTimeout, Verdict


class ClamAv(Check):
    """Asks clamd."""

    name = "clamav"
    stages = (Stage.DATA,)
    symbols = {
        "VIRUS": "clamd knows a signature that fits",
        "SCAN_LIMITS": "clamd gave up at one of its limits, so that the rest was not looked at",
    }

    def __init__(self, clamd: Clamd) -> None:
        """Take the scanner; its own time-out bounds the check."""
        self.clamd = clamd

    async def look(self, view: View) -> Seen:
        """Hit with the signature's name."""
        if view.content is None:
            return skipped("no content")
        if view.content.size > view.policy.snapshot.max_size:
            return skipped("larger than the node accepts; refused without a scan")
        try:
            result = await self.clamd.scan(view.content)
        except ScannerTimeout as error:
            return timed_out(str(error))
        except ScannerError as error:
            return failed(str(error))
        if result.verdict is Verdict.CLEAN:
            return MISS
        if result.verdict is Verdict.LIMITS:
            return hit(Finding("SCAN_LIMITS", 10.0, result.name))
        return hit(Finding("VIRUS", 20.0, result.name))
