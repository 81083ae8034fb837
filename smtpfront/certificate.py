"""The certificate that this process serves TLS with, taken up anew when its files change; it never writes them.

Each pair of files gets a context of its own. A context that has one pair already would be left without a key by a pair
that does not match, and would go on serving the old certificate beside a new one whose key is of another kind.
"""

import logging
import ssl
from pathlib import Path

from gateway.config import Config
from smtpfront.front import Front

log = logging.getLogger("smtpd")

_FileState = tuple[int, int, int] | None  # when it changed, its inode and its size; None where there is no file
_State = tuple[_FileState, _FileState]  # of chain and key


class CertificateKeeper:
    """Looks after the two files."""

    def __init__(self, config: Config) -> None:
        """Load what is there; without a certificate there is no STARTTLS, and doctor says so."""
        self._chain, self._key = config.certificate, config.key
        # What STARTTLS is answered with.
        self.context: ssl.SSLContext | None = None
        # For listeners with TLS from the start: it hands each connection to the context that is in force.
        self.listening = _new_context()
        self.listening.sni_callback = self._choose
        self._done: _State = (None, None)  # the pair that is in force, or that was complained of
        self._doubtful: _State | None = None  # a pair that could not be loaded when it was first seen
        self._error = ""
        self._look()

    def refresh(self, front: Front) -> None:
        """Take up a pair that has changed; connections that are there keep theirs."""
        self._look()
        front.tls = self.context
        if self._error:
            instead = "the one before stays in force" if self.context else "TLS can not be offered"
            front.alarm(f"certificate {self._chain} with key {self._key} can not be loaded, {instead}: {self._error}")
            self._error = ""

    def _look(self) -> None:
        """Load the pair if it is another one; sets the error of one that is broken at a second look as well.

        Whoever replaces two files needs a moment for it.
        """
        state = _state(self._chain), _state(self._key)
        if state == self._done:
            return
        context = _new_context()
        try:
            # An encrypted key is an error: nobody is there to be asked for its password.
            context.load_cert_chain(self._chain, self._key, password="")
        except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
            if state == self._doubtful:
                self._done, self._error = state, str(error)
            self._doubtful = state
            return
        if self.context is not None:
            log.info("took up the certificate %s, which has changed", self._chain)
        self.context, self._done, self._doubtful = context, state, None

    def _choose(self, connection: ssl.SSLObject | ssl.SSLSocket, _: str | None, __: ssl.SSLContext) -> int | None:
        """Hand a connection to the context in force; gives the alert that ends it where there is none."""
        if self.context is None:
            return ssl.ALERT_DESCRIPTION_INTERNAL_ERROR
        connection.context = self.context
        return None


def _new_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _state(path: Path) -> _FileState:
    """Tell one content of a file from the next without reading it."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size
