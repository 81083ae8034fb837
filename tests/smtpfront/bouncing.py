"""What the tests of bounces share: keys that mark, the secrets behind them, and a bounce of what was never sent."""

import datetime

from gateway.backscatter import batv
from gateway.policy.snapshot import BatvKey, Marking
from tests.smtpfront.running import mail

KEY = batv.Key(1, b"the secret of key 1")
SEAL = b"the secret of the seal"
MARKING = Marking((BatvKey(1, "batv-1"),), "seal")
SECRETS = {"batv-1": KEY.secret.decode(), "seal": SEAL.decode()}
LONG_AGO = (datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=100)).date().isoformat()


def false_bounce(sender: str, head: str, number: str = "1") -> bytes:
    """Give a bounce of a message of ``sender`` with that head, which nobody here has sent."""
    return mail(
        "I'm sorry, your message could not be delivered.\r\n<carol@far.test>: 550 5.1.1 user unknown\r\n\r\n"
        f"--- Below this line is a copy of the message.\r\n\r\nFrom: {sender}\r\n{head}\r\nhello\r\n",
        From="MAILER-DAEMON@far.test",
        Subject="failure notice",
        Message_ID=f"<{number}@far.test>",
    )
