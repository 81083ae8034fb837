"""What rspamd is told and what it answers, without any connection (https://rspamd.com/doc/developers/protocol.html)."""

import re

import msgspec

from gateway.services.engines import EngineError, EngineTimeout, Known, Opinion, Symbol, opinion, plain

Headers = list[tuple[str, str]]

REST = "RSPAMD_REST"

_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_GTUBE = "GTUBE"
_GTUBE_POINTS = 1000.0  # rspamd would reject for it, and gives no points
_LATE = "timeout processing message"  # its words where soft_reject_on_timeout is set
_NAMED_OPTIONS = 10

# RFC 8601's results in the words of rspamd's module http_headers. Where that module is off nobody reads them.
_RESULTS = {
    "pass": "pass",
    "fail": "fail",
    "softfail": "softfail",
    "neutral": "neutral",
    "permerror": "permfail",
    "temperror": "tempfail",
    "none": "na",
}


class _Symbol(msgspec.Struct):
    """One symbol of an answer."""

    score: float
    description: str = ""
    options: list[str] = []


class _Answer(msgspec.Struct):
    """What is read of an answer to ``/checkv2``; what has no default must be there."""

    is_skipped: bool
    score: float
    symbols: dict[str, _Symbol]
    action: str = ""
    messages: dict[str, object] = {}


_decoder = msgspec.json.Decoder(_Answer)


def told(known: Known) -> Headers:
    """Give the request's header fields: the envelope, the client, and what was found out already."""
    fields = [
        ("From", known.sender or "<>"),
        *(("Rcpt", each) for each in known.recipients),
        ("IP", known.ip),
        ("Helo", known.helo),
        ("Hostname", known.hostname),
        ("User", known.account),
        ("TLS-Cipher", known.tls),
        ("Queue-Id", known.id),
        ("MTA-Name", known.node),
        ("MTA-Tag", known.listener),
    ]
    if known.spf in _RESULTS:
        fields.append(("SPF", _json({"result": _RESULTS[known.spf]})))
    results = [{"domain": domain, "result": _RESULTS[result]} for domain, result in known.dkim if result in _RESULTS]
    if results:
        fields.append(("DKIM", _json({"results": results})))
    # A client chose some of these: nothing of them may end a line.
    return [(name, _CONTROL.sub("?", value)) for name, value in fields if value]


def read_answer(raw: bytes) -> Opinion:
    """Read an answer to ``/checkv2``. Raises EngineError, EngineTimeout."""
    try:
        answer = _decoder.decode(raw)
    except msgspec.MsgspecError as error:
        raise EngineError(f"rspamd's answer can't be read: {error}") from error
    said = str(answer.messages.get("smtp_message", ""))
    if said == _LATE:
        raise EngineTimeout("rspamd had no time to finish (its own task_timeout)")
    symbols = [Symbol(name, each.score, _why(each)) for name, each in answer.symbols.items()]
    if _GTUBE in answer.symbols:
        test = Symbol(_GTUBE, _GTUBE_POINTS, "the test string for spam filters")
        return opinion(_GTUBE_POINTS, [test], REST, answer.action)
    if answer.is_skipped:
        raise EngineError(
            "rspamd skipped the message, so that it has no opinion: see what skips mail in its settings (want_spam)"
        )
    return opinion(answer.score, symbols, REST, plain(f"{answer.action}: {said}" if said else answer.action))


def error_of(raw: bytes) -> str:
    """Give the words of an answer that is none, bounded."""
    try:
        told_why = msgspec.json.decode(raw, type=dict[str, object]).get("error")
    except msgspec.MsgspecError:
        told_why = None
    return plain(str(told_why) if told_why else raw[:300].decode("utf-8", "replace")) or "nothing"


def _why(symbol: _Symbol) -> str:
    """Give a symbol's description with its options, which say what it was about."""
    options = ", ".join(symbol.options[:_NAMED_OPTIONS])
    return f"{symbol.description} ({options})" if symbol.description and options else symbol.description or options


def _json(value: object) -> str:
    """Give a value as JSON in one line of ASCII."""
    return msgspec.json.encode(value).decode("utf-8", "replace")
