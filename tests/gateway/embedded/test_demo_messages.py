"""The demo's messages are what they claim to be."""

import email
import email.policy
import io
import zipfile

import pytest

from gateway.checks.spam import GTUBE
from gateway.embedded.clamav import EICAR
from gateway.embedded.demo_messages import CAROL, Sample, samples
from gateway.mail.decisions import Disposition

MAX_SIZE = 100_000


@pytest.fixture
def demo() -> dict[str, Sample]:
    return {sample.name: sample for sample in samples("cafe0123", MAX_SIZE)}


def test_every_message_of_the_set_is_there(demo: dict[str, Sample]) -> None:
    assert list(demo) == [
        "clean text",
        "clean multipart with attachment",
        "EICAR test virus in a zip",
        "GTUBE spam test",
        "unknown recipient",
        "bounce with the null sender",
        "over-size, declared",
        "over-size, not declared",
        "smuggled lone dot",
        "one message, two policies",
        "outbound, from a listed network",
    ]


def test_all_but_the_smuggled_one_end_their_lines_with_crlf(demo: dict[str, Sample]) -> None:
    for name, sample in demo.items():
        bare = sample.content.replace(b"\r\n", b"").count(b"\n")
        assert bare == (1 if name == "smuggled lone dot" else 0), name


def test_the_virus_is_whole_inside_the_zip(demo: dict[str, Sample]) -> None:
    message = email.message_from_bytes(demo["EICAR test virus in a zip"].content, policy=email.policy.default)
    (attached,) = message.iter_attachments()  # type: ignore[attr-defined]
    with zipfile.ZipFile(io.BytesIO(attached.get_content())) as archive:
        assert archive.read("invoice.com") == EICAR
    assert len(EICAR) == 68


def test_the_spam_test_string_is_whole(demo: dict[str, Sample]) -> None:
    assert GTUBE in demo["GTUBE spam test"].content
    assert len(GTUBE) == 68


def test_the_bounce_is_a_delivery_report_with_the_null_sender(demo: dict[str, Sample]) -> None:
    sample = demo["bounce with the null sender"]
    message = email.message_from_bytes(sample.content, policy=email.policy.default)
    parts = [part.get_content_type() for part in message.walk()]
    assert sample.sender == ""
    assert parts[0] == "multipart/report"
    assert message["Content-Type"].params["report-type"] == "delivery-status"
    assert "message/delivery-status" in parts
    assert message["Auto-Submitted"] == "auto-replied"


def test_the_large_message_is_larger_than_the_policy_takes(demo: dict[str, Sample]) -> None:
    assert demo["over-size, declared"].declared > MAX_SIZE
    assert len(demo["over-size, not declared"].content) > MAX_SIZE


def test_a_huge_limit_is_not_put_to_the_test() -> None:
    assert "over-size, not declared" not in {sample.name for sample in samples("cafe0123", 10**9)}


def test_the_smuggled_part_is_a_whole_transaction(demo: dict[str, Sample]) -> None:
    smuggled = demo["smuggled lone dot"].content.partition(b"\n.\r\n")[2]
    assert [line.split(b":")[0] for line in smuggled.split(b"\r\n")[:3]] == [b"MAIL FROM", b"RCPT TO", b"DATA"]
    assert smuggled.endswith(b"\r\n.\r\n")


def test_two_policies_mean_two_fates(demo: dict[str, Sample]) -> None:
    sample = demo["one message, two policies"]
    assert sample.fates[CAROL] is Disposition.QUARANTINED
    assert sample.delivered_to == ("alice@example.test",)
