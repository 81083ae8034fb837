"""Every 5xx of the SMTP front, told to a stranger as it is and to a trusted forwarder as a 4xx of the same words."""

import ast
from collections.abc import Iterator

import msgspec
import pytest

from tests.smtpfront.conftest import prepare
from tests.smtpfront.nexthop import NextHop
from tests.smtpfront.running import FORWARDER, ROOT, STRANGER, Client, Gateway, mail, snapshot, until

HELLO = "EHLO client.test"
MAIL = "MAIL FROM:<them@other.test>"
RCPT = "RCPT TO:<alice@example.test>"

# What is said, and what the last line is answered: to a stranger, and the same to a forwarder.
INBOUND = {
    "unknown command": (["BOGUS"], "500 5.5.2 command not recognised", "451 4.5.2"),
    "empty line": ([""], "500 5.5.2 command not recognised", "451 4.5.2"),
    "control characters": (["NOOP \x01"], "500 5.5.2 command holds control characters", "451 4.5.2"),
    "long line": (["NOOP " + "x" * 3000], "500 5.5.2 line too long", "451 4.5.2"),
    "very long line": (["NOOP " + "x" * 20_000], "500 5.5.2 line too long", "451 4.5.2"),
    "EHLO without a name": (["EHLO"], "501 5.5.4 a host name or address literal is needed", "451 4.5.4"),
    "HELO with two": (["HELO two words"], "501 5.5.4 a host name or address literal is needed", "451 4.5.4"),
    "MAIL before EHLO": ([MAIL], "503 5.5.1 say EHLO first", "451 4.5.1"),
    "MAIL twice": ([HELLO, MAIL, MAIL], "503 5.5.1 a transaction is under way already", "451 4.5.1"),
    "MAIL without FROM": ([HELLO, "MAIL them"], "501 5.5.4 the form is MAIL FROM:<address>", "451 4.5.4"),
    "MAIL without brackets": (
        [HELLO, "MAIL FROM:them@other.test"],
        "501 5.1.7 address must stand in angle brackets",
        "451 4.1.7",
    ),
    "malformed sender": ([HELLO, "MAIL FROM:<them@>"], "553 5.1.7 domain is malformed", "450 4.1.7"),
    "malformed SIZE": ([HELLO, f"{MAIL} SIZE=many"], "501 5.5.4 SIZE needs a number of octets", "451 4.5.4"),
    "malformed BODY": ([HELLO, f"{MAIL} BODY=ODD"], "501 5.5.4 BODY is 7BIT or 8BITMIME", "451 4.5.4"),
    "unknown parameter": ([HELLO, f"{MAIL} FUTURE=1"], "555 5.5.4 parameter FUTURE is not known here", "455 4.5.4"),
    "sender beyond ASCII": (
        [HELLO, "MAIL FROM:<jürgen@other.test>"],
        "553 5.6.7 an address beyond ASCII needs SMTPUTF8",
        "450 4.6.7",
    ),
    "RCPT before MAIL": ([HELLO, RCPT], "503 5.5.1 say MAIL first", "451 4.5.1"),
    "RCPT without TO": ([HELLO, MAIL, "RCPT alice"], "501 5.5.4 the form is RCPT TO:<address>", "451 4.5.4"),
    "RCPT of nobody": ([HELLO, MAIL, "RCPT TO:<>"], "501 5.1.3 a recipient can not be empty", "451 4.1.3"),
    "malformed recipient": ([HELLO, MAIL, "RCPT TO:<a..b@>"], "553 5.1.3 local part is malformed", "450 4.1.3"),
    "parameter of RCPT": (
        [HELLO, MAIL, f"{RCPT} NOTIFY=NEVER"],
        "555 5.5.4 no parameters of RCPT are known here",
        "455 4.5.4",
    ),
    "recipient beyond ASCII": (
        [HELLO, MAIL, "RCPT TO:<jürgen@example.test>"],
        "553 5.6.7 an address beyond ASCII needs SMTPUTF8",
        "450 4.6.7",
    ),
    "SMTPUTF8 not taken behind": (
        [HELLO, f"{MAIL} SMTPUTF8", "RCPT TO:<dora@elsewhere.test>"],
        "550 5.6.7 the mail server behind this one does not take SMTPUTF8",
        "450 4.6.7",
    ),
    "size not taken behind": (
        [HELLO, f"{MAIL} SIZE=6000", "RCPT TO:<dora@elsewhere.test>"],
        "552 5.3.4 the message is larger than the mail server behind this one takes",
        "452 4.3.4",
    ),
    "DATA before MAIL": ([HELLO, "DATA"], "503 5.5.1 say MAIL first", "451 4.5.1"),
    "DATA for nobody": ([HELLO, MAIL, "DATA"], "554 5.5.1 no valid recipients", "451 4.5.1"),
    "DATA with an argument": (
        [HELLO, MAIL, RCPT, "DATA now"],
        "501 5.5.4 this command takes no argument",
        "451 4.5.4",
    ),
    "RSET with an argument": (["RSET all"], "501 5.5.4 this command takes no argument", "451 4.5.4"),
    "QUIT with an argument": (["QUIT now"], "501 5.5.4 this command takes no argument", "451 4.5.4"),
    "STARTTLS with an argument": (["STARTTLS now"], "501 5.5.4 this command takes no argument", "451 4.5.4"),
    "STARTTLS twice": (["STARTTLS", "STARTTLS"], "503 5.5.1 TLS is active already", "451 4.5.1"),
    "VRFY of nobody": (["VRFY"], "501 5.5.4 VRFY needs an address", "451 4.5.4"),
    "EXPN": (["EXPN all"], "502 5.5.1 EXPN is not offered", "451 4.5.1"),
    "AUTH where it is not offered": (["AUTH PLAIN"], "502 5.5.1 AUTH is not offered on this port", "451 4.5.1"),
}
OUTBOUND = {
    "MAIL without AUTH": ([HELLO, MAIL], "530 5.7.0 authentication is required", "451 4.7.0"),
    "AUTH before EHLO": (["STARTTLS", "AUTH PLAIN"], "503 5.5.1 say EHLO first", "451 4.5.1"),
}
# These stay: no message hangs on them, and a person has to hear of them.
OF_AUTH = {
    "AUTH without TLS": ([HELLO, "AUTH PLAIN"], "538 5.7.11 AUTH needs TLS: say STARTTLS first"),
    "unknown mechanism": (["STARTTLS", HELLO, "AUTH CRAM-MD5"], "504 5.5.4 the mechanisms are PLAIN and LOGIN"),
    "wrong password": (["STARTTLS", HELLO, "AUTH PLAIN AGEAYg=="], "535 5.7.8 login or password is wrong"),
    "malformed credentials": (["STARTTLS", HELLO, "AUTH PLAIN !!"], "501 5.5.2 Can't decode base64"),
}
# What a forwarder can't come to hear in a dialogue of these, and why.
ELSEWHERE = {
    "this client is not served here; say QUIT": "no check of its address holds for a forwarder",
    "this server relays to its own domains only": "its other recipients are dropped or deferred, by policy",
    "you are authenticated already": "a forwarder has no account; the code is that of other commands",
    "not within a transaction": "as before",
}


@pytest.fixture(scope="module")
def narrow() -> Iterator[NextHop]:
    """A next hop that takes neither SMTPUTF8 nor much."""
    with NextHop() as hop:
        hop.script.ehlo = "250-inner.test\r\n250 SIZE 5000"
        yield hop


@pytest.fixture(scope="module")
def replying(
    tmp_path_factory: pytest.TempPathFactory, inner: NextHop, narrow: NextHop, clamd: str
) -> Iterator[Gateway]:
    home = prepare(tmp_path_factory.mktemp("replying"))
    with Gateway(home, snapshot(inner.port, narrow.port), clamd, BACKSTOP_LIMITS__AUTH_FAILURES="100") as running:
        yield running


def last_reply(client: Client, lines: list[str]) -> str:
    """Say all this; gives the answer to the last line."""
    for line in lines[:-1]:
        answer = client.starttls() if line == "STARTTLS" else client.say(line)
        assert answer[:1] == "2", answer
    return client.say(lines[-1])


@pytest.mark.parametrize(("lines", "told", "forwarder_told"), INBOUND.values(), ids=INBOUND.keys())
def test_a_forwarder_gets_the_4xx_of_what_a_stranger_is_refused_for_good(
    replying: Gateway, lines: list[str], told: str, forwarder_told: str
) -> None:
    with replying.client() as stranger, replying.client(source=FORWARDER) as forwarder:
        answers = [last_reply(stranger, lines), last_reply(forwarder, lines)]

    words = told.split(" ", 2)[2]
    assert answers[0].startswith(told)
    assert answers[1].startswith(f"{forwarder_told} {words}")


@pytest.mark.parametrize(("lines", "told", "forwarder_told"), OUTBOUND.values(), ids=OUTBOUND.keys())
def test_the_listener_for_mail_that_leaves_speaks_in_the_same_way(
    replying: Gateway, lines: list[str], told: str, forwarder_told: str
) -> None:
    with (
        replying.client("outbound", source=STRANGER) as stranger,
        replying.client("outbound", source=FORWARDER) as forwarder,
    ):
        answers = [last_reply(stranger, lines), last_reply(forwarder, lines)]

    words = told.split(" ", 2)[2]
    assert answers == [told, f"{forwarder_told} {words}"]


@pytest.mark.parametrize(("lines", "told"), OF_AUTH.values(), ids=OF_AUTH.keys())
def test_a_failed_auth_stays_what_it_is_for_no_message_hangs_on_it(
    replying: Gateway, lines: list[str], told: str
) -> None:
    with replying.client("outbound", source=FORWARDER) as forwarder:
        assert last_reply(forwarder, lines) == told


def test_no_5xx_of_the_front_is_missing_here() -> None:
    told = [told for _, told, _ in (*INBOUND.values(), *OUTBOUND.values())] + [told for _, told in OF_AUTH.values()]
    seen = {reply.split(" ", 2)[2] for reply in told}

    missing = literal_refusals() - seen - ELSEWHERE.keys()

    assert not missing, "add a dialogue with it to a table of this file"


def literal_refusals() -> set[str]:
    """The text of each Reply with a 5xx that smtpfront's source holds as a literal."""
    calls = [
        node
        for path in (ROOT / "smtpfront").rglob("*.py")
        if "lab" not in path.parts
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Reply"
    ]
    texts = set()
    for call in calls:
        match [each.value for each in call.args if isinstance(each, ast.Constant)]:
            case [int() as code, str(), str() as text] if code >= 500:
                texts.add(text)
    return texts


def test_the_trace_tells_what_the_forwarder_heard(replying: Gateway) -> None:
    with replying.client(source=FORWARDER) as client:
        client.say(HELLO)
        client.say("MAIL FROM:<them@>")
        client.say(f"{MAIL} SIZE=6000")
        client.say("RCPT TO:<>")
        reply = client.say("RCPT TO:<dora@elsewhere.test>")
        client.say("QUIT")
    trace = replying.trace_of(reply)

    heard = [event.reply[:9] for event in trace.events if event.reply]
    assert heard == ["450 4.1.7", "250 2.1.0", "451 4.1.3", "452 4.3.4"]
    assert [str(each.disposition) for each in trace.recipients] == ["deferred"]
    assert str(trace.recipients[0].reply) == reply


def test_refused_commands_without_a_message_make_one_trace_that_says_deferred(replying: Gateway) -> None:
    before = {each.id for each in replying.traces()}
    with replying.client(source=FORWARDER) as client:
        client.say("BOGUS by a forwarder")
        client.say("QUIT")

    def told() -> list[str]:
        return [each.disposition for each in replying.traces() if each.id not in before and "BOGUS" in each.because]

    until("the trace", told)
    assert told() == ["deferred"]


def test_a_forwarders_errors_still_end_its_session(replying: Gateway) -> None:
    with replying.client(source=FORWARDER) as client:
        replies: list[str] = []
        while not replies or replies[-1].startswith("451"):
            replies.append(client.say("BOGUS"))

    assert replies[-1].startswith("421 4.7.0 too many errors") or client.reply().startswith("421 4.7.0")


def test_one_that_is_taken_off_the_list_is_a_stranger_from_its_next_message_on(
    own_gateway: Gateway, hop: NextHop
) -> None:
    policy = msgspec.structs.replace(snapshot(hop.port), revision=2, forwarders={})
    with own_gateway.client(source=FORWARDER) as client:
        client.say(HELLO)
        assert client.say("MAIL FROM:<them@>").startswith("450")
        own_gateway.publish(policy)
        until("the policy", lambda: own_gateway.statuses()[0]["revision"] == 2)
        assert client.say(MAIL).startswith("250")
        assert client.say("RCPT TO:<nobody@example.test>").startswith("550 5.1.1")
        assert client.say(RCPT).startswith("250")
        assert client.data(mail()).startswith("250")
