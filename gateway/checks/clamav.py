"""ClamAV: does it find something in the message.

The whole message, as it came, goes to clamd; where readers of it would not agree, every reading of each part goes there
as well, and so does what stands in a container that clamd does not take apart. A scanner that is down, slow or answers
nonsense is an error or a timeout, which defers by default; it is never a miss.
"""

import asyncio
from collections.abc import Iterable

from gateway.checks.base import MISS, Check, Seen, View, failed, hit, skipped, timed_out
from gateway.checks.dissecting import AT_ONCE, Dissecting, opened
from gateway.checks.streams import streams_of
from gateway.mail.findings import Finding
from gateway.mail.message import Content
from gateway.mail.stages import Stage
from gateway.mime.words import Anatomy
from gateway.services.clamd import Clamd, ScannerError, ScannerTimeout, ScanResult, Verdict

_SPARE_SECONDS = 0.5  # what of the time that is left is kept, so that the check itself can tell what took it
_MOST = 5  # findings of one message
_SYMBOLS = {
    Verdict.VIRUS: ("VIRUS", 20.0),
    Verdict.LIMITS: ("SCAN_LIMITS", 10.0),
    Verdict.ENCRYPTED: ("ENCRYPTED", 5.0),
    Verdict.ENCRYPTED_DOCUMENT: ("ENCRYPTED_DOCUMENT", 3.0),
    Verdict.HEURISTIC: ("HEURISTIC", 8.0),
    Verdict.TOO_LARGE: ("SCAN_TOO_LARGE", 10.0),
}


class ClamAv(Check):
    """Asks clamd."""

    name = "clamav"
    stages = (Stage.DATA,)
    symbols = {
        "VIRUS": "clamd knows a signature that fits",
        "SCAN_LIMITS": "clamd, or we before it, gave up at a limit, so that the rest was not looked at",
        "SCAN_TOO_LARGE": "it is larger than clamd takes (StreamMaxLength), so that it was not looked at",
        "ENCRYPTED": "something in it can only be opened with a password, so that clamd could not look inside",
        "ENCRYPTED_DOCUMENT": "a PDF in it can only be opened with a password",
        "HEURISTIC": "no signature fits, but clamd finds it odd: phishing, broken files",
    }

    def __init__(self, clamd: Clamd, dissecting: Dissecting) -> None:
        """Take the scanner, whose own time-outs bound the check, and what takes messages apart."""
        self.clamd = clamd
        self._dissecting = dissecting

    @classmethod
    def reads(cls, view: View) -> object:
        """Give whether it is small enough to be scanned."""
        return view.content is None or view.content.size <= view.policy.snapshot.max_size

    async def look(self, view: View) -> Seen:
        """Hit with what clamd calls it."""
        if view.content is None:
            return skipped("no content")
        if view.content.size > view.policy.snapshot.max_size:
            return skipped("larger than the node accepts; refused without a scan")
        try:
            findings = await self._findings(view, view.content)
        except ScannerTimeout as error:
            return timed_out(str(error))
        except ScannerError as error:
            return failed(str(error))
        return hit(*findings) if findings else MISS

    async def _findings(self, view: View, content: Content) -> list[Finding]:
        """Scan the message, then what clamd may not have found in it; a virus ends it. Raises ScannerError, OSError."""
        result = await self.clamd.scan(content, who=view.client.ip, until=_until(view))
        findings = [] if result.clean else [_finding(result)]
        if result.verdict is Verdict.VIRUS:
            return findings
        anatomy = self._dissecting.of(view)
        if not isinstance(anatomy, Anatomy):
            anatomy = await asyncio.shield(anatomy)
        findings += await self._of_parts(view, content, anatomy)
        return _told_once(findings)

    async def _of_parts(self, view: View, content: Content, anatomy: Anatomy) -> list[Finding]:
        """Scan each reading of each part that clamd must be shown. Raises ScannerError, OSError."""
        streams, left_out = streams_of(anatomy)
        findings = [Finding("SCAN_LIMITS", 10.0, left_out)] if left_out else []
        if not streams:
            return findings
        with opened(content) as raw:
            for stream in streams:
                threaded = content.memory is None or stream.cost > AT_ONCE
                result = await self.clamd.scan_stream(
                    stream.opened(raw), threaded=threaded, who=view.client.ip, until=_until(view)
                )
                if result.verdict is Verdict.VIRUS:
                    return [_finding(result, stream.words)]
                if not result.clean:
                    findings.append(_finding(result, stream.words))
        return findings


def _until(view: View) -> float | None:
    """Give the loop time until which it may take."""
    return None if view.deadline is None else view.deadline - _SPARE_SECONDS


def _finding(result: ScanResult, where: str = "") -> Finding:
    """Give what clamd said as a finding; ``where`` says in which part."""
    symbol, weight = _SYMBOLS[result.verdict]
    # Where it was found is ours to know; the client is told the name.
    facts = {"name": result.name} | ({"part": where, "told": result.name} if where else {})
    return Finding(symbol, weight, f"{result.name}, {where}" if where else result.name, facts=facts)


def _told_once(findings: Iterable[Finding]) -> list[Finding]:
    """Give each thing that was found once, however many readings show it; one of each symbol at least."""
    kept: dict[tuple[str, str], Finding] = {}
    symbols: set[str] = set()
    for each in findings:
        if each.symbol in symbols and len(kept) >= _MOST:
            continue
        symbols.add(each.symbol)
        kept.setdefault((each.symbol, each.facts.get("name", "")), each)
    return list(kept.values())
