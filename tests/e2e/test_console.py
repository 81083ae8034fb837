"""The console in a real browser: it works under its own policy, and asks nobody else for anything."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth.models import User

from gateway.models import DomainStage, JudgedBounce, PolicyRevision, QuarantinedCopy, SenderEntry, Storm, Transaction
from gateway.operations import broker
from tests.e2e.browser import Browser
from tests.webadmin import seed

pytestmark = pytest.mark.django_db(transaction=True)

SIGN_IN = """
document.querySelector('#id_username').value = 'admin';
document.querySelector('#id_password').value = 'admin-password-1';
document.querySelector('#login-form').submit();
"""


@pytest.fixture
def browser() -> Iterator[Browser]:
    opened = Browser()
    yield opened
    opened.close()


@pytest.fixture
def console(browser: Browser, live_server: object, home: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of a console with one of everything, where the browser is signed in."""
    monkeypatch.setattr(broker, "ring", lambda number: None)  # noqa: ARG005 - no broker is asked
    User.objects.create_superuser("admin", "admin@example.test", "admin-password-1")
    seed.policy()
    seed.mail(home, count=13)
    seed.system(home)
    seed.storms()
    seed.door()
    url = str(live_server)
    browser.open(f"{url}/login/")
    browser.submit(SIGN_IN)
    return url


def click(browser: Browser, selector: str) -> None:
    browser.submit(f"document.querySelector({selector!r}).click()")


def test_every_page_works_under_the_consoles_policy_and_asks_nobody_else(browser: Browser, console: str) -> None:
    copy = QuarantinedCopy.objects.all()[0]
    message = Transaction.objects.get(disposition="mixed")
    for path in (
        "/",
        "/gateway/transaction/",
        f"/messages/{message.pk}/",
        "/gateway/quarantinedcopy/",
        f"/gateway/quarantinedcopy/{copy.pk}/change/",
        "/gateway/domain/1/change/",
        "/gateway/account/add/",
        "/publish/",
        "/marking/",
        "/records/",
        "/health/",
        "/gateway/alarm/",
        "/gateway/storm/",
        f"/gateway/storm/{Storm.objects.all()[0].pk}/change/",
        "/gateway/backscatterer/",
        "/gateway/senderentry/",
        "/gateway/senderentry/add/",
        "/gateway/dnslist/",
        "/gateway/dnslist/add/",
        "/gateway/nodepolicy/1/change/",
        "/import/recipients/",
        "/import/senders/",
        "/readiness/",
        "/readiness/example.test/judged/",
    ):
        browser.open(console + path.replace("/1/", f"/{seed.Domain.objects.all()[0].pk}/"))
        assert browser.run("document.documentElement.hasAttribute('x-cloak')") is False, f"{path}: scripts do not run"
    assert browser.errors == []
    # A browser draws the icon of a date field from a data URL of its own, which asks nobody.
    assert {url for url in browser.requested if not url.startswith((console, "data:"))} == set()


def test_pages_fit_a_narrow_screen(browser: Browser, console: str) -> None:
    browser.size(420, 900)
    message = Transaction.objects.get(disposition="mixed")
    copy = QuarantinedCopy.objects.all()[0]
    for path in (
        "/",
        "/gateway/transaction/",
        f"/messages/{message.pk}/",
        f"/gateway/quarantinedcopy/{copy.pk}/change/",
        "/health/",
        "/records/example.test/",
        "/gateway/storm/",
        f"/gateway/storm/{Storm.objects.all()[0].pk}/change/",
        "/gateway/backscatterer/",
        "/gateway/senderentry/",
        "/gateway/senderentry/add/",
        "/gateway/dnslist/",
        "/gateway/dnslist/add/",
        "/gateway/nodepolicy/1/change/",
        "/import/recipients/",
        "/import/senders/",
        "/readiness/",
    ):
        browser.open(console + path)
        assert browser.run("document.documentElement.scrollWidth <= innerWidth"), f"{path} is wider than the screen"


def test_a_copy_is_released_with_two_clicks(browser: Browser, console: str) -> None:
    copy = QuarantinedCopy.objects.filter(state="quarantined")[0]
    browser.open(f"{console}/gateway/quarantinedcopy/{copy.pk}/change/")
    click(browser, "button[value=release_copies]")
    click(browser, "form.bs-card button.bs-go")
    copy.refresh_from_db()
    assert copy.state == "releasing"


def test_a_sender_is_blocked_from_the_page_of_a_copy(browser: Browser, console: str) -> None:
    copy = QuarantinedCopy.objects.filter(state="quarantined")[0]
    browser.open(f"{console}/gateway/quarantinedcopy/{copy.pk}/change/")
    click(browser, "#sender button[value=block]")
    entry = SenderEntry.objects.get(comment=f"of message {copy.message}")
    assert (entry.verdict, str(entry.recipient)) == ("block", copy.recipient)


def test_many_are_deleted_from_the_list(browser: Browser, console: str) -> None:
    browser.open(f"{console}/gateway/quarantinedcopy/")
    browser.run("document.querySelector('#action-toggle').click()")
    browser.run("document.querySelector('select[name=action]').value = 'delete_copies'")
    browser.submit("document.querySelector('#changelist-form').requestSubmit()")
    click(browser, "form.bs-card button.bs-destroy")
    assert not QuarantinedCopy.objects.filter(state="quarantined").exists()


def test_the_policy_is_published_with_a_click(browser: Browser, console: str) -> None:
    browser.open(f"{console}/publish/")
    click(browser, "button.bs-go")
    assert PolicyRevision.objects.count() == 3
    assert settings.CONFIG.policy_folder.joinpath("3.json").exists()


def test_a_doubted_bounce_is_reported_and_the_report_taken_back_with_a_click_each(
    browser: Browser, console: str, home: Path
) -> None:
    message = seed.forged(home)
    browser.open(f"{console}/messages/{message.pk}/")
    assert browser.run("document.querySelectorAll('#verdict tbody tr').length") == 3
    click(browser, "#verdict button[value=mine]")
    assert JudgedBounce.objects.get(transaction=message).mine is not None
    click(browser, "#verdict button[value='take back']")
    assert JudgedBounce.objects.get(transaction=message).mine is None


def test_a_domain_is_told_on_its_meter_to_stay_and_from_which_day_to_go_on(browser: Browser, console: str) -> None:
    browser.open(f"{console}/readiness/")
    browser.run("document.querySelector('input[name=switch_on]').value = '2031-01-02'")
    click(browser, "button[value=day]")
    assert seed.Domain.objects.filter(switch_on="2031-01-02").count() == 1
    click(browser, "button[value=back]")
    assert DomainStage.objects.get().because == "put back by hand"
