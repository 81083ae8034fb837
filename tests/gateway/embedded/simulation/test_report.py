"""How a simulation is told."""

from xml.etree import ElementTree

import msgspec

from gateway.embedded.simulation import report
from gateway.embedded.simulation.words import Settings, Side, Storm, Story

GATEWAY = Side("this gateway", 3.0, 4.0, {"unknown": {"refused": 400}, "plain": {"accepted": 600}}, 600, {}, {})
BOUNCER = Side(
    "accept, then bounce",
    5.0,
    20.0,
    {"unknown": {"accepted": 400}, "plain": {"accepted": 600}},
    600,
    {"unknown": 400, "virus": 20},
    {"late": 7},
)
STORM = Storm(
    {
        "report": {"refused": 26},
        "challenge": {"quarantined": 7, "tagged": 3},
        "by-tag": {"delivered": 8},
        "by-seal": {"tagged": 2},
    },
    0.5,
)
STORY = Story(Settings(1000), GATEWAY, BOUNCER, STORM)


def test_the_table_sets_the_two_sides_beside_each_other() -> None:
    rows = {line.split("|")[0].strip(): [cell.strip() for cell in line.split("|")[1:]] for line in report.table(STORY)}

    assert rows["MESSAGES TO FORGED SENDERS"] == ["0", "420"]
    assert rows["virus"] == ["0", "20"]
    assert rows["apart: by the inner server itself"] == ["0", "7"]
    assert rows["refused, 5xx"] == ["400", "0"]


def test_the_longest_bar_is_the_largest_count_and_nothing_has_none() -> None:
    lines = list(report.bars(STORY))
    blocks = {line.split("  ")[1].strip(): line.count("█") for line in lines[1:]}

    assert max(blocks, key=lambda label: blocks[label]) == "accept, then bounce"
    assert blocks["this gateway"] == 0


def test_what_is_little_is_still_seen() -> None:
    story = msgspec.structs.replace(STORY, gateway=msgspec.structs.replace(GATEWAY, backscatter={"spam": 1}))

    line = next(line for line in report.bars(story) if line.startswith("  this gateway "))

    assert "▏" in line


def test_the_picture_is_well_formed_and_names_the_counts() -> None:
    picture = ElementTree.fromstring(report.svg(STORY))  # noqa: S314 - our own

    texts = [each.text for each in picture.iter("{http://www.w3.org/2000/svg}text")]

    assert {"420", "7", "0", "no such user"} <= set(texts)


def test_the_seed_is_the_sum_of_its_parts() -> None:
    assert "= 72,000 bounces" in report.seed()


def test_it_holds_only_while_nothing_goes_to_strangers_and_no_bounce_is_misjudged() -> None:
    assert STORY.holds
    for changed in (
        {"gateway": msgspec.structs.replace(GATEWAY, backscatter={"spam": 1})},
        {"storm": Storm({"by-tag": {"delivered": 9, "quarantined": 1}}, 0.5)},
        {"storm": Storm({"report": {"refused": 9, "delivered": 1}}, 0.5)},
    ):
        assert not msgspec.structs.replace(STORY, **changed).holds


def test_the_storm_is_told_by_kind_and_what_became_of_it() -> None:
    lines = list(report.storm(STORY))

    assert "36 false and 10 genuine" in lines[0]
    assert lines[1].split("  ")[-1].strip() == "delivered"
    rows = {line[:38].strip(): line[38:].split() for line in lines[2:]}
    assert rows["false: challenge"] == ["0", "7", "3", "0"]
    assert rows["genuine: to the tagged address"] == ["0", "0", "0", "8"]
    assert (rows["GENUINE LOST"], rows["FALSE DELIVERED UNTAGGED"]) == (["0"], ["0"])


def test_without_a_storm_nothing_is_said_of_one() -> None:
    assert not list(report.storm(msgspec.structs.replace(STORY, storm=None)))
