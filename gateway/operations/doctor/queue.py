"""Postfix's queue of what leaves, where this machine has one: how much waits, since when, and why."""

import shutil
import subprocess
import time
from collections.abc import Iterator

import msgspec

from gateway.config import Config
from gateway.operations.doctor.backups import age
from gateway.operations.doctor.result import Result, ok, skip, warn

_NAME = "outbound queue"
_SECONDS = 5.0
_LONG = 4 * 3600.0  # one try after another: greylisting and a short trouble are over by then
_STUCK = 900.0  # in a queue from which Postfix takes at once
_HELD = "hold"
_UNTOUCHED = ("incoming", "maildrop")
_WHY = "postqueue -p says why each waits; once that is mended: postqueue -f"
_SELF = "look yourself: sudo postqueue -p"
_NEVER_SET_UP = "main.cf: No such file"  # Debian installs it without, where nobody has answered its questions


class _Recipient(msgspec.Struct):
    """One whom a message has not reached yet, and why."""

    delay_reason: str = ""


class _Message(msgspec.Struct):
    """One line of ``postqueue -j``; ``arrival_time`` is in seconds since the epoch."""

    queue_name: str
    arrival_time: float
    recipients: list[_Recipient] = []


def waiting(_config: Config) -> Iterator[Result]:
    """Tell what waits in Postfix. Nothing where there is no Postfix, or none that was ever set up."""
    program = shutil.which("postqueue") or shutil.which("postqueue", path="/usr/sbin")
    if program is None:
        return
    late = False
    try:
        done = subprocess.run(  # noqa: S603 - fixed arguments
            (program, "-j"), capture_output=True, check=False, timeout=_SECONDS
        )
        said, broken = done.stdout, done.returncode != 0
        trouble = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
    except subprocess.TimeoutExpired as error:
        said, broken, late = error.stdout or b"", False, True
    if broken and _NEVER_SET_UP in trouble:
        return
    if broken:
        yield skip(_NAME, f"it can't be read here ({trouble}); {_SELF}")
        return
    # The last line may have been cut off.
    lines = said.splitlines(keepends=True)
    found = [msgspec.json.decode(line, type=_Message) for line in lines if line.endswith(b"\n")]
    if late and not found:
        yield skip(_NAME, f"Postfix does not tell it within {_SECONDS:.0f} s; {_SELF}")
        return
    yield from _judged(found, "more than " if late else "")


def _judged(found: list[_Message], more_than: str) -> Iterator[Result]:
    """Tell of what was found, which may be a part."""
    now = time.time()
    held = sum(each.queue_name == _HELD for each in found)
    if held:
        yield warn(
            _NAME, f"held and never leave: {_messages(held)}", "postsuper -H ALL lets them go; -d ALL hold removes"
        )
    moving = [each for each in found if each.queue_name != _HELD]
    if not moving:
        if not held:
            yield ok(_NAME, "empty")
        return
    deferred = sum(each.queue_name == "deferred" for each in moving)
    oldest = min(moving, key=lambda each: each.arrival_time)
    reason = next((each.delay_reason for each in oldest.recipients if each.delay_reason), "")
    since = _told(now - oldest.arrival_time)
    text = f"{more_than}{_messages(len(found))}, {deferred} of them deferred; the oldest waits for {since}" + (
        reason and f": {reason}"
    )
    untouched = min((each.arrival_time for each in moving if each.queue_name in _UNTOUCHED), default=now)
    if now - untouched > _STUCK:
        yield warn(_NAME, f"{text}; Postfix does not get to them", "journalctl -u postfix@- says why")
    elif now - oldest.arrival_time > _LONG:
        yield warn(_NAME, text, _WHY)
    else:
        yield ok(_NAME, text)


def _messages(number: int) -> str:
    """Count messages in words."""
    return "1 message" if number == 1 else f"{number} messages"


def _told(seconds: float) -> str:
    """Give a time in words."""
    return age(seconds) if seconds > 2 * 3600 else f"{max(0.0, seconds) / 60:.0f} minutes"
