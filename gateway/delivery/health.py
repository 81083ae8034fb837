"""Does a next hop refuse everybody? Then the fault is our route's, not each recipient's.

A next hop that lost its user database, or is not the one it should be, answers 5xx to every recipient; passing that on
would make senders take our users for gone. Pure; one of these belongs to a process.
"""

IN_A_ROW = 20  # transactions whose every recipient was refused, none taken in between


class RouteHealth:
    """Counts, by route, the transactions in a row of which the next hop took nobody."""

    def __init__(self) -> None:
        """Begin with trust."""
        self._refused: dict[str, int] = {}

    def took(self, route: str) -> None:
        """Note that a recipient was taken."""
        self._refused.pop(route, None)

    def refused_all(self, route: str) -> None:
        """Note that a transaction ended and its every recipient was refused with 5xx."""
        self._refused[route] = self._refused.get(route, 0) + 1

    def suspect(self, route: str) -> bool:
        """Whether a 5xx of this route is to be taken for a fault of ours."""
        return self._refused.get(route, 0) >= IN_A_ROW
