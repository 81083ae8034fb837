import re
import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.backscatter import batv
from gateway.backscatter.judge import Tools, judge, judge_for, read
from gateway.backscatter.ledger import PROOFS
from gateway.backscatter.words import Evidence, Force, Judged, Kind, SecretGoneError, Verdict
from tests.gateway.backscatter import bounces
from tests.gateway.backscatter.bounces import ALICE, BOB, DAY, FAR, KEY, NOW, TODAY, ledger, original, sealed, signed

Form = Callable[[bytes], bytes]
BARE = bounces.rfc3464(original())
VACATION = (
    b"From: Carol <carol@far.test>\r\nTo: alice@example.org\r\nSubject: Out of office\r\n"
    b"Auto-Submitted: auto-replied\r\nMessage-ID: <v1@far.test>\r\n\r\nI am on vacation until Monday.\r\n"
)


def judged(raw: bytes, recipient: str = ALICE, sender: str | None = "", tools: Tools | None = None) -> Judged:
    return judge(raw, recipient, sender=sender, tools=tools or bounces.tools(), now=NOW)


def verdict(raw: bytes, recipient: str = ALICE, sender: str | None = "", tools: Tools | None = None) -> Verdict:
    return judged(raw, recipient, sender, tools).verdict


def force_of(told: Judged, name: str) -> list[Force]:
    return [each.force for each in told.evidence if each.name == name]


# What proves.


def test_a_valid_tag_proves() -> None:
    told = judged(BARE, batv.sign(ALICE, KEY, TODAY))

    assert told.verdict is Verdict.GENUINE
    assert told.because == "the recipient's tag is valid"


@pytest.mark.parametrize("form", bounces.FORMS)
def test_a_seal_proves_however_it_is_quoted(form: Form) -> None:
    assert verdict(form(sealed())) is Verdict.GENUINE


@pytest.mark.parametrize("form", bounces.FORMS)
def test_our_dkim_signature_proves_over_the_header_alone(form: Form) -> None:
    told = judged(form(signed()))

    assert force_of(told, "dkim") == [Force.PROOF]
    assert told.verdict is Verdict.GENUINE


@pytest.mark.parametrize("form", bounces.FORMS)
def test_a_message_id_in_the_ledger_proves(form: Form) -> None:
    assert verdict(form(original()), tools=bounces.tools(ledger=ledger(at=NOW - DAY))) is Verdict.GENUINE


def test_a_proof_counts_where_the_sender_is_not_null_too() -> None:
    assert verdict(bounces.rfc3464(sealed()), sender="mailer-daemon@far.test") is Verdict.GENUINE


def test_a_proof_counts_where_the_domain_does_not_mark_all_its_mail() -> None:
    assert verdict(bounces.rfc3464(sealed()), tools=bounces.tools(domains={"example.org": None})) is Verdict.GENUINE


def test_the_case_of_the_recipient_does_not_matter() -> None:
    assert verdict(bounces.rfc3464(sealed()), "Alice@Example.ORG") is Verdict.GENUINE


# What does not.


def test_nothing_at_all_is_forged_once_the_domain_marks_everything() -> None:
    told = judged(BARE)

    assert told.verdict is Verdict.FORGED
    assert "all mail leaves marked since" in told.because
    assert force_of(told, "marking") == [Force.AGAINST]


@pytest.mark.parametrize("form", bounces.FORMS)
def test_no_form_is_genuine_as_it_stands(form: Form) -> None:
    assert verdict(form(original())) is not Verdict.GENUINE


def test_a_tag_of_somebody_s_making_is_forged() -> None:
    told = judged(BARE, "prvs=1999abcdef=alice@example.org")

    assert told.verdict is Verdict.FORGED
    assert force_of(told, "batv") == [Force.AGAINST]


@pytest.mark.parametrize("since", [None, NOW - 13 * DAY, NOW + DAY])
def test_absence_says_nothing_before_everything_has_been_marked_for_a_while(since: float | None) -> None:
    told = judged(BARE, tools=bounces.tools(domains={"example.org": since}))

    assert told.verdict is Verdict.UNVERIFIABLE
    assert force_of(told, "marking") == [Force.NEUTRAL]


@pytest.mark.parametrize("mail", [sealed, signed])
def test_another_user_s_mark_proves_nothing(mail: Callable[..., bytes]) -> None:
    assert verdict(bounces.rfc3464(mail(sender=BOB))) is not Verdict.GENUINE
    assert verdict(bounces.rfc3464(mail(sender=ALICE)), BOB) is not Verdict.GENUINE


def test_another_user_s_message_id_proves_nothing() -> None:
    assert verdict(BARE, tools=bounces.tools(ledger=ledger(BOB, NOW - DAY))) is not Verdict.GENUINE


def test_another_user_s_tag_proves_nothing() -> None:
    stolen = batv.sign(BOB, KEY, TODAY).replace(BOB, ALICE)
    assert verdict(BARE, stolen) is not Verdict.GENUINE


@pytest.mark.parametrize("mail", [sealed, signed])
def test_an_old_mark_is_a_hint_only(mail: Callable[..., bytes]) -> None:
    assert verdict(bounces.rfc3464(mail(at=NOW - 14 * DAY + 60))) is Verdict.GENUINE
    assert verdict(bounces.rfc3464(mail(at=NOW - 15 * DAY))) is Verdict.UNVERIFIABLE


def test_an_old_entry_of_the_ledger_is_a_hint_only() -> None:
    assert verdict(BARE, tools=bounces.tools(ledger=ledger(at=NOW - 15 * DAY))) is Verdict.UNVERIFIABLE


def test_a_mark_of_the_future_proves_nothing() -> None:
    assert verdict(bounces.rfc3464(signed(at=NOW + 30 * DAY))) is not Verdict.GENUINE


def test_a_changed_field_breaks_the_signature() -> None:
    assert verdict(bounces.rfc3464(signed().replace(b"the offer", b"an offer"))) is not Verdict.GENUINE


def test_a_second_author_does_not_borrow_the_signature() -> None:
    mail = signed(sender=BOB)
    assert verdict(bounces.rfc3464(b"From: alice@example.org\r\n" + mail)) is not Verdict.GENUINE
    assert verdict(bounces.rfc3464(mail.replace(b"From:", b"From: alice@example.org\r\nFrom:", 1))) is not (
        Verdict.GENUINE
    )


def test_a_signature_by_a_key_that_is_not_ours_proves_nothing() -> None:
    assert verdict(bounces.rfc3464(signed()), tools=bounces.tools(dkim={})) is not Verdict.GENUINE


# Hints.


def test_an_expired_tag_is_a_hint() -> None:
    assert verdict(BARE, batv.sign(ALICE, KEY, TODAY - 10)) is Verdict.UNVERIFIABLE


def test_a_tag_of_a_retired_key_is_a_hint() -> None:
    retired = batv.Key(2, b"leaked", retired=True)
    tagged = batv.sign(ALICE, batv.Key(2, b"leaked"), TODAY)
    assert verdict(BARE, tagged, tools=bounces.tools(keys=(KEY, retired))) is Verdict.UNVERIFIABLE


def test_a_received_line_of_ours_is_a_hint() -> None:
    line = "Received: from pc by mx.example.org with ESMTP id 1; Sun, 20 Sep 2026 10:00:00 +0200"
    assert verdict(bounces.rfc3464(original(line))) is Verdict.UNVERIFIABLE


def test_a_received_line_of_a_name_like_ours_is_none() -> None:
    line = "Received: from pc by mx.example.org.far.test with ESMTP; Sun, 20 Sep 2026 10:00:00 +0200"
    assert verdict(bounces.rfc3464(original(line))) is Verdict.FORGED


def test_having_written_to_who_failed_is_a_hint() -> None:
    known = ledger()
    known.sent("<another@example.org>", ALICE, [FAR], NOW - DAY)
    told = judged(BARE, tools=bounces.tools(ledger=known))

    assert told.verdict is Verdict.UNVERIFIABLE
    assert force_of(told, "pair") == [Force.HINT]


def test_a_reference_to_mail_of_ours_is_a_hint() -> None:
    raw = bounces.TOP + f"In-Reply-To: {bounces.ID}\r\n".encode() + b"\r\n" + bounces.WORDS
    assert verdict(raw, tools=bounces.tools(ledger=ledger(at=NOW - DAY))) is Verdict.UNVERIFIABLE


def test_an_id_of_ours_that_the_ledger_lacks_is_told() -> None:
    assert force_of(judged(BARE), "past_gateway") == [Force.NEUTRAL]


# What is replayed.


def test_one_message_proves_a_limited_number_of_bounces() -> None:
    known = bounces.tools(ledger=ledger())
    raws = [bounces.rfc3464(sealed()).replace(b"bounce1", b"bounce%d" % number) for number in range(PROOFS + 3)]
    verdicts = [verdict(each, tools=known) for each in raws]

    assert verdicts == [Verdict.GENUINE] * PROOFS + [Verdict.UNVERIFIABLE] * 3


def test_a_bounce_that_is_tried_again_uses_one_proof() -> None:
    known = bounces.tools(ledger=ledger())
    raw = bounces.rfc3464(sealed())

    assert {verdict(raw, tools=known) for _ in range(3 * PROOFS)} == {Verdict.GENUINE}


def test_seal_and_ledger_share_the_limit() -> None:
    known = bounces.tools(ledger=ledger(at=NOW - DAY))
    for number in range(PROOFS):
        verdict(bounces.rfc3464(sealed()).replace(b"bounce1", b"bounce%d" % number), tools=known)

    assert verdict(bounces.rfc3464(original()), tools=known) is Verdict.UNVERIFIABLE


def test_a_valid_tag_uses_no_proof() -> None:
    known = bounces.tools(ledger=ledger())
    tagged = batv.sign(ALICE, KEY, TODAY)
    for number in range(3 * PROOFS):
        verdict(bounces.rfc3464(sealed()).replace(b"bounce1", b"bounce%d" % number), tagged, tools=known)

    assert verdict(bounces.rfc3464(sealed()), tools=known) is Verdict.GENUINE


# What is not a bounce.


def test_ordinary_mail_is_not_automatic() -> None:
    told = judged(original(sender=FAR), sender=FAR)

    assert told.verdict is Verdict.NOT_AUTOMATIC
    assert told.evidence == ()


def test_mail_of_the_null_sender_answers_something_whatever_it_looks_like() -> None:
    assert verdict(original(sender=FAR), sender="") is Verdict.FORGED
    assert verdict(original(sender=FAR), batv.sign(ALICE, KEY, TODAY), sender="") is Verdict.GENUINE


def test_an_auto_reply_is_never_called_forged() -> None:
    told = judged(VACATION)

    assert told.kind is Kind.AUTOREPLY
    assert told.verdict is Verdict.UNVERIFIABLE


def test_an_auto_reply_from_where_nobody_wrote_to_is_unsolicited() -> None:
    assert force_of(judged(VACATION), "unsolicited") == [Force.AGAINST]


@pytest.mark.parametrize("correspondent", [FAR, "dora@far.test"])
def test_an_auto_reply_from_an_address_or_domain_written_to_is_solicited(correspondent: str) -> None:
    known = ledger()
    known.sent("<another@example.org>", ALICE, [correspondent], NOW - DAY)
    told = judged(VACATION, tools=bounces.tools(ledger=known))

    assert force_of(told, "unsolicited") == []
    assert force_of(told, "correspondent") == [Force.HINT]


def test_nobody_is_called_unsolicited_before_the_ledger_knows_everything() -> None:
    told = judged(VACATION, tools=bounces.tools(domains={"example.org": None}))
    assert force_of(told, "unsolicited") == [Force.NEUTRAL]


# What is hostile.


class BrokenLedger:
    """A ledger on a disk that fails."""

    def message(self, message_id: str, sender: str) -> float | None:  # noqa: ARG002 - the protocol's signature
        raise OSError(5, "Input/output error")


def test_a_ledger_that_can_not_be_read_is_no_forgery() -> None:
    told = judged(BARE, tools=bounces.tools(ledger=BrokenLedger()))

    assert told.verdict is Verdict.UNVERIFIABLE
    assert "Input/output error" in told.because


HOSTILE = {
    "megabytes of quoted headers": b"X-A: b\r\n" * 400_000,
    "forged seals": b"".join(
        b"Message-ID: <%d@example.org>\r\nDate: x\r\nX-Backstop-Seal: 1-6aaaaaaa-%032x\r\n\r\n" % (n, n)
        for n in range(5000)
    ),
    "forged signatures": (signed().partition(b"\r\n\r\n")[0] + b"\r\n").replace(b"b=", b"b=AA") * 500 + b"\r\n" * 2,
    "a thousand signatures": b"\r\n".join([signed(sender=BOB).partition(b"\r\n\r\n")[0] + b"\r\n"] * 1000),
    "ids by the thousand": b"".join(b"<%d@example.org>\r\n" % n for n in range(50_000)),
    "addresses by the thousand": b"".join(b"%d@far.test\r\n" % n for n in range(50_000)),
    "Received lines by the thousand": b"Received: by mx.example.orgg;\r\n" * 20_000,
    "parts by the thousand": b"--b1\r\nContent-Type: message/rfc822\r\n\r\n" * 1000,
    "odd octets": bytes(range(256)) * 4000,
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_bounces_cost_a_bounded_time_and_are_not_genuine(body: bytes) -> None:
    raw = bounces.TOP + b"\r\n" + bounces.WORDS + body
    began = time.process_time()
    told = judged(raw)

    assert time.process_time() - began < 10  # seconds of this process; one at most where nothing else runs
    assert told.verdict is not Verdict.GENUINE


@given(st.binary(max_size=500), st.text(max_size=40), st.one_of(st.none(), st.text(max_size=20)))
def test_whatever_comes_nothing_raises_and_nothing_is_genuine(body: bytes, recipient: str, sender: str | None) -> None:
    assert verdict(b"Subject: failure notice\r\n\r\n" + body, recipient, sender) is not Verdict.GENUINE


def test_every_verdict_gives_its_reason() -> None:
    raws = [BARE, bounces.rfc3464(sealed()), VACATION, original(sender=FAR)]
    assert all(re.search(r"\w{3}", judged(each, sender=None).because) for each in raws)


# What comes from outside of the message.


LISTED = Evidence("backscatter_list", Force.AGAINST, "listed by null.test")


def besides(raw: bytes, tools: Tools) -> Judged:
    return judge_for(read(raw, ""), ALICE, tools=tools, now=NOW, extra=(LISTED,))


def test_evidence_from_outside_strengthens_the_reasoning_of_a_forged_bounce() -> None:
    told = besides(BARE, bounces.tools())

    assert told.verdict is Verdict.FORGED
    assert told.because.endswith("; listed by null.test")
    assert LISTED in told.evidence


def test_evidence_from_outside_turns_no_proof_around() -> None:
    assert besides(bounces.rfc3464(sealed()), bounces.tools()).verdict is Verdict.GENUINE


def test_evidence_from_outside_makes_nothing_forged_where_absence_does_not_count() -> None:
    told = besides(BARE, bounces.tools(domains={"example.org": None}))

    assert told.verdict is Verdict.UNVERIFIABLE
    assert LISTED in told.evidence


# What can't be known, for a secret is not there.


@pytest.mark.parametrize(
    ("lost", "recipient"),
    [
        ({"keys": (batv.Key(KEY.number, b"", name="lost"),)}, batv.sign(ALICE, KEY, TODAY)),
        ({"seal": b"", "gone": {"": "lost"}}, ALICE),
        ({"dkim": {}, "gone": {"example.org": "lost"}}, ALICE),
    ],
)
def test_nothing_is_forged_that_a_lost_secret_might_prove(lost: dict[str, object], recipient: str) -> None:
    with pytest.raises(SecretGoneError, match="secrets/lost is not there"):
        judged(BARE, recipient, tools=bounces.tools(**lost))


def test_what_another_mark_proves_needs_no_lost_secret() -> None:
    lost = bounces.tools(keys=(batv.Key(KEY.number, b"", name="lost"),), gone={"example.org": "lost"})

    assert verdict(bounces.rfc3464(sealed()), batv.sign(ALICE, KEY, TODAY), tools=lost) is Verdict.GENUINE


def test_a_lost_secret_keeps_no_bounce_from_a_domain_that_does_not_mark_all_its_mail() -> None:
    lost = bounces.tools(seal=b"", gone={"": "lost"}, domains={"example.org": None})

    assert verdict(BARE, tools=lost) is Verdict.UNVERIFIABLE


def test_the_lost_key_of_another_domain_says_nothing_of_this_one() -> None:
    assert verdict(BARE, tools=bounces.tools(gone={"other.test": "lost"})) is Verdict.FORGED
