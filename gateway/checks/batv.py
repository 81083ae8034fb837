"""BATV: is the recipient's tag one that we made, and where a bounce comes, is there one at all.

It only observes: sender call-outs come with the null sender and without a tag, and must be answered; the verdict on a
bounce falls after DATA, with all the evidence.
"""

from collections.abc import Callable

from gateway.backscatter import batv
from gateway.checks.base import MISS, Check, Seen, View, failed, hit, skipped
from gateway.mail.findings import Finding
from gateway.mail.stages import Stage
from gateway.outbound import keys


class Batv(Check):
    """Checks the tag of a recipient with our keys."""

    name = "batv"
    stages = (Stage.RCPT,)
    symbols = {
        "BATV_VALID": "the recipient's tag is one that we made within the last week",
        "BATV_EXPIRED": "the recipient's tag is one that we made, and its time is over",
        "BATV_FORGED": "the recipient has a tag that we did not make",
        "BATV_SUSPECT": "the recipient's tag is of a key that was retired in an emergency",
        "BATV_MISSING": "the null sender writes to a recipient without a tag",
    }

    def __init__(self, read_secret: Callable[[str], str | None], today: Callable[[], int] = keys.today) -> None:
        """``read_secret`` gives a secret by its id; ``today`` the day since 1970."""
        self._read = read_secret
        self._today = today

    @classmethod
    def reads(cls, view: View) -> object:
        """Give the keys of tags, where there may be one."""
        address = str(view.recipient or "")
        return view.policy.snapshot.marking.keys if view.sender is None or batv.is_tagged(address) else ()

    def look(self, view: View) -> Seen:
        """Say what the tag is worth; skipped where there is nothing that could have one."""
        marking = view.policy.snapshot.marking
        if not marking.keys:
            return skipped("we sign with no key")
        if view.match is None or view.recipient is None:
            return skipped("not a domain of ours")
        address = str(view.recipient)
        if not batv.is_tagged(address):
            return MISS if view.sender is not None else hit(Finding("BATV_MISSING", detail=address))
        try:
            known = keys.batv_keys(marking, self._read)
        except (OSError, ValueError) as error:
            return failed(f"a key can't be read: {error}")
        checked = batv.check(address, known, self._today())
        if checked.result is batv.Result.UNKNOWN:
            return failed(str(keys.gone(known, checked)))
        number = "" if checked.key_number is None else f" of key {checked.key_number}"
        detail = f"the tag{number} of {checked.original} is {checked.result}"
        return hit(Finding(f"BATV_{checked.result.name}", detail=detail))
