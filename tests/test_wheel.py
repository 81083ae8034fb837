"""The product as a wheel: built from a checkout, installed elsewhere, run from a folder that is not the checkout."""

import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import tomllib
import urllib.request
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.contrib.staticfiles.finders import get_finders

from gateway import installation
from tests.ports import free_ports

ROOT = Path(__file__).resolve().parent.parent
COLLECTED = "webadmin/collected/"
LYING_ABOUT = (
    "tests/test_a.py",
    "bench/a.py",
    "state/secrets/django",
    "build/lib/gateway/old.py",
    "gateway/__pycache__/old.cpython-311.pyc",
    "gateway/backstop.egg-info/a",
)


def git(folder: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=T", "-c", "user.email=t@example.test", "-c", "commit.gpgsign=false")
    subprocess.run(("git", *identity, *arguments), cwd=folder, check=True, capture_output=True)


def build(checkout: Path, folder: Path) -> Path:
    variables = os.environ | {"PYTHONPATH": str(ROOT / ".tools" / "build")}
    command = (sys.executable, checkout / "scripts" / "wheel_backend.py", folder)
    built = subprocess.run(command, env=variables, check=True, capture_output=True, text=True)
    return Path(built.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout of what this one holds, in which things lie about that are nobody else's business."""
    subprocess.run((ROOT / "scripts" / "venv", "build"), check=True)  # costs nothing after make setup
    folder = tmp_path_factory.mktemp("checkout")
    for name in (*installation.source_files(), ".gitignore"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "all")
    for name in LYING_ABOUT:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x")
    return folder


@pytest.fixture(scope="module")
def wheel(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(checkout, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clean environment with the wheel; it borrows what the wheel depends on."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder)
    pip = (sys.executable, "-m", "pip", "--python", folder / "bin" / "python", "--disable-pip-version-check")
    subprocess.run((*pip, "install", "-q", "--no-index", "--no-deps", wheel), check=True)
    packages = sysconfig.get_path("purelib", vars={"base": str(folder)})
    Path(packages, "borrowed.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    return folder


class Installed:
    """The installed product, on a machine of its own as far as environment and folder go."""

    def __init__(self, environment: Path, folder: Path) -> None:
        self.bin = environment / "bin"
        self.folder = folder
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("BACKSTOP_", "PYTHON", "DJANGO"))
        }
        self.variables = kept | {"BACKSTOP_CONFIG": os.devnull}

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            (self.bin / "backstop", *arguments),
            cwd=self.folder,
            env=self.variables,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture(scope="module")
def backstop(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return Installed(installed, tmp_path_factory.mktemp("elsewhere"))


@pytest.fixture(scope="module")
def migrated(backstop: Installed) -> subprocess.CompletedProcess[str]:
    """What was said when a node that has nothing got its tables."""
    return backstop.run("migrate", "-v0", "--home", "deep/home")


@pytest.fixture
def console(backstop: Installed) -> Iterator[str]:
    """The console of a gateway that runs on the embedded default; gives its address."""
    inbound, outbound, outbound_tls, console, sink = free_ports(5)
    variables = backstop.variables | {
        "BACKSTOP_NODE__HOME": str(backstop.folder / "state"),
        "BACKSTOP_SMTP__INBOUND": f'["127.0.0.1:{inbound}"]',
        "BACKSTOP_SMTP__OUTBOUND": f'["127.0.0.1:{outbound}"]',
        "BACKSTOP_SMTP__OUTBOUND_TLS": f'["127.0.0.1:{outbound_tls}"]',
        "BACKSTOP_CONSOLE__LISTEN": f"127.0.0.1:{console}",
        "BACKSTOP_CONSOLE__URL": f"http://127.0.0.1:{console}",
        "BACKSTOP_EMBEDDED__SINK": f"127.0.0.1:{sink}",
    }
    command = (backstop.bin / "backstop", "run")
    with subprocess.Popen(command, cwd=backstop.folder, env=variables, stdout=subprocess.PIPE, text=True) as running:
        try:
            said = []
            for line in running.stdout:
                said.append(line)
                if "Backstop is up" in line:
                    break
            assert running.poll() is None, "".join(said)
            yield f"http://127.0.0.1:{console}"
        finally:
            running.send_signal(signal.SIGINT)


def fetch(address: str) -> tuple[str, bytes]:
    with urllib.request.urlopen(address) as page:  # noqa: S310 - the console's own
        return page.headers.get_content_type(), page.read()


def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if not re.match(r"backstop-[^/]+\.dist-info/", name)}


def test_the_wheel_holds_the_four_packages_as_they_are_committed_and_no_more(wheel: Path, checkout: Path) -> None:
    packages = ("gateway", "smtpfront", "workers", "webadmin")
    listed = subprocess.run(("git", "ls-files", *packages), cwd=checkout, check=True, capture_output=True, text=True)
    committed = set(listed.stdout.splitlines())

    assert {name for name in names(wheel) if not name.startswith(COLLECTED)} == committed
    assert {"webadmin/templates/webadmin/dashboard.html", "gateway/migrations/0001_initial.py"} <= committed
    assert not committed & set(LYING_ABOUT)


def test_the_wheel_holds_the_static_files_of_every_application_collected(wheel: Path) -> None:
    found = {path for finder in get_finders() for path, _ in finder.list(["CVS", ".*", "*~"])}

    assert {name.removeprefix(COLLECTED) for name in names(wheel) if name.startswith(COLLECTED)} == found
    with zipfile.ZipFile(wheel) as archive:
        ours = (ROOT / "webadmin" / "static" / "webadmin" / "console.css").read_bytes()
        assert archive.read(f"{COLLECTED}webadmin/console.css") == ours


def test_the_same_commit_gives_the_same_octets(wheel: Path, checkout: Path, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "-q", str(checkout), str(clone))

    again = build(clone, tmp_path)

    assert again.name == wheel.name
    assert hashlib.sha256(again.read_bytes()).digest() == hashlib.sha256(wheel.read_bytes()).digest()


def test_what_builds_it_is_pinned_alike_wherever_it_is_named() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    (pinned,) = project["build-system"]["requires"]

    assert project["dependency-groups"]["build"] == [pinned]
    assert (ROOT / "requirements-build.lock").read_text().split()[0] == pinned


def test_it_says_its_version_with_the_commit(backstop: Installed, wheel: Path) -> None:
    _, version, _ = wheel.name.split("-", 2)
    number = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]

    assert re.fullmatch(rf"{re.escape(number)}\+g[0-9a-f]{{12}}", version)
    assert backstop.run("--version").stdout == f"backstop {version}\n"


def test_commands_are_called_by_the_name_that_they_have_there(backstop: Installed) -> None:
    overview, front, check = backstop.run("--help"), backstop.run("smtpd", "--help"), backstop.run("spf", "--help")

    assert overview.stdout.startswith("usage: backstop [")
    assert {"smtpd", "run", "migrate", "apply", "spf"} <= {
        line.split()[0] for line in overview.stdout.splitlines() if line
    }
    assert front.stdout.startswith("usage: backstop smtpd")
    assert check.stdout.startswith("usage: backstop spf")


def test_it_makes_the_tables_of_a_node_that_has_nothing(
    backstop: Installed, migrated: subprocess.CompletedProcess[str]
) -> None:
    home = backstop.folder / "deep" / "home"

    assert (migrated.returncode, migrated.stderr) == (0, "")
    assert (home / "backstop.sqlite3").exists()
    assert home.stat().st_mode & 0o777 == 0o700


def test_it_checks_its_settings(backstop: Installed) -> None:
    checked = backstop.run("check")

    assert (checked.returncode, checked.stderr) == (0, "")


def test_run_makes_the_whole_gateway_and_serves_the_static_files_of_the_wheel(
    backstop: Installed, console: str
) -> None:
    styles = re.findall(rb'<link href="(/static/[^"]+)" rel="stylesheet"', fetch(f"{console}/login/?next=/")[1])
    kinds = {style.decode(): fetch(f"{console}{style.decode()}")[0] for style in styles}
    state = {path.name for path in (backstop.folder / "state").iterdir()}

    assert "/static/webadmin/console.css" in kinds
    assert len(kinds) > 2
    assert set(kinds.values()) == {"text/css"}
    assert {"policy", "spool", "journal", "backstop.sqlite3"} <= state
    assert "static" not in state
