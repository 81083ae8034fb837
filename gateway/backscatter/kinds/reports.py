"""The words of reports: abuse feedback (ARF), DMARC aggregate and failure reports, TLS reports."""

from gateway.backscatter.kinds.wording import Wording
from gateway.backscatter.words import Kind

# Articles about reports have titles too: a report's own says of whom it is, or nothing more.
_NO_TITLE = r"(?=\s*(?:$|[:\[\]()<-])| (?:for|from|of|by|on|to|domain)\b)"
WORDING = Wording(
    kind=Kind.REPORT,
    subjects=(
        (5, (
            r"(?:\[?[^\]]{1,30}\] ?)?(?:preview: ?|fw: ?)?report[- ]domain: ?\S+.{0,20}submitter: ?\S+",
        )),
        (3, (
            "report domain:", r"dmarc (?:(?:aggregate|failure|forensic) )?report\b" + _NO_TITLE,
            r".{0,40}dmarc (?:aggregate|failure|forensic|authentication) (?:report|failure)\b" + _NO_TITLE,
            ".{0,30}tls[- ]?rpt", r"(?:smtp )?tls report\b" + _NO_TITLE, "complaint about message from",
            "e-?mail feedback report",
            r"(?:abuse|feedback) report\b" + _NO_TITLE, "spam (?:report|complaint)", r"fbl\b",
            "fw: .{0,80}(?:complaint)",
            "email feedback loop", "auth(?:entication)? failure report", "failure report for",
        )),
        (2, (
            r"\[spam(?:cop)? \(", r"\[spamcop",
        )),
    ),
    senders=(
        (1, (
            "dmarc", "abuse[-_]?report", "feedback(?:loop|report|-loop)?@", "fbl[-@]", "staff@hotmail",
            "complaints", "tls-?rpt", "tlsreport", "noreply-dmarc", "postmaster",
        )),
    ),
    phrases=(
        (3, (
            "this is an email abuse report for an email message", "this is an e-mail abuse report",
            "this is an abuse report", "this is a dmarc aggregate report", "authentication failure report",
            "this is a spf/dkim authentication-failure report", "authentication-failure report", "feedback-type:",
        )),
        (2.5, (
            "email abuse report",
        )),
        (2, (
            "report domain:",
        )),
        (1, (
            "dmarc aggregate report", "feedback report", "tls report", "tls-rpt", "abuse report", "feedback loop",
            "received from ip",
        )),
        (0.5, (
            "dmarc", "dmarc report", "aggregate report",
        )),
    ),
)  # fmt: skip
