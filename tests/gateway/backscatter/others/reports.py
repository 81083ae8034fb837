"""Reports that servers exchange: DMARC aggregates, TLS reports, abuse feedback, as other programs compose them."""

import base64
import re
import runpy
import sys
from collections.abc import Iterator

from tests.gateway.backscatter.others import amavis, places

OPENDMARC = "deb/opendmarc/usr/sbin/opendmarc-reports"
RSPAMD = "deb/rspamd/usr/share/rspamd/lualib/rspamadm/dmarc_report.lua"
AMAVIS = "deb/amavisd-new/etc/amavis/*/template-problem-feedback.txt"
EXPORTER = "dmarc_metrics_exporter-*/dmarc_metrics_exporter/tests/sample_emails.py"
DOMAINS = ("example.org", "mail.example.com", "xn--bcher-kva.example", "a-b.example.net", "example.co.uk")
ZIP = base64.encodebytes(b"PK\x03\x04" + bytes(range(200))).decode()


def of_opendmarc() -> Iterator[bytes]:
    """What opendmarc-reports writes: its own lines, read out of the program."""
    (path,) = places.needed(OPENDMARC)
    lines = re.findall(r"^\s*\$mailout\s*\.?=\s*(.*);$", path.read_text("utf-8"), re.MULTILINE)
    for domain in DOMAINS:
        values = {
            "repdest": f"dmarc@{domain}", "repemail": "postmaster@far.test", "domain": domain, "repdom": "far.test",
            "report_id": f"{domain}-1790000000@far.test", "progname": "opendmarc-reports", "version": "1.4.2",
            "datestr": "Mon, 21 Sep 2026 10:00:00 +0000 (UTC)", "boundary": "report_section",
            "zipfile": f"far.test!{domain}!1789913600!1790000000.zip",
        }  # fmt: skip
        yield "".join(_perl(line, values) for line in lines).encode()


def _perl(said: str, values: dict[str, str]) -> str:
    """Evaluate a concatenation of Perl strings and variables."""
    text = ""
    for quoted, name, called in re.findall(r'"((?:[^"\\]|\\.)*)"|\$(\w+)|(encode_base64|localtime)\(', said):
        if called:
            text += ZIP if called == "encode_base64" else "Mon Sep 21 10:00:00 2026"
        elif name:
            text += values.get(name, "")
        else:
            plain = quoted.replace("\\n", "\n").replace('\\"', '"')
            text += re.sub(r"\$(\w+)", lambda match: values.get(match[1], ""), plain)
    return text


def of_rspamd() -> Iterator[bytes]:
    """What ``rspamadm dmarc_report`` sends: its template, filled in."""
    (path,) = places.needed(RSPAMD)
    lua = path.read_text("utf-8")
    template, footer = (
        re.search(rf"local {name} = \[\[\n?(.*?)\]\]", lua, re.DOTALL)[1]  # type: ignore[index]
        for name in ("report_template", "report_footer")
    )
    for domain in DOMAINS:
        values = {
            "from_name": "Rspamd", "from_addr": "noreply-dmarc@far.test", "rcpt": f"dmarc@{domain}",
            "submitter": "far.test", "reporting_domain": domain, "report_id": "far.test.1790000000", "uuid": "0123abcd",
            "message_id": "1@far.test",
            "report_date": "Mon, 21 Sep 2026 10:00:00 +0000", "report_start": "1789913600", "report_end": "1790000000",
        }  # fmt: skip
        filled = re.sub(r"\{%.*?%\}\n?", "", re.sub(r"\{%\+ if .*?%\}.*?\{%- endif %\}\n", "", template + ZIP + footer))
        yield re.sub(r"\{=\s*(\w+)\s*=\}", lambda match: values[match[1]], filled).encode()  # noqa: B023 - used at once


def of_exporter() -> Iterator[bytes]:
    """The reports on which dmarc-metrics-exporter tests itself, composed by its own code."""
    (path,) = places.needed(EXPORTER)
    root = str(path.parents[2])
    sys.path.insert(0, root)
    try:
        made = runpy.run_path(str(path))
    finally:
        sys.path.remove(root)
    for name in ("xml_report", "zip_report", "gzip_report", "xml_report_2_0", "zip_report_2_0", "gzip_report_2_0"):
        if f"create_{name}" in made:
            yield made["create_email_with_attachment"](made[f"create_{name}"]()).as_bytes()
    for subtype in ("x-zip-compressed", "octet-stream"):
        yield made["create_email_with_attachment"](made["create_zip_report"](subtype=subtype)).as_bytes()
    yield made["create_email_with_attachment"](made["create_gzip_report"](subtype="x-gzip")).as_bytes()


def of_tlsrpt() -> Iterator[bytes]:
    """What tlsrpt-reporter sends, composed by its own class in the order of its own code (RFC 8460)."""
    (path,) = places.needed("tlsrpt_reporter-*/tlsrpt_reporter/tlsrpt.py")
    wanted = re.search(r"^class EmailReport\(.*?(?=^class )", path.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    assert wanted is not None
    names: dict[str, object] = {}
    exec("import email.message\n" + wanted[0], names)  # noqa: S102 - the pinned archive's own class
    for domain in DOMAINS:
        message = names["EmailReport"]()  # type: ignore[operator]
        message["Subject"] = (
            f"Report Domain: {domain} Submitter: far.test Report-ID: <2026-09-20T00:00:00Z_idx1_{domain}@far.test>"
        )
        message["From"] = "tlsrpt@far.test"
        message["To"] = f"tls@{domain}"
        for name, value in (
            ("TLS-Report-Domain", domain),
            ("TLS-Report-Submitter", "far.test"),
            ("TLS-Required", "No"),
        ):
            message.add_header(name, value)
        message.set_content("This is an aggregate TLS report from far.test", charset="ascii")
        name = f"far.test!{domain}!1789913600!1790000000!1.json.gz"
        message.add_attachment(b"\x1f\x8b" + bytes(99), maintype="application", subtype="tlsrpt+gzip", filename=name)
        kind = message.get_header("Content-Type").replace("multipart/mixed", "multipart/report; report-type=tlsrpt")
        message.replace_header("Content-Type", kind)
        yield message.as_bytes()


FEEDBACK = ("abuse", "dkim", "fraud", "miscategorized", "not-spam", "opt-out", "virus", "other")


def of_amavis() -> Iterator[bytes]:
    """What amavis reports of a message, by feedback type (RFC 5965)."""
    for path in places.needed(AMAVIS):
        template = path.read_text("utf-8").partition("[~")[0]
        for feedback in FEEDBACK:
            names: amavis.Names = {
                "f": "postmaster@far.test", "d": "Mon, 21 Sep 2026 10:00:00 +0000", "j": "the offer", "i": "1",
                "h": "mx.far.test", "T": ["abuse@example.org"], "a": "192.0.2.7",
                "client_addr_port": "[192.0.2.7]:4711", "s": "<alice@example.org>",
                "feedback_type": feedback, "n": "24242-08", "m": "<20261101.77@example.org>",
                "header_field|From": "Alice <alice@example.org>", "header_field|Subject": "the offer",
            }  # fmt: skip
            head, _, text = amavis.expand(template, names).strip().partition("\n\n")
            fields = "\n".join(line for line in head.splitlines() if line.strip())
            yield (
                f"{fields}\nMIME-Version: 1.0\n"
                "Content-Type: multipart/report; report-type=feedback-report; boundary=b1\n\n"
                f"--b1\nContent-Type: text/plain; charset=us-ascii\n\n{text}\n\n--b1\n"
                "Content-Type: message/feedback-report\n\n"
                f"Version: 1\nFeedback-Type: {feedback}\nUser-Agent: amavisd-new/2.13.0\n"
                "Reporting-MTA: dns; mx.far.test\n\n"
                "--b1\nContent-Type: message/rfc822\n\nFrom: alice@example.org\nSubject: the offer\n\nbuy\n--b1--\n"
            ).encode()
