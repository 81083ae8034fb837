"""The state folder is its owner's alone, and one gateway's at a time."""

import os
import re
import stat
from pathlib import Path

import msgspec
import pytest

from gateway.config import Config, Node
from gateway.embedded import home
from gateway.embedded.home import HomeError


def test_it_is_made_with_all_its_folders_for_the_owner_alone(config: Config) -> None:
    home.prepare(config)
    folders = [config.home, *(path for path in config.home.iterdir() if path.is_dir())]
    assert {config.spool_folder, config.journal_folder, config.status_folder, config.policy_folder} <= set(folders)
    assert {stat.S_IMODE(path.stat().st_mode) for path in folders} == {0o700}


def test_nothing_is_left_behind_by_the_trial(config: Config) -> None:
    home.prepare(config)
    assert [path for path in config.home.iterdir() if path.is_file()] == []


def test_what_is_there_stays(config: Config) -> None:
    home.prepare(config)
    (config.spool_folder / "mail").write_text("kept")
    home.prepare(config)
    assert (config.spool_folder / "mail").read_text() == "kept"


@pytest.mark.parametrize("folder", ["/proc/backstop", "/dev/null/backstop"])
def test_a_folder_that_cannot_be_written_is_one_line_with_the_remedy(folder: str) -> None:
    with pytest.raises(HomeError) as error:
        home.prepare(Config(node=Node(home=Path(folder))))
    assert re.fullmatch(rf"{folder}: .+ --home", str(error.value))


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_folder_of_somebody_else_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(HomeError, match=r"Permission denied|not writable"):
        home.prepare(Config(node=Node(home=tmp_path)))


def test_a_second_gateway_on_the_same_folder_is_refused_and_the_first_is_named(config: Config) -> None:
    home.prepare(config)
    with home.hold(config), pytest.raises(HomeError, match=rf"process {os.getpid()}\b"):
        home.hold(config)


def test_a_folder_is_free_again_when_its_gateway_has_gone(config: Config) -> None:
    home.prepare(config)
    home.hold(config).close()
    with home.hold(config):
        assert home.is_held(config)
    assert not home.is_held(config)


def test_a_folder_that_does_not_exist_is_held_by_nobody(config: Config) -> None:
    assert not home.is_held(msgspec.structs.replace(config, node=Node(home=Path("/nonexistent"))))
