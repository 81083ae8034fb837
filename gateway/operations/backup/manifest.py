"""What a backup set says of itself, and whether it is whole."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import msgspec
from django.db.migrations.loader import MigrationLoader

from gateway import installation

FILE = "manifest.json"
FORMAT = 1
_BLOCK = 1024 * 1024

Tell = Callable[[str], None]  # is told how far long work has come, as often as it likes to be


class BackupError(Exception):
    """A set can't be made, read or restored. The text names the thing and the remedy."""


class Entry(msgspec.Struct, frozen=True):
    """One file of the set: its octets, and their SHA-256 in hex."""

    size: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True):
    """What the set holds. Times are seconds since the epoch; ``files`` is by path below the set's folder.

    ``database`` is Django's name of the kind (``sqlite``, ``postgresql``), ``migrations`` what is applied in it, by
    application and name; ``damaged`` are quarantined messages that were not what had been stored already;
    ``installation`` says whose state it is, empty where that is not known.
    """

    format: int
    version: str
    node: str
    began: float
    ended: float
    database: str
    migrations: list[str]
    messages: int
    files: dict[str, Entry]
    damaged: list[str] = []
    installation: str = ""

    @property
    def octets(self) -> int:
        """What all files take."""
        return sum(entry.size for entry in self.files.values())


def read(folder: Path) -> Manifest:
    """Read the manifest of a set that this version can restore. Raises BackupError."""
    path = folder / FILE
    try:
        text = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise BackupError(
            f"{path}: no such file; name the folder of a whole backup set, as the command backup writes it"
        ) from None
    except OSError as error:
        raise BackupError(f"{path}: {error.strerror}; make it readable for this user") from error
    try:
        number = msgspec.json.decode(text, type=dict[str, object]).get("format")
        if number != FORMAT:
            raise BackupError(
                f"{path}: its format is {number}, this version reads {FORMAT}; use the version that made it"
            )
        manifest = msgspec.json.decode(text, type=Manifest)
    except msgspec.MsgspecError as error:
        raise BackupError(f"{path}: damaged, {error}; take another backup") from error
    # What a release was upgraded to and came back from leaves its tables (ADR 13): the set of one that ran with them is
    # one that it can run with.
    if manifest.version != installation.version() and (
        unknown := sorted(set(manifest.migrations) - _known_migrations())
    ):
        raise BackupError(
            f"{folder}: its schema is newer than this version ({', '.join(unknown[:3])}"
            f"{', ...' if unknown[3:] else ''}); install version {manifest.version} or a later one, then restore"
        )
    return manifest


def verify(folder: Path, manifest: Manifest, tell: Tell) -> None:
    """Read every file of the set and compare it with the manifest. Raises BackupError, which names the first fault."""
    for count, (name, entry) in enumerate(manifest.files.items()):
        path = folder / name
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise BackupError(f"{folder / FILE}: {name!r} leads out of the set; take another backup")
        try:
            found = entry_of(path)
        except FileNotFoundError:
            raise BackupError(f"{path}: is in the manifest and not in the set; take another backup") from None
        except OSError as error:
            raise BackupError(f"{path}: {error.strerror}; make it readable, or take another backup") from error
        if found != entry:
            raise BackupError(f"{path}: is not what the manifest says; the set is damaged, take another backup")
        tell(f"checked {count + 1} of {len(manifest.files)} files")


def entry_of(path: Path) -> Entry:
    """Read a file; gives its entry. Raises OSError."""
    digest = hashlib.sha256()
    size = 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
            size += len(block)
    return Entry(size, digest.hexdigest())


def _known_migrations() -> set[str]:
    """Give the migrations that this version has."""
    loader = MigrationLoader(None, ignore_no_migrations=True)
    return {f"{app}.{name}" for app, name in loader.disk_migrations}
