import hashlib
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gateway.backscatter.ledger import PROOFS
from gateway.services.ledger import FileStore, LedgerError, open_ledger

NOW = 1_790_000_000.0


def mac(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()[:20]


def colliding(count: int) -> list[bytes]:
    """Hashes that fall into the same bucket of a small store, however many it has."""
    return [bytes(8) + mac(str(number))[:12] for number in range(count)]


def test_what_was_put_is_found_and_nothing_else(tmp_path: Path) -> None:
    with FileStore(tmp_path / "ledger") as store:
        store.put(mac("a"), NOW)

        assert store.get(mac("a")) == NOW
        assert store.get(mac("b")) is None


def test_time_moves_forward_only(tmp_path: Path) -> None:
    with FileStore(tmp_path / "ledger") as store:
        store.put(mac("a"), NOW)
        store.put(mac("a"), NOW - 5)
        assert store.get(mac("a")) == NOW
        store.put(mac("a"), NOW + 5)
        assert store.get(mac("a")) == NOW + 5


def test_a_full_bucket_loses_its_oldest_entry(tmp_path: Path) -> None:
    macs = colliding(9)
    with FileStore(tmp_path / "ledger", 64) as store:
        for age, each in enumerate(macs):
            store.put(each, NOW - age if age else NOW - 100)

        assert [store.get(each) is not None for each in macs] == [False] + [True] * 8


def test_the_file_never_grows(tmp_path: Path) -> None:
    with FileStore(tmp_path / "ledger", 1024) as store:
        size = store.path.stat().st_size
        for number in range(3000):
            store.put(mac(str(number)), NOW + number)

        assert store.path.stat().st_size == size < 17 * 1024 + 512
        recent = [store.get(mac(str(number))) is not None for number in range(2800, 3000)]
        assert sum(recent) > 190


def test_processes_share_it(tmp_path: Path) -> None:
    with FileStore(tmp_path / "ledger") as one, FileStore(tmp_path / "ledger") as other:
        one.put(mac("a"), NOW)
        assert other.get(mac("a")) == NOW


def test_many_writers_lose_nothing(tmp_path: Path) -> None:
    program = (
        "import sys, hashlib, pathlib\n"
        "from gateway.services.ledger import FileStore\n"
        "store = FileStore(pathlib.Path(sys.argv[1]), 8192)\n"
        "for n in range(500): store.put(hashlib.sha256(f'{sys.argv[2]} {n}'.encode()).digest()[:20], 1790000000)\n"
    )
    writers = [
        subprocess.Popen([sys.executable, "-c", program, str(tmp_path / "ledger"), str(number)]) for number in range(3)
    ]
    assert [each.wait(60) for each in writers] == [0, 0, 0]

    with FileStore(tmp_path / "ledger") as store:
        missing = [(w, n) for w in range(3) for n in range(500) if store.get(mac(f"{w} {n}")) is None]
    assert missing == []


def test_it_survives_kill_nine_in_the_middle_of_writing(tmp_path: Path) -> None:
    program = (
        "import sys, hashlib, itertools, pathlib\n"
        "from gateway.services.ledger import FileStore\n"
        "store = FileStore(pathlib.Path(sys.argv[1]))\n"
        "for n in itertools.count():\n"
        "    store.put(hashlib.sha256(str(n).encode()).digest()[:20], 1790000000)\n"
        "    print(n, flush=True)\n"
    )
    writer = subprocess.Popen([sys.executable, "-c", program, str(tmp_path / "ledger")], stdout=subprocess.PIPE)
    assert writer.stdout is not None
    written = [int(writer.stdout.readline()) for _ in range(200)]
    writer.send_signal(signal.SIGKILL)
    written += [int(line) for line in writer.stdout.read().split()[:-1]]
    writer.wait(60)

    with FileStore(tmp_path / "ledger") as store:
        assert all(store.get(mac(str(number))) == NOW for number in written)
        store.put(mac("after"), NOW)
        assert store.get(mac("after")) == NOW


def test_a_damaged_file_is_put_aside(tmp_path: Path) -> None:
    (tmp_path / "ledger").write_bytes(b"something else")
    with FileStore(tmp_path / "ledger") as store:
        assert store.get(mac("a")) is None
        store.put(mac("a"), NOW)
        assert store.get(mac("a")) == NOW
    assert (tmp_path / "ledger.damaged").read_bytes() == b"something else"


def test_a_file_keeps_its_size_and_another_wish_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with FileStore(tmp_path / "ledger", 64) as store:
        store.put(mac("a"), NOW)
        size = store.path.stat().st_size
    assert not caplog.records
    with FileStore(tmp_path / "ledger", 1024) as store:
        assert store.path.stat().st_size == size
        assert store.get(mac("a")) == NOW
    assert "was made with 64 entries and keeps them, though 1024 are configured" in caplog.text


def test_a_folder_that_is_not_there_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="no/ledger: No such file"):
        FileStore(tmp_path / "no" / "ledger")


@pytest.mark.usefixtures("open_umask")
def test_only_the_owner_can_read_it(tmp_path: Path) -> None:
    with FileStore(tmp_path / "ledger") as store:
        assert stat.S_IMODE(store.path.stat().st_mode) == 0o600


def test_no_address_and_no_id_is_written_in_clear(tmp_path: Path) -> None:
    ledger, store = open_ledger(tmp_path, tmp_path / "secrets", entries=1024)
    ledger.sent("<id-77@example.org>", "alice@example.org", ["bob@far.test"], NOW)
    octets = store.path.read_bytes()

    assert not any(word in octets for word in (b"id-77", b"alice", b"bob", b"far.test", b"example"))
    store.close()


def test_a_restart_keeps_what_was_sent(tmp_path: Path) -> None:
    ledger, store = open_ledger(tmp_path, tmp_path / "secrets")
    ledger.sent("<1@example.org>", "alice@example.org", ["bob@far.test"], NOW)
    store.close()

    ledger, store = open_ledger(tmp_path, tmp_path / "secrets")
    assert ledger.message("1@example.org", "alice@example.org") == NOW
    assert ledger.wrote_to("alice@example.org", "bob@far.test") == NOW
    store.close()


def test_who_only_reads_changes_nothing(tmp_path: Path) -> None:
    _, store = open_ledger(tmp_path, tmp_path / "secrets", entries=1024)
    before = store.path.read_bytes()
    ledger, reading = open_ledger(tmp_path, tmp_path / "secrets", writable=False)
    ledger.sent("<1@example.org>", "alice@example.org", ["bob@far.test"], NOW)

    assert [ledger.count_proof("k") for _ in range(3)] == [1, 1, 1]
    assert store.path.read_bytes() == before
    store.close()
    reading.close()


def test_proofs_are_counted_across_processes(tmp_path: Path) -> None:
    one, first = open_ledger(tmp_path, tmp_path / "secrets")
    other, second = open_ledger(tmp_path, tmp_path / "secrets")

    counts = [(one if number % 2 else other).count_proof("k", str(number)) for number in range(PROOFS + 3)]

    assert counts == [*range(1, PROOFS + 1), PROOFS + 1, PROOFS + 1, PROOFS + 1]
    first.close()
    second.close()


def test_a_look_up_takes_well_under_a_millisecond(tmp_path: Path) -> None:
    ledger, store = open_ledger(tmp_path, tmp_path / "secrets")
    ledger.sent("<1@example.org>", "alice@example.org", ["bob@far.test"], NOW)
    began = time.process_time()
    for number in range(1000):
        ledger.message(f"<{number}@example.org>", "alice@example.org")

    assert time.process_time() - began < 0.9  # seconds of this process, for a thousand
    store.close()


def test_who_only_looks_is_told_nothing_of_the_size(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    FileStore(tmp_path / "ledger", 1024).close()

    FileStore(tmp_path / "ledger", 2048, writable=False).close()

    assert not caplog.records
