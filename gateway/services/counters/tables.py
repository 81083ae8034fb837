"""The tables behind the counters: plain memory, bounded in size, told the time by their owner. No I/O."""

from collections import Counter, OrderedDict, deque
from collections.abc import Sequence

import msgspec

from gateway.services.counters.interface import Claim

MAX_KEYS = 50_000  # of windows and of stored values each; those not used for longest go first
MAX_EVENTS = 10_000  # of one window: a count never says more


class Slots:
    """How many of each key are taken."""

    def __init__(self) -> None:
        """Begin with none."""
        self._taken: dict[str, int] = {}

    def acquire_all(self, claims: Sequence[tuple[str, int]]) -> str | None:
        """Take one slot for each (key, limit), or none at all: gives the first key that is full, or None."""
        taken = self._taken
        for key, limit in claims:
            if taken.get(key, 0) >= limit:
                return key
        for key, _ in claims:
            taken[key] = taken.get(key, 0) + 1
        return None

    def release(self, keys: Sequence[str]) -> None:
        """Give slots back; more than were taken is no harm."""
        for key in keys:
            left = self._taken.get(key, 0) - 1
            if left > 0:
                self._taken[key] = left
            else:
                self._taken.pop(key, None)


class Window(msgspec.Struct):
    """The events of one key: their times, for the longest span that was asked for, in seconds."""

    span: float
    events: deque[float]

    def forget(self, now: float) -> None:
        """Forget the events that are over: what is left is counted at once."""
        events = self.events
        while events and events[0] <= now - self.span:
            events.popleft()


class Windows:
    """Events counted over sliding windows."""

    def __init__(self) -> None:
        """Begin with none."""
        self._windows: OrderedDict[str, Window] = OrderedDict()

    def count(self, key: str, span: float, now: float) -> int:
        """Count one event; gives the number within ``span`` seconds before ``now``, this one included."""
        window = self._windows.get(key)
        if window is None:
            window = self._windows[key] = Window(span, deque(maxlen=MAX_EVENTS))
            if len(self._windows) > MAX_KEYS:
                self._windows.popitem(last=False)
        else:
            self._windows.move_to_end(key)
        window.span = max(window.span, span)
        window.forget(now)
        window.events.append(now)
        return _within(window, span, now)

    def peek(self, key: str, span: float, now: float) -> int:
        """Give the number without counting."""
        window = self._windows.get(key)
        if window is None:
            return 0
        window.forget(now)
        return _within(window, span, now)

    def forget(self, key: str) -> None:
        """Forget all events of a key."""
        self._windows.pop(key, None)

    def dump(self, now: float) -> dict[str, Window]:
        """Give what is not over, to be saved."""
        return {key: each for key, each in self._windows.items() if each.events and each.events[-1] > now - each.span}

    def load(self, windows: dict[str, Window], now: float) -> bool:
        """Take over what was saved and is not over; tells whether any was new. A known event is counted once."""
        news = False
        for key, each in windows.items():
            if not any(event > now - each.span for event in each.events):
                continue
            known = self._windows.get(key)
            events = Counter(known.events if known is not None else ())
            if not Counter(each.events) - events:
                continue
            news = True
            times = sorted((events | Counter(each.events)).elements())
            span = each.span if known is None else max(known.span, each.span)
            self._windows[key] = Window(span, deque(times, maxlen=MAX_EVENTS))
        return news


def _within(window: Window, span: float, now: float) -> int:
    """Count the events of the last ``span`` seconds."""
    if span >= window.span and (not window.events or window.events[0] > now - span):
        return len(window.events)
    return sum(1 for event in window.events if event > now - span)


class Distinct:
    """Distinct values of each key over sliding windows: when each was seen last."""

    def __init__(self) -> None:
        """Begin with none."""
        self._keys: OrderedDict[str, OrderedDict[str, float]] = OrderedDict()

    def fits(self, key: str, value: str, span: float, limit: int, now: float) -> bool:
        """Whether a value stays within the limit of distinct ones."""
        seen = self._keys.get(key)
        if seen is None:
            return limit > 0
        while seen and next(iter(seen.values())) <= now - span:
            seen.popitem(last=False)
        return value in seen or len(seen) < limit

    def add(self, key: str, value: str, now: float) -> None:
        """Note a value."""
        seen = self._keys.setdefault(key, OrderedDict())
        self._keys.move_to_end(key)
        seen[value] = now
        seen.move_to_end(value)
        if len(seen) > MAX_EVENTS:
            seen.popitem(last=False)
        if len(self._keys) > MAX_KEYS:
            self._keys.popitem(last=False)

    def forget(self, key: str) -> None:
        """Forget all values of a key."""
        self._keys.pop(key, None)

    def dump(self) -> dict[str, dict[str, float]]:
        """Give everything, to be saved."""
        return {key: dict(seen) for key, seen in self._keys.items()}

    def load(self, keys: dict[str, dict[str, float]]) -> bool:
        """Take over what was saved; tells whether any was new. Of a known value the later time counts."""
        news = False
        for key, seen in keys.items():
            known = self._keys.get(key, OrderedDict[str, float]())
            later = {value: when for value, when in seen.items() if known.get(value, 0.0) < when}
            if later:
                news = True
                self._keys[key] = OrderedDict(sorted({**known, **later}.items(), key=lambda pair: pair[1]))
        return news


def admit(windows: Windows, distinct: Distinct, claims: Sequence[Claim], now: float) -> str | None:
    """Count one event for each claim where all stay within their limits, else none: gives the key that is full."""
    for each in claims:
        if each.value:
            fits = distinct.fits(each.key, each.value, each.window, each.limit, now)
        else:
            fits = windows.peek(each.key, each.window, now) < each.limit
        if not fits:
            return each.key
    for each in claims:
        if not each.counts:
            continue
        if each.value:
            distinct.add(each.key, each.value, now)
        else:
            windows.count(each.key, each.window, now)
    return None


def enter(  # noqa: PLR0913, PLR0917 - the tables, and what is asked of them
    slots: Slots,
    claims: Sequence[tuple[str, int]],
    windows: Windows,
    distinct: Distinct,
    events: Sequence[Claim],
    now: float,
) -> str | None:
    """Take one slot for each (key, limit) and count the events, or nothing of it: gives the key that is full."""
    full = slots.acquire_all(claims)
    if full is None and events and (full := admit(windows, distinct, events, now)) is not None:
        slots.release([key for key, _ in claims])
    return full


class Value(msgspec.Struct, frozen=True, array_like=True):
    """A stored value. ``expires`` is seconds since the epoch."""

    text: str
    expires: float


class Store:
    """Values that expire."""

    def __init__(self) -> None:
        """Begin with none."""
        self._values: OrderedDict[str, Value] = OrderedDict()

    def put(self, key: str, value: Value) -> None:
        """Store; the value stored longest ago goes when there are too many."""
        self._values[key] = value
        self._values.move_to_end(key)
        if len(self._values) > MAX_KEYS:
            self._values.popitem(last=False)

    def get(self, key: str, now: float) -> str | None:
        """Give what is stored and not expired."""
        value = self._values.get(key)
        if value is None:
            return None
        if value.expires <= now:
            del self._values[key]
            return None
        return value.text

    def forget(self, key: str) -> None:
        """Remove, if it is there."""
        self._values.pop(key, None)

    def load(self, values: dict[str, Value], now: float) -> dict[str, Value]:
        """Take over what was saved, is not expired, and lasts longer than what is known; gives it."""
        taken = {}
        for key, value in values.items():
            known = self._values.get(key)
            if value.expires > now and (known is None or known.expires < value.expires):
                self.put(key, value)
                taken[key] = value
        return taken

    def dump(self, now: float) -> dict[str, Value]:
        """Give all that is not expired, oldest first."""
        return {key: value for key, value in self._values.items() if value.expires > now}
