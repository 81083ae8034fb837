"""The doctor says what is not well, and what to do about it."""

import datetime
import os
import socket
import ssl
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from django.conf import settings
from django.db import OperationalError

from gateway.config import Broker, Clamd, Config, Retention
from gateway.models import Domain, Forwarder, JournalPosition, QuarantinedCopy, Recipient, Route, RouteHost
from gateway.models.quarantine import CopyState
from gateway.operations import protection
from gateway.operations.doctor import LOOKS, Level, Result, examine, node, scanner
from gateway.operations.protection import Protection, ScannerProtection
from gateway.operations.publish import publish_policy
from gateway.policy import codec
from gateway.policy.feed import FILE
from gateway.policy.snapshot import Snapshot
from gateway.services.clamd import ScannerStatus
from gateway.spool.journal import SUFFIX
from tests.fixtures_clamd import RunningClamd, clamd_socket

__all__ = ["clamd_socket"]

pytestmark = pytest.mark.django_db

Look = Callable[..., list[Result]]


@pytest.fixture
def config(home: Path) -> Config:
    """The configuration over an empty state folder."""
    for folder in ("status", "policy", "tls", "celery"):
        (home / folder).mkdir(mode=0o700)
    found: Config = settings.CONFIG
    return found


@pytest.fixture
def look(config: Config) -> Look:
    """Look at one thing, with parts of the configuration changed."""

    def run(name: str, **changed: object) -> list[Result]:
        return list(LOOKS[name](msgspec.structs.replace(config, **changed)))

    return run


@pytest.fixture
def domain() -> Domain:
    route = Route.objects.create(name="inner", tls="never")
    RouteHost.objects.create(route=route, host="127.0.0.1", port=1)
    return Domain.objects.create(name="example.test", route=route)


def make_certificate(config: Config, *, days: int) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.datetime.now(datetime.UTC)
    name = x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, "gateway.example.test")])
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=30))
        .not_valid_after(now + datetime.timedelta(days=days, hours=1))
        .sign(key, hashes.SHA256())
    )
    config.certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    config.key.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


def tell_smtpd(config: Config, **told: object) -> None:
    status = {"slot": "1", "pid": 7, "revision": 1, "revision_error": "", "heartbeat": time.time(), **told}
    (config.status_folder / "smtp-1.json").write_bytes(msgspec.json.encode(status))


def test_each_result_that_is_not_well_names_a_remedy(config: Config) -> None:
    results = list(examine(config))
    assert all(result.remedy for result in results if result.level in {Level.WARN, Level.FAIL})


def test_nothing_raises_where_nothing_is_there(config: Config, tmp_path: Path) -> None:
    empty = msgspec.structs.replace(config, node=msgspec.structs.replace(config.node, home=tmp_path / "none"))
    assert any(result.level is Level.FAIL for result in examine(empty))


def test_a_look_that_breaks_is_a_fault_and_hides_no_other(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_config: Config) -> list[Result]:
        raise RuntimeError("out of order")

    monkeypatch.setitem(LOOKS, "disk", broken)
    results = list(examine(config))
    assert [each.text for each in results if each.name == "disk"] == ["could not be looked at: out of order"]
    assert {"clamd", "forwarders"} <= {each.name for each in results}


def test_that_the_database_is_away_is_told_once(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(_config: Config) -> list[Result]:
        raise OperationalError("connection refused")

    for name in ("database", "releases", "forwarders"):
        monkeypatch.setitem(LOOKS, name, away)
    results = {each.name: each for each in examine(config)}

    assert [each.name for each in results.values() if "connection refused" in each.text] == ["database"]
    assert results["database"].level is Level.FAIL
    for name in ("releases", "forwarders"):
        assert (results[name].level, results[name].text) == (Level.SKIP, "not looked at: the database is away")


def test_a_state_folder_open_to_others_is_a_warning(look: Look, config: Config) -> None:
    config.home.chmod(0o755)
    assert look("state folder")[0].level is Level.WARN
    config.home.chmod(0o700)
    assert look("state folder")[0].level is Level.OK


def test_a_full_disk_is_a_fault(look: Look) -> None:
    assert look("disk", retention=Retention(quarantine_min_free=10**18))[0].level is Level.FAIL


@pytest.mark.parametrize(("days", "level"), [(-1, Level.FAIL), (5, Level.WARN), (90, Level.OK)])
def test_a_certificate_is_judged_by_its_last_day(look: Look, config: Config, days: int, level: Level) -> None:
    make_certificate(config, days=days)
    assert look("certificate")[0].level is level


@pytest.mark.parametrize(("days", "level"), [(5, Level.WARN), (10, Level.OK)])
def test_a_certificate_of_forty_days_is_due_later(look: Look, config: Config, days: int, level: Level) -> None:
    make_certificate(config, days=days)  # it is thirty days old
    assert look("certificate")[0].level is level


def test_a_key_that_does_not_belong_to_the_certificate_is_a_fault(look: Look, config: Config) -> None:
    make_certificate(config, days=90)
    certificate = config.certificate.read_bytes()
    make_certificate(config, days=90)
    config.certificate.write_bytes(certificate)
    with pytest.raises(ssl.SSLError):
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(config.certificate, config.key)
    assert look("certificate")[0].level is Level.FAIL


def test_a_database_that_is_up_to_date_is_well(look: Look) -> None:
    assert look("database")[0].level is Level.OK


def test_no_policy_is_a_fault(look: Look) -> None:
    assert look("policy")[0].level is Level.FAIL


def test_edits_that_are_not_published_are_a_warning(look: Look, domain: Domain) -> None:
    publish_policy("test")
    assert look("policy")[0].level is Level.OK
    Recipient.objects.create(domain=domain, local_part="alice")
    assert look("policy")[0].level is Level.WARN


@pytest.mark.usefixtures("domain")
def test_a_broken_policy_file_is_a_fault_that_names_the_file(look: Look, config: Config) -> None:
    publish_policy("test")
    (config.policy_folder / FILE).write_text("{")
    result = look("policy")[0]
    assert result.level is Level.FAIL
    assert FILE in result.text


def test_no_smtp_process_is_a_fault(look: Look, config: Config) -> None:
    assert look("smtpd")[0].level is Level.FAIL
    tell_smtpd(config, heartbeat=time.time() - 3600)
    assert look("smtpd")[0].level is Level.FAIL


@pytest.mark.usefixtures("domain")
def test_an_smtp_process_that_keeps_an_old_policy_is_a_fault(look: Look, config: Config) -> None:
    publish_policy("test")
    tell_smtpd(config)
    assert look("smtpd")[0].level is Level.OK
    tell_smtpd(config, revision=0)
    assert look("smtpd")[0].level is Level.FAIL
    tell_smtpd(config, revision_error="line 7")
    assert "line 7" in look("smtpd")[0].text


@pytest.mark.parametrize(
    ("age", "trouble", "level"), [(0, "", Level.OK), (3600, "", Level.FAIL), (0, "no database", Level.FAIL)]
)
def test_ingest_is_judged_by_its_sign_of_life(
    look: Look, config: Config, age: float, trouble: str, level: Level
) -> None:
    beat = {"at": time.time() - age, "trouble": trouble}
    (config.status_folder / "ingest.json").write_bytes(msgspec.json.encode(beat))
    assert look("ingest")[0].level is level


def test_a_large_backlog_of_journals_is_a_warning(look: Look, config: Config) -> None:
    (config.status_folder / "ingest.json").write_bytes(msgspec.json.encode({"at": time.time()}))
    config.journal_folder.mkdir(mode=0o700)
    journal = config.journal_folder / f"1-1-1{SUFFIX}"
    for size, level in ((32 * 1024**2, Level.OK), (40 * 1024**2, Level.WARN)):
        with journal.open("wb") as file:
            file.truncate(size)
        assert look("ingest")[0].level is level
    assert "40 MiB of journals wait for it" in look("ingest")[0].text
    JournalPosition.objects.create(name=f"{config.name}/{journal.name}", offset=39 * 1024**2)
    assert look("ingest")[0].level is Level.OK


def test_beat_is_judged_by_its_schedule(look: Look, config: Config) -> None:
    assert look("beat")[0].level is Level.FAIL
    schedule = config.home / "celery" / "schedule.db"
    schedule.touch()
    assert look("beat")[0].level is Level.OK
    os.utime(schedule, (0, 0))
    assert look("beat")[0].level is Level.FAIL


def test_a_process_that_may_not_ask_the_kernel_is_told_by_timesyncd_that_the_clock_is_kept(
    look: Look, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign = tmp_path / "synchronized"
    monkeypatch.setattr(node, "_kernel_clock", lambda: -1)
    monkeypatch.setattr(node, "_TIMESYNCD", sign)
    assert look("clock")[0].level is Level.SKIP
    sign.touch()
    assert look("clock")[0].level is Level.OK


def test_a_worker_is_judged_by_what_waits_for_it(look: Look, config: Config) -> None:
    queue = config.home / "broker" / "queue"
    queue.mkdir(parents=True)
    task = queue / "1_backstop.msg"
    task.touch()
    assert look("worker")[0].level is Level.OK
    os.utime(task, (0, 0))
    assert look("worker")[0].level is Level.FAIL


def test_beat_is_judged_where_it_runs_also_with_a_broker_of_its_own(look: Look, config: Config) -> None:
    (config.home / "celery" / "schedule").touch()
    assert look("beat", broker=Broker(url="redis://broker"))[0].level is Level.OK
    os.utime(config.home / "celery" / "schedule", (0, 0))
    assert look("beat", broker=Broker(url="redis://broker"))[0].level is Level.FAIL


def test_a_broker_that_does_not_answer_is_told_with_its_fault_and_without_its_password(look: Look) -> None:
    with socket.socket() as refusing:  # bound, and nobody listens
        refusing.bind(("127.0.0.1", 0))
        port = refusing.getsockname()[1]
        for scheme in ("redis", "amqp"):
            found = look("broker", broker=Broker(url=f"{scheme}://us:hidden-word@127.0.0.1:{port}/0"))[0]
            assert found.level is Level.FAIL
            assert "refused" in found.text
            assert "broker.url" in found.remedy
            assert "hidden-word" not in found.text


def test_the_broker_of_one_machine_needs_no_server(look: Look) -> None:
    assert look("broker")[0].level is Level.OK


@pytest.mark.parametrize("name", ["beat", "worker"])
def test_a_worker_elsewhere_is_said_to_be_unknown(look: Look, name: str) -> None:
    assert look(name, broker=Broker(url="redis://broker"))[0].level is Level.SKIP


def test_a_release_that_nobody_delivers_is_a_fault(look: Look) -> None:
    now = datetime.datetime.now(datetime.UTC)
    QuarantinedCopy.objects.create(
        message="1",
        recipient="alice@example.test",
        route="inner",
        client_ip="192.0.2.1",
        received=now,
        size=1,
        because="",
        state=CopyState.RELEASING,
        next_attempt=now - datetime.timedelta(hours=1),
    )
    assert look("releases")[0].level is Level.FAIL
    QuarantinedCopy.objects.update(next_attempt=now + datetime.timedelta(minutes=1))
    assert look("releases")[0].level is Level.OK


def test_a_silent_scanner_is_a_fault_with_its_consequence(look: Look, tmp_path: Path) -> None:
    (result,) = look("clamd", clamd=Clamd(socket=str(tmp_path / "nobody.sock")))
    assert result.level is Level.FAIL
    assert "451" in result.text


def test_a_missing_scanner_is_said_as_such(look: Look, config: Config) -> None:
    protection.tell(config, ScannerProtection(Protection.NONE, "clamd is not installed."))
    assert look("clamd")[0].text.startswith("clamd is not installed.")


@pytest.mark.usefixtures("domain")
def test_a_next_hop_that_does_not_answer_is_a_fault_that_names_it(look: Look) -> None:
    publish_policy("test")
    (result,) = look("next hop")
    assert result.level is Level.FAIL
    assert "127.0.0.1:1" in result.text


def test_no_policy_means_no_next_hop_to_look_at(look: Look) -> None:
    assert look("next hop")[0].level is Level.SKIP


def test_a_forwarder_is_told_to_validate_recipients(look: Look) -> None:
    assert look("forwarders")[0].level is Level.OK
    Forwarder.objects.create(name="secondary", networks=["192.0.2.0/24"])
    (result,) = look("forwarders")
    assert result.level is Level.WARN
    assert "validate recipients" in result.remedy


@pytest.fixture
def small_policy(config: Config) -> None:
    """A policy that takes a megabyte: less than the scanner of the tests does."""
    policy = Snapshot(1, "2026-11-21T00:00:00Z", "test", max_size=1_000_000)
    (config.policy_folder / FILE).write_bytes(codec.encode(policy))


@pytest.mark.usefixtures("small_policy")
def test_a_scanner_that_tells_all_is_well(look: Look, clamd_socket: str) -> None:
    results = {each.name: each for each in look("clamd", clamd=Clamd(socket=clamd_socket))}
    assert results["clamd"].level is Level.OK
    assert results["scan"].level is Level.OK
    assert "local signatures only" in results["signatures"].text


@pytest.mark.usefixtures("small_policy")
def test_each_of_several_scanners_is_told_of(look: Look, clamd_socket: str, tmp_path: Path) -> None:
    away = str(tmp_path / "away")
    results = {each.name: each for each in look("clamd", clamd=Clamd(sockets=(clamd_socket, away)))}
    assert results[f"clamd {clamd_socket}"].level is Level.OK
    assert results[f"clamd {away}"].level is Level.FAIL
    assert "The others scan" in results[f"clamd {away}"].text


def test_a_scanner_that_lets_things_pass_unsaid_is_found_out(
    look: Look, config: Config, tmp_path_factory: pytest.TempPathFactory
) -> None:
    policy = Snapshot(1, "2026-11-21T00:00:00Z", "test", max_size=1_000_000)
    (config.policy_folder / FILE).write_bytes(codec.encode(policy))
    settings = {"AlertExceedsMax": "no", "AlertEncrypted": "no", "StreamMaxLength": "500K"}
    lenient = RunningClamd(tmp_path_factory.mktemp("lenient"), **settings)
    try:
        results = [each for each in look("clamd", clamd=Clamd(socket=str(lenient.path))) if each.name == "scan"]
    finally:
        lenient.end()
    assert [each.level for each in results] == [Level.WARN, Level.WARN, Level.FAIL]
    assert [each.remedy.split()[0] for each in results] == ["AlertExceedsMax", "AlertEncrypted", "raise"]


@pytest.mark.parametrize(("days", "level"), [(2, Level.OK), (5, Level.WARN), (20, Level.FAIL)])
def test_old_signatures_are_told(days: int, level: Level) -> None:
    status = ScannerStatus("ClamAV 1.4.6/27291/...", "1.4.6", 27291, time.time() - days * 86400)
    assert scanner._age("signatures", Config(), status, None).level is level  # noqa: SLF001 - no old ones are at hand
