"""DKIM and ARC against a second implementation: Debian's Mail::DKIM signs for us and verifies what we sign."""

import asyncio
import shutil
import subprocess
from pathlib import Path

import pytest

from gateway.outbound.dkim_signature import DkimKey, sign
from tests.gateway.services.dkim.signing import MESSAGE, content_of, pem, record, rsa_key, verified
from tests.gateway.services.dkim.test_arc import ZONE, chain, sealed


def has_mail_dkim() -> bool:
    """Whether Perl has Mail::DKIM."""
    return (
        shutil.which("perl") is not None
        and not subprocess.run(["perl", "-MMail::DKIM::Verifier", "-e1"], check=False, capture_output=True).returncode
    )


pytestmark = pytest.mark.skipif(not has_mail_dkim(), reason="Debian's libmail-dkim-perl is not installed")

SIGN = """
use Mail::DKIM::Signer; use Mail::DKIM::PrivateKey;
my $s = Mail::DKIM::Signer->new(Algorithm => "rsa-sha256", Method => $ARGV[1], Domain => "example.org",
  Selector => "s1", KeyFile => $ARGV[0]);
binmode STDIN; local $/; $s->PRINT(<STDIN>); $s->CLOSE; print $s->signature->as_string;
"""
SEAL = """
use Mail::DKIM::ARC::Signer;
my $s = Mail::DKIM::ARC::Signer->new(Algorithm => "rsa-sha256", Domain => "list.test", SrvId => "list.test",
  Selector => "s1", KeyFile => $ARGV[0], Chain => "none");
binmode STDIN; local $/; $s->PRINT(<STDIN>); $s->CLOSE; print $s->as_string;
"""
# Its look-ups are answered from the table in KEY: whichever name it asks for, it gets our key.
ANSWERED = """
use Mail::DKIM::PublicKey;
{ no warnings; *Mail::DKIM::PublicKey::fetch_async = sub { my ($class, %p) = @_; my %c = %{$p{Callbacks} || {}};
  my $key = $class->parse($ENV{KEY}); $key->check if $key->can("check");
  return sub { $c{Success} ? $c{Success}->($key) : $key } }; }
"""
VERIFY = (
    ANSWERED
    + """
use Mail::DKIM::Verifier;
my $v = Mail::DKIM::Verifier->new(); binmode STDIN; local $/; $v->PRINT(<STDIN>); $v->CLOSE;
print $v->result_detail;
"""
)
VERIFY_CHAIN = (
    ANSWERED
    + """
use Mail::DKIM::ARC::Verifier;
my $v = Mail::DKIM::ARC::Verifier->new(); binmode STDIN; local $/; $v->PRINT(<STDIN>); $v->CLOSE;
print $v->result_detail;
"""
)


def perl(program: str, message: bytes, *arguments: object) -> bytes:
    """Run a program of Mail::DKIM over a message."""
    key = record().replace('" "', "").strip('"')
    ran = subprocess.run(
        ["perl", "-e", program, *map(str, arguments)], input=message, capture_output=True, check=False, env={"KEY": key}
    )
    assert ran.returncode == 0, ran.stderr.decode()
    return ran.stdout


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    """Our private key in a file."""
    path = tmp_path / "key.pem"
    path.write_bytes(pem(rsa_key()))
    return path


@pytest.mark.parametrize("method", ["simple/simple", "relaxed/relaxed", "relaxed/simple", "simple/relaxed"])
async def test_what_it_signs_passes_here(key_file: Path, method: str) -> None:
    field = await asyncio.to_thread(perl, SIGN, MESSAGE, key_file, method)
    (one,) = await verified(field.rstrip() + b"\r\n" + MESSAGE)
    assert one.result == "pass", one.detail
    (one,) = await verified(field.rstrip() + b"\r\n" + MESSAGE.replace(b"bye", b"buy"))
    assert one.result == "fail"


async def test_what_we_sign_passes_there() -> None:
    field = await sign(b"", content_of(MESSAGE), 0, DkimKey("example.org", "s1", pem(rsa_key())))
    assert await asyncio.to_thread(perl, VERIFY, field + MESSAGE) == b"pass"
    assert (await asyncio.to_thread(perl, VERIFY, field + MESSAGE.replace(b"bye", b"buy"))).startswith(b"fail")


async def test_an_arc_set_that_it_sealed_passes_here(key_file: Path) -> None:
    message = b"Authentication-Results: list.test; dmarc=pass header.from=example.org\r\n" + MESSAGE
    fields = await asyncio.to_thread(perl, SEAL, message, key_file)
    found = await chain(fields.rstrip() + b"\r\n" + message, held=ZONE)
    assert found is not None
    assert (found.result, found.sets[0].sealer) == ("pass", "list.test"), found.detail


async def test_both_say_the_same_of_a_chain() -> None:
    message = sealed(sealed(MESSAGE, "list.test"), "forwarder.test", "arc=pass")
    changed = message.replace(b"dmarc=pass", b"dmarc=fail")
    for each, wanted in ((message, "pass"), (changed, "fail")):
        assert (await asyncio.to_thread(perl, VERIFY_CHAIN, each)).decode().startswith(wanted)
        found = await chain(each)
        assert found is not None
        assert found.result == wanted
