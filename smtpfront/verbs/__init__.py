"""The SMTP commands, one file each; this is the table of all of them.

A verb takes the session and the rest of the line, and gives the reply; None where it has replied itself.
"""

from smtpfront.session import Session, Verb
from smtpfront.verbs.auth import auth
from smtpfront.verbs.data import data
from smtpfront.verbs.helo import ehlo, helo
from smtpfront.verbs.mail import mail
from smtpfront.verbs.rcpt import rcpt
from smtpfront.verbs.simple import expn, help_, noop, quit_, rset, vrfy
from smtpfront.verbs.starttls import starttls

VERBS: dict[bytes, Verb] = {
    b"EHLO": ehlo,
    b"HELO": helo,
    b"STARTTLS": starttls,
    b"AUTH": auth,
    b"MAIL": mail,
    b"RCPT": rcpt,
    b"DATA": data,
    b"RSET": rset,
    b"NOOP": noop,
    b"VRFY": vrfy,
    b"EXPN": expn,
    b"HELP": help_,
    b"QUIT": quit_,
}

Session.verbs = VERBS
