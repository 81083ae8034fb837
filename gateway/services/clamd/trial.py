"""Tries what a clamd lets pass: with files that do no harm, made here. For the doctor; mail never waits for it."""

import io
import zipfile
from collections.abc import Iterator

import msgspec

from gateway.mail.message import BLOCK
from gateway.services.clamd.scanning import Clamd
from gateway.services.clamd.words import Verdict

# The test file of EICAR, in two pieces so that no scanner takes this source for it.
EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD-" + b"ANTIVIRUS-TEST-FILE!$H+H*"
_DEEP = 30  # archives in one another; clamd looks 17 deep by default
_SECONDS = 20.0


class Trial(msgspec.Struct, frozen=True):
    """What came of it. ``takes`` says whether it takes a stream as large as mail may be."""

    finds_test_file: bool
    tells_limits: bool
    tells_encrypted: bool
    takes: bool


async def attempt(address: str, largest: int) -> Trial:
    """Try a clamd, with a stream of ``largest`` octets too. Raises ScannerError."""
    scanner = Clamd(address, _SECONDS, 1)

    async def said(octets: bytes) -> Verdict:
        return (await scanner.scan_stream(lambda: iter([octets]))).verdict

    try:
        return Trial(
            finds_test_file=await said(EICAR) is Verdict.VIRUS,
            tells_limits=await said(_packed(b"x" * 100, _DEEP)) is not Verdict.CLEAN,
            tells_encrypted=await said(_encrypted()) is Verdict.ENCRYPTED,
            takes=(await scanner.scan_stream(lambda: _blank(largest))).verdict is not Verdict.TOO_LARGE,
        )
    finally:
        scanner.close()


def _packed(octets: bytes, times: int) -> bytes:
    """Give octets in archives in one another."""
    for _ in range(times):
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as file:
            file.writestr("inner.zip", octets)
        octets = archive.getvalue()
    return octets


def _encrypted() -> bytes:
    """Give an archive whose only member says that it is encrypted: bit 0 of its flags, in both of its headers."""
    archive = bytearray(_packed(b"no secret", 1))
    for sign, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        archive[archive.index(sign) + at] |= 1
    return bytes(archive)


def _blank(size: int) -> Iterator[bytes]:
    """Give so many octets of nothing."""
    block = bytes(BLOCK)
    for at in range(0, size, BLOCK):
        yield block[: size - at]
