"""Verifies the signatures of a message: keys are asked for all at once, then the arithmetic is done.

It is done in a thread where the message is large. What is in a message never raises; an unreadable spool file does.
"""

import asyncio
from collections.abc import Iterable

import msgspec

from gateway.mail.message import HEAD_LIMIT, Content
from gateway.services.dkim import arc, signature
from gateway.services.dkim.message import SignedMessage
from gateway.services.dkim.signature import Claim
from gateway.services.dkim.tags import Key, read_key
from gateway.services.dkim.words import ArcChain, Signature
from gateway.services.dns import Answer, Resolver, Status

LIMIT = 8  # signatures of one message that are verified
SECONDS = 8.0  # for all keys of a message
_AT_ONCE = 64 * 1024  # octets up to which a message is verified in the loop
_LARGE = 512 * 1024  # octets from which one message at a time is verified: it is held in memory, several times over
_RECORDS = 4  # of one key name that are looked at

Keys = dict[str, Key | Answer]  # by their names: the key, or why there is none


class Verifier:
    """Verifies over a resolver. One a process; use it in one event loop."""

    def __init__(self, resolver: Resolver) -> None:
        """Take the resolver."""
        self._resolver = resolver
        self._turn = asyncio.Lock()

    async def signatures(self, content: Content) -> tuple[Signature, ...]:
        """Verify the DKIM signatures of a message, in order; the same one twice counts once. Raises OSError."""
        fields = list(dict.fromkeys(SignedMessage(content.head).all(b"dkim-signature")))
        if not fields:
            return ()
        if len(content.head) >= HEAD_LIMIT:
            return (Signature("neutral", detail="the header is too large to be verified"),)
        claims = [signature.read(each) for each in fields[:LIMIT]]
        keys = await self._keys(each.key_name for each in claims if isinstance(each, Claim))
        results = await self._work(content, claims, keys)
        if len(fields) > LIMIT:
            results = (*results, Signature("neutral", detail=f"{len(fields) - LIMIT} more were not looked at"))
        return results

    async def chain(self, content: Content, trusted: frozenset[str]) -> ArcChain | None:
        """Verify the ARC chain of a message; None where none of its sealers is trusted. Raises OSError."""
        head = SignedMessage(content.head)
        seals = arc.seals_of(head)
        if len(content.head) >= HEAD_LIMIT or not any(each in trusted for each in seals):
            return None
        keys = await self._keys(arc.key_names(head))
        if content.memory is not None and content.size <= _AT_ONCE:
            return arc.verify(SignedMessage(content.memory), keys)
        async with self._turn:
            return await asyncio.to_thread(lambda: arc.verify(SignedMessage(content.read()), keys))

    async def _keys(self, names: Iterable[str]) -> Keys:
        """Ask for keys, each once, all at the same time."""
        wanted = list(dict.fromkeys(names))
        answers = await asyncio.gather(*(self._resolver.query(each, "TXT", seconds=SECONDS) for each in wanted))
        return {name: key_of(answer) for name, answer in zip(wanted, answers, strict=True)}

    async def _work(self, content: Content, claims: list[Claim | Signature], keys: Keys) -> tuple[Signature, ...]:
        """Do the arithmetic where it belongs."""
        if not any(isinstance(keys.get(each.key_name), Key) for each in claims if isinstance(each, Claim)):
            return tuple(_unanswered(each, keys) for each in claims)  # nothing needs the body
        if content.memory is not None and content.size <= _AT_ONCE:
            return _verify(content, claims, keys)
        if content.size < _LARGE:
            return await asyncio.to_thread(_verify, content, claims, keys)
        async with self._turn:
            return await asyncio.to_thread(_verify, content, claims, keys)


def key_of(answer: Answer) -> Key | Answer:
    """Give the key that an answer holds: the first that can be used."""
    if answer.status is not Status.FOUND:
        return answer
    keys = [read_key(each.encode("ascii", "surrogateescape")) for each in answer.records[:_RECORDS] if each.isascii()]
    return next((each for each in keys if not each.trouble), keys[0] if keys else Key(trouble="the key can't be read"))


def _verify(content: Content, claims: list[Claim | Signature], keys: Keys) -> tuple[Signature, ...]:
    """Verify what can be verified."""
    message = SignedMessage(content.read())
    return tuple(
        signature.verify(each, key, message)
        if isinstance(each, Claim) and isinstance(key := keys[each.key_name], Key)
        else _unanswered(each, keys)
        for each in claims
    )


def _unanswered(claim: Claim | Signature, keys: Keys) -> Signature:
    """Give the result of a signature that is unusable, or whose key did not come."""
    if isinstance(claim, Signature):
        return claim
    answer = keys[claim.key_name]
    failed = isinstance(answer, Answer) and answer.status.failed
    return msgspec.structs.replace(
        claim.about,
        result="temperror" if failed else "permerror",
        detail="DNS gave no answer on the key" if failed else "the key is not published",
    )
