"""What the checks of content share: a message's anatomy, made once, by who asks first.

What is small is read in the loop; what is larger, in a thread, over a mapping of its file, so that it is never held
in memory as a whole.
"""

import asyncio
import contextlib
import mmap
import threading
from collections.abc import Iterator

from gateway.checks.base import View
from gateway.mail.message import Content
from gateway.mime.reader import dissect
from gateway.mime.words import Anatomy

AT_ONCE = 64 * 1024  # octets up to which a message is read in the loop


class Dissecting:
    """The anatomy of the message at hand. Keeps nothing itself."""

    def of(self, view: View) -> Anatomy | asyncio.Future[Anatomy]:
        """Give the anatomy, or what was made already; that of a large message comes from a thread.

        The future is shared: await it behind ``asyncio.shield``. It raises OSError where the file can't be read.
        """
        known = view.shared.get("anatomy")
        if known is None:
            content = view.content
            if content is None:
                known = Anatomy(())
            elif content.memory is not None and content.size <= AT_ONCE:
                known = dissect(content.memory)
            else:
                known = asyncio.ensure_future(asyncio.to_thread(_dissected, content))
            view.shared["anatomy"] = known
        return known  # type: ignore[return-value] # nobody else sets it


# One at a time: threads would not be faster, and what each maps counts as the process's memory while it reads.
_READING = threading.Lock()


def _dissected(content: Content) -> Anatomy:
    """Read the anatomy of a content, wherever it is."""
    with _READING, opened(content) as raw:
        return dissect(raw)


@contextlib.contextmanager
def opened(content: Content) -> Iterator[bytes | mmap.mmap]:
    """Give the octets of a content: what is in memory as it is, a file as a mapping. Raises OSError."""
    if content.memory is not None or content.path is None or not content.size:
        yield content.memory or b""
        return
    with content.path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        yield mapped
