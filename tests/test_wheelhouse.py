"""A wheelhouse: what the lock names and nothing else, from a package index that is a folder of this test."""

import hashlib
import importlib
import json
import subprocess
import sys
import tarfile
import zipfile
from io import BytesIO
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent
TARGET = ("3.13", "x86_64")


@pytest.fixture
def wheelhouse(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    return importlib.import_module("wheelhouse")


class Index:
    """A package index, and a checkout whose lock names what it has."""

    def __init__(self, folder: Path, module: ModuleType) -> None:
        self.packages = folder / "packages"
        self.packages.mkdir()
        self.lock = folder / "requirements.lock"
        (folder / "requirements-build.lock").write_text("")
        self.house = folder / "house"
        self.house.mkdir()
        self.version = "1.0+g000000000001"
        self._module = module

    def wheel(self, name: str, tag: str = "py3-none-any") -> Path:
        path = self.packages / f"{name}-1-{tag}.whl"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(f"{name}-1.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
            archive.writestr(f"{name}-1.dist-info/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n")
            archive.writestr(f"{name}-1.dist-info/RECORD", "")
        return path

    def source(self, name: str) -> Path:
        path = self.packages / f"{name}-1.tar.gz"
        setup = f"from setuptools import setup\nsetup(name={name!r}, version='1', py_modules=[])\n".encode()
        with tarfile.open(path, "w:gz") as archive:
            entry = tarfile.TarInfo(f"{name}-1/setup.py")
            entry.size = len(setup)
            archive.addfile(entry, BytesIO(setup))
        return path

    def lock_to(self, *files: Path, marker: str = "") -> None:
        condition = f" ; {marker}" if marker else ""
        self.lock.write_text(
            "".join(f"{file.name.split('-')[0]}==1{condition} \\\n    --hash=sha256:{digest(file)}\n" for file in files)
        )

    def make(self) -> bool:
        return self._module.make(self.house, self._module.Target(*TARGET))

    def wheels(self) -> set[str]:
        return {path.name for path in self.house.glob("*.whl")}

    def times(self) -> dict[str, int]:
        return {path.name: path.stat().st_mtime_ns for path in self.house.iterdir()}


@pytest.fixture
def index(wheelhouse: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Index:
    found = Index(tmp_path, wheelhouse)
    monkeypatch.setattr(wheelhouse, "ROOT", tmp_path)
    monkeypatch.setattr(wheelhouse.installation, "version", lambda: found.version)
    monkeypatch.setattr(wheelhouse.wheel_backend, "build_wheel", lambda folder: product(Path(folder), found.version))
    monkeypatch.setattr(wheelhouse, "SOURCE_ONLY", ("sourced",))
    # pip's own settings say where packages come from.
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(found.packages))
    monkeypatch.setenv("PYTHONPATH", str(ROOT / ".tools" / "build"))
    return found


def product(folder: Path, version: str) -> str:
    """The product's wheel, which tests/test_wheel.py builds in earnest."""
    name = f"backstop-{version}-py3-none-any.whl"
    (folder / name).write_text(version)
    return name


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_it_holds_the_product_and_what_the_lock_names_with_the_hashes_of_these_files(index: Index) -> None:
    subprocess.run((ROOT / "scripts" / "venv", "build"), check=True)  # costs nothing after make setup
    index.lock_to(
        index.wheel("plain"), index.wheel("fast", "cp313-cp313-manylinux_2_28_x86_64"), index.source("sourced")
    )
    index.wheel("stranger")

    assert index.make()

    assert index.wheels() == {
        "backstop-1.0+g000000000001-py3-none-any.whl",
        "plain-1-py3-none-any.whl",
        "fast-1-cp313-cp313-manylinux_2_28_x86_64.whl",
        "sourced-1-py3-none-any.whl",
    }
    lock = (index.house / "requirements.lock").read_text()
    assert [line.split()[0] for line in lock.splitlines() if not line.startswith(" ")] == [
        *("backstop==1.0+g000000000001", "plain==1", "fast==1", "sourced==1")
    ]
    assert all(f"sha256:{digest(path)}" in lock for path in index.house.glob("*.whl"))
    assert json.loads((index.house / "wheelhouse.json").read_text())["version"] == "1.0+g000000000001"


def test_what_is_built_from_source_is_the_same_each_time(index: Index) -> None:
    index.lock_to(index.source("sourced"))
    index.make()
    (built,) = index.house.glob("sourced-*.whl")
    first = digest(built)
    built.unlink()

    assert not index.make()
    assert digest(built) == first


def test_a_second_run_changes_nothing(index: Index) -> None:
    index.lock_to(index.wheel("plain"))
    index.make()
    before = index.times()

    assert not index.make()
    assert index.times() == before


def test_another_commit_replaces_the_product_alone(index: Index) -> None:
    index.lock_to(index.wheel("plain"))
    index.make()
    before = index.times()
    (index.packages / "plain-1-py3-none-any.whl").unlink()  # nobody asks for it again
    index.version = "1.0+g000000000002"

    assert index.make()
    assert index.wheels() == {"backstop-1.0+g000000000002-py3-none-any.whl", "plain-1-py3-none-any.whl"}
    assert index.times()["plain-1-py3-none-any.whl"] == before["plain-1-py3-none-any.whl"]
    assert "g000000000001" not in (index.house / "requirements.lock").read_text()


def test_a_file_that_was_changed_is_mended(index: Index) -> None:
    wheel = index.wheel("plain")
    index.lock_to(wheel)
    index.make()
    (index.house / wheel.name).write_text("spoiled")

    index.make()

    assert digest(index.house / wheel.name) == digest(wheel)


def test_what_the_lock_does_not_name_any_more_goes(index: Index) -> None:
    kept, gone = index.wheel("plain"), index.wheel("gone")
    index.lock_to(kept, gone)
    index.make()
    index.lock_to(kept)

    assert index.make()
    assert index.wheels() == {"backstop-1.0+g000000000001-py3-none-any.whl", kept.name}


def test_a_package_with_another_hash_is_refused_and_nothing_is_changed(index: Index, wheelhouse: ModuleType) -> None:
    wheel = index.wheel("plain")
    index.lock_to(wheel)
    index.make()
    before = index.times()
    index.lock.write_text(f"plain==1 \\\n    --hash=sha256:{'0' * 64}\n")

    with pytest.raises(wheelhouse.WheelhouseError, match=r"is not the one that requirements\.lock names"):
        index.make()
    assert index.times() == before


def test_a_package_without_a_wheel_for_the_target_is_named_with_the_remedy(
    index: Index, wheelhouse: ModuleType
) -> None:
    index.lock_to(index.wheel("fast", "cp311-cp311-manylinux_2_28_x86_64"))

    with pytest.raises(
        wheelhouse.WheelhouseError, match=r"no fast==1 for Python 3\.13 on x86_64; take another version"
    ):
        index.make()


def test_no_code_of_a_source_is_run_that_is_not_named_for_it(index: Index, wheelhouse: ModuleType) -> None:
    index.lock_to(index.source("unnamed"))

    with pytest.raises(wheelhouse.WheelhouseError, match="no unnamed==1"):
        index.make()


@pytest.mark.parametrize(("python", "wanted"), [("3.11", {"plain", "old_pythons"}), ("3.13", {"plain"})])
def test_markers_are_read_for_any_release_of_the_target(wheelhouse: ModuleType, python: str, wanted: set[str]) -> None:
    entries = wheelhouse.locked(
        "plain==1 \\\n    --hash=sha256:00\n"
        "old_pythons==1 ; python_full_version < '3.11.3' \\\n    --hash=sha256:00\n"
        "windows==1 ; sys_platform == 'win32' \\\n    --hash=sha256:00\n"
    )
    target = wheelhouse.Target(python, "x86_64")

    assert {entry.name for entry in entries if target.wants(entry.marker)} == wanted


@pytest.mark.parametrize("python", ["3.11", "3.13"])
def test_every_entry_of_our_lock_can_be_read(wheelhouse: ModuleType, python: str) -> None:
    text = (ROOT / "requirements.lock").read_text()
    entries = list(wheelhouse.locked(text))

    assert sum(len(entry.hashes) for entry in entries) == text.count("--hash=")
    assert set(wheelhouse.SOURCE_ONLY) <= {entry.name for entry in entries}
    assert wheelhouse.Target(python, "x86_64").wants("")


def test_a_folder_that_holds_other_things_is_refused(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")

    refused = subprocess.run(
        (sys.executable, ROOT / "scripts" / "wheelhouse.py", tmp_path), capture_output=True, text=True, check=False
    )

    assert refused.returncode == 1
    assert refused.stderr == f"wheelhouse: {tmp_path} holds other things (letter.txt); name a new or an empty folder\n"
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]
