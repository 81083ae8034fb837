"""No code can write to a stranger: every way in which mail leaves is named here, and there is no other."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("gateway", "smtpfront", "workers", "webadmin")

# Who brings mail to a next hop, and why nobody is written to who did not ask for it.
WAYS = {
    # the message itself, to the recipients that its client named, whom the next hop has accepted
    ("smtpfront/nexthop.py", "pool.begin"),
    ("gateway/outcome/relaying.py", "held.send"),
    # one delivery for a worker
    ("gateway/delivery/submit.py", "pool.begin"),
    ("gateway/delivery/submit.py", "transaction.send"),
    # what a person releases, to its own recipient; what is redirected or copied, and digests, from the null sender, to
    # our own
    ("gateway/operations/attempt.py", "submit.deliver"),
}
# Programs that play clients against this gateway, or against one that they started; none of them serves mail.
CLIENTS = ("gateway/embedded/demo.py", "gateway/embedded/simulation/", "smtpfront/lab/")
SENDING = {"smtplib", "aiosmtplib", "sendmail", "mail_admins", "mail_managers", "send_mail", "EmailMessage"}


def sources() -> Iterator[tuple[str, ast.Module]]:
    for room in ROOMS:
        for path in (ROOT / room).rglob("*.py"):
            yield str(path.relative_to(ROOT)), ast.parse(path.read_text())


def calls(tree: ast.Module) -> Iterator[str]:
    """Give the last two words of whatever is called: ``pool.begin`` for ``self.front.pool.begin(...)``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = node.func.value
            name = owner.attr if isinstance(owner, ast.Attribute) else owner.id if isinstance(owner, ast.Name) else ""
            yield f"{name}.{node.func.attr}"


def words(tree: ast.Module) -> Iterator[str]:
    """Give every name that is imported, used or asked for."""
    for node in ast.walk(tree):
        if isinstance(node, ast.alias):
            yield node.name.rpartition(".")[2]
            yield node.name.partition(".")[0]
        elif isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr


def test_mail_leaves_in_the_ways_that_are_named_here_and_in_no_other() -> None:
    found = {
        (path, call)
        for path, tree in sources()
        for call in calls(tree)
        if call in {"pool.begin", "submit.deliver"}
        or (call.endswith(".send") and call.split(".")[0] in {"held", "transaction"})
    }
    assert found == WAYS


def test_nothing_else_knows_how_to_send_mail() -> None:
    found = {
        (path, word)
        for path, tree in sources()
        if not path.startswith(CLIENTS)
        for word in words(tree)
        if word in SENDING and path != "gateway/embedded/demo_messages.py"
    }
    assert found == set()
