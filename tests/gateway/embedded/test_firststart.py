"""What the first start makes, and what a later one leaves alone."""

from functools import partial

import pytest
from django.conf import settings
from django.contrib.auth import authenticate, get_user_model

from gateway.embedded import firststart, home
from gateway.mail.address import parse_mailbox
from gateway.models import Domain, PolicyRevision, Recipient, RouteHost
from gateway.outbound import keys, marking
from gateway.policy import codec
from gateway.policy.feed import FILE
from gateway.policy.matching import Policy
from gateway.policy.snapshot import Mode
from gateway.services import secrets

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("home")]


@pytest.fixture
def published() -> Policy:
    home.prepare(settings.CONFIG)
    assert firststart.make_policy(settings.CONFIG)
    return Policy(codec.load(settings.CONFIG.policy_folder / FILE))


def test_a_domain_with_recipients_is_published(published: Policy) -> None:
    match = published.match(parse_mailbox("alice@example.test"))
    assert match is not None
    assert set(match.domain.recipients) == {"postmaster", "abuse", "alice", "bob", "carol"}


def test_one_recipient_is_stricter_and_still_shares_the_tag_of_the_others(published: Policy) -> None:
    alice, carol = (published.match(parse_mailbox(f"{who}@example.test")) for who in ("alice", "carol"))
    assert alice is not None
    assert carol is not None
    assert carol.rules.thresholds.quarantine < alice.rules.thresholds.quarantine
    assert carol.rules.thresholds.tag == alice.rules.thresholds.tag


def test_what_dns_says_of_made_up_names_is_looked_at_and_does_not_count(published: Policy) -> None:
    match = published.match(parse_mailbox("alice@example.test"))
    assert match is not None
    for check in ("reverse_dns", "helo", "sender_domain", "spf", "dmarc"):
        assert match.rules.checks[check].mode is Mode.OBSERVE


def test_the_route_leads_to_the_bundled_sink(published: Policy) -> None:
    (hop,) = published.snapshot.routes["bundled-sink"].hosts
    assert f"{hop.host}:{hop.port}" == settings.CONFIG.embedded.sink
    assert published.snapshot.outbound.route == "bundled-sink"


def test_mail_that_leaves_is_marked_from_the_first_day_on(published: Policy) -> None:
    sender, recipient = parse_mailbox("alice@example.test"), parse_mailbox("friend@far.test")

    marks = marking.load(published, sender, partial(secrets.read, settings.CONFIG.secrets_folder), keys.today())

    assert marks.sender_towards(sender, recipient, published).startswith("prvs=")
    assert marks.seal


def test_a_second_start_changes_nothing(published: Policy) -> None:  # noqa: ARG001 - the first start
    Recipient.objects.filter(local_part="bob").delete()
    assert not firststart.make_policy(settings.CONFIG)
    assert PolicyRevision.objects.count() == 1
    assert not Recipient.objects.filter(local_part="bob").exists()


def test_a_removed_domain_does_not_come_back(published: Policy) -> None:  # noqa: ARG001 - the first start
    Domain.objects.all().delete()
    firststart.make_policy(settings.CONFIG)
    assert not Domain.objects.exists()


def test_a_lost_policy_file_is_written_again(published: Policy) -> None:
    (settings.CONFIG.policy_folder / FILE).unlink()
    firststart.make_policy(settings.CONFIG)
    assert codec.load(settings.CONFIG.policy_folder / FILE).revision == published.revision


def test_a_lost_policy_file_does_not_publish_what_somebody_is_editing(published: Policy) -> None:  # noqa: ARG001
    Recipient.objects.filter(local_part="bob").delete()
    (settings.CONFIG.policy_folder / FILE).unlink()
    firststart.make_policy(settings.CONFIG)
    assert not (settings.CONFIG.policy_folder / FILE).exists()


def test_a_sink_that_has_moved_is_said(published: Policy) -> None:  # noqa: ARG001 - the first start
    assert firststart.sink_elsewhere(settings.CONFIG) is None
    RouteHost.objects.update(port=2727)
    said = firststart.sink_elsewhere(settings.CONFIG)
    assert said is not None
    assert "2727" in said


def test_the_administrator_is_made_once_with_a_password_that_works() -> None:
    password = firststart.make_administrator()
    assert password is not None
    assert authenticate(username="admin", password=password) is not None
    assert firststart.make_administrator() is None


def test_another_administrator_is_enough() -> None:
    get_user_model().objects.create_superuser("somebody", password="a long enough password")
    assert firststart.make_administrator() is None


def test_passwords_of_two_first_starts_differ() -> None:
    first = firststart.make_administrator()
    get_user_model().objects.all().delete()
    assert firststart.make_administrator() != first


def test_keys_are_made_once() -> None:
    config = settings.CONFIG
    firststart.make_keys(config)
    before = secrets.read(config.secrets_folder, "django"), config.key.read_bytes()
    firststart.make_keys(config)
    assert (secrets.read(config.secrets_folder, "django"), config.key.read_bytes()) == before
    assert len(before[0] or "") >= 50
