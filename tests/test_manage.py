"""The command line looks at its arguments before Django loads."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def manage(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        (sys.executable, "manage.py", *arguments),
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    "command", ["run", "smtpd", "ingest", "worker", "console", "demo", "doctor", "batv", "classify", "judge"]
)
def test_every_command_has_help(command: str) -> None:
    helped = manage(command, "--help")
    assert helped.returncode == 0
    assert "usage" in helped.stdout


def test_help_of_a_command_leaves_out_what_django_gives_each() -> None:
    helped = manage("trace", "--help").stdout
    assert "--json" in helped
    assert "--settings" not in helped
    assert "--verbosity" not in helped


@pytest.mark.parametrize("command", ["smtpd", "batv", "classify", "judge"])
def test_the_smtp_side_starts_without_django(command: str) -> None:
    program = (
        f"import sys; sys.argv = ['manage.py', '{command}', '--help']\n"
        "import manage\n"
        "try: manage.main()\n"
        "except SystemExit: pass\n"
        "print('django' in sys.modules)"
    )
    run = subprocess.run((sys.executable, "-c", program), cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout.strip().endswith("False")


def test_help_alone_lists_every_command_with_a_sentence() -> None:
    folder = ROOT / "gateway" / "management"
    modules = {path.stem for path in (*folder.glob("commands/*.py"), *folder.glob("plain/*.py"))} - {"__init__"}

    told = dict(line.split(maxsplit=1) for line in manage("--help").stdout.splitlines() if line.startswith("  "))

    assert set(told) == modules | {"smtpd", "ingest", "worker", "console", "check", "createsuperuser", "changepassword"}
    assert told["run"] == "the whole gateway in one terminal"


def test_help_and_version_need_no_configuration_and_no_django() -> None:
    for option in ("--help", "--version"):
        said = manage(option, BACKSTOP_SMTP__INBUOND="x", DJANGO_SETTINGS_MODULE="absent")
        assert (said.returncode, said.stderr) == (0, "")


def test_a_database_that_can_not_be_used_is_one_line_with_the_remedy(tmp_path: Path) -> None:
    refused = manage("showmigrations", BACKSTOP_NODE__HOME=str(tmp_path / "absent"), BACKSTOP_DATABASE__URL="sqlite")
    assert refused.returncode == 1
    assert refused.stderr.startswith("backstop: the database can't be used: ")
    assert refused.stderr.count("\n") == 1


def test_a_mistake_in_the_configuration_is_one_line_that_names_the_key() -> None:
    refused = manage("check", BACKSTOP_SMTP__INBUOND="x")
    assert refused.returncode == os.EX_CONFIG
    assert refused.stderr.count("\n") == 1
    assert "inbuond" in refused.stderr


@pytest.mark.parametrize("form", [("--home", "{}"), ("--home={}",)])
def test_the_state_folder_can_be_named(form: tuple[str, ...], tmp_path: Path) -> None:
    told = manage("doctor", *(part.format(tmp_path / "named") for part in form), "--json")
    assert str(tmp_path / "named") in told.stdout.splitlines()[0]


def test_a_state_folder_without_a_name_is_one_line() -> None:
    refused = manage("doctor", "--home")
    assert refused.returncode == 1
    assert refused.stderr == "backstop: --home needs the name of a folder\n"


def test_a_reader_that_has_had_enough_is_no_error(tmp_path: Path) -> None:
    command = f"{sys.executable} manage.py doctor --json --home {tmp_path} | head -n 1"
    run = subprocess.run(command, shell=True, cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S602 - a pipe
    assert run.stdout.count("\n") == 1
    assert run.stderr == ""
