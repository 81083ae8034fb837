"""The commands say what they did, and what to do where they can't."""

import io
import os
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from gateway.config import Config
from gateway.models import QuarantinedCopy
from gateway.models.quarantine import CopyState
from gateway.operations.backup import records


def run(*arguments: str | Path) -> str:
    """Run a command; gives what it said."""
    said = io.StringIO()
    call_command(*map(str, arguments), stdout=said, stderr=io.StringIO())
    return said.getvalue()


def test_from_backup_to_resume(node: Config, tmp_path_factory: pytest.TempPathFactory) -> None:
    QuarantinedCopy.objects.filter(message="01a1").update(state=CopyState.RELEASING, next_attempt=timezone.now())
    place = tmp_path_factory.mktemp("place")

    assert "5 quarantined messages" in run("backup", place / "set")
    assert run("prove", place / "set").count("ok   ") == 9
    told = run("restore", place / "set", "--overwrite")
    assert "restored from the backup of" in told
    assert "1 copy and 0 lessons were pending; they wait" in told
    assert f"lies in {node.home}/before-restore-" in told

    assert "01a1 for bob@example.test" in run("resume", "--list")
    assert "1 copy and 0 lessons are back in quarantine" in run("resume", "--keep")
    assert run("resume") == "nothing is held on this node\n"


def test_a_set_is_counted_when_it_is_noted(node: Config, tmp_path: Path) -> None:
    run("backup", tmp_path / "set", "--note-later")
    assert records.last_backup(node) is None

    assert "counts as the backup of" in run("backup", tmp_path / "set", "--note")
    assert records.last_backup(node) is not None


def test_a_failed_proof_has_an_exit_status_of_its_own(made: Path) -> None:
    os.truncate(made / "probe.json", 3)
    with pytest.raises(SystemExit, match="1"):
        run("prove", made)


def test_what_can_not_be_done_is_one_sentence(made: Path, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="is there already; name a new folder"):
        run("backup", made)
    with pytest.raises(CommandError, match="name the folder of a whole backup set"):
        run("restore", tmp_path / "none")
