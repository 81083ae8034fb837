"""Whether anything was lost: what senders were told, against what is there."""

from collections import Counter
from dataclasses import dataclass, field

from tests.vm.kept import Kept
from tests.vm.load import Report

Copy = tuple[str, str]  # a letter's id, and one of its recipients


@dataclass
class Verdict:
    """What became of every copy of every letter."""

    promised: int = 0  # those that got 250
    relayed: int = 0  # of these: at the sink
    kept: int = 0  # of these: kept for review by the gateway
    lost: list[Copy] = field(default_factory=list)  # 250, and nowhere
    doubled: list[Copy] = field(default_factory=list)  # there more than once, though no reply was cut
    repeated: list[Copy] = field(default_factory=list)  # there more than once after a reply was cut: allowed
    damaged: list[str] = field(default_factory=list)  # there, and not what was sent
    belied: list[Copy] = field(default_factory=list)  # refused for good, and there: its sender says that it is not
    unanswered: int = 0  # there, while the sender was told neither yes nor no: it would try again

    @property
    def holds(self) -> bool:
        """Whether the promise was kept."""
        return not (self.lost or self.doubled or self.damaged or self.belied)

    def __str__(self) -> str:
        figures = (
            f"{self.promised} copies promised, {self.relayed} relayed, {self.kept} kept: {len(self.lost)} lost,"
            f" {len(self.doubled)} doubled, {len(self.repeated)} repeated after a cut"
        )
        bad: dict[str, list[Copy] | list[str]] = {"lost": self.lost, "doubled": self.doubled}
        bad |= {"damaged": self.damaged, "belied": self.belied}
        named = "; ".join(f"{word}: {_some(which)}" for word, which in bad.items() if which)
        return f"{figures}; {named}" if named else figures


def verdict(report: Report, at_sink: Counter[Copy], kept: Kept, damaged: Counter[Copy] | None = None) -> Verdict:
    """Judge every copy of the letters of a report; other mail is not looked at.

    ``at_sink`` and ``damaged`` are the sink's; ask it, and the gateway, once the load has settled. What the gateway
    keeps damaged counts as if it were not there, and is named.
    """
    found = Verdict(damaged=[*kept.damaged, *(" ".join(each) for each in damaged or () if each[0] in report.fates)])
    for name, fate in report.fates.items():
        for recipient in fate.letter.recipients:
            copy = name, recipient.lower()
            relayed, spooled = at_sink[copy], kept.copies[copy]
            if recipient in fate.accepted:
                found.promised += 1
                found.relayed += relayed > 0
                found.kept += not relayed and spooled > 0
                if not relayed + spooled:
                    found.lost.append(copy)
            elif relayed + spooled:
                if recipient in fate.refused:
                    found.belied.append(copy)
                else:
                    found.unanswered += 1
            if relayed + spooled > 1:
                (found.repeated if recipient in fate.cut else found.doubled).append(copy)
    return found


def _some(which: list[Copy] | list[str]) -> str:
    """Name the first few."""
    named = [each if isinstance(each, str) else " for ".join(each) for each in which[:3]]
    return ", ".join(named) + (f" and {len(which) - 3} more" if len(which) > 3 else "")
