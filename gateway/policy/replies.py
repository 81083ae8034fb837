"""What a refused client is told, by the check that decided.

A reply never names an inner host, and never says more of a message than its sender knows.
"""

from gateway.mail.reply import Reply

REFUSALS: dict[str, Reply] = {
    "client_networks": Reply(554, "5.7.1", "mail from this network is not accepted here"),
    "early_talker": Reply(554, "5.5.1", "this client spoke before it was greeted"),
    "dns_lists": Reply(550, "5.7.1", "mail from this client's address is not accepted"),
    "reverse_dns": Reply(550, "5.7.25", "this client's address has no name in DNS that leads back"),  # RFC 7372 3.3
    "helo": Reply(550, "5.7.1", "this client calls itself by a name that is not its own"),
    "rates": Reply(550, "5.7.1", "this client comes too often"),
    "sending_limits": Reply(550, "5.7.1", "the sending limit is reached"),
    "recipient_known": Reply(550, "5.1.1", "no such recipient here"),
    "spf": Reply(550, "5.7.23", "SPF: the sender's domain does not let this client send for it"),  # RFC 7372 3.2
    "sender_domain": Reply(550, "5.1.8", "the sender's domain takes no mail, so that nothing could be sent back"),
    "own_sender": Reply(550, "5.7.1", "mail from a domain of ours needs authentication"),
    "sender_lists": Reply(550, "5.7.1", "sender is not accepted here"),
    "dkim": Reply(550, "5.7.20", "DKIM: no signature of this message holds"),  # RFC 7372 3.1
    "dmarc": Reply(550, "5.7.26", "DMARC: the author's domain is not proven by SPF or DKIM"),  # RFC 7372 3.3
    "message_size": Reply(552, "5.3.4", "message is larger than this system accepts"),
    "loops": Reply(554, "5.4.6", "mail loop: too many Received lines"),
    "line_ends": Reply(550, "5.5.2", "message has bare CR or LF; lines must end in CRLF"),
    "mime": Reply(550, "5.6.0", "mail programs would not agree on what this message is made of"),
    "attachments": Reply(550, "5.7.1", "an attachment is of a kind that is not accepted here"),
    "clamav": Reply(550, "5.7.1", "message contains a virus"),
    "forged_bounce": Reply(550, "5.7.1", "this bounce answers a message that was not sent from here"),
    "unverifiable_bounce": Reply(550, "5.7.1", "this bounce quotes nothing that was sent from here"),
    "unsolicited": Reply(550, "5.7.1", "this automatic answer is to somebody who has not written to its sender"),
    "bounce_storm": Reply(550, "5.7.1", "this bounce quotes nothing that was sent from here"),
    "known_backscatterer": Reply(550, "5.7.1", "this host has sent bounces of mail that was not sent from here"),
    "null_sender_lists": Reply(550, "5.7.1", "this host is on a list of those that bounce mail to forged senders"),
    "null_sender_rate": Reply(550, "5.7.1", "too much mail from the null sender comes to this recipient"),
    "rspamd": Reply(550, "5.7.1", "message looks like spam"),
    "spamassassin": Reply(550, "5.7.1", "message looks like spam"),
    "spam": Reply(550, "5.7.1", "message looks like spam"),
}
# What is told where one finding of a check deserves words of its own.
BY_SYMBOL: dict[str, Reply] = {
    "SCAN_LIMITS": Reply(550, "5.7.1", "message can not be scanned for viruses as a whole"),
    "SCAN_TOO_LARGE": Reply(550, "5.7.1", "message is larger than can be scanned for viruses"),
    "ENCRYPTED": Reply(550, "5.7.1", "message has encrypted content, which can not be scanned for viruses"),
    "ENCRYPTED_DOCUMENT": Reply(550, "5.7.1", "message has an encrypted document, which can not be scanned"),
    "HEURISTIC": Reply(550, "5.7.1", "message looks dangerous"),
    "SENDER_NULL_MX": Reply(550, "5.7.27", "the sender's domain has a null MX: it sends no mail"),  # RFC 7505 4.2
}
# What is told where a hit is only refused for now.
LATER: dict[str, Reply] = {
    "greylisting": Reply(451, "4.7.1", "greylisted, please try again in a few minutes"),
    "sending_limits": Reply(451, "4.7.1", "the sending limit is reached, please try later"),
    "rates": Reply(451, "4.7.1", "this client comes too often, please try later"),
}
# What they found is told: its side can act on it.
TOLD = frozenset({"attachments", "clamav", "dkim", "dmarc", "dns_lists", "line_ends", "spf"})
REFUSED = Reply(550, "5.7.1", "message refused by policy")
UNDECIDED = Reply(451, "4.7.1", "message can not be checked at the moment, please try again")


def refusal(check: str, detail: str = "", symbol: str = "") -> Reply:
    """Give the reply for a refusal by a check's finding; ``detail`` is told where the sender's side can act on it."""
    reply = BY_SYMBOL.get(symbol) or REFUSALS.get(check, REFUSED)
    return Reply(reply.code, reply.enhanced, f"{reply.text}: {detail}") if detail else reply


def later(check: str) -> Reply:
    """Give the reply where a hit of a check is refused for now."""
    return LATER.get(check, UNDECIDED)
