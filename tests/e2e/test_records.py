"""The copy buttons of the page of DNS records, in a real browser under the console's own policy."""

import pytest

from gateway.models import Domain
from tests.e2e.browser import Browser
from tests.e2e.test_console import browser, console

__all__ = ["browser", "console"]

pytestmark = pytest.mark.django_db(transaction=True)

MX = "example.test. IN MX 10 gateway.example.test."


def press(page: Browser, selector: str) -> None:
    """Click as a person does: browsers hand the clipboard to nobody else."""
    page.run(f"document.querySelector('{selector}').scrollIntoView({{block: 'center'}})")
    centre = "(b => [b.x + b.width / 2, b.y + b.height / 2])"
    box = page.run(f"{centre}(document.querySelector('{selector}').getBoundingClientRect())")
    for kind in ("mousePressed", "mouseReleased"):
        page.send("Input.dispatchMouseEvent", type=kind, x=box[0], y=box[1], button="left", clickCount=1)


@pytest.fixture
def page(browser: Browser, console: str) -> Browser:
    """The browser, on the records of a domain."""
    Domain.objects.filter(name="example.test").update(mta_sts="testing", tls_reports="tls@example.test")
    browser.send("Browser.grantPermissions", permissions=["clipboardReadWrite", "clipboardSanitizedWrite"])
    browser.open(f"{console}/records/example.test/")
    return browser


def test_a_record_is_copied_as_it_stands_there(page: Browser) -> None:
    press(page, "[data-copies=record-1-1]")

    page.wait_for("document.querySelector('[data-copies=record-1-1]').innerText.includes('Copied')")
    assert page.run("navigator.clipboard.readText()") == MX
    page.wait_for("!document.querySelector('[data-copies=record-1-1]').innerText.includes('Copied')")
    assert page.errors == []


def test_all_records_of_a_domain_are_copied_at_once(page: Browser) -> None:
    press(page, "[data-copies=all-1]")

    page.wait_for("document.querySelector('[data-copies=all-1]').innerText.includes('Copied')")
    copied = page.run("navigator.clipboard.readText()").splitlines()
    assert copied[0] == MX
    assert len(copied) == len([line for line in copied if " IN " in line]) >= 6


def test_where_the_browser_offers_no_clipboard_the_old_way_is_taken(page: Browser) -> None:
    page.run("window.kept = navigator.clipboard; Object.defineProperty(navigator, 'clipboard', {value: undefined}); 0")

    press(page, "[data-copies=all-1]")

    page.wait_for("document.querySelector('[data-copies=all-1]').innerText.includes('Copied')")
    assert page.run("kept.readText()").splitlines()[0] == MX
    assert page.run("document.querySelector('textarea')") is None
