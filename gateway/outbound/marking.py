"""The marks of mail that leaves: which it gets, and with which secrets. Nothing is ever half marked.

Where the policy names a secret that can't be had, mail waits (``451``): unmarked, its bounces would look forged.
"""

from collections.abc import Callable

import msgspec

from gateway.backscatter import batv, seal
from gateway.mail.address import MAX_PATH, Address
from gateway.mail.message import Content, Headers
from gateway.outbound import dkim_signature, keys
from gateway.outbound.dkim_signature import DkimKey
from gateway.policy.matching import Policy

SECONDS_A_DAY = 86_400
_QUOTED = '"'


class MarkingError(Exception):
    """A secret that marking needs can't be had. The text names it, and the remedy."""


class Marks(msgspec.Struct, frozen=True):
    """How the mail of one sender is marked.

    ``key`` signs the envelope sender, ``seal`` is the secret of the seal, ``dkim`` maps domains of ours to what signs
    for them; each can be absent. ``today`` is the day since 1970, which stays the same for a whole transaction.
    """

    key: batv.Key | None = None
    seal: bytes = b""
    dkim: dict[str, DkimKey] = {}
    today: int = 0

    def sender_towards(self, sender: Address, recipient: Address, policy: Policy) -> str:
        """Give the envelope sender that a recipient's server is told: in lower case and with a tag, or plain."""
        address = policy.plain(sender)
        return str(address) if self.why_untagged(sender, recipient, policy) else self._signed(address)

    def why_untagged(self, sender: Address, recipient: Address, policy: Policy) -> str:
        """Say why a sender gets no tag towards a recipient; empty where it gets one."""
        address = policy.plain(sender)
        if self.key is None:
            return "no key signs"
        if not policy.is_ours(address.domain_key):
            return f"{address.domain_key} is none of our domains"
        if policy.is_ours(recipient.domain_key):
            return "the recipient is ours"
        if policy.is_never_tagged(recipient, self.today * SECONDS_A_DAY):
            return "the destination is never tagged"
        # What is quoted could only be signed within its quotes, where no other program looks for a tag.
        if address.local.startswith(_QUOTED):
            return "the local part is quoted"
        signed = self._signed(address)
        if len(signed.encode()) > MAX_PATH - len("<>"):
            return "with a tag the path would be too long"
        return "with a tag the local part would be too long" if signed == str(address).lower() else ""

    def _signed(self, address: Address) -> str:
        """Give an address with its tag, as it is where that would be too long. There is a key."""
        assert self.key is not None  # noqa: S101 - asked before
        return batv.sign(str(address).lower(), self.key, self.today)

    def seal_field(self, headers: Headers, sender: str, now: float) -> bytes:
        """Give the seal's header field, CRLF included; nothing where the message has no Message-ID or no Date."""
        message_id, date = headers.get("message-id"), headers.get("date")
        if not (self.seal and sender and message_id and date):
            return b""
        value = seal.make(self.seal, message_id=message_id, date=date, sender=sender, now=now)
        return f"{seal.HEADER}: {value}\r\n".encode("ascii")

    async def fields(  # noqa: PLR0913 - one message and what is known of it
        self, content: Content, head: bytes, skip: int, sender: Address | None, *, leaves: bool, now: float
    ) -> tuple[bytes, bytes]:
        """Give what goes in front of our trace fields (the signature), and what goes behind them (seal and head).

        ``head`` stands for the first ``skip`` octets of the content; ``sender`` is the envelope sender without a tag;
        only what ``leaves`` our domains is signed. Raises dkim_signature's errors, OSError.
        """
        headers = Headers(content.head)
        behind = self.seal_field(headers, str(sender or ""), now) + head
        key = self.dkim_for(sender, headers) if leaves else None
        signature = b"" if key is None else await dkim_signature.sign(behind, content, skip, key)
        return signature, behind

    def dkim_for(self, sender: Address | None, headers: Headers) -> DkimKey | None:
        """Give what signs: the sender's domain's; for the null sender that of From.

        From alone never chooses where there is a sender: its rights were checked, and those of From were not.
        """
        domain = sender.domain_key if sender is not None else _domain_of(headers.get("from"))
        return self.dkim.get(domain)


def load(policy: Policy, sender: Address | None, read: Callable[[str], str | None], today: int) -> Marks:
    """Read the secrets that the policy names for a sender, None for the null sender. Raises MarkingError."""
    marking = policy.snapshot.marking
    try:
        known = keys.batv_keys(marking, read)
        secret = keys.seal_secret(marking, read)
        dkim = {
            domain: DkimKey(domain, each.dkim.selector, (read(each.dkim.secret) or "").encode())
            for domain, each in policy.snapshot.domains.items()
            if each.dkim is not None and (sender is None or policy.plain(sender).domain_key == domain)
        }
    except (OSError, ValueError) as error:
        raise MarkingError(f"a secret of marking can't be read: {error}; make it readable for this user") from error
    begun = [each for each in marking.keys if not each.retired and each.since <= today]
    signs = batv.signing_key(known, today)
    if begun and (signs is None or signs.since < max(each.since for each in begun)):
        raise MarkingError("the secret of the BATV key that signs is gone; restore it, or make another key")
    if marking.seal and not secret:
        raise MarkingError(f"the secret {marking.seal} of the seal is gone; restore it, or make another one")
    for name, sign in dkim.items():
        if not sign.pem:
            raise MarkingError(f"the private DKIM key of {name} is gone; restore it, or make another one")
    return Marks(signs, secret, dkim, today)


def _domain_of(field: str) -> str:
    """Give the domain of the first address of a From field, roughly: what is no domain of ours has no key."""
    return field.rpartition("@")[2].rstrip("> \t").lower()
