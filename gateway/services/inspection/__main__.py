"""The process that reads attachments: ``python -m gateway.services.inspection``, started by ``inspector``.

It gets a file and a question over the socket that is its standard input, and answers with what it found. It opens no
file and no connection, writes nothing, and ends when the socket does. Its memory is bounded by the kernel.
"""

import contextlib
import ctypes
import gc
import locale
import math
import mmap
import os
import resource
import socket
import sys
import time
from collections.abc import Iterator

import msgspec

from gateway.mime.kinds import Kind
from gateway.services.filetypes import content_type
from gateway.services.inspection.walk import inspect
from gateway.services.inspection.wire import LENGTH, READY, exactly
from gateway.services.inspection.words import Inspection, Request, Thing

_AT_ONCE = 256 * 1024  # octets of a file that are read at once
MEMORY = 1024 * 1024 * 1024  # octets of address space
_NO_NEW_PRIVILEGES = 38  # prctl(2)


def main() -> None:
    """Answer until the other side hangs up."""
    _confine()
    decode, encode = msgspec.json.Decoder(Request).decode, msgspec.json.Encoder().encode
    content_type(b"\0")  # libmagic's database is loaded before anybody's time runs
    with socket.socket(fileno=0) as sock:
        sock.sendall(READY)
        while True:
            head, files, _, _ = socket.recv_fds(sock, LENGTH.size, 1)
            if not head or not files:
                return
            try:
                request = decode(exactly(sock, LENGTH.unpack(head)[0]))
                answer = encode(_answer(files[0], request))
            finally:
                os.close(files[0])
            sock.sendall(LENGTH.pack(len(answer)) + answer)


def _answer(file: int, request: Request) -> Inspection:
    """Look at a file; where memory does not do, that is an answer too.

    A reader that does not come back is ended by the kernel, once it has had two seconds more than its bound.
    """
    spent = math.ceil(time.process_time() + request.limits.seconds) + 2
    resource.setrlimit(resource.RLIMIT_CPU, (spent, resource.RLIM_INFINITY))
    try:
        # A private mapping, which libarchive can be handed; nothing is written to it.
        with _mapped(file, request.size) as octets:
            return inspect(octets, request.names, request.types, request.limits)
    except MemoryError:
        return Inspection((Thing(request.names, kinds={Kind.UNREADABLE: "it takes too much memory to read"}),))


@contextlib.contextmanager
def _mapped(file: int, size: int) -> Iterator[bytes | mmap.mmap]:
    """Give the octets of a file: what is small at once, what is large as a mapping."""
    if size <= _AT_ONCE:
        yield os.pread(file, size, 0)
        return
    octets = mmap.mmap(file, size, access=mmap.ACCESS_COPY)
    try:
        yield octets
    finally:
        try:
            octets.close()
        except BufferError:  # something points into it still, in a circle of references
            gc.collect()
            octets.close()


def _confine() -> None:
    """Give up what is not needed: memory without end, writing files, dumps of memory, other rights."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    with contextlib.suppress(locale.Error):
        locale.setlocale(locale.LC_CTYPE, "C.UTF-8")  # libarchive gives names as text by it
    sys.setrecursionlimit(500)


if __name__ == "__main__":
    main()
