"""The ledger of what was sent: who wrote which message, to whom, and when. Never an address in clear.

Everything is kept as a keyed hash with a time, so that the store needs to know one thing only: a bounded memory of
hash and time. Who reads the store learns nothing of who writes to whom.
"""

import hmac
from collections.abc import Callable, Iterable
from typing import Protocol

PROOFS = 10  # so many bounces one message of ours can prove

Mac = bytes  # 20 octets


class Store(Protocol):
    """A bounded memory of hashes. The oldest goes when room is needed."""

    def put(self, mac: Mac, at: float) -> None:
        """Remember a hash, or move its time forward. ``at`` is seconds since the epoch."""

    def get(self, mac: Mac) -> float | None:
        """Give the time of a hash, or None where it is not there (any more)."""


class Ledger(Protocol):
    """What the judge asks. Addresses are plain, without a tag; times are seconds since the epoch."""

    def sent(self, message_id: str, sender: str, recipients: Iterable[str], at: float) -> None:
        """Note a message that leaves."""

    def message(self, message_id: str, sender: str) -> float | None:
        """Give when the sender sent the message, or None."""

    def wrote_to(self, sender: str, recipient: str) -> float | None:
        """Give when the sender last wrote to the recipient, or None."""

    def wrote_to_domain(self, sender: str, domain: str) -> float | None:
        """Give when the sender last wrote to anybody of the domain, or None."""

    def count_proof(self, key: str, bounce: str = "") -> int:
        """Count a bounce that ``key`` proves; gives how many there have been, this one included.

        ``bounce`` names the bounce: the same one, tried again, counts once. Beyond ``PROOFS`` it counts no further.
        """


class HashedLedger:
    """The ledger over a store of hashes."""

    def __init__(self, secret: bytes, store: Store, now: Callable[[], float]) -> None:
        """``secret`` keys the hashes; another one forgets everything. ``now`` dates what is counted."""
        self._secret = secret
        self._store = store
        self._now = now

    def sent(self, message_id: str, sender: str, recipients: Iterable[str], at: float) -> None:
        """Note a message that leaves."""
        put = self._store.put
        if message_id := plain_id(message_id):
            put(self._mac("message", message_id, sender), at)
        domains = set()
        for recipient in recipients:
            put(self._mac("pair", sender, recipient), at)
            domains.add(recipient.rpartition("@")[2].lower())
        for domain in domains:
            put(self._mac("domain", sender, domain), at)

    def message(self, message_id: str, sender: str) -> float | None:
        """Give when the sender sent the message, or None."""
        message_id = plain_id(message_id)
        return self._store.get(self._mac("message", message_id, sender)) if message_id else None

    def wrote_to(self, sender: str, recipient: str) -> float | None:
        """Give when the sender last wrote to the recipient, or None."""
        return self._store.get(self._mac("pair", sender, recipient))

    def wrote_to_domain(self, sender: str, domain: str) -> float | None:
        """Give when the sender last wrote to anybody of the domain, or None."""
        return self._store.get(self._mac("domain", sender, domain))

    def count_proof(self, key: str, bounce: str = "") -> int:
        """Count a bounce that ``key`` proves. Each count is an entry of its own, so that the store stays simple."""
        for count in range(1, PROOFS + 1):
            mac = self._mac("proof", key, str(count))
            if self._store.get(mac) is None:
                if bounce:
                    self._store.put(self._mac("bounce", key, bounce), self._now())
                self._store.put(mac, self._now())
                return count
            if count == 1 and bounce and self._store.get(self._mac("bounce", key, bounce)) is not None:
                return 1  # tried again
        return PROOFS + 1

    def _mac(self, *words: str) -> Mac:
        """Hash words; what is given as an address or an id counts whatever its case."""
        text = "\0".join(words).lower()
        return hmac.digest(self._secret, text.encode("utf-8", "surrogateescape"), "sha256")[:20]


class NoLedger:
    """A ledger that remembers nothing, for a look at a message where no gateway has run yet."""

    def sent(self, message_id: str, sender: str, recipients: Iterable[str], at: float) -> None:
        """Forget it."""

    def message(self, message_id: str, sender: str) -> float | None:  # noqa: ARG002 - the protocol's signature
        """Know nothing."""
        return None

    def wrote_to(self, sender: str, recipient: str) -> float | None:  # noqa: ARG002 - the protocol's signature
        """Know nothing."""
        return None

    def wrote_to_domain(self, sender: str, domain: str) -> float | None:  # noqa: ARG002 - the protocol's signature
        """Know nothing."""
        return None

    def count_proof(self, key: str, bounce: str = "") -> int:  # noqa: ARG002 - the protocol's signature
        """Count nothing: each bounce is the first."""
        return 1


def plain_id(message_id: str) -> str:
    """Give a Message-ID without brackets and blanks (quoting may have folded it); empty where there is none."""
    return "".join(message_id.split()).strip("<>")
