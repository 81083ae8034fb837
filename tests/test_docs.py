"""What the documentation lists is what there is."""

import re
from pathlib import Path

import msgspec
import pytest

from gateway.config import Config

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *(ROOT / "tests").rglob("*.md")])
PAGES.remove(ROOT / "CHANGELOG.md")  # it also tells of what was
ROOMS = ("ansible", "bench", "deploy", "docs", "gateway", "scripts", "smtpfront", "tests", "webadmin", "workers")
# Django finds these by their names.
SHELL = {"__init__.py", "apps.py", "settings.py", "urls.py", "wsgi.py"}


def test_every_configuration_key_is_documented_and_no_other() -> None:
    keys = {
        f"{section.name}.{field.name}"
        for section in msgspec.structs.fields(Config)
        for field in msgspec.structs.fields(section.type)
    }
    rows = [
        line.split("|")[1] for line in (DOCS / "configuration.md").read_text().splitlines() if line.startswith("| `")
    ]

    assert {key for row in rows for key in re.findall(r"`([a-z_.]+)`", row)} == keys


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_links_or_names_in_the_tree_is_there(page: Path) -> None:
    text = page.read_text()
    links = [page.parent / each for each in re.findall(r"\]\((?!https?:)([^)#]+)", text)]
    named = [ROOT / each for each in re.findall(rf"`((?:{'|'.join(ROOMS)})/[\w./-]+)`", text)]

    assert [str(each) for each in links + named if not each.exists()] == []


def test_the_commands_that_pages_name_exist() -> None:
    commands = {each.stem for each in (ROOT / "gateway" / "management").glob("*/*.py")}
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    text = "\n".join(each.read_text() for each in PAGES)

    assert set(re.findall(r"manage\.py ([a-z][a-z-]*)", text)) <= commands
    assert set(re.findall(r"`make ([a-z-]+)", text)) <= targets


def test_the_map_of_the_house_has_every_room() -> None:
    house = (
        (DOCS / "architecture.md").read_text().partition("## The house")[2].partition("```\n")[2].partition("```")[0]
    )
    names = {each for line in house.splitlines() for each in re.findall(r"(?:gateway/)[a-z_]+(?:\.py)?", line)}
    inside = {
        each.name for each in (ROOT / "gateway").iterdir() if each.suffix == ".py" or (each / "__init__.py").exists()
    }

    assert names == {f"gateway/{each}" for each in inside - SHELL}
    assert set(ROOMS) - {"docs"} <= set(re.findall(r"(?:^|, )([a-z]+)", house, re.MULTILINE))
