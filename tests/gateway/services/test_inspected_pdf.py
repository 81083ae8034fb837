"""PDFs: whether one opens without a password, by values that qpdf wrote; and what it names."""

import pytest

from gateway.services.inspection.pdf import Encryption, active, embedded, is_closed, opens_without_password

ID = bytes.fromhex("31415926535897932384626433832795")
SAME = "566fa873ee33c797cd3b904fdadf814afa34df9a38f6ed41b984e2c6da2aa6f5"
OTHER = "0db5855fc5326569e765906caf64e4429a4c20d6e996fdef963e9b5080f9e083"
# revision, length, owner, user, whether metadata are encrypted, whether the user's password is empty
WRITTEN = [
    (2, 40, "c92422687facee686e373f10b5c7d04738053152f7e2ee30e11c69ec442576ab",
     "b3d9fa366906ef42f354c6deb74c59075eaf334eb7c04356ba0d7f3dd8b51d0a", True, True),
    (2, 40, "92fe0f4454ad4c9644693f33c07cb54f587dce1e2682fe9ecea6107a1ef630dd",
     "f53be2f0b8dac4313197df2d160bb5ade3ac05b5b656448e405c1b683d9d270b", True, False),
    (3, 128, SAME, "e21cc3d13b0faa9934db7d20f11e333e", True, True),
    (3, 128, OTHER, "30eabcb886d436efd161ab7b96a778fd", True, False),
    (4, 128, SAME, "b7ae61ae5fe831ccd7979c155d4f926c", False, True),
    (4, 128, OTHER, "0ee51813cacd54c1f9e7a53b5dcade4b", False, False),
    (5, 128, "78", "19510c275baf31296b1a822c57f9deda6c3444d33110d8fc51bead6d6eefe74287b17f827a7e8af0", True, True),
    (5, 128, "78", "119aa72afeeec209fdbfc135461cbb23d44dedf1cf1d56448bf274b8eca35c60e01f62745f3bb6ab", True, False),
    (6, 128, "78", "d54e787fb0f0102713dcc38cce52bdd1f57287c219369f46626634b9ccdc8ef8a28bd8d295bcb5dc", True, True),
    (6, 128, "78", "faaba5491d94486da1983c25758cf755f27c924eafc138ae05fd5712569b2ec9b34c4611ebccfa26", True, False),
]  # fmt: skip


@pytest.mark.parametrize(("revision", "length", "owner", "user", "metadata", "opens"), WRITTEN)
def test_the_empty_password_opens_what_is_only_kept_from_being_printed(  # noqa: PLR0913 - one row
    revision: int, length: int, owner: str, user: str, *, metadata: bool, opens: bool
) -> None:
    told = Encryption(revision, length, -4, bytes.fromhex(owner), bytes.fromhex(user), metadata, ID)

    assert opens_without_password(told) is opens


def document(revision: int, length: int, owner: str, user: str) -> bytes:
    """A PDF that says so, the owner's string written with escapes."""
    escaped = b"".join(b"\\%03o" % each for each in bytes.fromhex(owner))
    return (
        b"%%PDF-1.4\n7 0 obj\n<< /Filter /Standard /V 2 /R %d /Length %d /P -4 /O (%s) /U <%s> >>\nendobj\n"
        b"trailer << /Encrypt 7 0 R /ID [<%s><00>] >>" % (revision, length, escaped, user.encode(), ID.hex().encode())
    )


def test_a_pdf_is_closed_where_only_a_password_opens_it() -> None:
    (_, open_to_all), (_, closed) = ((row, document(*row[:4])) for row in WRITTEN[:2])

    assert not is_closed(open_to_all)
    assert is_closed(closed)
    assert not is_closed(b"%PDF-1.4\n/EncryptMetadata false")


@pytest.mark.parametrize(
    "octets", [b"/Encrypt 7 0 R", b"/Encrypt << /Filter /Other >>", b"/Encrypt << /Filter /Standard"]
)
def test_what_can_not_be_told_is_closed(octets: bytes) -> None:
    assert is_closed(b"%PDF-1.7\n" + octets)


def test_what_a_pdf_runs_and_embeds_is_named() -> None:
    names = b"/UF(a \\(1\\).exe) /F <feff0062002e006a0073> /UF (a \\(1\\).exe)"
    octets = b"%PDF-1.7 /S/JavaScript/JS(x) /Type/EmbeddedFile " + names

    assert active(octets) == "JavaScript"
    assert list(embedded(octets)) == ["a (1).exe", "b.js"]
    assert active(b"%PDF-1.7 /JSON") == ""
    assert list(embedded(b"%PDF-1.7 /F (a.exe)")) == []
