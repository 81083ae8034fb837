import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from gateway.mail.decisions import Action
from gateway.models import (
    Account,
    AuditEntry,
    CheckSetting,
    Domain,
    Forwarder,
    NodePolicy,
    PolicyRevision,
    Recipient,
    Route,
    SenderEntry,
)
from gateway.operations import document
from gateway.operations.apply import apply_policy
from gateway.operations.export import export_policy
from gateway.policy import snapshot
from gateway.policy.codec import PolicyError, load
from gateway.policy.defaults import CHECKS
from gateway.policy.snapshot import Mode
from gateway.services import secrets

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("home")]

NEWLINE = "\n"
ROUTES = "routes: {inside: {hosts: [{host: mail.example.test}]}}\n"
POLICY = """\
routes:
  inside:
    hosts:
      - host: mail.example.test
      - host: 192.0.2.9
        port: 2525
    tls: verified
domains:
  example.test:
    route: inside
    thresholds: {tag: 4}
    checks:
      clamav: {mode: off}
    recipients:
      alice:
      strict: {thresholds: {reject: 9}}
      boss: {alias: alice@example.test}
      quiet: {digest: none}
    digest: recipients
    digest_to: alice@example.test
    senders: {bank.example: allow}
  other.test:
    route: inside
    mta_sts: testing
    mta_sts_max_age: 86400
    tls_reports: tls@other.test
    observe: true
    recipients: [bob, no, on]
forwarders:
  backup:
    networks: [192.0.2.0/28]
accounts:
  printer:
    addresses: ["*@example.test"]
outbound:
  route: inside
  networks: [10.0.0.0/8]
  per_client: {messages: 100}
  limits_of:
    printer: {senders: 1}
node:
  max_size: 1000000
  clients: {greet_delay: 3}
  arc_sealers: [lists.example.org]
dns_lists:
  zen.dnsbl.example: {codes: {127.0.0.2: 4}}
  other.dnsbl.example:
senders:
  spam.example: block
  192.0.2.0/24: {verdict: allow, comment: our own}
"""


def error_of(text: str) -> str:
    with pytest.raises(PolicyError) as caught:
        apply_policy(text, "policy.yml", "admin")
    return str(caught.value)


def test_a_document_becomes_rows_and_is_published(home: Path) -> None:
    changes = apply_policy(POLICY, "policy.yml", "admin")
    snapshot = load(home / "policy/current.json")
    assert [hop.host for hop in snapshot.routes["inside"].hosts] == ["mail.example.test", "192.0.2.9"]
    assert snapshot.domains["example.test"].rules.checks["clamav"].mode is Mode.OFF
    assert list(snapshot.domains["other.test"].recipients) == ["bob", "no", "on"]
    assert snapshot.accounts["printer"].secret == Account.objects.get().secret != ""
    assert snapshot.outbound.networks == ("10.0.0.0/8",)
    assert snapshot.max_size == 1_000_000
    assert "domain example.test: added" in changes
    assert AuditEntry.objects.filter(who="admin", verb="apply", target="policy.yml").exists()


def test_a_second_run_changes_nothing() -> None:
    apply_policy(POLICY, "policy.yml", "admin")
    assert apply_policy(POLICY, "policy.yml", "admin") == []
    assert PolicyRevision.objects.count() == 1
    assert AuditEntry.objects.filter(verb="apply").count() == 1


def test_what_others_are_told_about_tls_is_kept_and_exported_and_no_part_of_what_is_published(home: Path) -> None:
    apply_policy(POLICY, "policy.yml", "admin")
    row = Domain.objects.get(name="other.test")
    assert (row.mta_sts, row.mta_sts_max_age, row.tls_reports) == ("testing", 86400, "tls@other.test")
    assert "    mta_sts: testing\n    mta_sts_max_age: 86400\n    tls_reports: tls@other.test\n" in export_policy()
    changes = apply_policy(POLICY.replace("mta_sts: testing", "mta_sts: enforce"), "policy.yml", "admin")
    assert changes == ["domain other.test, mta sts: testing -> enforce"]
    assert b"mta_sts" not in (home / "policy/current.json").read_bytes()


def test_who_gets_a_digest_is_kept_and_exported_and_no_part_of_what_is_published(home: Path) -> None:
    apply_policy(POLICY, "policy.yml", "admin")
    row = Domain.objects.get(name="example.test")
    assert (row.digest, row.digest_to) == ("recipients", "alice@example.test")
    assert [each.local_part for each in row.recipients.exclude(digest="")] == ["quiet"]
    assert "    digest: recipients\n    digest_to: alice@example.test\n" in export_policy()
    assert "      quiet:\n        digest: none\n" in export_policy()
    changes = apply_policy(POLICY.replace("quiet: {digest: none}", "quiet: {}"), "policy.yml", "admin")
    assert changes == ["domain example.test, recipient quiet, digest: removed"]
    assert b"digest" not in (home / "policy/current.json").read_bytes()


def test_check_says_what_would_change_and_changes_nothing(home: Path) -> None:
    apply_policy(POLICY, "policy.yml", "admin")
    before = (home / "policy/current.json").read_bytes()
    changed = POLICY.replace("observe: true", "observe: false").replace("  printer:\n    addr", "  scanner:\n    addr")
    assert apply_policy(changed, "policy.yml", "admin", check=True) == [
        "domain other.test, observe: removed",
        "account printer: removed",
        "account scanner: added",
    ]
    assert Domain.objects.get(name="other.test").observe
    assert Account.objects.get().login == "printer"
    assert (home / "policy/current.json").read_bytes() == before


def test_what_a_named_section_does_not_hold_is_removed_and_other_sections_stay() -> None:
    apply_policy(POLICY, "policy.yml", "admin")
    changes = apply_policy(
        "domains:\n  example.test:\n    route: inside\n    recipients: [alice]\n", "policy.yml", "admin"
    )
    assert "domain other.test: removed" in changes
    assert "domain example.test, recipient strict: removed" in changes
    assert "domain example.test, check clamav: removed" in changes
    assert Domain.objects.get().tag is None
    assert list(Recipient.objects.values_list("local_part", flat=True)) == ["alice"]
    assert Forwarder.objects.count() == Account.objects.count() == Route.objects.count() == 1
    assert NodePolicy.load().outbound_networks == ["10.0.0.0/8"]


def test_a_domain_that_names_no_recipients_keeps_those_it_has() -> None:
    apply_policy(POLICY, "policy.yml", "admin")
    apply_policy("domains:\n  example.test: {route: inside}\n", "policy.yml", "admin")
    assert list(Recipient.objects.values_list("local_part", flat=True)) == ["alice", "boss", "quiet", "strict"]


def test_a_list_of_senders_that_is_not_named_stays_and_one_that_is_named_is_as_it_says() -> None:
    apply_policy(POLICY, "policy.yml", "admin")
    first = SenderEntry.objects.get(who="spam.example")
    changes = apply_policy(
        "domains:\n  example.test: {route: inside}\nsenders: {spam.example: allow}\n", "policy.yml", "admin"
    )
    assert "sender 192.0.2.0/24: removed" in changes
    assert "sender spam.example: block -> allow" in changes
    assert SenderEntry.objects.get(who="spam.example").added == first.added
    assert SenderEntry.objects.get(domain__name="example.test").who == "bank.example"


def test_a_recipients_list_of_senders_is_part_of_it() -> None:
    boss = "boss: {alias: alice@example.test}"
    with_list = POLICY.replace(boss, "boss: {senders: {ann@far.example: block}}")
    apply_policy(with_list, "policy.yml", "admin")
    assert str(SenderEntry.objects.get(recipient__local_part="boss")) == "block ann@far.example for boss@example.test"
    changes = apply_policy(POLICY, "policy.yml", "admin")
    assert "domain example.test, recipient boss, alias: added" in changes
    assert not SenderEntry.objects.filter(recipient__local_part="boss").exists()


def test_a_directory_that_goes_takes_its_password_with_it(home: Path) -> None:
    text = "domains: {example.test: {route: inside, validation: [ldap], ldap: {url: ldap://d, base: dc=x, secret: s1}}}"
    apply_policy(POLICY, "policy.yml", "admin")
    apply_policy(text, "policy.yml", "admin")
    secrets.write(home / "secrets", "s1", "password")
    apply_policy(text.replace("dc=x", "dc=y"), "policy.yml", "admin")
    assert secrets.read(home / "secrets", "s1") == "password"
    apply_policy(POLICY, "policy.yml", "admin")
    assert secrets.read(home / "secrets", "s1") is None


def test_every_field_of_the_door_can_be_said_in_a_document() -> None:
    for said, meant in (
        (document.Clients, snapshot.ClientRules),
        (document.Greylisting, snapshot.Greylisting),
        (document.SendingLimits, snapshot.SendingLimits),
        (document.Ldap, snapshot.Ldap),
    ):
        assert said.__struct_fields__ == meant.__struct_fields__
    assert set(document.DnsList.__struct_fields__) == {*snapshot.DnsList.__struct_fields__, "enabled"}


def test_next_hops_keep_the_order_in_which_they_are_written() -> None:
    apply_policy(POLICY, "policy.yml", "admin")
    apply_policy("routes: {inside: {hosts: [{host: b.test}, {host: a.test}]}}", "policy.yml", "admin")
    assert [hop.host for hop in Route.objects.get().hosts.all()] == ["b.test", "a.test"]


def test_a_removed_accounts_secret_is_destroyed_but_not_by_a_check(
    home: Path, django_capture_on_commit_callbacks: Callable[..., AbstractContextManager[object]]
) -> None:
    apply_policy(POLICY, "policy.yml", "admin")
    id_ = Account.objects.get().secret
    secrets.write(home / "secrets", id_, "hash")
    with django_capture_on_commit_callbacks(execute=True):
        apply_policy("accounts: {}", "policy.yml", "admin", check=True)
    assert secrets.read(home / "secrets", id_) == "hash"
    with django_capture_on_commit_callbacks(execute=True):
        apply_policy("accounts: {}", "policy.yml", "admin")
    assert secrets.read(home / "secrets", id_) is None


def test_an_account_keeps_its_secret_where_the_document_names_none() -> None:
    apply_policy(POLICY, "policy.yml", "admin")
    before = Account.objects.get().secret
    apply_policy(POLICY.replace('"*@example.test"', "me@example.test"), "policy.yml", "admin")
    assert Account.objects.get().secret == before


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (
            "    route: inside\n    mta",
            "    route: outside\n    mta",
            "there is no route 'outside'; name one of inside, or add it",
        ),
        ("thresholds: {tag: 4}", "thresholds: {tag: 9}", "quarantine at 8 points comes before tag at 9; "),
        (
            "strict: {thresholds: {reject: 9}}",
            "strict: {thresholds: {reject: 1}}",
            "reject at 1 points comes before quarantine at 8; ",
        ),
        ("clamav: {mode: off}", "clamaf: {mode: off}", "there is no check 'clamaf'; known are "),
        ("clamav: {mode: off}", "clamav: {mode: of}", "unknown value 'of'; write one of off, observe, score, enforce"),
        ("tls: verified", "tsl: verified", "unknown key `tsl`; "),
        ("      alice:", "      Alice:", "local part 'Alice' is not in lower case; write alice"),
        ("[bob, no, on]", "[bob, no, On]", "local part 'On' is not in lower case; write on"),
        ("      alice:", "      123:", "expected `str`, got `int`; correct it (quote what must be text)"),
        ("  other.test:", "  Other.test:", "domain 'Other.test' is not in lower-case A-labels; write other.test"),
        ("192.0.2.0/28", "192.0.2.1/28", "'192.0.2.1/28' has bits set behind its prefix; write 192.0.2.0/28"),
        ('["*@example.test"]', '"*@example.test"', "expected a list, got `str`; "),
        ("port: 2525", "port: 0", "port: Ensure this value is greater than or equal to 1.; "),
        ("max_size: 1000000", "max_size: 0", "max_size is below 1 octet; "),
        ("  backup:", "  back up:", "name: Enter a valid “slug”"),
        ("mta_sts: testing", "mta_sts: strict", "unknown value 'strict'; write one of none, testing, enforce"),
        ("mta_sts_max_age: 86400", "mta_sts_max_age: 99999999", "mta_sts_max_age: Ensure this value is less than or "),
        ("tls_reports: tls@other.test", "tls_reports: tls", "tls_reports: 'tls' is no address: "),
        ("digest: recipients", "digest: all", "unknown value 'all'; write one of none, administrator, recipients"),
        (
            "digest: recipients\n    digest_to: alice@example.test",
            "digest: administrator",
            "digest_to is empty; give the",
        ),
        ("digest_to: alice@example.test", "digest_to: al@far.example", "al@far.example is no address of ours: "),
        ("digest_to: alice@example.test", "digest_to: al@example.test", "al@example.test is not in the list of rec"),
        ("quiet: {digest: none}", "quiet: {digest: all}", "unknown value 'all'; "),
        ("tls_reports: tls@other.test", "tls_reports: TLS@other.test", "not in lower case and A-labels; write tls@o"),
        (
            "  other.test:",
            "  example.test:",
            "the key 'example.test' stands here for the second time; keep one of the two",
        ),
        ("      - host: 192", "      - hots: 192", "key `hots`; "),
        ("tls: verified", "tls: @verified", "this is no YAML: "),
        ("boss: {alias: alice@", "boss: {alias: boss@", "the alias leads back to itself: boss@example.test -> boss@"),
        ("boss: {alias: alice@example.test}", "boss: {alias: x@far.example}", "x@far.example is no address of ours: "),
        ("senders: {bank.example: allow}", "senders: {bank: allow}", "'bank' is no sender; write user@example.org, "),
        (
            "senders: {bank.example: allow}",
            "senders: {bank.example: maybe}",
            "unknown value 'maybe'; write one of allow, block",
        ),
        ("  per_client: {messages: 100}", "  per_client: {messages: -1}", "messages: -1 is out of bounds; "),
        ("  per_client: {messages: 100}", "  per_client: {message: 1}", "unknown key `message`; "),
        ("    printer: {senders: 1}", "    printer: {senders: 99999}", "senders: 99999 is out of bounds; "),
        ("  clients: {greet_delay: 3}", "  clients: {greet_delay: 300}", "greet_delay: 300 is out of bounds; "),
        ("[lists.example.org]", "[lists..org]", "'lists..org' is no domain: "),
        ("{codes: {127.0.0.2: 4}}", "{codes: {127.255.255.1: 4}}", "return code 127.255.255.1 takes in 127.255.255"),
        ("  other.dnsbl.example:", "  other list:", "'other list' is no domain: "),
        ("  spam.example: block", "  '*@spam.example': block", "'*@spam.example' is not in its plain form; write spam"),
    ],
)
def test_a_fault_is_told_with_its_line_its_reason_and_the_remedy(old: str, new: str, says: str) -> None:
    assert old in POLICY
    text = POLICY.replace(old, new)
    error = error_of(text)
    assert says in error
    assert error.startswith(f"policy.yml:{POLICY.count(NEWLINE, 0, POLICY.index(old)) + 1}: ")
    assert not Domain.objects.exists()
    assert not PolicyRevision.objects.exists()


def test_a_route_that_is_still_taken_can_not_vanish() -> None:
    apply_policy(POLICY, "policy.yml", "admin")
    error = error_of("node: {observe: true}\nroutes: {}\n")
    assert error.startswith("policy.yml:2: route 'inside' is not here, but domain example.test still takes it; ")
    assert not NodePolicy.load().observe


def test_a_fault_of_rows_that_the_file_does_not_speak_of_says_so() -> None:
    apply_policy(POLICY, "policy.yml", "admin")
    Domain.objects.filter(name="other.test").update(tag=9.0)
    error = error_of("forwarders: {}\n")
    assert error.startswith(
        "policy.yml: domains, other.test, thresholds, quarantine (not in this file): quarantine at 8 points"
    )


@pytest.mark.parametrize("text", ["", "- a\n", "just words", "\x00", "a: *b"])
def test_what_is_no_policy_is_refused_in_words(text: str) -> None:
    assert error_of(text).startswith("policy.yml")


def test_the_command_prints_what_changed_and_exits_non_zero_with_one_line(tmp_path: Path) -> None:
    file = tmp_path / "policy.yml"
    file.write_text(POLICY)
    out = StringIO()
    call_command("apply", str(file), "--json", stdout=out)
    told = json.loads(out.getvalue())
    assert told["changed"]
    assert not told["check"]
    out = StringIO()
    call_command("apply", str(file), "--check", stdout=out)
    assert out.getvalue() == "nothing to change\n"
    file.write_text("routes: 5\n")
    with pytest.raises(CommandError, match=r"policy.yml:1: expected a mapping, got `int`"):
        call_command("apply", str(file))
    with pytest.raises(CommandError, match="name a readable file"):
        call_command("apply", str(tmp_path / "absent.yml"))


def test_the_command_fails_without_a_traceback(subprocess_environment: dict[str, str], tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "apply", str(tmp_path / "absent.yml")],
        capture_output=True, text=True, env=subprocess_environment, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "absent.yml: No such file or directory; name a readable file" in done.stderr


def test_settings_that_equal_the_default_are_kept_as_they_were_written() -> None:
    text = POLICY.replace("clamav: {mode: off}", "clamav: {mode: enforce}")
    apply_policy(text, "policy.yml", "admin")
    assert CheckSetting.objects.get().mode == "enforce"
    assert apply_policy(text, "policy.yml", "admin") == []


def test_a_guided_domain_takes_no_setting_of_its_own_for_forged_bounces(home: Path) -> None:  # noqa: ARG001 - it is empty
    own = POLICY.replace("clamav: {mode: off}", "forged_bounce: {mode: enforce}")
    assert own != POLICY
    domain = "  example.test:\n"
    error = error_of(own.replace(domain, f"{domain}    guided: true\n"))
    assert "the domain is guided, so that mode and action of forged_bounce would say nothing; " in error

    apply_policy(own, "policy.yml", "admin")
    assert not Domain.objects.get(name="example.test").guided


def test_actions_of_symbols_are_laid_over_those_of_the_default(home: Path) -> None:
    text = (
        ROUTES + "domains: {example.test: {route: inside, recipients: [alice], checks: {attachments: {actions: %s}}}}"
    )
    apply_policy(text % "{ATTACHMENT_ACTIVE: strip}", "policy.yml", "test")

    rule = load(home / "policy" / "current.json").domains["example.test"].rules.checks["attachments"]
    assert rule.actions == CHECKS["attachments"].actions | {"ATTACHMENT_ACTIVE": Action.STRIP}
    assert apply_policy(export_policy(), "export.yml", "test") == []


def test_a_symbol_that_its_check_never_gives_is_refused_with_its_line() -> None:
    text = (
        ROUTES
        + "domains:\n  example.test:\n    route: inside\n    checks:\n      loops:\n        actions: {LOPP: drop}\n"
    )
    with pytest.raises(PolicyError, match=r"policy.yml:\d+: the check loops gives no symbol 'LOPP'; it gives LOOP"):
        apply_policy(text, "policy.yml", "test")


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        (
            "{name: images, names: ['*.iso'], action: burn}",
            "attachment rule 'images': unknown value 'burn'; write one of deliver",
        ),
        ("{name: images, names: '*.iso'}", "attachment rule 'images': expected a list, got `str`; "),
    ],
)
def test_a_fault_of_an_attachment_rule_names_the_rule_and_the_words_it_takes(rule: str, says: str) -> None:
    domain = "domains:\n  example.test:\n    route: inside\n    attachments:\n"
    error = error_of(f"{domain}      - {{name: first, names: ['*.exe']}}\n      - {rule}\n")
    assert error.startswith(f"policy.yml:6: {says}")


def test_an_action_that_there_is_not_is_told_with_those_that_there_are() -> None:
    domain = "domains: {example.test: {route: inside, checks: {attachments: {actions: {ATTACHMENT_ACTIVE: burn}}}}}"
    assert error_of(domain).startswith("policy.yml:1: unknown value 'burn'; write one of deliver, tag, strip, redirect")
