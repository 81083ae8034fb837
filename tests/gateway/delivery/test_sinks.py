"""The same transaction with servers of others: aiosmtpd, and Postfix's smtp-sink."""

import asyncio
import shutil
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.delivery.pool import Pool
from gateway.delivery.submit import deliver
from gateway.mail.envelope import MailParameters
from gateway.mail.reply import Reply
from gateway.policy.snapshot import NextHop, Route
from tests import samples

SMTP_SINK = shutil.which("smtp-sink", path="/usr/sbin:/usr/bin") or "/usr/sbin/smtp-sink"


class Keeping:
    """Keeps what it gets."""

    def __init__(self) -> None:
        self.kept = []

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self,
        server: SMTP,  # noqa: ARG002 - aiosmtpd gives it
        session: Session,  # noqa: ARG002 - aiosmtpd gives it
        envelope: Envelope,
    ) -> str:
        self.kept.append((envelope.mail_from, envelope.rcpt_tos, envelope.content))
        return "250 2.0.0 kept"


class Sink(Controller):
    def factory(self) -> SMTP:
        return SMTP(self.handler, data_size_limit=50_000_000, enable_SMTPUTF8=True)


@pytest.fixture(scope="module")
def sink() -> Iterator[Sink]:
    SMTP.line_length_limit = 10_000_000
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    controller = Sink(Keeping(), hostname="127.0.0.1", port=port)
    controller.start()
    yield controller
    controller.stop()


lines = st.lists(st.binary(max_size=40).map(lambda line: line.replace(b"\r", b"").replace(b"\n", b"")), max_size=30)
dotty = st.lists(st.sampled_from([b"", b".", b"..", b". ", b".a", b"a."]), max_size=30)


@settings(max_examples=40, deadline=None)
@given(body=lines | dotty, on_disk=st.booleans())
def test_the_content_arrives_byte_for_byte(
    sink: Sink, tmp_path_factory: pytest.TempPathFactory, *, body: list[bytes], on_disk: bool
) -> None:
    octets = b"Subject: x\r\n\r\n" + b"".join(line + b"\r\n" for line in body)
    path = tmp_path_factory.mktemp("content") / "m" if on_disk else None
    content = samples.content(octets, path)

    answer = deliver(
        Route((NextHop("127.0.0.1", sink.port),)),
        None,
        "me",
        "a@example.org",
        "b@example.test",
        MailParameters(),
        content,
        b"X: y\r\n",
    )

    assert answer.positive
    assert sink.handler.kept[-1] == ("a@example.org", ["b@example.test"], b"X: y\r\n" + octets)


def test_the_octets_that_a_new_head_replaces_are_skipped(sink: Sink, tmp_path: Path) -> None:
    octets = b"A: b\r\n" * 60_000 + b"\r\nbody\r\n"
    route = Route((NextHop("127.0.0.1", sink.port),))
    for content in (samples.content(octets), samples.content(octets, tmp_path / "m")):
        deliver(route, None, "me", "", "b@example.test", MailParameters(), content, b"New: head\r\n", skip=360_000)
        assert sink.handler.kept[-1][2] == b"New: head\r\n\r\nbody\r\n"


@pytest.fixture
async def postfix_sink() -> AsyncIterator[NextHop]:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    process = subprocess.Popen(  # noqa: ASYNC220 - it starts at once
        [SMTP_SINK, "-u", "root", f"127.0.0.1:{port}", "100"], stderr=subprocess.PIPE
    )
    async with asyncio.timeout(60):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                assert process.poll() is None
                await asyncio.sleep(0.01)
            else:
                writer.close()
                break
    yield NextHop("127.0.0.1", port)
    process.terminate()
    process.wait()


@pytest.mark.skipif(not shutil.which(SMTP_SINK), reason="Postfix is not installed")
async def test_many_at_once_go_through_postfixs_sink(pool: Pool, postfix_sink: NextHop) -> None:
    route = Route((postfix_sink,))

    async def one() -> Reply:
        transaction = await pool.begin("in", route, "a@example.org", MailParameters())
        assert (await transaction.rcpt("b@example.test")).positive
        return await transaction.send(b"Received: x\r\n", samples.content(samples.MESSAGE + b".\r\n" * 500))

    answers = await asyncio.gather(*(one() for _ in range(200)))

    assert {answer.code for answer in answers} == {250}


MEASURE = """
import asyncio, resource, sys
from pathlib import Path
from gateway.config import Budget
from gateway.delivery.pool import Pool
from gateway.mail.envelope import MailParameters
from gateway.mail.message import Content
from gateway.policy.snapshot import NextHop, Route

async def main(port, path):
    pool = Pool("me", Budget(), lambda _: None)
    content = Content(Path(path).stat().st_size, "", b"A: b\\r\\n", path=Path(path))
    transaction = await pool.begin("in", Route((NextHop("127.0.0.1", port),)), "", MailParameters())
    assert (await transaction.rcpt("b@example.test")).positive
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert (await transaction.send(b"", content)).positive
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    await pool.close()

asyncio.run(main(int(sys.argv[1]), sys.argv[2]))
"""


@pytest.mark.skipif(not shutil.which(SMTP_SINK), reason="Postfix is not installed")
async def test_a_large_message_is_never_held_in_memory(postfix_sink: NextHop, tmp_path: Path) -> None:
    message = tmp_path / "message"
    message.write_bytes(b"A: b\r\n\r\n" + b".0123456789\r\n" * 1_600_000)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", MEASURE, str(postfix_sink.port), str(message), stdout=subprocess.PIPE
    )
    out, _ = await process.communicate()
    assert process.returncode == 0
    assert int(out) < 6_000  # KiB, of 20 MB
