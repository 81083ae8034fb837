"""Line ends: is every one of them CRLF.

Servers disagree on what a bare CR or LF around a lone dot means; that is how a second message is smuggled behind
the first (CVE-2023-51764 and its kin). Odd forms around a lone dot are always a hit; other bare CR or LF is mended
where the policy lists the client's network, else a hit as well.
"""

from gateway.checks.base import MISS, Check, Seen, View, hit, skipped
from gateway.mail.findings import Finding
from gateway.mail.stages import Stage


class LineEnds(Check):
    """Looks at what the reader of DATA noticed."""

    name = "line_ends"
    stages = (Stage.DATA,)
    symbols = {
        "SMUGGLED_DOT": "a lone dot stands between line ends that are not CRLF",
        "BARE_LF": "a line feed without a carriage return",
        "BARE_CR": "a carriage return without a line feed",
    }

    @classmethod
    def reads(cls, view: View) -> object:
        """Give whether the client's line ends are mended."""
        return view.policy.mends_line_ends(view.client.ip)

    def look(self, view: View) -> Seen:
        """Hit with each odd form found."""
        if view.content is None:
            return skipped("no content")
        ends = view.content.line_ends
        if ends.lone_dot:
            return hit(Finding("SMUGGLED_DOT", 10.0, f"lone dot in {ends.lone_dot}"))
        if not (ends.bare_lf or ends.bare_cr):
            return MISS
        if view.policy.mends_line_ends(view.client.ip):
            return skipped("mended: the policy lists the client's network")
        found = []
        if ends.bare_lf:
            found.append(Finding("BARE_LF", 3.0, f"{ends.bare_lf} bare LF"))
        if ends.bare_cr:
            found.append(Finding("BARE_CR", 3.0, f"{ends.bare_cr} bare CR"))
        return hit(*found)
