"""Whether the names of an attachment, and the type that it is declared to have, lie about its content."""

import pytest

from gateway.mime.claims import type_lie
from gateway.mime.kinds import Kind

PE, ZIP = "application/x-dosexec", "application/zip"


@pytest.mark.parametrize(
    ("content", "kind", "name", "declared", "lies"),
    [
        (PE, Kind.EXECUTABLE, "holiday.jpg", "image/jpeg", True),
        (PE, Kind.EXECUTABLE, "", "image/jpeg", True),
        (PE, Kind.EXECUTABLE, "", "application/octet-stream", False),
        (PE, Kind.EXECUTABLE, "run.exe", "image/jpeg", False),
        (PE, Kind.EXECUTABLE, "plan.docx", "", True),
        (ZIP, None, "letter.pdf", "application/pdf", True),
        (ZIP, None, "letter", "text/plain", True),
        (ZIP, None, "papers.zip", "text/plain", False),
        (ZIP, None, "plan.docx", "application/zip", False),
        (ZIP, None, "sketch.abc", "application/octet-stream", False),
        ("application/x-iso9660-image", Kind.DISK_IMAGE, "letter.pdf", "", True),
        ("image/png", None, "photo.jpg", "image/jpeg", False),
        ("text/plain", None, "photo.jpg", "image/jpeg", False),
    ],
)
def test_only_what_can_do_harm_can_lie(content: str, kind: Kind | None, name: str, declared: str, lies: bool) -> None:
    assert bool(type_lie(content, kind, [name] if name else [], [declared] if declared else [])) is lies
