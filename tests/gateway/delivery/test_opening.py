import base64

import pytest

from gateway.delivery.connection import Connection
from gateway.delivery.faults import RouteFault
from gateway.delivery.opening import dial
from gateway.policy.snapshot import NextHop, Route, TlsLevel
from tests.gateway.delivery.conftest import PATIENT, Certificate
from tests.gateway.delivery.scripted import scripted

OFFERED = ["250-x\r\n250 STARTTLS", "250-x\r\n250-AUTH PLAIN LOGIN\r\n250 PIPELINING"]
GO_ON = "220 2.0.0 go on"


async def opened(hop: NextHop, password: str | None = None, **route: str | TlsLevel) -> Connection:
    connection = await dial(Route((hop,), **route), hop, password, "gateway.example", PATIENT)
    connection.close()
    return connection


@pytest.mark.parametrize("tls", [TlsLevel.MAY, TlsLevel.MUST])
async def test_starttls_is_used_where_it_is_offered_and_no_certificate_is_asked_for(
    certificate: Certificate, tls: TlsLevel
) -> None:
    async with scripted({"EHLO": OFFERED, "STARTTLS": GO_ON}, tls=certificate.server) as server:
        connection = await opened(server.hop, tls=tls)
        assert connection.tls.startswith("TLSv1.3 ")
        assert server.verbs == ["EHLO", "STARTTLS", "EHLO"]
        assert connection.capabilities.pipelining


async def test_never_means_never(certificate: Certificate) -> None:
    async with scripted({"EHLO": OFFERED[0]}, tls=certificate.server) as server:
        assert (await opened(server.hop, tls=TlsLevel.NEVER)).tls == ""


async def test_may_goes_on_in_plain_text_where_starttls_is_not_offered() -> None:
    async with scripted() as server:
        assert (await opened(server.hop, tls=TlsLevel.MAY)).tls == ""


@pytest.mark.parametrize("answer", ["454 4.7.0 not now", "502 5.5.1 no"])
async def test_may_goes_on_in_plain_text_where_starttls_is_refused(answer: str) -> None:
    async with scripted({"EHLO": OFFERED[0], "STARTTLS": answer}) as server:
        assert (await opened(server.hop, tls=TlsLevel.MAY)).tls == ""
        assert server.connections == 1


async def test_may_comes_back_in_plain_text_where_the_handshake_fails() -> None:
    async with scripted({"EHLO": OFFERED[0], "STARTTLS": GO_ON}) as server:  # it takes the handshake for commands
        connection = await opened(server.hop, tls=TlsLevel.MAY)
        assert connection.tls == ""
        assert server.connections == 2


@pytest.mark.parametrize(
    "answers", [{}, {"EHLO": OFFERED[0], "STARTTLS": "454 4.7.0 not now"}, {"EHLO": OFFERED[0], "STARTTLS": GO_ON}]
)
@pytest.mark.parametrize("tls", [TlsLevel.MUST, TlsLevel.VERIFIED])
async def test_must_and_verified_never_go_on_in_plain_text(answers: dict[str, str | list[str]], tls: TlsLevel) -> None:
    async with scripted(answers) as server:
        with pytest.raises(RouteFault) as caught:
            await opened(server.hop, tls=tls)
        assert caught.value.step == "starttls"


async def test_plain_text_behind_the_answer_to_starttls_is_an_injection(certificate: Certificate) -> None:
    answers = {"EHLO": OFFERED[0], "STARTTLS": f"{GO_ON}\r\n250 and more"}
    async with scripted(answers, tls=certificate.server) as server:
        with pytest.raises(RouteFault) as caught:
            await opened(server.hop, tls=TlsLevel.MUST)
        assert caught.value.step == "starttls"


async def test_verified_trusts_a_certificate_of_the_named_authorities(
    certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.file))
    async with scripted({"EHLO": OFFERED, "STARTTLS": GO_ON}, tls=certificate.server) as server:
        assert (await opened(NextHop("localhost", server.port), tls=TlsLevel.VERIFIED)).tls


async def test_verified_refuses_a_certificate_that_nobody_vouches_for(certificate: Certificate) -> None:
    async with scripted({"EHLO": OFFERED, "STARTTLS": GO_ON}, tls=certificate.server) as server:
        with pytest.raises(RouteFault, match="can't be trusted"):
            await opened(NextHop("localhost", server.port), tls=TlsLevel.VERIFIED)


async def test_verified_refuses_a_certificate_of_another_name(
    certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.file))
    async with scripted({"EHLO": OFFERED, "STARTTLS": GO_ON}, tls=certificate.server, host="127.0.0.2") as server:
        with pytest.raises(RouteFault, match="can't be trusted"):
            await opened(NextHop("127.0.0.2", server.port), tls=TlsLevel.VERIFIED)


async def test_tls_can_stand_from_the_start(certificate: Certificate) -> None:
    async with scripted(from_start=certificate.server) as server:
        hop = NextHop("127.0.0.1", server.port, tls_from_start=True)
        assert (await opened(hop, tls=TlsLevel.MUST)).tls
        assert "STARTTLS" not in server.verbs


async def test_tls_from_the_start_is_verified_too(certificate: Certificate) -> None:
    async with scripted(from_start=certificate.server) as server:
        hop = NextHop("127.0.0.1", server.port, tls_from_start=True)
        with pytest.raises(RouteFault) as caught:
            await opened(hop, tls=TlsLevel.VERIFIED)
        assert caught.value.step == "starttls"


async def test_sign_in_by_plain(certificate: Certificate) -> None:
    answers = {"EHLO": OFFERED, "STARTTLS": GO_ON, "AUTH": "235 2.7.0 welcome"}
    async with scripted(answers, tls=certificate.server) as server:
        await opened(server.hop, "se:cret", username="us", tls=TlsLevel.MUST)
        assert server.commands[-1] == "AUTH PLAIN " + base64.b64encode(b"\0us\0se:cret").decode()


async def test_sign_in_by_login() -> None:
    answers = {
        "EHLO": "250-x\r\n250 AUTH LOGIN",
        "AUTH": "334 VXNlcm5hbWU6",
        base64.b64encode(b"us").decode().upper(): "334 UGFzc3dvcmQ6",
        base64.b64encode(b"secret").decode().upper(): "235 welcome",
    }
    async with scripted(answers) as server:
        await opened(server.hop, "secret", username="us", tls=TlsLevel.NEVER)
        assert server.commands[-1] == base64.b64encode(b"secret").decode()


@pytest.mark.parametrize(
    ("answers", "password"),
    [
        ({"EHLO": "250-x\r\n250 AUTH PLAIN", "AUTH": "535 5.7.8 wrong"}, "secret"),
        ({"EHLO": "250-x\r\n250 AUTH GSSAPI"}, "secret"),
        ({"EHLO": "250 x"}, "secret"),
        ({}, None),
    ],
)
async def test_a_sign_in_that_fails_is_a_fault_that_does_not_tell_the_password(
    answers: dict[str, str | list[str]], password: str | None
) -> None:
    async with scripted(answers) as server:
        with pytest.raises(RouteFault) as caught:
            await opened(server.hop, password, username="us", tls=TlsLevel.NEVER)
        assert caught.value.step == "auth"
        assert "secret" not in str(caught.value)


async def test_a_password_is_not_sent_over_a_line_that_fell_back_to_plain_text() -> None:
    async with scripted({"EHLO": "250-x\r\n250 AUTH PLAIN", "AUTH": "235 welcome"}) as server:
        with pytest.raises(RouteFault, match="unprotected"):
            await opened(server.hop, "secret", username="us", tls=TlsLevel.MAY)
        assert "AUTH" not in server.verbs
