"""How inspector and helper talk: a length, then that many octets of JSON; a question has a file with it.

A helper begins with one octet that says that it is there.
"""

import socket
import struct

READY = b"+"  # what a helper says first, once it has loaded all that it needs
LENGTH = struct.Struct("!L")


def exactly(sock: socket.socket, size: int) -> bytes:
    """Read so many octets. Raises EOFError where the other side hangs up, OSError."""
    kept = bytearray()
    while len(kept) < size:
        block = sock.recv(min(size - len(kept), 1 << 20))
        if not block:
            raise EOFError
        kept += block
    return bytes(kept)
