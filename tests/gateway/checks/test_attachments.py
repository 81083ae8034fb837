"""What the check says of attachments: each with its facts, the dangerous ones by kind, within bounds."""

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Iterator
from pathlib import Path

import pytest

from gateway.checks.attachments import NAMED, Attachments
from gateway.checks.base import Seen
from gateway.checks.dissecting import Dissecting
from gateway.mail.findings import Finding, Outcome
from gateway.services import inspector as inspecting
from gateway.services.inspector import Inspector
from tests.gateway.attaching import PICTURE, PROGRAM, zipped
from tests.gateway.checks.test_checks import view
from tests.samples import content


@pytest.fixture
def check() -> Iterator[Attachments]:
    inspector = Inspector(helpers=1)
    yield Attachments(Dissecting(), inspector)
    inspector.close()


async def see(check: Attachments, raw: bytes, path: Path | None = None) -> Seen:
    of = view(raw)
    if path is not None:
        of.content = content(raw, path)
    answer = check.look(of)
    return await answer if isinstance(answer, Awaitable) else answer


def letter(*parts: bytes) -> bytes:
    head = (
        b'From: a@other.test\r\nSubject: x\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n'
    )
    body = b"".join(b"--b\r\n" + each + b"\r\n" for each in (b"Content-Type: text/plain\r\n\r\nhello", *parts))
    return head + body + b"--b--\r\n"


def part(name: str, octets: bytes, kind: str = "application/octet-stream") -> bytes:
    disposition = f'; filename="{name}"' if name else ""
    head = f"Content-Type: {kind}\r\nContent-Disposition: attachment{disposition}\r\n"
    return head.encode() + b"Content-Transfer-Encoding: base64\r\n\r\n" + base64.encodebytes(octets)


def told(seen: Seen) -> list[tuple[str, str]]:
    return [(each.symbol, each.detail) for each in seen.findings]


async def test_a_letter_without_attachments_is_looked_at_at_once(check: Attachments) -> None:
    for raw in (b"Subject: x\r\n\r\nhello\r\n", letter(b"Content-Type: text/html\r\n\r\n<p>hello</p>")):
        assert check.look(view(raw)) == Seen(Outcome.MISS)


async def test_what_needs_no_reader_is_told_at_once(check: Attachments) -> None:
    answer = check.look(view(letter(part("a.png", PICTURE), part("run.exe", PROGRAM))))

    assert isinstance(answer, Seen)
    assert told(answer) == [
        ("ATTACHMENT_EXECUTABLE", "run.exe: by its name"),
        ("ATTACHMENT", "a.png"),
    ]


async def test_each_attachment_is_told_with_its_facts(check: Attachments) -> None:
    seen = await see(check, letter(part("Papers.zip", zipped({"in/a.txt": b"x"}))))

    assert seen.outcome is Outcome.MISS
    assert [each.facts for each in seen.findings] == [
        {"part": "1.2", "type": "application/zip", "names": "Papers.zip"},
        {"part": "1.2", "type": "text/plain", "names": "in/a.txt\na.txt", "in": "Papers.zip"},
    ]
    assert all(each.informs for each in seen.findings)


async def test_several_kinds_are_several_findings_and_each_kind_weighs_once(check: Attachments) -> None:
    seen = await see(check, letter(part("holiday.jpg", PROGRAM), part("other.exe", PROGRAM)))

    assert [(each.symbol, each.weight) for each in seen.findings] == [
        ("ATTACHMENT_EXECUTABLE", 10.0),
        ("ATTACHMENT_TYPE_LIES", 8.0),
        ("ATTACHMENT_EXECUTABLE", 0.0),
    ]


async def test_a_part_without_a_name_counts_by_its_content(check: Attachments) -> None:
    seen = await see(check, letter(part("", PROGRAM, "image/png")))

    assert [each.symbol for each in seen.findings] == ["ATTACHMENT_EXECUTABLE", "ATTACHMENT_TYPE_LIES"]
    assert seen.findings[0].detail == "what has no name: by its content, application/x-dosexec"


async def test_a_picture_that_ends_as_an_archive_is_one(check: Attachments) -> None:
    seen = await see(check, letter(part("a.png", PICTURE + zipped({"letter.js": b"x"}), "image/png")))

    assert {"ATTACHMENT_SCRIPT", "ATTACHMENT_TYPE_LIES"} <= {each.symbol for each in seen.findings}


async def test_a_program_in_the_place_of_the_text_counts(check: Attachments) -> None:
    encoded = b"Content-Transfer-Encoding: base64\r\n\r\n" + base64.encodebytes(PROGRAM)

    assert "ATTACHMENT_EXECUTABLE" in {each.symbol for each in (await see(check, encoded)).findings}


async def test_every_encoding_that_a_reader_may_undo_counts(check: Attachments) -> None:
    twice = b"Content-Type: text/plain\r\nContent-Transfer-Encoding: 7bit\r\nContent-Transfer-Encoding: base64\r\n\r\n"

    seen = await see(check, letter(twice + base64.encodebytes(PROGRAM)))
    assert "ATTACHMENT_EXECUTABLE" in {each.symbol for each in seen.findings}


async def test_every_name_that_a_reader_may_show_counts(check: Attachments) -> None:
    odd = b'Content-Type: text/plain; name="run.exe"\r\nContent-Disposition: attachment; filename="a.txt"\r\n\r\nx'

    seen = await see(check, letter(odd))
    assert seen.findings[0].symbol == "ATTACHMENT_EXECUTABLE"
    assert {"run.exe", "a.txt"} <= set(seen.findings[0].facts["names"].split("\n"))


async def test_a_message_on_disk_is_looked_at_as_well(check: Attachments, tmp_path: Path) -> None:
    raw = letter(part("film.bin", bytes(range(256)) * 2000), part("a.zip", zipped({"run.exe": PROGRAM})))

    seen = await see(check, raw, tmp_path / "message")
    assert told(seen)[0] == ("ATTACHMENT_EXECUTABLE", "run.exe in a.zip: by its name")


async def test_the_trace_is_bounded_and_names_what_is_dangerous_first(check: Attachments) -> None:
    files = {f"{at}.txt": b"x" for at in range(300)}
    seen = await see(check, letter(part("a.zip", zipped(files)), part("b.zip", zipped({**files, "run.exe": b"x"}))))

    assert len(seen.findings) == NAMED + 1
    assert seen.findings[0].detail == "run.exe in b.zip: by its name"
    assert seen.findings[-1] == Finding("ATTACHMENT", detail="and 503 more", facts={"more": "503"}, informs=True)


async def test_without_a_reader_it_can_not_tell(check: Attachments, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspecting.sys, "executable", "/nowhere/python")

    seen = await see(check, letter(part("a.zip", zipped({"a": b"x"}))))
    assert (seen.outcome, seen.detail) == (Outcome.ERROR, "attachments can't be read: No such file or directory.")


async def test_while_all_readers_are_at_work_it_can_not_tell() -> None:
    check = Attachments(Dissecting(), Inspector(helpers=0), seconds=0.05)

    seen = await see(check, letter(part("a.zip", zipped({"a": b"x"}))))
    assert seen.outcome is Outcome.TIMEOUT


async def test_more_archives_than_are_looked_into_are_unreadable(check: Attachments) -> None:
    seen = await see(check, letter(*(part(f"{at}.zip", zipped({"a": b"x"})) for at in range(103))))

    assert [each.symbol for each in seen.findings].count("ATTACHMENT_UNREADABLE") == 3


@pytest.fixture
async def ticks() -> AsyncIterator[list[float]]:
    """The longest times for which the loop was held up."""
    gaps: list[float] = []

    async def watch() -> None:
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            await asyncio.sleep(0.005)
            gaps.append(loop.time() - began)

    task = asyncio.create_task(watch())
    yield gaps
    task.cancel()


async def test_the_loop_goes_on_while_an_archive_is_read(check: Attachments, ticks: list[float]) -> None:
    many = zipped({f"{at}.txt": b"x" for at in range(5000)})

    await see(check, letter(part("a.zip", many)))
    assert len(ticks) > 1
