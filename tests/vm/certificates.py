"""The certificate of a machine by ACME: renewed, kept where the next one is broken or can't be had, and replaced."""

import contextlib
import re
import smtplib
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.vm.acme import SEEN_FROM_A_MACHINE, AcmeServer
from tests.vm.image import Image
from tests.vm.machine import HTTPS, SMTP, SMTPS, SUBMISSION, Machine
from tests.vm.playbooks import NAME, PlaybookError, Playbooks
from tests.vm.proof import NotProvenError, must

# The names of the certificate: the machine's own, and the console's.
NAMES = (NAME, "console.example.org")

_POLL = 0.2
_PATIENCE = 120.0  # for a connection to a machine whose processor is emulated
_SOON = 120.0  # for what takes a second or two on others
_DONE = 250
_SENDERS = {SMTP: "them@sender.example", SUBMISSION: "alice@example.org"}
AUTHORITY = "/usr/local/share/acme-authority.pem"
# What of site.yml brings it.
_PLAYBOOK = Path(__file__).with_name("certificate.yml")
_HOOK = "/etc/letsencrypt/renewal-hooks/deploy/backstop"
_RENEWAL = "/etc/letsencrypt/renewal/backstop.conf"


@dataclass(frozen=True)
class Ground:
    """What the steps work with: a machine that site.yml has provisioned, and where it has its certificate from."""

    machine: Machine
    playbooks: Playbooks
    server: AcmeServer

    @property
    def image(self) -> Image:
        """For the table."""
        return self.machine.image


def is_kept_where_no_server_answers(ground: Ground) -> str:
    """Another server is named, and nobody is there: the playbook fails at its end, and the one before stays."""
    before = shown(ground)
    try:
        ground.playbooks.run(_PLAYBOOK, console_acme_server=f"https://{SEEN_FROM_A_MACHINE}:1/dir")
    except PlaybookError as error:
        said = str(error)
    else:
        raise NotProvenError("the playbook went well without a server")
    must("gave no certificate for " + " and ".join(NAMES) in said, f"the playbook does not say what to do: {said}")
    must(re.search(r"failed=1\b", said), "more failed than the certificate")
    must(shown(ground) == before, "another certificate is served than before")
    return "the playbook fails and says what to do; the one before stays on 25, 587, 465 and 443"


def is_renewed_by_the_timer(ground: Ground) -> str:
    """What certbot.timer starts, with a certificate that is due."""
    must("active" in ground.machine.ssh("systemctl is-active certbot.timer"), "certbot.timer does not run")
    ground.machine.ssh(f"sed -i -e '1i renew_before_expiry = 3650 days' -e '/renew_before_expiry/d' {_RENEWAL}")
    figures = _renewed(ground, "systemctl start certbot.service")
    ground.machine.ssh(f"sed -i '/renew_before_expiry/d' {_RENEWAL}")
    return figures


def is_renewed_by_hand(ground: Ground) -> str:
    """certbot renew --force-renewal."""
    return _renewed(ground, f"REQUESTS_CA_BUNDLE={AUTHORITY} certbot renew --no-random-sleep-on-renew --force-renewal")


def gets_another_key_on_demand(ground: Ground) -> str:
    """certbot renew --new-key, as docs/certificates.md tells; the next renewal keeps that one."""
    asked = (
        f"REQUESTS_CA_BUNDLE={AUTHORITY} certbot renew --no-random-sleep-on-renew --cert-name backstop --force-renewal"
    )
    _renewed(ground, f"{asked} --new-key", same_key=False)
    return _renewed(ground, asked)


def refuses_a_key_of_another(ground: Ground) -> str:
    """By the hook, which leaves the files alone; and by the SMTP front, where somebody puts it there all the same."""
    machine, before = ground.machine, shown(ground)
    machine.ssh(
        "rm -rf /root/backstop && cp -rL /etc/letsencrypt/live/backstop /root/backstop"
        " && openssl ecparam -name prime256v1 -genkey -noout -out /root/backstop/privkey.pem"
    )
    said = machine.ssh(f"! RENEWED_LINEAGE=/root/backstop {_HOOK} 2>&1")
    must("is not the key of" in said, f"the hook says: {said}")
    machine.ssh(
        "install -o root -g backstop -m 640 /root/backstop/privkey.pem /etc/backstop/tls/new"
        " && mv /etc/backstop/tls/new /etc/backstop/tls/key.pem"
    )
    refused = "ALARM certificate /etc/backstop/tls/cert.pem with key /etc/backstop/tls/key.pem can not be loaded"
    _await("the alarm", lambda: refused in _log(machine))
    must(shown(ground) == before, "another certificate is served")
    machine.ssh(f"{_HOOK} && rm -r /root/backstop")
    taken = "took up the certificate /etc/backstop/tls/cert.pem"
    _await("it is mended", lambda: (log := _log(machine)).rfind(taken) > log.rfind(refused))
    return (
        "the hook names it; put there all the same it raises an alarm, and the one before is served; the hook mends it"
    )


def gives_way_to_an_own_one(ground: Ground) -> str:
    """A pair of the control machine; one that does not match is refused before, and certbot leaves it alone after."""
    chain, key, other = (ground.playbooks.folder / name for name in ("own.pem", "own.key", "other.key"))
    kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30", "-subj", "/CN=own"]
    for made in (other, key):
        command = ["openssl", "req", "-x509", *kind, "-keyout", str(made), "-out", str(chain)]
        subprocess.run(command, capture_output=True, check=True)
    own: dict[str, Any] = {"console_certificate": "own", "console_own_chain": chain, "console_name": NAMES[1]}
    before = shown(ground)
    try:
        ground.playbooks.run(_PLAYBOOK, console_own_key=other, **own)
    except PlaybookError:
        must(shown(ground) == before, "another certificate is served than before")
    else:
        raise NotProvenError("the playbook put a key in place that is another's")
    recap = ground.playbooks.run(_PLAYBOOK, console_own_key=key, **own)
    wanted = {ssl.PEM_cert_to_DER_cert(chain.read_text())}
    seconds = _await("every port shows it", lambda: set(shown(ground)) == wanted)
    ground.machine.ssh(
        f"REQUESTS_CA_BUNDLE={AUTHORITY} certbot renew --no-random-sleep-on-renew --force-renewal"
        " && systemctl start certbot.service",
        seconds=600,
    )
    must(set(shown(ground)) == wanted, "a renewal of certbot's took its place")
    return f"in {recap.seconds:.0f} s, on 4 ports {seconds:.0f} s later; a renewal of certbot's leaves it alone"


STEPS: tuple[tuple[str, Callable[[Ground], str]], ...] = (
    ("an ACME server that is not there costs nothing else", is_kept_where_no_server_answers),
    ("certbot.service renews it without a restart", is_renewed_by_the_timer),
    ("a forced renewal is taken up without a restart", is_renewed_by_hand),
    ("it gets another key where that is asked for", gets_another_key_on_demand),
    ("a key that is another's is refused", refuses_a_key_of_another),
    ("an own certificate takes its place", gives_way_to_an_own_one),
)


def _renewed(ground: Ground, command: str, *, same_key: bool = True) -> str:
    """Renew it, and see that it is served on each port while what is open goes on."""
    before, key, started = shown(ground), _key(ground), _started(ground)
    with _sessions(ground) as sessions:
        began = time.monotonic()
        ground.machine.ssh(command, seconds=600)
        took = time.monotonic() - began
        seconds = until_trusted(ground, before)
        must(_go_on(sessions), "a session that was open has ended")
    must(_started(ground) == started, "something was restarted")
    must((_key(ground) == key) == same_key, f"the key is {'another' if same_key else 'the same'}")
    key_is = "the same" if same_key else "a new"
    return f"{took:.0f} s, on 4 ports {seconds:.0f} s later, with {key_is} key; 2 open sessions went on"


def shown(ground: Ground, *, trusting: bool = False) -> tuple[bytes, ...]:
    """Give what ports 443, 465, 25 and 587 show. Raises ssl.SSLError where it must be trusted and is not."""
    context = ssl.create_default_context(cadata=ground.server.root())
    if not trusting:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    found = []
    for port, name in ((HTTPS, NAMES[1]), (SMTPS, NAMES[0])):
        connection = socket.create_connection(("127.0.0.1", ground.machine.forward(port)), _PATIENCE)
        with context.wrap_socket(connection, server_hostname=name) as tls:
            found.append(tls.getpeercert(binary_form=True) or b"")
    for port in _SENDERS:
        with _session(ground, port, context) as session:
            found.append(_protected(session).getpeercert(binary_form=True) or b"")
    return tuple(found)


@contextlib.contextmanager
def _session(ground: Ground, port: int, context: ssl.SSLContext) -> Iterator[smtplib.SMTP]:
    """Hold an SMTP session under STARTTLS."""
    with smtplib.SMTP("127.0.0.1", ground.machine.forward(port), "client.sender.example", _PATIENCE) as session:
        session._host = NAMES[0]  # type: ignore[attr-defined]  # noqa: SLF001 - the name that is verified
        session.starttls(context=context)
        session.ehlo()
        yield session


def _protected(session: smtplib.SMTP) -> ssl.SSLSocket:
    if not isinstance(session.sock, ssl.SSLSocket):
        raise NotProvenError("a session is not under TLS")
    return session.sock


@contextlib.contextmanager
def _sessions(ground: Ground) -> Iterator[list[smtplib.SMTP]]:
    """Hold a session on each port with STARTTLS, each within a transaction; the certificates are not looked at."""
    anybody = ssl.create_default_context()
    anybody.check_hostname = False
    anybody.verify_mode = ssl.CERT_NONE
    with contextlib.ExitStack() as stack:
        held = []
        for port, sender in _SENDERS.items():
            held.append(stack.enter_context(_session(ground, port, anybody)))
            code, answer = held[-1].mail(sender)
            must(code == _DONE, f"MAIL is answered with {code} {answer!r}")
        yield held


def _go_on(sessions: list[smtplib.SMTP]) -> bool:
    """Whether each still is served, within its transaction."""
    with contextlib.suppress(smtplib.SMTPServerDisconnected):
        return all(session.noop()[0] == _DONE and session.rset()[0] == _DONE for session in sessions)
    return False


def until_trusted(ground: Ground, before: Sequence[bytes]) -> float:
    """Wait until each port shows a trusted certificate that is none of those before, one for all; gives the seconds."""

    def trusted() -> bool:
        try:
            found = shown(ground, trusting=True)
        except ssl.SSLError:
            return False
        return len(set(found)) == 1 and not set(found) & set(before)

    return _await("every port shows the new certificate", trusted)


def _await(what: str, holds: Callable[[], bool]) -> float:
    """Wait until something holds; gives the seconds."""
    began = time.monotonic()
    while not holds():
        must(time.monotonic() - began < _SOON, f"not within {_SOON:.0f} s: {what}")
        time.sleep(_POLL)
    return time.monotonic() - began


def _key(ground: Ground) -> str:
    """Name the key in place as a TLSA record does (3 1 1)."""
    public = "openssl x509 -in /etc/backstop/tls/cert.pem -noout -pubkey"
    return ground.machine.ssh(f"{public} | openssl pkey -pubin -outform DER | sha256sum")


def _started(ground: Ground) -> str:
    """Tell which processes serve, and since when."""
    units = "backstop-smtpd@a backstop-smtpd@b backstop-console nginx"
    return ground.machine.ssh(f"systemctl show -p Id,MainPID,ActiveEnterTimestampMonotonic {units}")


def _log(machine: Machine) -> str:
    """What the SMTP front has said of late."""
    return machine.ssh("journalctl -q -o cat -u 'backstop-smtpd@*' --since -20min", check=False)
