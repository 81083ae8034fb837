"""Tells from a refusal's words that the tag on our sender was the reason: some know people by their plain sender.

Mailing lists compare the envelope sender with their members, and a few systems take a tagged local part for a
malformed one. What is refused for anything else (SPF, DMARC, a block list, content, an unknown recipient) is not the
tag's fault, and leaving the tag out would only make the next false bounce look genuine: where words speak of those,
nothing is said.
"""

import re

_LOOKED_AT = 16_384  # characters of a text
_NAMED = 80  # characters of the reason

_ADDRESS = re.compile(r"<?[^\s<>@]{1,320}@[^\s<>@]{1,255}>?")  # says nothing: what was refused names us by our tag
_MEMBERS = re.compile(
    r"""
    \b(?:
        (?:you|sender|address|ADDR,?)\ (?:(?:is|are)\ )?(?:not|n't)\ (?:currently\ )?(?:an?\ )?(?:list\ )?
            (?:subscribe[dr]|member|(?:authori[sz]ed|allowed|permitted)\ to\ (?:post|send\ (?:mail\ )?to))
      | (?:only|restricted\ to)\ (?:list\ )?(?:subscribers|members)
      | (?:post(?:ing)?|submission)s?\ (?:by|from)\ (?:a\ )?non-?(?:members?|subscribers?)
      | non-?(?:member|subscriber)\ (?:post|submission)
      | (?:not|n't)\ have\ permission\ to\ post
    )
    """,
    re.IGNORECASE | re.VERBOSE,
)
_SENDER = re.compile(
    r"""
    \b(?:
        batv\b
      | (?:sender|mail\ from|return[- ]path|envelope[- ]from)(?:\ address)?\W{0,3}\ ?
            (?:has\ |is\ |contains\ )?(?:an?\ )?
            (?:bad|invalid|illegal|malformed|wrong)\ (?:syntax|characters?|local[- ]part|address|format)
      | (?:bad|invalid|illegal|malformed)\ (?:sender|reverse[- ]path|return[- ]path|characters?\ in\ (?:sender|local))
      | sender\ address\ (?:rejected:\ )?(?:is\ )?
            (?:not\ owned|not\ known|unknown\ sender|not\ registered|not\ recogni[sz]ed|bad\ syntax)
      | unknown\ sender | sender\ (?:is\ )?(?:not\ registered|not\ known)
      | (?:local[- ]part|sender)\ (?:is\ )?too\ long
    )
    """,
    re.IGNORECASE | re.VERBOSE,
)
_CODES = re.compile(r"\b5\.1\.7\b")  # RFC 3463: bad sender's mailbox address syntax
_OTHER_REASONS = re.compile(
    r"""
    \bspf\b | \bdmarc\b | \bdkim\b | \bdnsbl\b | \brbl\b | black\ ?-?list | block(?:ed|ing)?\ ?-?list | spamhaus
      | \bspam\b | \bvirus | malware | reputation | \b5\.7\.2[0-9]\b | reverse\ dns | \bptr\b | rate\ limit
      | user\ unknown | unknown\ user | unknown\ recipient | recipient\ (?:address\ )?(?:rejected|unknown)
      | no\ such\ (?:user|recipient) | mailbox\ (?:full|unavailable) | over\ quota | relay(?:ing)?\ (?:access\ )?denied
    """,
    re.IGNORECASE | re.VERBOSE,
)


_RECIPIENT = re.compile(r"^(?:final|original)-recipient:[^;\n]*;\s*(\S+)", re.IGNORECASE | re.MULTILINE)
_DIAGNOSTIC = re.compile(r"^diagnostic-code:(.*(?:\n[ \t].*){0,20})", re.IGNORECASE | re.MULTILINE)
_ORIGINAL = re.compile(
    r"^[>|\s]*(?:return-path|received|message-id|from|date|subject|x-postfix-sender):|^content-type:\s*message/",
    re.IGNORECASE | re.MULTILINE,
)


def blames_tag(text: str) -> str:
    """Give the words of a refusal that blame the tagged sender; empty where none do, or another reason is named.

    Addresses in it say nothing: every refusal may quote our tag.
    """
    text = _ADDRESS.sub("ADDR", text[:_LOOKED_AT])
    found = _MEMBERS.search(text) or _SENDER.search(text) or _CODES.search(text)
    if found is None or _OTHER_REASONS.search(text) is not None:
        return ""
    return " ".join(found[0].split())[:_NAMED]


def speaks_of_members(words: str) -> bool:
    """Whether it is a list's refusal: those of a host of lists go for all its addresses."""
    return _MEMBERS.search(words) is not None


def in_bounce(body: str) -> list[tuple[str, str]]:
    """Give (destination, words) for each recipient of a bounce whose refusal blames the tag.

    By RFC 3464 where it has a Diagnostic-Code beside its recipients. In free text only what stands in front of the
    quoted original counts, and the destination is empty: the caller knows to whom was written.
    """
    body = body[:_LOOKED_AT].replace("\r\n", "\n")
    if _DIAGNOSTIC.search(body):
        found = []
        for block in body.split("\n\n"):
            who, why = _RECIPIENT.search(block), _DIAGNOSTIC.search(block)
            if who is not None and why is not None and (words := blames_tag(why[1])):
                found.append((who[1].strip("<>").lower(), words))
        return found
    original = _ORIGINAL.search(body, body.find("\n\n") + 1 if body.startswith("--") else 0)
    words = blames_tag(body[: original.start()] if original is not None else body)
    return [("", words)] if words else []
