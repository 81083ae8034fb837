"""A snapshot as bytes and back. What comes out of ``decode`` is whole and fits together, or it does not come out.

The form is JSON that a person can read and compare: indented, keys of mappings in order.
"""

from collections.abc import Collection
from pathlib import Path
from typing import Any

import msgspec

from gateway.policy.defaults import CHECKS, OUTBOUND_CHECKS, complete
from gateway.policy.location import PolicyError, line_of, place_of
from gateway.policy.snapshot import DomainPolicy, RecipientPolicy, Snapshot
from gateway.policy.validity import faults

__all__ = ["PolicyError", "decode", "encode", "load"]

_encoder = msgspec.json.Encoder(order="deterministic")
_decoder = msgspec.json.Decoder(Snapshot)
_REMEDY = "correct it, or publish the policy again"


def encode(snapshot: Snapshot) -> bytes:
    """Give a snapshot as JSON, the same bytes for the same policy, with a line end behind it."""
    return msgspec.json.format(_encoder.encode(snapshot), indent=1) + b"\n"


def decode(text: bytes, *, name: str, checks: Collection[str] = CHECKS.keys()) -> Snapshot:
    """Read a snapshot; ``name`` is what errors call the file, ``checks`` holds all check names.

    Checks that the text does not list are filled in with their defaults. Raises PolicyError.
    """
    try:
        snapshot = _decoder.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise _error(text, name) from None
    if fault := next(faults(snapshot, checks), None):
        raise PolicyError(name, line_of(text.decode(), fault.place), fault.reason, fault.remedy)
    return _complete(snapshot)


def load(path: Path) -> Snapshot:
    """Read a snapshot from a file. Raises PolicyError, for a file that can't be read too."""
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        raise PolicyError(str(path), 0, "no such file", "publish a policy, or restore the file") from None
    except OSError as error:
        raise PolicyError(str(path), 0, error.strerror or str(error), "make it readable for this user") from None
    return decode(text, name=str(path))


def _error(text: bytes, name: str) -> PolicyError:
    """Say what is wrong with a text that could not be decoded, and on which line."""
    try:
        unicode = text.decode()
        document = msgspec.json.decode(unicode)
        _as_snapshot(document)
    except UnicodeDecodeError as error:
        return PolicyError(name, text.count(b"\n", 0, error.start) + 1, "the text is not UTF-8", _REMEDY)
    except RecursionError:
        return PolicyError(name, 0, "the text is nested without end", _REMEDY)
    except msgspec.ValidationError as error:
        reason, place = place_of(error, document, _as_snapshot)
        return PolicyError(name, line_of(unicode, place), reason, _REMEDY)
    except msgspec.DecodeError as error:
        return PolicyError(name, _line_of_offset(text, str(error)), str(error), _REMEDY)
    return PolicyError(name, 0, "the text is no policy", _REMEDY)


def _as_snapshot(document: Any) -> Snapshot:  # noqa: ANN401 - it is what a parser gave
    """Check a parsed document's types. Raises ``msgspec.ValidationError``."""
    return msgspec.convert(document, Snapshot)


def _line_of_offset(text: bytes, error: str) -> int:
    """Give the line of a malformed octet, which msgspec names as ``(byte N)``; the last line where it names none."""
    _, _, rest = error.rpartition("(byte ")
    digits = rest.rstrip(")")
    return text.count(b"\n", 0, int(digits) if digits.isdigit() else len(text.rstrip())) + 1


def _complete(snapshot: Snapshot) -> Snapshot:
    """Fill the checks in that the snapshot does not list."""
    outbound = msgspec.structs.replace(snapshot.outbound, rules=complete(snapshot.outbound.rules, OUTBOUND_CHECKS))
    domains = {name: _complete_domain(domain) for name, domain in snapshot.domains.items()}
    return msgspec.structs.replace(snapshot, domains=domains, outbound=outbound)


def _complete_domain(domain: DomainPolicy) -> DomainPolicy:
    """Fill the checks in that a domain or its recipients do not list."""
    rules = complete(domain.rules, CHECKS)
    recipients = {local: _complete_recipient(recipient) for local, recipient in domain.recipients.items()}
    return msgspec.structs.replace(domain, rules=rules, recipients=recipients)


def _complete_recipient(recipient: RecipientPolicy) -> RecipientPolicy:
    """Fill the checks in that a recipient with rules of its own does not list."""
    if recipient.rules is None:
        return recipient
    return msgspec.structs.replace(recipient, rules=complete(recipient.rules, CHECKS))
