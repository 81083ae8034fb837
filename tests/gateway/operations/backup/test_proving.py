"""A proof passes only where everything can really be restored."""

import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import psycopg
import pytest
from django.conf import settings
from django.db import connection

from gateway.config import Config
from gateway.models import Alarm, QuarantinedCopy
from gateway.operations.backup import databases, probe, records
from gateway.operations.backup.manifest import BackupError
from gateway.operations.backup.records import BackupRecord, Proof
from gateway.operations.doctor import LOOKS, Level
from gateway.policy import codec
from gateway.services import secrets
from gateway.spool.quarantine import ITEM, MESSAGE, place_of
from tests.gateway.operations.backup.conftest import flip, forge, manifest_of, rewrite

Prove = Callable[[Path], Proof]


def fault(prove: Prove, folder: Path) -> str:
    """Prove a set, which has to fail for one reason; give it."""
    (text,) = prove(folder).failed
    return text


def of_policy(folder: Path) -> str:
    """The name of the policy in force, below the set."""
    assert (folder / "home" / "policy" / "current.json").exists()
    return "home/policy/current.json"


def test_a_flipped_bit_in_a_message_is_found(made: Path, prove: Prove) -> None:
    path = place_of(made / "home" / "spool", "01a1") / MESSAGE
    flip(path)
    assert fault(prove, made).startswith(f"{path}: is not what the manifest says")


def test_a_flipped_bit_in_the_database_is_found(made: Path, prove: Prove) -> None:
    name = databases.dump_name(manifest_of(made).database)
    flip(made / name)
    assert f"{name}: is not what the manifest says" in fault(prove, made)


def test_a_missing_file_is_found(made: Path, prove: Prove) -> None:
    (made / "home" / "secrets" / "django").unlink()
    assert "is in the manifest and not in the set" in fault(prove, made)


@pytest.mark.parametrize("name", ["", "mistyped"])
def test_where_no_set_is_nothing_is_tried_and_nothing_is_said_of_the_backups(
    tmp_path: Path, prove: Prove, node: Config, name: str
) -> None:
    with pytest.raises(BackupError, match=r"nothing was tried.*name the folder of a whole backup set"):
        prove(tmp_path / name)
    assert records.last_proof(node) is None
    assert not Alarm.objects.exists()


def test_a_set_of_another_version_is_proven_too(made: Path, prove: Prove) -> None:
    rewrite(made, version="0.0.9")
    assert prove(made).good


def test_a_set_of_another_format_is_refused(made: Path, prove: Prove) -> None:
    rewrite(made, format=2)
    assert "its format is 2, this version reads 1" in fault(prove, made)


def test_a_set_with_a_newer_schema_is_refused(made: Path, prove: Prove) -> None:
    rewrite(made, migrations=[*manifest_of(made).migrations, "gateway.0099_later"], version="9.9")
    assert "its schema is newer than this version (gateway.0099_later); install version 9.9" in fault(prove, made)


def test_a_manifest_that_leads_out_of_the_set_is_refused(made: Path, prove: Prove) -> None:
    files = manifest_of(made).files
    rewrite(made, files={**files, "home/../../etc/passwd": files["deliveries.json"]})
    assert "leads out of the set" in fault(prove, made)


def test_a_message_that_is_not_what_came_in_is_found(made: Path, prove: Prove) -> None:
    place = place_of(made / "home" / "spool", "01a1")
    text = bytearray((place / MESSAGE).read_bytes())
    text[-3] ^= 1
    forge(made, str((place / MESSAGE).relative_to(made)), bytes(text))
    assert fault(prove, made) == "quarantined message 01a1 is not what came in"


def test_a_message_that_can_not_be_opened_is_found(made: Path, prove: Prove) -> None:
    place = place_of(made / "home" / "spool", "01a1")
    forge(made, str((place / ITEM).relative_to(made)), b"{")
    assert "a quarantined message can't be opened" in fault(prove, made)


def test_a_message_that_is_missing_with_its_files_is_found(made: Path, prove: Prove, node: Config) -> None:
    place = str(place_of(made / "home" / "spool", "01a1").relative_to(made))
    rewrite(
        made,
        files={name: entry for name, entry in manifest_of(made).files.items() if not name.startswith(place)},
        began=time.time() + node.limits.session_seconds + 5,
    )
    assert fault(prove, made) == "quarantined messages have rows and no bytes: 01a1"


@pytest.mark.parametrize(
    ("secret", "text"),
    [
        (lambda policy: policy.marking.keys[0].secret, "BATV key 1 does not verify its own tag: forged"),
        (lambda policy: policy.marking.seal, "the seal's secret does not verify a seal that it has made"),
        (lambda policy: policy.domains["example.test"].dkim.secret, "the DKIM key of example.test can't be loaded"),
        (lambda policy: policy.accounts["printer"].secret, "account printer could not send"),
    ],
)
def test_a_secret_that_is_not_what_it_was_is_found(
    made: Path, prove: Prove, secret: Callable[[object], str], text: str
) -> None:
    name = secret(codec.load(made / of_policy(made)))
    forge(made, f"home/secrets/{name}", b"another one")
    assert text in fault(prove, made)


def test_a_broken_policy_is_found(made: Path, prove: Prove) -> None:
    forge(made, of_policy(made), b"{}")
    assert any("the policy in force can't be read" in text for text in prove(made).failed)


def test_a_broken_ledger_is_found(made: Path, prove: Prove) -> None:
    forge(made, "home/ledger", b"no ledger")
    assert "the ledger can't be opened" in fault(prove, made)


def test_a_password_that_does_not_compare_is_found(made: Path, prove: Prove) -> None:
    known = msgspec.json.decode((made / probe.FILE).read_bytes(), type=probe.Probe)
    forge(made, probe.FILE, msgspec.json.encode(msgspec.structs.replace(known, password="another one")))
    assert "does not compare" in fault(prove, made)


def test_nothing_of_a_proof_stays_and_the_node_is_what_it_was(made: Path, prove: Prove, node: Config) -> None:
    before = {path.name for path in node.home.iterdir()}
    copies = list(QuarantinedCopy.objects.values())

    assert prove(made).good

    assert {path.name for path in node.home.iterdir()} == before | {"status"}
    assert list(QuarantinedCopy.objects.values()) == copies
    if connection.vendor == "postgresql":
        ours = connection.settings_dict
        with psycopg.connect(host=ours["HOST"], user=ours["USER"], dbname="postgres") as session:
            named = f"{ours['NAME'][:40]}_proof_%"
            assert session.execute("SELECT 1 FROM pg_database WHERE datname LIKE %s", [named]).fetchone() is None


def test_the_doctor_tells_date_age_and_what_was_proven(made: Path, prove: Prove, node: Config) -> None:
    prove(made)
    backup, proof = LOOKS["backup"](node)
    assert (backup.level, proof.level) == (Level.OK, Level.OK)
    assert "5 quarantined messages" in backup.text
    assert "a seal verifies" in proof.text


def test_a_failed_proof_is_an_alarm_and_a_fault(made: Path, prove: Prove, node: Config) -> None:
    (made / "home" / "secrets" / "django").unlink()
    prove(made)
    assert "a backup could not be proven" in Alarm.objects.get().text
    assert list(LOOKS["backup"](node))[1].level is Level.FAIL
    assert "could not be proven" in (records.trouble(node) or "")


def test_a_node_without_any_backup_is_warned_of_and_no_alarm(node: Config) -> None:
    assert [each.level for each in LOOKS["backup"](node)] == [Level.WARN, Level.WARN]
    records.watch()
    assert not Alarm.objects.exists()


@pytest.mark.parametrize(
    ("backup_days", "since_days", "proof_days", "text"),
    [
        (3, 30, 1, "the last backup is of"),
        (1, 30, 9, "the last proof that a backup can be restored is of"),
        (1, 30, None, "no backup has been proven in 8 days"),
        (1, 30, 7, None),
        (1, 2, None, None),
    ],
)
def test_what_is_too_old_is_an_alarm(
    node: Config, backup_days: float, since_days: float, proof_days: float | None, text: str | None
) -> None:
    now, day = time.time(), 86_400
    records.note_backup(node, BackupRecord(now - backup_days * day, now - since_days * day, "/set", 1, 1))
    if proof_days is not None:
        records.note_proof(node, Proof(now - proof_days * day, now - proof_days * day, "/set", ("all",)))

    records.watch()

    found = Alarm.objects.first()
    assert (found is None) if text is None else (found is not None and found.text.startswith(text))


def test_a_proof_of_an_old_backup_alone_is_an_alarm(node: Config) -> None:
    now, day = time.time(), 86_400
    records.note_backup(node, BackupRecord(now, now - 30 * day, "/set", 1, 1))
    records.note_proof(node, Proof(now, now - 9 * day, "/set", ("all",)))

    records.watch()

    assert "no later one has come" in Alarm.objects.get().text
    assert [each.level for each in LOOKS["backup"](node)] == [Level.OK, Level.FAIL]


def test_no_secret_of_a_proof_is_read_from_the_node_itself(made: Path, prove: Prove, node: Config) -> None:
    for path in node.secrets_folder.iterdir():
        secrets.destroy(settings.CONFIG.secrets_folder, path.name)
    assert prove(made).good


@pytest.mark.parametrize("right", ["NOCREATEDB", "CREATEDB"])
def test_on_postgresql_a_role_needs_no_more_than_the_right_to_make_databases(
    made: Path, prove: Prove, monkeypatch: pytest.MonkeyPatch, right: str
) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has no roles")
    own = databases.own()
    role = f"plain_{right.lower()}_{own['NAME']}"[:60]
    with connection.cursor() as cursor:
        cursor.execute(f'CREATE ROLE "{role}" LOGIN {right}')
    monkeypatch.setattr(databases, "own", lambda: {**own, "USER": role})
    try:
        proof = prove(made)
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f'DROP ROLE "{role}"')

    if right == "CREATEDB":
        assert proof.failed == ()
    else:
        assert proof.failed == (f"{role} may not make a scratch database; let it: ALTER ROLE {role} CREATEDB",)
