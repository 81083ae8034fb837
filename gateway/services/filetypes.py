"""What content is: by our own signatures, then by libmagic, from a bounded prefix. Safe in threads."""

import functools

import magic

from gateway.mime.kinds import Kind
from gateway.mime.signatures import PREFIX, Signature, is_text, script_of, signature_of

UNKNOWN = "application/octet-stream"
TEXT = "text/plain"
_MAGIC_PREFIX = 4096  # octets that libmagic gets to see
# What libmagic calls what desktops run or mount, where our signatures did not know it.
_KINDS: dict[str, Kind] = {
    "application/vnd.microsoft.portable-executable": Kind.EXECUTABLE,
    "application/x-executable": Kind.EXECUTABLE,
    "application/x-pie-executable": Kind.EXECUTABLE,
    "application/x-sharedlib": Kind.EXECUTABLE,
    "application/x-mach-binary": Kind.EXECUTABLE,
    "application/x-msi": Kind.EXECUTABLE,
    "application/x-ms-shortcut": Kind.SHORTCUT,
    "application/x-iso9660-image": Kind.DISK_IMAGE,
    "application/x-qemu-disk": Kind.DISK_IMAGE,
}


def content_type(prefix: bytes) -> Signature:
    """Say what content is. ``prefix`` holds its first octets, up to PREFIX of them; a text is ``text/plain``."""
    prefix = prefix[:PREFIX]
    if known := signature_of(prefix):
        return known
    if not prefix or is_text(prefix):
        return script_of(prefix) or Signature(TEXT)
    try:
        told = _magic().from_buffer(prefix[:_MAGIC_PREFIX])
    except magic.MagicException:
        told = UNKNOWN
    return Signature(told, kind=_KINDS.get(told))


@functools.cache
def _magic() -> magic.Magic:
    """Load libmagic's database, once a process. Its object locks itself."""
    return magic.Magic(mime=True)
