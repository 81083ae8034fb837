"""Read receipts: Roundcube's and Thunderbird's, in all the languages that they are written in (RFC 8098)."""

import re
import zipfile
from collections.abc import Iterator

from tests.gateway.backscatter.others import notices, places

ROUNDCUBE = "deb/roundcube-core/usr/share/roundcube/program/localization/*/labels.inc"
THUNDERBIRD = "deb/thunderbird-l10n-*/usr/lib/thunderbird/**/*.xpi"
_LABEL = re.compile(r"^\$labels\['(\w+)'\]\s*=\s*'((?:[^'\\]|\\.)*)';", re.MULTILINE)
_TEXTS = ("MsgMdnDisplayed", "MsgMdnDispatched", "MsgMdnProcessed", "MsgMdnDeleted", "MsgMdnDenied")


def _receipt(head: list[str], text: str, disposition: str) -> bytes:
    """A receipt of two parts."""
    kind = "multipart/report; report-type=disposition-notification"
    fields = "\n".join([*head, "MIME-Version: 1.0", f'Content-Type: {kind}; boundary="b1"'])
    return (
        f"{fields}\n\n--b1\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n{text}\n"
        f"--b1\nContent-Type: message/disposition-notification\nContent-Disposition: inline\n\n"
        "Reporting-UA: far.test; mail\nFinal-Recipient: rfc822;carol@far.test\n"
        f"Original-Message-ID: <20261101.77@example.org>\n"
        f"Disposition: manual-action/MDN-sent-manually; {disposition}\n\n--b1--\n"
    ).encode()


def of_roundcube() -> Iterator[bytes]:
    """Roundcube's receipt in each language that has words for it."""
    for path in places.needed(ROUNDCUBE):
        labels = {name: said.replace("\\'", "'") for name, said in _LABEL.findall(path.read_text("utf-8"))}
        if "receiptread" in labels and "receiptnote" in labels:
            to = f"\t{labels.get('to', '')}: carol@far.test"
            text = f"{labels.get('yourmessage', '')}\n\n{to}\n\n{labels['receiptnote']}"
            head = [
                "From: Carol <carol@far.test>", "To: alice@example.org", "In-Reply-To: <20261101.77@example.org>",
                f"Subject: {notices.encoded(labels['receiptread'] + ': the offer')}",
                "References: <20261101.77@example.org>",
                "User-Agent: Roundcube Webmail/1.6.5", "X-Sender: carol@far.test",
            ]  # fmt: skip
            yield _receipt(head, text, "displayed")


def properties(name: str) -> Iterator[dict[str, str]]:
    """A file of Thunderbird's texts in each language."""
    for path in places.needed(THUNDERBIRD):
        with zipfile.ZipFile(path) as archive:
            member = next(each for each in archive.namelist() if each.endswith(name))
            yield dict(re.findall(r"^(\w+)\s*=\s*(.*)$", archive.read(member).decode("utf-8"), re.MULTILINE))


def of_thunderbird() -> Iterator[bytes]:
    """Thunderbird's receipts: displayed, dispatched, processed, deleted, denied."""
    for said in properties("/msgmdn.properties"):
        for text in _TEXTS:
            state = text.removeprefix("MsgMdn")
            title = said.get(f"Mdn{state}Receipt", "")
            head = [
                "From: Carol <carol@far.test>", "To: alice@example.org", "In-Reply-To: <20261101.77@example.org>",
                f"Subject: {notices.encoded(title)} - the offer", "References: <20261101.77@example.org>",
            ]  # fmt: skip
            sent_to = said.get("MsgMdnMsgSentTo", "").replace("%S", "carol@far.test")
            yield _receipt(head, f"{sent_to}\n\n{said.get(text, '')}", state.lower())
