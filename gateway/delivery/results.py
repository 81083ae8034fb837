"""What an Authentication-Results field says of a message (RFC 8601): one result a method, from the trace's facts. Pure.

Names of strangers go into it: each is a token, or quoted and bounded, so that nobody can write a result of his own.
"""

import re
from collections.abc import Iterator

from gateway.mail.findings import Observation
from gateway.mail.trace import Trace

DKIM_RESULTS = 9  # those of eight signatures, and the word that there were more
_VALUE = re.compile(r"[A-Za-z0-9!#$%&'*+\-^_`{|}~.]+(?:@[A-Za-z0-9.-]+)?\Z")
_UNSAFE = re.compile(r"[^ -~]")
_QUOTED = re.compile(r'(["\\])')
_NO_LETTER = re.compile(r"[^a-z]")
_LONGEST = 255  # characters of one value


def results_of(trace: Trace) -> tuple[str, ...]:
    """Give the results, each without the semicolon in front; none where nothing was checked."""
    if trace.client.account:
        return (f"auth=pass smtp.auth={value(trace.client.account)}",)
    if trace.listener != "inbound":
        return ()
    seen = {each.check: each for each in trace.observations if each.recipient is None}
    lines = (*_spf(seen, trace), *_dkim(seen), *_dmarc(seen), *_arc(seen, trace), *_iprev(seen, trace))
    return tuple(dict.fromkeys(lines))


def value(text: str) -> str:
    """Give a value as it may stand behind an equals sign."""
    text = text[:_LONGEST]
    if _VALUE.match(text):
        return text
    return '"' + _QUOTED.sub(r"\\\1", _UNSAFE.sub("?", text)) + '"'


def _facts(seen: dict[str, Observation], check: str) -> Iterator[dict[str, str]]:
    """Give the facts that a check found."""
    if check in seen:
        yield from (each.facts for each in seen[check].findings if "result" in each.facts)


def _spf(seen: dict[str, Observation], trace: Trace) -> Iterator[str]:
    """Give SPF of both identities (RFC 8601 2.7.2)."""
    for facts in _facts(seen, "spf"):
        where = "helo" if facts.get("identity") == "helo" else "mailfrom"
        yield f"spf={_word(facts)} smtp.{where}={value(facts.get('domain', ''))}"
    if "spf" in seen and seen["spf"].outcome.failed:
        domain = (trace.sender or "").rpartition("@")[2]
        where, name = ("mailfrom", domain) if domain else ("helo", trace.client.helo)
        yield f"spf=temperror smtp.{where}={value(name)}"


def _dkim(seen: dict[str, Observation]) -> Iterator[str]:
    """Give each signature, with the start of its b= (RFC 6008)."""
    found = list(_facts(seen, "dkim"))[:DKIM_RESULTS]
    for facts in found:
        reason = f" reason={_quoted(facts['reason'])}" if facts.get("reason") else ""
        names = [("d", facts.get("domain", "")), ("s", facts.get("selector", "")), ("b", facts.get("hint", ""))]
        properties = "".join(f" header.{name}={value(text)}" for name, text in names if text)
        yield f"dkim={_word(facts)}{reason}{properties}"
    if not found and "dkim" in seen and not seen["dkim"].outcome.failed:
        yield "dkim=none"


def _dmarc(seen: dict[str, Observation]) -> Iterator[str]:
    """Give the author domain, with the policy that it asks for (RFC 9989 9)."""
    for facts in _facts(seen, "dmarc"):
        policy = f" (p={_word(facts, 'policy')})" if facts.get("policy") else ""
        author = f" header.from={value(facts['domain'])}" if facts.get("domain") else ""
        yield f"dmarc={_word(facts)}{policy}{author}"


def _arc(seen: dict[str, Observation], trace: Trace) -> Iterator[str]:
    """Give the chain, where a trusted sealer is in it (RFC 8617 10)."""
    for facts in _facts(seen, "arc"):
        yield f"arc={_word(facts)} smtp.remote-ip={value(trace.client.ip)}"


def _iprev(seen: dict[str, Observation], trace: Trace) -> Iterator[str]:
    """Give the name of the client's address (RFC 8601 2.7.3)."""
    if "reverse_dns" not in seen:
        return
    if seen["reverse_dns"].outcome.failed:
        yield f"iprev=temperror policy.iprev={value(trace.client.ip)}"
    for each in seen["reverse_dns"].findings:
        if "name" in each.facts:
            result = "pass" if each.facts["name"] else "fail"
            yield f"iprev={result} policy.iprev={value(trace.client.ip)}"


def _word(facts: dict[str, str], name: str = "result") -> str:
    """Give a result, which is one of our own words."""
    return _NO_LETTER.sub("", facts.get(name, "")[:20]) or "none"


def _quoted(text: str) -> str:
    """Give a reason as a quoted string."""
    return '"' + _UNSAFE.sub("?", text[:_LONGEST]).replace("\\", "/").replace('"', "'") + '"'
