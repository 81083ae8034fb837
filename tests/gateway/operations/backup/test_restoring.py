"""A restored node has everything that it had, and sends nothing by itself."""

import errno
import fcntl
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone
from msgspec import structs

from gateway import halfway
from gateway.backscatter import batv
from gateway.config import Config
from gateway.embedded import home
from gateway.embedded.home import HomeError
from gateway.mail.copies import Copy, Purpose
from gateway.models import AuditEntry, Lesson, QuarantinedCopy
from gateway.models.lesson import LessonKind, LessonState
from gateway.models.quarantine import CopyState
from gateway.operations import adopt, hold, learn, release
from gateway.operations.backup import databases, making, restoring
from gateway.operations.backup.manifest import BackupError
from gateway.operations.backup.restoring import Restored
from gateway.operations.doctor import LOOKS, Level
from gateway.outbound import keys
from gateway.spool.deliveries import Deliveries
from gateway.spool.quarantine import Quarantine
from tests import samples
from tests.gateway.operations.backup.conftest import flip, keep, quiet, rewrite
from tests.samples import quarantining

Restore = Callable[..., Restored]


@pytest.fixture
def target(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty place for a home."""
    return tmp_path_factory.mktemp("restored") / "home"


@pytest.fixture
def restore(node: Config, made: Path, target: Path) -> Restore:
    """Restore the set into the empty place; the database of a server is the node's own, which is full."""

    def run(**options: bool) -> Restored:
        given = {"overwrite": connection.vendor == "postgresql", **options}
        return restoring.restore(node, made, target, quiet, **given)

    return run


def at(home: Path) -> Config:
    """The configuration of a node with that home."""
    return structs.replace(settings.CONFIG, node=structs.replace(settings.CONFIG.node, home=home))


def described(home: Path) -> databases.Described:
    """The database of the restored node."""
    own = databases.own()
    return {**own, "NAME": home / "backstop.sqlite3"} if connection.vendor == "sqlite" else own


def test_messages_rows_keys_and_deliveries_are_what_they_were(restore: Restore, node: Config, target: Path) -> None:
    tagged = batv.sign("p@example.test", keys.published(node)[0], keys.today())
    secrets = {path.name: path.read_bytes() for path in node.secrets_folder.iterdir()}

    restore()

    restored = at(target)
    assert batv.check(tagged, keys.published(restored), keys.today()).result is batv.Result.VALID
    assert {path.name: path.read_bytes() for path in restored.secrets_folder.iterdir()} == secrets
    assert sorted(Quarantine(restored.spool_folder).ids()) == [f"01a{number}" for number in range(5)]
    assert Quarantine(restored.spool_folder).read("01a1")[1].read() == samples.MESSAGE
    assert Deliveries(restored.spool_folder).find("key-01a1") == "01a1"
    assert restored.key.read_bytes() == node.key.read_bytes()
    with databases.known_to_django(described(target)) as alias:
        assert QuarantinedCopy.objects.using(alias).count() == 5


def test_a_home_that_lives_is_not_overwritten_unless_that_is_said(made: Path, node: Config) -> None:
    with pytest.raises(BackupError, match=r"a node lives there .* or say --overwrite"):
        restoring.restore(node, made, node.home, quiet)
    assert hold.of(node) is None


def test_what_was_there_is_moved_aside_and_not_lost(made: Path, node: Config) -> None:
    keep(node.home, "01late")

    done = restoring.restore(node, made, node.home, quiet, overwrite=True)

    assert done.aside is not None
    assert Quarantine(done.aside / "spool").exists("01late")
    assert not Quarantine(node.spool_folder).exists("01late")
    if connection.vendor == "postgresql":
        assert (done.aside / "database.dump").stat().st_size > 0


def test_a_home_on_which_a_gateway_runs_is_refused_even_then(made: Path, node: Config) -> None:
    (node.home / "locks").mkdir()
    with (node.home / "locks" / "smtp-a").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(BackupError, match=r"a gateway runs there \(smtp-a\); stop all its services first"):
            restoring.restore(node, made, node.home, quiet, overwrite=True)


def test_a_damaged_set_changes_nothing(made: Path, restore: Restore, target: Path) -> None:
    flip(made / "home" / "secrets" / "django")
    copies = QuarantinedCopy.objects.count()
    with pytest.raises(BackupError, match="is not what the manifest says"):
        restore()
    assert not target.exists()
    assert halfway.trouble(target) == ""
    assert QuarantinedCopy.objects.count() == copies


def test_a_restore_that_breaks_off_leaves_a_home_on_which_nothing_starts_until_another_has_succeeded(
    restore: Restore, made: Path, node: Config, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(databases, "load", fail)
        with pytest.raises(BackupError, match="disk"):
            restore()
    assert "a restore broke off, and half of the state is missing" in halfway.trouble(target)
    with pytest.raises(HomeError, match="run it again"):
        home.prepare(at(target))

    restoring.restore(node, made, target, quiet, overwrite=True)
    assert halfway.trouble(target) == ""


def test_a_set_of_the_other_kind_of_database_is_refused(made: Path, node: Config, target: Path) -> None:
    other = "postgresql" if connection.vendor == "sqlite" else "sqlite"
    rewrite(made, database=other)
    with pytest.raises(BackupError, match=f"the kind {other}, database.url names {connection.vendor}"):
        restoring.restore(node, made, target, quiet)


def test_a_restored_node_is_held_and_the_doctor_says_so(restore: Restore, target: Path) -> None:
    restore()
    (told,) = LOOKS["restored"](at(target))
    assert told.level is Level.FAIL
    assert "nothing leaves by itself" in told.text
    assert "resume" in told.remedy


def test_what_was_pending_is_counted(node: Config, made: Path, restore: Restore) -> None:
    QuarantinedCopy.objects.filter(message="01a1").update(state=CopyState.RELEASING, next_attempt=timezone.now())
    making.backup(node, made, quiet, replace=True)
    assert restore().waiting == hold.Waiting(copies=1, lessons=0)


@pytest.fixture
def held(node: Config) -> Config:
    """A node that is held, with a release, a redirect and a lesson that are due."""
    hold.place(node.home, 1.0)
    QuarantinedCopy.objects.filter(message="01a0").update(state=CopyState.RELEASING, next_attempt=timezone.now())
    copy = Copy("bob@example.test", "main", quarantining(), Purpose.REDIRECT, "ann@example.test")
    keep(node.home, "01redirect", copies=(copy,))
    adopt.adopt()
    now = timezone.now()
    Lesson.objects.create(message="01a1", engine="rspamd", kind=LessonKind.SPAM, by="x", asked=now, next_attempt=now)
    return node


def pending() -> list[str]:
    return sorted(QuarantinedCopy.objects.filter(state=CopyState.RELEASING).values_list("message", flat=True))


def test_while_a_node_is_held_nobody_delivers_or_teaches(held: Config) -> None:
    assert hold.of(held) is not None
    assert pending() == ["01a0", "01redirect"]
    assert release.ring_due() == release.ring_for(["01a0", "01redirect"]) == learn.ring_due() == 0
    for copy in QuarantinedCopy.objects.all():
        assert release.deliver(copy.pk) is None
    assert learn.teach(Lesson.objects.get().pk) is None
    assert pending() == ["01a0", "01redirect"]
    assert Lesson.objects.get().attempts == 0


def test_a_file_that_can_not_be_read_holds_too(held: Config) -> None:
    (held.home / "restored.json").write_text("{")
    assert release.ring_due() == 0


def test_after_resume_what_is_pending_is_tried(held: Config) -> None:
    assert hold.resume(held, "admin", keep=False) == hold.Waiting(2, 1)
    copy = QuarantinedCopy.objects.get(message="01a0")
    assert release.deliver(copy.pk) == CopyState.RELEASING, "nobody listens at the next hop"
    copy.refresh_from_db()
    assert copy.attempts == 1
    assert AuditEntry.objects.filter(verb="resume", who="admin").exists()


def test_resume_can_keep_all_that_is_pending(held: Config) -> None:
    keep(
        held.home, "01later", copies=(Copy("bob@example.test", "main", quarantining(), Purpose.COPY, "a@example.test"),)
    )

    assert hold.resume(held, "admin", keep=True) == hold.Waiting(3, 1)

    assert pending() == []
    assert QuarantinedCopy.objects.filter(state=CopyState.QUARANTINED).count() == 7
    assert Lesson.objects.get().state == LessonState.FAILED
    assert hold.of(held) is None
    assert hold.resume(held, "admin", keep=True) is None
