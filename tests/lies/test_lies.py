"""What the whole pipeline does with mails that lie about their parts, and with ordinary mail from outside.

``python -m bench.lies`` prints the same with every mail that got through or was held.
"""

import pytest

from bench import lies
from tests.gateway.backscatter.others import ordinary, places
from tests.lies import catalog
from tests.lies.building import COMBINED, CONTENT, CONTROL, HARMLESS, NAME, SIGNS


@pytest.fixture(scope="module")
def tried() -> list[lies.Tried]:
    """What became of each lie, and of the control groups."""
    return lies.run(lies.lying())


def of(tried: list[lies.Tried], *families: str) -> list[lies.Tried]:
    return [each for each in tried if each.group in families]


def told(tried: list[lies.Tried]) -> str:
    return "\n".join(f"{each.name}: {each.action}, {each.because[:200]}" for each in tried)


def test_each_construction_is_another_one() -> None:
    made = list(catalog.lies())
    assert len({each.name for each in made}) == len(made)
    assert len({each.raw for each in made}) > 0.99 * len(made)
    assert made == list(catalog.lies())


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("families", [(CONTENT, NAME), (SIGNS,), (COMBINED,)])
def test_of_mails_that_lie_at_most_2_in_100_reach_anybody(tried: list[lies.Tried], families: tuple[str, ...]) -> None:
    lying = of(tried, *families)
    assert lies.share_open(lying) <= lies.LIES_BOUND, told([each for each in lying if not each.held])


@pytest.mark.timeout(1800)
def test_what_the_lies_hide_is_held_in_good_form_too(tried: list[lies.Tried]) -> None:
    through = [each for each in of(tried, CONTROL) if not each.held]
    assert not through, told(through)


@pytest.mark.timeout(1800)
def test_harmless_mail_in_good_form_is_delivered(tried: list[lies.Tried]) -> None:
    held = [each for each in of(tried, HARMLESS) if each.held]
    assert not held, told(held)


@pytest.mark.timeout(1800)
def test_of_ordinary_mail_from_outside_at_most_2_in_1000_are_held() -> None:
    places.needed(*ordinary.COLLECTIONS)
    mails = lies.run(lies.ordinary())
    assert len(mails) >= 3000
    assert 1 - lies.share_open(mails) <= lies.ORDINARY_BOUND, told([each for each in mails if each.held])
