"""Trouble on the way to the next hop that says nothing about message or recipient: a fault of our own route."""

from typing import Literal

from gateway.mail.reply import Reply

Step = Literal["connect", "banner", "ehlo", "starttls", "auth", "mail", "rcpt", "data", "rset", "timeout", "cut"]


class RouteFault(Exception):  # noqa: N818 - a fault is the word of the design; nothing in our program went wrong
    """The route did not work. The client gets ``451`` for it, the administrator an alarm.

    ``step`` is where it happened, ``host`` is ``host:port`` (never shown to a client), ``reply`` the next hop's answer
    where it gave one, ``text`` one sentence for trace and alarm. ``after_dot`` says that the next hop may have taken
    the message all the same.
    """

    def __init__(
        self, step: Step, host: str, text: str, reply: Reply | None = None, *, after_dot: bool = False
    ) -> None:
        """Say where, at which host and how it failed."""
        super().__init__(step, host, text)
        self.step: Step = step
        self.host = host
        self.text = text
        self.reply = reply
        self.after_dot = after_dot

    def __str__(self) -> str:
        """Give one line: host, step, text and the reply."""
        answer = f" ({self.reply})" if self.reply else ""
        return f"{self.host}: {self.step}: {self.text}{answer}"
