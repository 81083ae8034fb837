import pytest

from gateway.models import AuditEntry, Domain, Recipient, Route
from gateway.operations.imports import recipients

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("ours")]


@pytest.fixture
def ours() -> None:
    route = Route.objects.create(name="inside")
    for name in ("a.test", "b.test", "xn--bcher-kva.test"):
        Domain.objects.create(name=name, route=route)
    domain = Domain.objects.get(name="a.test")
    Recipient.objects.create(domain=domain, local_part="ann")
    Recipient.objects.create(domain=domain, local_part="sales", alias="ann@a.test")
    Recipient.objects.create(domain=domain, local_part="strict", reject=9.0)


def told(text: str, domain: str = "") -> list[str]:
    return [f"{each.number}: {each.reason}; {each.remedy}" for each in recipients.plan(text, domain).refused]


def test_a_plan_says_what_is_new_what_changes_and_what_stands_already() -> None:
    plan = recipients.plan("Ann\nbob\nsales,bob\n*,ann\ninfo@Bücher.test,ann@a.test\n", "a.test")
    assert plan.added == {
        "bob@a.test": "",
        "*@a.test": "ann@a.test",
        "info@xn--bcher-kva.test": "ann@a.test",
    }
    assert plan.changed == {"sales@a.test": "bob@a.test"}
    assert (plan.same, plan.removed, plan.refused) == (1, [], [])


def test_what_was_planned_is_carried_out_and_on_record() -> None:
    recipients.carry_out(recipients.plan("bob,ann\nsales\nstrict\n", "a.test", whole=True), "berta")
    rows = {row.local_part: (row.alias, row.reject) for row in Recipient.objects.all()}
    assert rows == {"bob": ("ann@a.test", None), "sales": ("", None), "strict": ("", 9.0)}
    entry = AuditEntry.objects.get()
    assert (entry.who, entry.verb, entry.detail) == ("berta", "import", "1 added, 1 changed, 1 removed")
    again = recipients.plan("bob,ann\nsales\nstrict\n", "a.test", whole=True)
    assert not again.does_something


def test_a_whole_list_removes_from_the_domains_that_it_names_only() -> None:
    Recipient.objects.create(domain=Domain.objects.get(name="b.test"), local_part="dora")
    assert recipients.plan("ann@a.test\n", whole=True).removed == ["sales@a.test", "strict@a.test"]


def test_while_a_line_is_wrong_nothing_is_removed() -> None:
    plan = recipients.plan("ann@a.test\nsales@a,test\n", whole=True)
    assert plan.refused
    assert plan.removed == []


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("bob", "1: 'bob' has no domain; write user@domain, or choose the domain of local parts"),
        (",bob@a.test", "1: there is no address; "),
        ("b ob@a.test", "1: 'b ob@a.test' is no address: local part is malformed; write user@domain"),
        ("bob@far.example", "1: far.example is no domain of ours; add the domain first, or leave the line out"),
        ("bob@a.test,bob@far.example", "1: alias bob@far.example is no address of ours; mail is never forwarded"),
        ("bob@a.test,@", "1: alias '@' is no address: address has no local part; "),
        ("bob@a.test\nbob@a.test,ann@a.test", "2: bob@a.test stands on line 1 with another alias; "),
        ("ann@a.test,sales@a.test", "1: the alias leads back to itself: ann@a.test -> sales@a.test -> ann@a.test; "),
    ],
)
def test_a_line_that_can_not_be_taken_is_named_with_a_remedy(line: str, says: str) -> None:
    assert told(line)[0].startswith(says)


def test_good_lines_beside_a_wrong_one_are_planned_and_the_wrong_one_is_kept_as_it_came() -> None:
    plan = recipients.plan("bob@a.test\n nobody@far.example , x\ndora@a.test\n")
    assert list(plan.added) == ["bob@a.test", "dora@a.test"]
    assert [(each.number, each.text) for each in plan.refused] == [(2, " nobody@far.example , x")]


def test_a_mailbox_that_is_its_own_alias_is_a_mailbox() -> None:
    assert recipients.plan("bob@a.test,BOB@a.test\n").added == {"bob@a.test": ""}
