"""The stages of an SMTP transaction, in the order in which they happen."""

import enum


class Stage(enum.StrEnum):
    """Where in the transaction something was observed or decided."""

    CONNECT = "connect"
    HELO = "helo"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
