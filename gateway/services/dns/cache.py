"""Answers that are still good, bounded in number: the one that was used longest ago goes first."""

from collections import OrderedDict

from gateway.services.dns.words import Answer

Key = tuple[str, str]
CLEAR = "clear-cache"  # the file in the status folder by whose change every SMTP process is told to forget


class Cache:
    """Answers by (name, type)."""

    def __init__(self, most: int) -> None:
        """Keep at most so many."""
        self._most = most
        self._answers: OrderedDict[Key, tuple[float, Answer]] = OrderedDict()

    def get(self, key: Key, now: float) -> Answer | None:
        """Give an answer that has not expired."""
        held = self._answers.get(key)
        if held is None:
            return None
        if held[0] <= now:
            del self._answers[key]
            return None
        self._answers.move_to_end(key)
        return held[1]

    def put(self, key: Key, answer: Answer, expires: float) -> None:
        """Keep an answer until then."""
        self._answers[key] = (expires, answer)
        self._answers.move_to_end(key)
        if len(self._answers) > self._most:
            self._answers.popitem(last=False)

    def clear(self) -> int:
        """Forget everything; gives how many there were."""
        count = len(self._answers)
        self._answers.clear()
        return count
