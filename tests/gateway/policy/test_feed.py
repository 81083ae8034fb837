import asyncio
import os
from pathlib import Path

from gateway.policy.codec import PolicyError, encode
from gateway.policy.feed import PolicyFeed
from gateway.policy.snapshot import Snapshot


def put(folder: Path, text: bytes) -> None:
    """Replace the published file as publishing does."""
    (folder / "new").write_bytes(text)
    (folder / "new").rename(folder / "current.json")


def a_policy(revision: int) -> bytes:
    return encode(Snapshot(revision=revision, published="", by=""))


def test_the_published_policy_is_read_at_once(tmp_path: Path) -> None:
    put(tmp_path, a_policy(1))
    feed = PolicyFeed(tmp_path)
    assert feed.current is not None
    assert feed.current.revision == 1
    assert feed.last_error is None


def test_a_new_file_swaps_the_policy_and_is_told_once(tmp_path: Path) -> None:
    put(tmp_path, a_policy(1))
    told: list[int] = []
    feed = PolicyFeed(tmp_path, on_change=lambda snapshot: told.append(snapshot.revision))
    put(tmp_path, a_policy(2))
    assert feed.check()
    assert not feed.check()
    assert told == [1, 2]


def test_who_holds_the_old_policy_keeps_it(tmp_path: Path) -> None:
    put(tmp_path, a_policy(1))
    feed = PolicyFeed(tmp_path)
    held = feed.current
    put(tmp_path, a_policy(2))
    feed.check()
    assert held is not None
    assert held.revision == 1


def test_a_broken_file_leaves_the_old_policy_and_says_file_line_and_reason(tmp_path: Path) -> None:
    put(tmp_path, a_policy(1))
    errors: list[PolicyError] = []
    feed = PolicyFeed(tmp_path, on_error=errors.append)
    put(tmp_path, b'{"revision": 2,\n"published": 5, "by": ""}')
    assert not feed.check()
    assert feed.current is not None
    assert feed.current.revision == 1
    assert str(feed.last_error).startswith(f"{tmp_path}/current.json:2: expected `str`, got `int`; ")
    assert not feed.check()
    assert errors == [feed.last_error]


def test_a_good_file_after_a_broken_one_clears_the_error(tmp_path: Path) -> None:
    put(tmp_path, b"nonsense")
    feed = PolicyFeed(tmp_path)
    put(tmp_path, a_policy(1))
    assert feed.check()
    assert feed.last_error is None


def test_a_folder_without_a_policy_is_an_error_and_no_exception(tmp_path: Path) -> None:
    feed = PolicyFeed(tmp_path / "policy")
    assert feed.current is None
    assert "no such file; publish a policy" in str(feed.last_error)


def test_a_file_that_goes_away_leaves_the_policy_and_its_return_is_seen(tmp_path: Path) -> None:
    put(tmp_path, a_policy(1))
    feed = PolicyFeed(tmp_path)
    saved = tmp_path / "saved"
    os.rename(tmp_path / "current.json", saved)  # noqa: PTH104 - the very same inode must come back
    assert not feed.check()
    assert feed.current is not None
    assert feed.last_error is not None
    saved.rename(tmp_path / "current.json")
    assert feed.check()
    assert feed.last_error is None


def test_an_unreadable_file_is_an_error_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "current.json").mkdir()
    feed = PolicyFeed(tmp_path)
    assert feed.current is None
    assert "make it readable for this user" in str(feed.last_error)


async def test_watching_finds_a_new_file(tmp_path: Path) -> None:
    put(tmp_path, a_policy(1))
    changed = asyncio.Event()
    feed = PolicyFeed(tmp_path, on_change=lambda snapshot: changed.set() if snapshot.revision == 2 else None)
    watching = asyncio.create_task(feed.watch(every=0.01))
    put(tmp_path, a_policy(2))
    await asyncio.wait_for(changed.wait(), 60)
    watching.cancel()
    assert feed.current is not None
    assert feed.current.revision == 2
