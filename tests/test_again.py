"""scripts/test: what fails among others has one more try, alone, and the last lines say so."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
# Passes, once it is there for the second time, which is what a test that passes alone looks like.
SHAKY = """
import pathlib, pytest

@pytest.mark.database
def test_shaky():
    seen = pathlib.Path(__file__).with_suffix(".seen")
    there = seen.exists()
    seen.touch()
    assert there
"""
BROKEN = "def test_broken():\n    assert False\n"
WELL = "import pytest\n\n@pytest.mark.database\ndef test_well():\n    pass\n"

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run the script on a tree with these files of tests."""
    scripts, tests, programs = (tmp_path / each for each in ("scripts", "tests", ".venv/bin"))
    for folder in (scripts, tests, programs):
        folder.mkdir(parents=True)
    shutil.copy(ROOT / "scripts" / "test", scripts)
    for program, text in {
        scripts / "samples": "",
        scripts / "test-services": 'exec "$@"',
        programs / "python": f'exec {sys.executable} "$@"',
    }.items():
        program.write_text(f"#!/bin/sh\n{text}\n")
        program.chmod(0o755)
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = -p no:django\nmarkers = database: it uses one\n")

    def started(*options: str, **files: str) -> subprocess.CompletedProcess[str]:
        for name, text in files.items():
            (tests / f"test_{name}.py").write_text(text)
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "DJANGO_"))}
        return subprocess.run(
            [scripts / "test", "-p", "no:hypothesispytest", "-n", "1", *options],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    return started


def test_what_passes_alone_counts_and_is_named_at_the_end(run: Run) -> None:
    ended = run(shaky=SHAKY, well=WELL)

    assert ended.returncode == 0, ended.stdout
    assert ended.stdout.splitlines()[-2:] == [
        "test: FAILED AMONG OTHERS, PASSED ALONE; mend what they depend on:",
        "  on sqlite: tests/test_shaky.py::test_shaky",
    ]


def test_what_fails_again_fails_the_run(run: Run) -> None:
    ended = run(shaky=SHAKY, well=WELL, broken=BROKEN)

    assert ended.returncode == 1
    assert "PASSED ALONE" not in ended.stdout


@pytest.mark.parametrize(
    ("options", "files"),
    [
        (["-x"], {"shaky": SHAKY}),
        ([], {f"shaky{number}": SHAKY for number in range(6)}),
        ([], {"shaky": SHAKY, "odd": "import nothing_of_the_kind"}),
    ],
    ids=["who stops early", "more than five", "a file that can not be read"],
)
def test_no_second_try_has(run: Run, options: list[str], files: dict[str, str]) -> None:
    ended = run(*options, **files)

    assert ended.returncode == 1
    assert "alone" not in ended.stdout


def test_options_select_and_nothing_selected_is_a_failure(run: Run) -> None:
    assert run("-k", "well", well=WELL, broken=BROKEN).returncode == 0
    assert run("-k", "nobody").returncode == 1


def test_those_that_failed_last_can_be_asked_for(run: Run) -> None:
    assert run(well=WELL, broken=BROKEN).returncode == 1

    again = run("--last-failed", "-n", "0")

    assert again.returncode == 1
    assert "1 failed" in again.stdout
    assert "1 passed" not in again.stdout.partition("on PostgreSQL")[0]
