"""The database is held, or gone: mail flows, and every trace arrives afterwards."""

import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

from tests.smtpfront.conftest import Serve
from tests.smtpfront.nexthop import NextHop
from tests.smtpfront.running import ROOT, mail, snapshot, until

HELD_SECONDS = 3.0  # more than a poll; a minute shows no more


def test_mail_flows_while_the_database_is_held(tmp_path: Path, hop: NextHop, serve: Serve) -> None:
    gateway = serve(snapshot(hop.port))
    environment = os.environ | {
        "BACKSTOP_NODE__HOME": str(tmp_path),
        "BACKSTOP_NODE__NAME": "mx.example.test",
        "BACKSTOP_DATABASE__URL": "sqlite",
    }
    subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=ROOT, env=environment, check=True)
    ingest = subprocess.Popen(
        [sys.executable, "-m", "workers.ingest"], cwd=ROOT, env=environment, stderr=subprocess.DEVNULL
    )
    file = tmp_path / "backstop.sqlite3"

    def rows() -> int:
        with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as reader:
            return int(reader.execute("SELECT count(*) FROM gateway_transaction").fetchone()[0])

    def send(number: int) -> str:
        with gateway.client() as client:
            client.open("them@other.test", "alice@example.test")
            return client.data(mail(f"message {number}\r\n"))

    try:
        assert send(0).startswith("250")
        until("a trace is in the database", lambda: rows() == 1)
        holder = sqlite3.connect(file, isolation_level=None)
        holder.execute("BEGIN EXCLUSIVE")
        held = time.monotonic()
        number = 0
        while time.monotonic() - held < HELD_SECONDS:
            number += 1
            assert send(number).startswith("250")  # who waited for the database would have no answer before its end
        holder.execute("ROLLBACK")
        holder.close()
        until("every trace is in the database", lambda: rows() == number + 1)
    finally:
        ingest.terminate()
        ingest.wait(60)
        gateway.stop()
