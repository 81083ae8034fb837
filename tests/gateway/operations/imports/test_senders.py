import pytest

from gateway.models import AuditEntry, Domain, Recipient, Route, SenderEntry
from gateway.operations.imports import senders
from gateway.policy.snapshot import ListVerdict

pytestmark = pytest.mark.django_db

BLOCK, ALLOW = ListVerdict.BLOCK, ListVerdict.ALLOW


@pytest.fixture
def domain() -> Domain:
    return Domain.objects.create(name="a.test", route=Route.objects.create(name="inside"))


def test_entries_are_brought_into_plain_form_and_take_the_verdict_that_was_chosen() -> None:
    plan = senders.plan("*@Spam.example\n192.0.2.7\nAnn@far.example,OK,our printer\n", BLOCK)
    assert plan.added == {
        "spam.example": senders.Entry(BLOCK),
        "192.0.2.7/32": senders.Entry(BLOCK),
        "ann@far.example": senders.Entry(ALLOW, "our printer"),
    }


def test_what_was_planned_is_carried_out_in_one_list_only(domain: Domain) -> None:
    ann = Recipient.objects.create(domain=domain, local_part="ann")
    SenderEntry.objects.create(who="spam.example", verdict="allow", recipient=ann)
    SenderEntry.objects.create(who="spam.example", verdict="allow", comment="why", domain=domain)
    SenderEntry.objects.create(who="spam.example", verdict="allow")
    text = "spam.example,block\nnew.example\n"
    senders.carry_out(senders.plan(text, BLOCK, domain), "berta", domain)
    rows = {(row.who, row.scope): (row.verdict, row.comment) for row in SenderEntry.objects.all()}
    assert rows == {
        ("spam.example", "ann@a.test"): ("allow", ""),
        ("spam.example", "a.test"): ("block", "why"),
        ("spam.example", "the node"): ("allow", ""),
        ("new.example", "a.test"): ("block", ""),
    }
    assert AuditEntry.objects.get().detail == "1 added, 1 changed, for a.test"
    assert not senders.plan(text, BLOCK, domain).does_something


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("spam", "1: 'spam' is no sender; write user@example.org, "),
        ("192.0.2.7/24", "1: '192.0.2.7/24' has bits set behind its prefix; write 192.0.2.0/24"),
        ("spam.example,maybe", "1: 'maybe' is no verdict; write allow or block, or leave it empty"),
        (f"spam.example,block,{'x' * 401}", "1: the comment has 401 characters; shorten it to 400"),
        ("spam.example,allow\nspam.example,block", "2: spam.example stands on line 1 with another verdict; "),
    ],
)
def test_a_line_that_can_not_be_taken_is_named_with_a_remedy(line: str, says: str) -> None:
    (refused,) = senders.plan(line, BLOCK).refused
    assert f"{refused.number}: {refused.reason}; {refused.remedy}".startswith(says)
