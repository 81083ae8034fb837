"""Tells from a refusal's words that the tag on our sender was the reason: some know people by their plain sender.

Mailing lists compare the envelope sender with their members, and a few systems take a tagged local part for a
malformed one. What is refused for anything else (SPF, DMARC, a block list, content, an unknown recipient) is not the
tag's fault, and leaving the tag out would only make the next false bounce look genuine: where words speak of those,
nothing is said.
"""

import re

_LOOKED_AT = 16_384  # characters of a text
_NAMED = 80  # characters of the reason

_BLAMES = re.compile(
    r"""
    \b(?:
        prvs= | \bbatv\b
      | (?:you|sender|address|<?\S{1,80}@\S{1,80}>?,?)\ (?:(?:is|are)\ )?(?:not|n't)\ (?:currently\ )?(?:an?\ )?
            (?:subscribe[dr]|member|(?:authori[sz]ed|allowed|permitted)\ to\ (?:post|send\ to))
      | (?:only|restricted\ to)\ (?:list\ )?(?:subscribers|members)
      | (?:post(?:ing)?|submission)s?\ (?:by|from)\ (?:a\ )?non-?(?:members?|subscribers?)
      | non-?(?:member|subscriber)\ (?:post|submission)
      | (?:sender|mail\ from|return[- ]path|envelope[- ]from)(?:\ address)?\W{0,3}\ ?
            (?:has\ |is\ |contains\ )?(?:an?\ )?
            (?:bad|invalid|illegal|malformed|wrong)\ (?:syntax|characters?|local[- ]part|address|format)
      | (?:bad|invalid|illegal|malformed)\ (?:sender|reverse[- ]path|return[- ]path|characters?\ in\ (?:sender|local))
      | sender\ address\ (?:is\ )?(?:not\ owned|unknown|not\ known|not\ registered|not\ recogni[sz]ed)
      | unknown\ sender | sender\ (?:is\ )?(?:unknown|not\ registered|not\ known)
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


def blames_tag(text: str) -> str:
    """Give the words of a refusal that blame the tagged sender; empty where none do, or another reason is named."""
    text = text[:_LOOKED_AT]
    found = _BLAMES.search(text) or _CODES.search(text)
    if found is None or _OTHER_REASONS.search(text) is not None:
        return ""
    return " ".join(found[0].split())[:_NAMED]
