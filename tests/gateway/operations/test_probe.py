"""Next hops that accept everyone are found out, told, and keep their domain from going live."""

import contextlib
import json
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from gateway.delivery import trial
from gateway.delivery.trial import Question, Trial
from gateway.models import Alarm, Domain, PolicyRevision, RecipientProbe, Route
from gateway.operations import building, probe, publish
from gateway.operations.apply import apply_policy
from gateway.operations.doctor import Level, Result, recipients
from gateway.policy.codec import PolicyError
from tests.smtpfront.nexthop import NextHop

pytestmark = pytest.mark.django_db


class Strict(dict[str, str]):
    """A next hop's recipients: only those named exist."""

    def get(self, local: str, default: str = "") -> str:  # type: ignore[override] # as it is asked
        return default if local == "alice" else "550 5.1.1 no such user"


@pytest.fixture
def hop() -> Iterator[NextHop]:
    own = NextHop()
    yield own
    own.close()


@pytest.fixture
def domain(home: Path, hop: NextHop) -> Domain:
    """A domain that leaves its recipients to its next hop, which takes everybody."""
    assert home
    route = Route.objects.create(name="inner")
    route.hosts.create(position=1, host="127.0.0.1", port=hop.port)
    return Domain.objects.create(name="example.test", route=route, accept_unknown=True)


def look() -> list[Result]:
    return list(recipients.validation(settings.CONFIG))


@pytest.mark.usefixtures("domain")
def test_a_domain_whose_next_hop_accepts_everyone_can_not_be_published() -> None:
    with pytest.raises(PolicyError, match=r"example\.test: its next hop accepts everyone, .* say in accepts_everyone"):
        publish.publish_policy("admin")

    assert not PolicyRevision.objects.exists()


@pytest.mark.usefixtures("domain")
def test_it_can_once_the_next_hop_refuses_whom_it_does_not_know(hop: NextHop) -> None:
    with pytest.raises(PolicyError):
        publish.publish_policy("admin")

    hop.script.rcpt = Strict()

    assert publish.publish_policy("admin").number == 1
    assert [each.level for each in look()] == [Level.OK]


def test_it_can_once_it_says_so_in_words_and_then_nobody_is_asked(domain: Domain, hop: NextHop) -> None:
    domain.accepts_everyone = "an archive that keeps all, Ann, 2026-11-21"
    domain.save()

    publish.publish_policy("admin")

    assert hop.log == []


@pytest.mark.usefixtures("domain")
def test_going_live_does_not_hang_on_a_next_hop_that_is_down_but_is_told(hop: NextHop) -> None:
    hop.stop()

    publish.publish_policy("admin")

    assert "whether the next hop of example.test refuses unknown recipients is not known" in Alarm.objects.get().text
    assert [each.level for each in look()] == [Level.WARN]


@pytest.mark.usefixtures("domain")
def test_one_that_answers_for_now_only_leaves_it_unknown(hop: NextHop) -> None:
    hop.script.mail = "451 4.7.1 greylisted"

    publish.publish_policy("admin")

    assert not RecipientProbe.objects.exists()


def test_a_domain_with_a_list_is_nobodys_business(domain: Domain, hop: NextHop) -> None:
    domain.accept_unknown = False
    domain.save()

    publish.publish_policy("admin")

    assert hop.log == []
    assert look() == []


@pytest.mark.usefixtures("domain")
def test_the_probe_is_a_transaction_from_nobody_that_ends_before_data(hop: NextHop) -> None:
    publish_quietly()

    verbs = [line.split(" ")[0] for line in hop.log]
    assert verbs == ["EHLO", "MAIL", "RCPT", "RSET", "QUIT"]
    assert hop.log[1] == "MAIL FROM:<>"


def publish_quietly() -> None:
    """Publish, or not."""
    with contextlib.suppress(PolicyError):
        publish.publish_policy("admin")


@pytest.mark.usefixtures("domain")
def test_a_next_hop_that_begins_to_accept_everyone_raises_an_alarm_within_a_day(hop: NextHop) -> None:
    hop.script.rcpt = Strict()
    publish.publish_policy("admin")
    snapshot = building.build(1, "")
    hop.script.rcpt = {}

    probe.look_again(snapshot)
    assert not Alarm.objects.exists()
    probe.look_again(snapshot, timezone.now() + timedelta(days=1, minutes=1))

    assert "the next hop of example.test accepts everyone" in Alarm.objects.get().text
    assert [each.level for each in look()] == [Level.FAIL]


def test_what_was_found_at_other_hosts_says_nothing_about_these(domain: Domain, hop: NextHop) -> None:
    publish_quietly()
    assert probe.known(building.build(1, ""), "example.test") is True
    hop.stop()

    domain.route.hosts.update(host="localhost")

    assert probe.known(building.build(1, ""), "example.test") is None
    assert publish.publish_policy("admin").number == 1


def test_one_host_that_accepts_everyone_is_enough(domain: Domain) -> None:
    strict = NextHop()
    strict.script.rcpt = Strict()
    domain.route.hosts.create(position=0, host="127.0.0.1", port=strict.port)

    with pytest.raises(PolicyError):
        publish.publish_policy("admin")

    strict.close()


DOCUMENT = """\
routes:
  inner:
    hosts: [{{host: 127.0.0.1, port: {port}}}]
domains:
  example.test:
    route: inner
    {how}
"""


@pytest.mark.parametrize("how", ["accept_unknown: true", "validation: [list, next_hop]"])
def test_apply_refuses_it_with_line_and_remedy_and_changes_nothing(home: Path, hop: NextHop, how: str) -> None:
    assert home

    with pytest.raises(PolicyError) as error:
        apply_policy(DOCUMENT.format(port=hop.port, how=how), "policy.yml", "admin")

    assert str(error.value).startswith("policy.yml:7: ")
    assert "let the next hop refuse unknown ones" in str(error.value)
    assert not Domain.objects.exists()


def test_apply_takes_it_with_words(home: Path, hop: NextHop) -> None:
    assert home
    text = DOCUMENT.format(port=hop.port, how="accept_unknown: true\n    accepts_everyone: an archive, Ann, 2026-11-21")

    apply_policy(text, "policy.yml", "admin")

    assert PolicyRevision.objects.count() == 1


def test_apply_asks_while_nobody_waits_for_the_database(
    home: Path, hop: NextHop, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert home
    open_blocks = []
    really_ask = trial.ask

    def ask(questions: list[Question], name: str) -> list[list[Trial]]:
        open_blocks.append(len(connection.savepoint_ids))
        return really_ask(questions, name)

    monkeypatch.setattr(trial, "ask", ask)
    hop.script.rcpt = Strict()

    apply_policy(DOCUMENT.format(port=hop.port, how="accept_unknown: true"), "policy.yml", "admin")

    assert open_blocks == [0]  # once, and in no block but the test's own
    assert PolicyRevision.objects.count() == 1


# -- the command ----------------------------------------------------------------------------------------------------


def run(*arguments: str) -> tuple[int, str]:
    """The exit status and the output of the command."""
    out = StringIO()
    try:
        call_command("probe", *arguments, stdout=out)
    except SystemExit as end:
        return int(end.code or 0), out.getvalue()
    return 0, out.getvalue()


@pytest.mark.usefixtures("domain")
def test_the_command_fails_where_everyone_is_accepted_and_shows_the_dialogue(hop: NextHop) -> None:
    status, text = run("example.test")

    assert status == 1
    assert f"127.0.0.1:{hop.port} accepts everyone" in text
    assert "MAIL FROM:<>: 250" in text
    assert RecipientProbe.objects.get().accepts


@pytest.mark.usefixtures("domain")
def test_the_command_is_content_where_unknown_recipients_are_refused(hop: NextHop) -> None:
    hop.script.rcpt = Strict()

    assert run("example.test")[0] == 0
    assert run("--route", "inner")[0] == 0


@pytest.mark.usefixtures("domain")
def test_the_command_tries_one_recipient_and_gives_json(hop: NextHop) -> None:
    hop.script.rcpt = Strict()

    status, text = run("--recipient", "alice@example.test", "--json")

    told = json.loads(text)
    assert status == 0
    assert (told["host"], told["answer"]) == (f"127.0.0.1:{hop.port}", "accepts")
    assert not RecipientProbe.objects.exists()  # alice says nothing about strangers


@pytest.mark.usefixtures("domain")
def test_the_command_fails_where_nobody_answers(hop: NextHop) -> None:
    hop.stop()

    status, text = run("example.test")

    assert (status, "can't be asked" in text) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["other.test"], "none of the policy's domains; name one of them (example.test)"),
        ([], "nothing is named; name one of them"),
        (["--route", "outer"], "there is no route 'outer'; there are: inner"),
        (["--recipient", "a b@example.test"], "local part is malformed; write user@domain"),
        (["--recipient", "a\r\nDATA@example.test"], "malformed"),
    ],
)
@pytest.mark.usefixtures("domain")
def test_the_command_names_what_is_wrong(arguments: list[str], words: str) -> None:
    with pytest.raises(CommandError) as error:
        run(*arguments)

    assert words in str(error.value)
