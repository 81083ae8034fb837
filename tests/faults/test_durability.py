"""A ``250`` for a quarantined message is written when its file and its folder are on disk."""

import re
import subprocess
from pathlib import Path

from tests.smtpfront.conftest import Serve
from tests.smtpfront.nexthop import NextHop
from tests.smtpfront.running import mail, snapshot, until

CALL = re.compile(r"^\d+\s+(\w+)\((\d+)<([^>]*)>(.*)")


def test_files_and_folders_are_synced_before_the_250(tmp_path: Path, hop: NextHop, serve: Serve) -> None:
    gateway = serve(snapshot(hop.port))
    record = tmp_path / "strace"
    pid = str(gateway.statuses()[0]["pid"])
    tracer = subprocess.Popen(
        ["strace", "-f", "-y", "-s", "64", "-e", "trace=fsync,rename,sendto,write", "-o", str(record), "-p", pid],
        stderr=subprocess.PIPE,
    )
    assert tracer.stderr is not None
    assert b"attached" in tracer.stderr.readline()
    with gateway.client() as client:
        client.open("them@other.test", "carol@example.test")
        reply = client.data(mail(Date=None, Message_ID=None, Subject="BUY THIS NOW $$$", To=None))
    until("the record", lambda: "accepted, id" in record.read_text())
    tracer.terminate()
    tracer.wait(60)
    gateway.stop()

    lines = record.read_text().splitlines()
    answered = next(number for number, line in enumerate(lines) if "250 2.0.0 accepted, id" in line)
    calls = [(number, CALL.match(line)) for number, line in enumerate(lines)]
    synced = [(number, found[3]) for number, found in calls if found and found[1] == "fsync"]
    committed = next(number for number, line in enumerate(lines) if "rename(" in line and "/quarantine/" in line)
    trace = reply.rsplit(" ", 1)[1]

    def before(limit: int, path: str, after: int = 0) -> bool:
        return any(after < number < limit and re.search(path, name) for number, name in synced)

    assert committed < answered
    assert before(committed, rf"staging/1/{trace}/message\.eml$")
    assert before(committed, rf"staging/1/{trace}/item\.json$")
    assert before(committed, rf"staging/1/{trace}$")
    assert before(answered, r"quarantine/\w\w$", after=committed)
    assert before(answered, r"journal/[^/]*\.jsonl$", after=committed)
