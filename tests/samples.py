"""Makes small, whole values for tests: contents, quarantined items, traces."""

import hashlib
from pathlib import Path

import msgspec

from gateway.mail.client import Client
from gateway.mail.decisions import Action, Decision, Disposition
from gateway.mail.envelope import MailParameters
from gateway.mail.findings import Finding, Observation, Outcome
from gateway.mail.message import Content, head_of
from gateway.mail.reply import Reply
from gateway.mail.stages import Stage
from gateway.mail.trace import Event, RecipientTrace, Trace
from gateway.policy import codec, snapshot
from gateway.spool.item import Copy, Item

MESSAGE = b"From: Ann <ann@example.org>\r\nSubject: hello\r\n\r\nworld\r\n"
NODE = "gateway.example.test"
STARTED = 1_800_000_000.0


def content(octets: bytes = MESSAGE, path: Path | None = None) -> Content:
    """A content in memory, or (with a path) the same octets in a file."""
    digest = hashlib.sha256(octets).hexdigest()
    if path:
        path.write_bytes(octets)
        return Content(size=len(octets), sha256=digest, head=head_of(octets), path=path)
    return Content(size=len(octets), sha256=digest, head=head_of(octets), memory=octets)


def item(message: str = "01a", *recipients: str, octets: bytes = MESSAGE, **changes: object) -> Item:
    """A quarantined item."""
    of_recipients = recipients or ("bob@example.test",)
    made = Item(
        id=message,
        received=STARTED,
        node=NODE,
        revision=3,
        listener="inbound",
        client=Client("192.0.2.1", helo="mail.example.org"),
        sender="ann@example.org",
        parameters=MailParameters(),
        copies=tuple(Copy(recipient, "main", quarantining()) for recipient in of_recipients),
        size=len(octets),
        sha256=hashlib.sha256(octets).hexdigest(),
        header_from="Ann <ann@example.org>",
        subject="hello",
        message_id="<1@example.org>",
    )
    return msgspec.structs.replace(made, **changes)


def publish_route(home: Path, port: int, name: str = "main") -> None:
    """Publish a policy that has nothing but one route, to a port of the loopback interface."""
    route = snapshot.Route(hosts=(snapshot.NextHop("127.0.0.1", port),), tls=snapshot.TlsLevel.NEVER)
    policy = snapshot.Snapshot(revision=3, published="2026-11-21T00:00:00Z", by="test", routes={name: route})
    (home / "policy").mkdir(exist_ok=True)
    (home / "policy" / "current.json").write_bytes(codec.encode(policy))


def quarantining() -> Decision:
    """A decision to quarantine."""
    return Decision(Action.QUARANTINE, "its score is 9.0", check="spam", symbol="GTUBE", score=9.0)


def trace(message: str = "01a", *recipients: str, quarantined: bool = False, **changes: object) -> Trace:
    """A trace of a message that was delivered, or quarantined, for each recipient."""
    decision = quarantining() if quarantined else Decision(Action.DELIVER, "nothing speaks against it")
    disposition = Disposition.QUARANTINED if quarantined else Disposition.DELIVERED
    reply = Reply(250, "2.0.0", f"accepted as {message}")
    made = Trace(
        id=message,
        started=STARTED,
        node=NODE,
        revision=3,
        listener="inbound",
        client=Client("192.0.2.1", port=4711, helo="mail.example.org", esmtp=True),
        sender="ann@example.org",
        recipients=[
            RecipientTrace(
                recipient,
                route="main",
                next_hop="127.0.0.1:2526",
                next_hop_reply="250 2.0.0 queued as 4D3",
                decision=decision,
                disposition=disposition,
                reply=reply,
            )
            for recipient in recipients or ("bob@example.test",)
        ],
        observations=[
            Observation("clamav", Stage.DATA, Outcome.MISS, cost_ms=3.2),
            Observation("spam", Stage.DATA, Outcome.HIT, (Finding("GTUBE", 9.0, "the test string"),), cost_ms=0.4),
        ],
        events=[
            Event(0.0, "connected", "220 2.0.0 ready"),
            Event(1.5, "MAIL FROM:<ann@example.org>", "250 2.1.0 ok"),
            Event(9.0, "DATA", "250 2.0.0 accepted"),
        ],
        size=len(MESSAGE),
        sha256=hashlib.sha256(MESSAGE).hexdigest(),
        header_from="Ann <ann@example.org>",
        subject="hello",
        message_id="<1@example.org>",
        disposition=disposition.value,
        because=decision.because,
        reply=reply,
        duration_ms=9.1,
    )
    return msgspec.structs.replace(made, **changes)
