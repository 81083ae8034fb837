"""Actions at the console: forms that a person can fill in, and that save nothing which could not be published."""

from html import unescape

import pytest
from django.http import HttpResponse
from django.test import Client

from gateway.mail.decisions import Action
from gateway.models import CheckSetting, Domain, NodePolicy, Recipient
from gateway.operations import publish
from gateway.operations.export import export_policy
from gateway.policy.codec import load
from gateway.policy.snapshot import AttachmentRule
from tests.webadmin.test_policy import NO_INLINES, errors_of

pytestmark = pytest.mark.usefixtures("seeded")

RULES = "disk images: *.iso, *.img, application/x-iso9660-image -> strip\nfilms: video/* -> redirect, not in archives"


def domain() -> Domain:
    return Domain.objects.get(name="example.test")


def save(admin: Client, **fields: str) -> HttpResponse:
    row = domain()
    form = {"name": row.name, "route": row.route_id, "reject": "12", **NO_INLINES}
    return admin.post(f"/gateway/domain/{row.pk}/change/", form | fields)


def test_a_domains_actions_are_saved_and_published(admin: Client, seeded: object) -> None:
    save(
        admin,
        attachments=RULES,
        redirect="6",
        redirect_to="Sales@Example.test",
        copy_to="office@example.test\nsupport@example.test",
    )
    row = domain()
    assert (row.redirect, row.redirect_to) == (6.0, "sales@example.test")
    assert row.copy_to == ["office@example.test", "support@example.test"]
    assert row.attachments == [
        {
            "name": "disk images",
            "names": ["*.iso", "*.img"],
            "types": ["application/x-iso9660-image"],
            "action": "strip",
        },
        {"name": "films", "types": ["video/*"], "inside": False, "action": "redirect"},
    ]
    publish.publish_policy("admin")
    rules = load(seeded / "policy/current.json").domains["example.test"].rules  # type: ignore[operator] # a path
    assert rules.attachments[1] == AttachmentRule("films", types=("video/*",), inside=False, action=Action.REDIRECT)
    assert "disk images" in export_policy()


def test_what_was_saved_is_shown_as_it_was_typed(admin: Client) -> None:
    save(admin, attachments=RULES, redirect_to="sales@example.test")
    page = admin.get(f"/gateway/domain/{domain().pk}/change/").content.decode()
    for line in RULES.splitlines():
        assert line.replace(">", "&gt;") in page


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"redirect_to": "them@elsewhere.example"}, "is no address of ours: mail is never forwarded to others"),
        ({"redirect_to": "nobody@example.test"}, "is not in the list of recipients"),
        ({"redirect_to": "sales"}, "is no address"),
        ({"copy_to": "them@elsewhere.example"}, "is no address of ours"),
        ({"redirect": "6"}, "Something redirects; give the address of ours that gets it"),
        ({"attachments": "films: video/* -> redirect"}, "Something redirects"),
        ({"redirect": "9", "redirect_to": "sales@example.test"}, "quarantine at 8 points comes before redirect at 9"),
        ({"attachments": "*.iso -> strip"}, "line 1: write it as disk images: "),
        (
            {"attachments": "\nimages: *.iso -> burn"},
            "line 2: rule 'images': 'burn' is no action; write one of deliver, tag, strip",
        ),
        (
            {"attachments": "images: *.iso -> strip, sometimes"},
            "rule 'images': 'sometimes' is not understood; behind the action there may stand “, not in archives”",
        ),
        ({"attachments": "images: -> strip"}, "fits no attachment"),
        ({"attachments": "a: *.iso -> strip\na: *.img -> strip"}, "a rule is called 'a' already"),
    ],
)
def test_what_could_not_be_published_is_not_saved(admin: Client, fields: dict[str, str], says: str) -> None:
    assert says in unescape(errors_of(save(admin, **fields)))


def test_a_recipients_own_actions_go_before_its_domains(admin: Client, seeded: object) -> None:
    save(admin, redirect_to="sales@example.test", copy_to="office@example.test")
    alice = Recipient.objects.get(local_part="alice")
    form = {"domain": alice.domain_id, "local_part": "alice", "redirect": "5.5", "copy_to": "support@example.test"}
    admin.post(f"/gateway/recipient/{alice.pk}/change/", form)
    publish.publish_policy("admin")
    own = load(seeded / "policy/current.json").domains["example.test"].recipients["alice"].rules  # type: ignore[operator]
    assert own is not None
    assert (own.thresholds.redirect, own.redirect_to, own.copy_to) == (
        5.5,
        "sales@example.test",
        ("support@example.test",),
    )


def test_a_recipient_is_not_redirected_to_itself(admin: Client) -> None:
    alice = Recipient.objects.get(local_part="alice")
    form = {"domain": alice.domain_id, "local_part": "alice", "redirect_to": "alice@example.test"}
    assert "is the recipient itself" in errors_of(admin.post(f"/gateway/recipient/{alice.pk}/change/", form))


def test_a_recipient_among_the_others_of_its_domain_keeps_its_actions(admin: Client) -> None:
    alice = Recipient.objects.get(local_part="alice")
    Recipient.objects.filter(pk=alice.pk).update(copy_to=["office@example.test"], redirect_to="sales@example.test")
    save(
        admin,
        **{
            "recipients-TOTAL_FORMS": "1",
            "recipients-INITIAL_FORMS": "1",
            "recipients-0-id": str(alice.pk),
            "recipients-0-domain": str(alice.domain_id),
            "recipients-0-local_part": "alice",
            "recipients-0-redirect": "6",
        },
    )
    alice.refresh_from_db()
    assert (alice.redirect, alice.redirect_to, alice.copy_to) == (6.0, "sales@example.test", ["office@example.test"])


def test_outbound_mail_has_actions_of_its_own(admin: Client) -> None:
    admin.post("/gateway/nodepolicy/1/change/", {"max_size": 1000, "copy_to": "office@example.test"})
    assert NodePolicy.load().copy_to == ["office@example.test"]


@pytest.mark.parametrize("fields", [{"action": "strip"}, {"actions": "VIRUS strip"}])
def test_only_the_check_of_attachments_strips(admin: Client, fields: dict[str, str]) -> None:
    form = {"check_name": "clamav", "mode": "enforce", "action": "reject", "on_failure": "defer"}
    assert "names no parts that could be stripped" in errors_of(admin.post("/gateway/checksetting/add/", form | fields))


def test_actions_of_symbols_are_set_with_the_check(admin: Client) -> None:
    form = {"check_name": "attachments", "mode": "enforce", "action": "quarantine", "on_failure": "defer"}
    admin.post("/gateway/checksetting/add/", form | {"actions": "ATTACHMENT_MACROS strip\nATTACHMENT_SCRIPT: reject"})
    setting = CheckSetting.objects.get(check_name="attachments")
    assert setting.actions == {"ATTACHMENT_MACROS": "strip", "ATTACHMENT_SCRIPT": "reject"}


@pytest.mark.parametrize(
    ("actions", "says"),
    [("NOTHING strip", "gives no symbol"), ("ATTACHMENT_MACROS burn", "one of deliver, tag, strip, redirect")],
)
def test_actions_of_symbols_that_can_not_be_are_refused(admin: Client, actions: str, says: str) -> None:
    form = {"check_name": "attachments", "mode": "enforce", "action": "quarantine", "on_failure": "defer"}
    assert says in errors_of(admin.post("/gateway/checksetting/add/", form | {"actions": actions}))
