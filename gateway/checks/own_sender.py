"""Asks whether somebody outside writes as one of us: with a domain of ours as envelope sender, or in the header's From.

Our own mail comes in authenticated, on another listener. What else bears our name is forged, or it comes back: through
a forwarder (the envelope sender still has the BATV tag that we gave it), or from a mailing list (which keeps From, and
says what it is). So it weighs, and the weight alone never decides. SPF and DKIM spare whom they prove; trusted
forwarders and allowed networks are spared as well. Where a key can't be read the check fails.
"""

from collections.abc import Awaitable, Callable

from gateway.backscatter import batv
from gateway.checks.authenticating import SECONDS, Authenticating, lower_head
from gateway.checks.base import MISS, Check, Seen, View, failed, hit, skipped
from gateway.mail.address import Address
from gateway.mail.findings import Finding, Outcome
from gateway.mail.stages import Stage
from gateway.outbound import keys
from gateway.policy.precedence import covers, proof_for
from gateway.policy.sender_lists import from_key

LIST_FIELDS = ("list-id", "list-post")  # RFC 2919, RFC 2369: what a mailing list says of itself

_OUTBOUND = skipped("mail that leaves is ours")
_COUNTED = skipped("the envelope sender is ours as well, and was looked at")
_TRUSTED = skipped("the client is trusted")


class OwnSender(Check):
    """Looks for domains of ours in what others send."""

    name = "own_sender"
    stages = (Stage.RCPT, Stage.DATA)
    symbols = {
        "OWN_SENDER": "the envelope sender is of a domain of ours, and nothing proves it",
        "OWN_FROM": "the header's From is of a domain of ours, and nothing proves it",
        "OWN_FROM_BY_LIST": "a mailing list brings what is from a domain of ours",
    }

    seconds = SECONDS

    def __init__(
        self,
        read_secret: Callable[[str], str | None],
        authenticating: Authenticating,
        today: Callable[[], int] = keys.today,
    ) -> None:
        """``read_secret`` gives a secret by its id, ``authenticating`` the signatures; ``today`` the day since 1970."""
        self._read = read_secret
        self._authenticating = authenticating
        self._today = today

    @classmethod
    def reads(cls, view: View) -> object:
        """Give which of the senders are ours, and the keys that could prove one."""
        sender = "" if view.sender is None else view.sender.domain_key
        ours = [view.policy.is_ours(each) for each in (sender, from_key(view.headers.get("from")).rpartition("@")[2])]
        return ours, view.policy.snapshot.marking.keys if batv.is_tagged(str(view.sender)) else ()

    def look(self, view: View) -> Seen | Awaitable[Seen]:
        """At RCPT look at the envelope sender, after DATA at From."""
        if view.listener != "inbound":
            return _OUTBOUND
        if view.spares_client:
            return _TRUSTED
        if view.content is not None:
            return self._from(view)
        if view.sender is None or not view.policy.is_ours(view.sender.domain_key):
            return MISS
        return self._envelope(view, view.sender)

    def _envelope(self, view: View, sender: Address) -> Seen:
        """Hit where neither SPF nor a tag of ours proves the sender."""
        if proof_for(sender.domain_key, view.earlier, header=False):
            return MISS
        if batv.is_tagged(str(sender)) and view.policy.snapshot.marking.keys:
            try:
                known = keys.batv_keys(view.policy.snapshot.marking, self._read)
            except (OSError, ValueError) as error:
                return failed(f"a key can't be read: {error}")
            checked = batv.check(str(sender), known, self._today())
            if checked.result is batv.Result.UNKNOWN:
                return failed(str(keys.gone(known, checked)))
            if checked.result is batv.Result.VALID:
                return skipped("its tag is ours: mail of ours comes back")
        return hit(Finding("OWN_SENDER", 3.0, f"{sender.domain_key} is a domain of ours, and this client is not ours"))

    def _from(self, view: View) -> Seen | Awaitable[Seen]:
        """Hit where the header alone has a domain of ours; wait only where a signature could prove it."""
        domain = from_key(view.headers.get("from")).rpartition("@")[2]
        if not domain or not view.policy.is_ours(domain) or proof_for(domain, view.earlier, header=True):
            return MISS
        if view.sender is not None and view.policy.is_ours(view.sender.domain_key):
            return _COUNTED
        if any(view.headers.get(each) for each in LIST_FIELDS):
            told = Finding("OWN_FROM_BY_LIST", detail=f"a mailing list brings mail from {domain}", informs=True)
            return Seen(Outcome.MISS, (told,))
        found = hit(Finding("OWN_FROM", 1.5, f"From says {domain}, a domain of ours", facts={"domain": domain}))
        return self._unless_signed(view, domain, found) if b"dkim-signature" in lower_head(view) else found

    async def _unless_signed(self, view: View, domain: str, found: Seen) -> Seen:
        """Give what was found, unless a valid signature proves the domain."""
        signatures = await self._authenticating.signatures(view)
        return MISS if any(each.result == "pass" and covers(each.domain, domain) for each in signatures) else found
