"""DKIM signatures (RFC 6376), by dkimpy. What can't be signed is an error and never goes unsigned.

A domain that publishes DMARC asks others to refuse what is not signed: sending it on would only lose it elsewhere.
"""

import asyncio

import dkim
import msgspec

from gateway.mail.message import Content

LARGE = 512 * 1024  # octets from which one message at a time is signed: it is held in memory, several times over

# RFC 6376 5.4.1, and what proves a bounce. From stands twice: a second one, added later, breaks the signature.
_SIGNED = (
    b"from", b"from", b"sender", b"reply-to", b"subject", b"date", b"message-id", b"to", b"cc", b"mime-version",
    b"content-type", b"content-transfer-encoding", b"in-reply-to", b"references", b"list-id", b"list-unsubscribe",
    b"list-unsubscribe-post", b"x-backstop-seal",
)  # fmt: skip
_turn = asyncio.Lock()


class DkimKey(msgspec.Struct, frozen=True):
    """What signs for a domain: the selector, and the private key in PEM."""

    domain: str
    selector: str
    pem: bytes


class KeyUnusableError(Exception):
    """The private key can't sign: our fault."""


class MessageUnsignableError(Exception):
    """The message's header is so malformed that nothing can sign it: its sender's fault."""


async def sign(head: bytes, content: Content, skip: int, key: DkimKey) -> bytes:
    """Give the DKIM-Signature field, CRLF included, for ``head`` and the content past ``skip`` octets.

    Works in a thread. Raises KeyUnusableError, MessageUnsignableError, OSError.
    """
    if content.size < LARGE:
        return await asyncio.to_thread(_sign, head, content, skip, key)
    async with _turn:
        return await asyncio.to_thread(_sign, head, content, skip, key)


def _sign(head: bytes, content: Content, skip: int, key: DkimKey) -> bytes:
    """Sign, as above."""
    message = head + content.read()[skip:]
    try:
        field = dkim.sign(
            message,
            key.selector.encode(),
            key.domain.encode(),
            key.pem,
            canonicalize=(b"relaxed", b"relaxed"),
            include_headers=_present(message),
        )
    except (dkim.KeyFormatError, dkim.UnknownKeyTypeError) as error:
        reason = str(error).partition("\n")[0]
        raise KeyUnusableError(f"the private DKIM key of {key.domain} can't sign: {reason}") from None
    except Exception as error:  # noqa: BLE001 - what dkimpy makes of a malformed message is not bounded
        raise MessageUnsignableError(str(error) or type(error).__name__) from None
    return bytes(field).replace(b"\r\n", b"\n").replace(b"\n", b"\r\n").rstrip(b"\r\n") + b"\r\n"


def _present(message: bytes) -> list[bytes]:
    """Give the fields to sign that the message has, in order; those that it lacks are not promised to stay away."""
    head = b"\n" + message.partition(b"\r\n\r\n")[0].lower()
    return [name for name in _SIGNED if name == b"from" or b"\n" + name + b":" in head]
