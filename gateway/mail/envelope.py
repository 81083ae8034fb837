"""The envelope: sender, recipients and the ESMTP parameters of MAIL."""

import msgspec


class MailParameters(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the client declared with MAIL. ``size`` is in octets, 0 where it declared none (RFC 1870)."""

    size: int = 0
    body: str = ""  # "", "7BIT" or "8BITMIME" (RFC 6152)
    smtputf8: bool = False  # RFC 6531
    prdr: bool = False  # one reply a recipient at the end of DATA (draft-hall-prdr)


class Envelope(msgspec.Struct, frozen=True, omit_defaults=True):
    """Sender and recipients as they came. ``sender`` is empty for the null sender (RFC 5321 4.5.5)."""

    sender: str
    recipients: tuple[str, ...] = ()
    parameters: MailParameters = MailParameters()
