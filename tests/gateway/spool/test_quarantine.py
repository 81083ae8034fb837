"""The quarantine as console and workers read it."""

from pathlib import Path

import pytest

from gateway.spool.disk import SpoolError
from gateway.spool.quarantine import ITEM, MESSAGE, Quarantine, place_of
from gateway.spool.staging import Spool
from tests import samples


def keep(spool: Spool, message: str, octets: bytes = samples.MESSAGE) -> None:
    spool.stage(samples.item(message, octets=octets), samples.content(octets)).commit()


def test_a_quarantine_that_is_not_there_yet_is_empty(tmp_path: Path) -> None:
    quarantine = Quarantine(tmp_path / "spool")

    assert list(quarantine.ids()) == []
    assert quarantine.usage() == 0
    assert not quarantine.delete("01a")
    assert quarantine.free() > 0


def test_ids_are_those_of_all_messages(spool: Spool, quarantine: Quarantine) -> None:
    names = {f"01{number:02x}" for number in range(20)}
    for name in names:
        keep(spool, name)

    assert set(quarantine.ids()) == names


def test_a_deleted_message_is_gone(spool: Spool, quarantine: Quarantine) -> None:
    keep(spool, "01a")

    assert quarantine.delete("01a")

    assert not quarantine.exists("01a")
    assert not quarantine.delete("01a")
    assert [path for path in spool.folder.rglob("*") if path.is_file()] == []
    with pytest.raises(SpoolError, match="no such file or folder"):
        quarantine.read("01a")


def test_what_a_killed_deletion_left_is_invisible_and_discarded(spool: Spool, quarantine: Quarantine) -> None:
    keep(spool, "01a")
    place = place_of(spool.folder, "01a")
    place.rename(place.with_name(".deleted-01a"))

    assert list(quarantine.ids()) == []
    assert quarantine.discard_leftovers() == 1
    assert quarantine.discard_leftovers() == 0


def test_a_message_of_another_length_than_was_stored_is_damaged(spool: Spool, quarantine: Quarantine) -> None:
    keep(spool, "01a")
    (place_of(spool.folder, "01a") / MESSAGE).write_bytes(b"short")

    with pytest.raises(SpoolError, match=r"message.eml: damaged: 5 octets where"):
        quarantine.read("01a")


def test_an_item_that_is_no_json_is_damaged(spool: Spool, quarantine: Quarantine) -> None:
    keep(spool, "01a")
    (place_of(spool.folder, "01a") / ITEM).write_bytes(b"{")

    with pytest.raises(SpoolError, match=r"item.json: damaged"):
        quarantine.read("01a")


def test_usage_counts_messages_and_items(spool: Spool, quarantine: Quarantine) -> None:
    for name in ("01a", "01b"):
        keep(spool, name)

    files = [path for path in (spool.folder / "quarantine").rglob("*") if path.is_file()]
    assert quarantine.usage() == sum(path.stat().st_size for path in files)


def test_usage_sees_what_comes_and_goes_at_once(spool: Spool, quarantine: Quarantine) -> None:
    keep(spool, "01a")
    one = quarantine.usage()

    keep(spool, "01b")
    assert quarantine.usage() == 2 * one
    quarantine.delete("01a")
    assert quarantine.usage() == one


def test_a_full_quarantine_has_no_room(spool: Spool, quarantine: Quarantine) -> None:
    keep(spool, "01a", b"x" * 5000)

    assert quarantine.has_room(1000, limit=10_000, min_free=0)
    assert not quarantine.has_room(6000, limit=10_000, min_free=0)


def test_room_asked_for_since_the_last_count_is_taken_off(quarantine: Quarantine) -> None:
    answers = [quarantine.has_room(400, limit=1000, min_free=0, seconds=3600) for _ in range(3)]

    assert answers == [True, True, False]


def test_a_disk_with_too_little_left_has_no_room(quarantine: Quarantine) -> None:
    assert not quarantine.has_room(1, limit=10_000, min_free=quarantine.free() * 2)
