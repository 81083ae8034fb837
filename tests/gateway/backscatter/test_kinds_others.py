"""Recall of virus notices, receipts and reports, and false hits on ordinary mail, on what others wrote.

``-rP`` shows the counts. What ``scripts/samples`` could not fetch is skipped with its name.
"""

import email
import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator

import pytest

from gateway.backscatter.kinds import classify
from gateway.backscatter.words import Kind
from tests.gateway.backscatter.others import notices, ordinary, places, receipts, reports

BOUNCES_OF_PERL = "src/libmail-deliverystatus-bounceparser-perl/*/t/corpus/*.msg"


def kinds_of(mails: Iterable[bytes]) -> Counter[Kind]:
    return Counter(classify(mail).kind for mail in mails)


def say(counts: str) -> None:
    print(counts)  # noqa: T201 - the counts are the report


def told(source: Callable[[], Iterator[bytes]], kinds: Counter[Kind]) -> None:
    say(f"{source.__module__.rpartition('.')[2]}.{source.__name__}: {kinds.total()} mails, {dict(kinds)}")


@pytest.mark.parametrize("source", [notices.of_amavis, notices.of_sympa])
def test_of_a_scanner_s_notices_at_least_90_of_100_are_known(source: Callable[[], Iterator[bytes]]) -> None:
    kinds = kinds_of(source())
    told(source, kinds)
    assert kinds[Kind.VIRUS_NOTICE] >= 0.9 * kinds.total()


@pytest.mark.parametrize("source", [receipts.of_roundcube, receipts.of_thunderbird])
def test_of_a_mail_program_s_receipts_at_least_90_of_100_are_known(source: Callable[[], Iterator[bytes]]) -> None:
    kinds = kinds_of(source())
    told(source, kinds)
    assert kinds[Kind.RECEIPT] >= 0.9 * kinds.total()


def words_alone(receipt: bytes) -> bytes:
    """The same receipt as plain text, as some gateways pass it on."""
    parsed = email.message_from_bytes(receipt)
    text = parsed.get_payload(0).get_payload(decode=True)
    head = "From: Carol <carol@far.test>\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nSubject: "
    return f"{head}{parsed['Subject']}\n\n".encode() + text


def test_most_receipts_are_known_by_their_words_alone() -> None:
    plain = [words_alone(each) for source in (receipts.of_roundcube, receipts.of_thunderbird) for each in source()]
    kinds = kinds_of(plain)
    say(f"receipts as plain text: {dict(kinds)}")
    assert kinds[Kind.RECEIPT] >= 0.6 * kinds.total()


@pytest.mark.parametrize(
    "source", [reports.of_amavis, reports.of_exporter, reports.of_opendmarc, reports.of_rspamd, reports.of_tlsrpt]
)
def test_of_a_server_s_reports_at_least_90_of_100_are_known(source: Callable[[], Iterator[bytes]]) -> None:
    kinds = kinds_of(source())
    told(source, kinds)
    assert kinds[Kind.REPORT] >= 0.9 * kinds.total()


@pytest.mark.parametrize(
    "sources",
    [
        (notices.of_amavis, notices.of_sympa),
        (receipts.of_roundcube, receipts.of_thunderbird),
        (reports.of_amavis, reports.of_exporter, reports.of_opendmarc, reports.of_rspamd, reports.of_tlsrpt),
    ],
)
def test_each_kind_has_at_least_30_samples_from_outside(sources: tuple[Callable[[], Iterator[bytes]], ...]) -> None:
    assert len({mail for source in sources for mail in source()}) >= 30


# What the collections of ordinary mail hold that is automatic mail: read by hand.
AUTOMATIC = {
    "845bca9a59de1959": Kind.BOUNCE,  # CPython msg_05: a delivery status, without text
    "fbb4ae9e31ddd26e": Kind.BOUNCE,  # CPython msg_16: of Sun Internet Mail Server
    "b6cbf713954d89eb": Kind.BOUNCE,  # CPython msg_25: of Sendmail
    "e2305d3cd3097ff4": Kind.BOUNCE,  # CPython msg_42: from Mail Delivery Subsystem, with an original
    "045797ff45987136": Kind.VIRUS_NOTICE,  # CPython msg_43: of amavis, a banned file
    "4ed33b4a7934f2f1": Kind.BOUNCE,  # Lamson bounce.msg: of Postfix
    "433bfb00f074c36f": Kind.AUTOREPLY,  # bogofilter good.mbx: somebody is out of the office
    "1e50aa9a3e317150": Kind.DELAY_NOTICE,  # bogofilter good.mbx: of Postfix
}


RENDERED = [
    ordinary.of_accounts, ordinary.of_a_shop, ordinary.of_a_help_desk, ordinary.of_a_calendar, ordinary.of_mailman,
    ordinary.of_sympa,
]  # fmt: skip


@pytest.mark.parametrize("source", RENDERED)
def test_of_a_program_s_ordinary_mail_at_most_1_in_1000_is_hit(source: Callable[[], Iterator[bytes]]) -> None:
    kinds = kinds_of(source())
    told(source, kinds)
    assert kinds[Kind.NONE] >= 0.999 * kinds.total()


def test_of_collected_ordinary_mail_at_most_1_in_1000_is_hit() -> None:
    hits: list[str] = []
    total = automatic = 0
    for name, mail in ordinary.collected():
        known = AUTOMATIC.get(hashlib.sha256(mail).hexdigest()[:16])
        automatic += known is not None
        total += known is None
        if (kind := classify(mail).kind) is not (known or Kind.NONE):
            hits.append(f"{name}: {kind}")
    say(f"collected: {total} mails, and {automatic} that are automatic; false: {hits}")
    assert len(hits) <= 0.001 * total


def test_of_mail_about_the_bounces_of_others_at_most_1_in_1000_is_hit() -> None:
    bounces = [path.read_bytes() for path in places.needed("flufl_bounce-*/tests/data/*.txt")]
    bounces += [path.read_bytes() for path in places.found(BOUNCES_OF_PERL)]
    kinds = kinds_of(mail for bounce in bounces for mail in ordinary.about(bounce))
    say(f"about bounces: {kinds.total()} mails, {dict(kinds)}")
    assert kinds[Kind.NONE] >= 0.999 * kinds.total()


def test_there_are_at_least_3000_ordinary_mails_from_outside() -> None:
    places.needed(*ordinary.COLLECTIONS)
    collected = sum(1 for _ in ordinary.collected()) - len(AUTOMATIC)
    rendered = sum(1 for source in RENDERED for _ in source())
    say(f"ordinary mail from outside: {collected} collected, {rendered} rendered")
    assert collected + rendered >= 3_000


# What the collection of Mail::DeliveryStatus::BounceParser holds that is no bounce: read by hand.
NO_BOUNCES = {
    "aol-vacation.msg": Kind.AUTOREPLY, "autoreply.msg": Kind.AUTOREPLY, "polish-autoreply.msg": Kind.AUTOREPLY,
    "warning-6.msg": Kind.AUTOREPLY, "bluebottle.msg": Kind.CHALLENGE, "boxbe-cr.msg": Kind.CHALLENGE,
    "boxbe-cr2.msg": Kind.CHALLENGE, "spam-bogus-email-in-report.msg": Kind.NONE, "spam-with-image.msg": Kind.NONE,
}  # fmt: skip


def test_of_the_bounces_of_bounceparser_at_least_97_of_100_are_known_and_no_other_mail_is_called_one() -> None:
    kinds = {path.name: classify(path.read_bytes()).kind for path in places.needed(BOUNCES_OF_PERL)}
    bounces = Counter(kind for name, kind in kinds.items() if name not in NO_BOUNCES)
    say(f"{bounces.total()} bounces: {dict(bounces)}")
    assert bounces[Kind.BOUNCE] + bounces[Kind.DELAY_NOTICE] >= 0.97 * bounces.total()
    assert {name: kinds[name] for name in NO_BOUNCES} == NO_BOUNCES
