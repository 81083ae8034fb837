"""Spam engines are taught from the page of a quarantined copy, by POST, and only by whom it is allowed."""

from pathlib import Path

import pytest
from django.test import Client

from gateway.models import CheckSetting, Domain, Lesson, QuarantinedCopy
from gateway.models.lesson import LessonState
from gateway.operations.publish import publish_policy
from tests.webadmin.people import a_copy, person

pytestmark = [pytest.mark.usefixtures("seeded"), pytest.mark.database]

LIST = "/gateway/quarantinedcopy/"


@pytest.fixture
def rspamd_on(seeded: Path) -> None:  # noqa: ARG001 - the domain is there first
    """The published policy has rspamd on, for one domain."""
    CheckSetting.objects.create(domain=Domain.objects.all()[0], check_name="rspamd", mode="score")
    publish_policy("admin")


def page_of(client: Client, copy: QuarantinedCopy) -> str:
    return client.get(f"{LIST}{copy.pk}/change/").content.decode()


def teach(client: Client, copy: QuarantinedCopy, kind: str) -> str:
    return client.post(f"{LIST}{copy.pk}/learn/", {"kind": kind}, follow=True).content.decode()


def test_where_no_engine_is_on_nothing_is_offered(admin: Client) -> None:
    assert "Learn as spam" not in page_of(admin, a_copy())
    assert "No engine is on" in teach(admin, a_copy(), "spam")
    assert not Lesson.objects.exists()


@pytest.mark.usefixtures("rspamd_on")
@pytest.mark.parametrize("kind", ["spam", "ham"])
def test_a_message_is_taught_and_the_page_says_what_came_of_it(admin: Client, kind: str) -> None:
    copy = a_copy()
    assert f"Learn as {kind}" in page_of(admin, copy)
    assert f"rspamd will learn this message as {kind}" in teach(admin, copy, kind)
    lesson = Lesson.objects.get()
    assert (lesson.message, lesson.engine, lesson.kind, lesson.by) == (copy.message, "rspamd", kind, "admin")
    assert f"as {kind}, asked by admin" in page_of(admin, copy)

    Lesson.objects.update(state=LessonState.FAILED, detail="too little text")
    assert "too little text" in page_of(admin, copy)


@pytest.mark.usefixtures("rspamd_on")
def test_what_was_learned_stays_to_be_seen_when_the_message_is_gone(admin: Client) -> None:
    copy = a_copy()
    teach(admin, copy, "spam")
    QuarantinedCopy.objects.filter(message=copy.message).update(state="deleted")
    page = page_of(admin, copy)
    assert "as spam, asked by admin" in page
    assert "Learn as spam" not in page


@pytest.mark.usefixtures("rspamd_on")
def test_nonsense_is_not_taught(admin: Client) -> None:
    assert "Choose spam or ham" in teach(admin, a_copy(), "eggs")
    assert not Lesson.objects.exists()


@pytest.mark.usefixtures("rspamd_on")
def test_only_who_may_teach_is_offered_it() -> None:
    somebody = person("view_quarantinedcopy", "change_quarantinedcopy")
    assert "Learn as spam" not in page_of(somebody, a_copy())
    assert somebody.post(f"{LIST}{a_copy().pk}/learn/", {"kind": "spam"}).status_code == 403
    assert not Lesson.objects.exists()


@pytest.mark.usefixtures("rspamd_on")
def test_looking_teaches_nothing(admin: Client) -> None:
    assert admin.get(f"{LIST}{a_copy().pk}/learn/").status_code == 405


def release(client: Client, *, confirmed: bool, learn: bool = False) -> str:
    form: dict[str, object] = {"action": "release_copies", "_selected_action": [a_copy().pk], "index": 0}
    form |= ({"confirmed": "yes"} if confirmed else {}) | ({"learn": "ham"} if learn else {})
    return client.post(LIST, form, follow=True).content.decode()


@pytest.mark.usefixtures("rspamd_on")
def test_a_release_offers_to_teach_ham(admin: Client) -> None:
    assert "and learn as ham, by rspamd" in release(admin, confirmed=False)
    message = a_copy().message
    release(admin, confirmed=True, learn=True)
    assert [(each.message, each.kind) for each in Lesson.objects.all()] == [(message, "ham")]


@pytest.mark.usefixtures("rspamd_on")
def test_a_release_teaches_nothing_unasked(admin: Client) -> None:
    release(admin, confirmed=True)
    assert not Lesson.objects.exists()


def test_without_an_engine_a_release_offers_nothing(admin: Client) -> None:
    assert "learn as ham" not in release(admin, confirmed=False)


def test_where_spamassassin_is_switched_on_its_cost_is_told(admin: Client) -> None:
    told = "spamassassin (costs about 55 times rspamd&#x27;s CPU)"
    assert told in admin.get("/gateway/checksetting/add/").content.decode()
    assert told in admin.get(f"/gateway/domain/{Domain.objects.all()[0].pk}/change/").content.decode()
