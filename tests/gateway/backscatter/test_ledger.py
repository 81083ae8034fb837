import pytest

from gateway.backscatter.ledger import PROOFS, HashedLedger, Mac, NoLedger

NOW = 1_790_000_000.0
ALICE = "alice@example.org"


class Memory(dict[Mac, float]):
    """The simplest store."""

    def put(self, mac: Mac, at: float) -> None:
        self[mac] = max(at, self.get(mac) or 0)


@pytest.fixture
def ledger() -> HashedLedger:
    made = HashedLedger(b"secret", Memory(), lambda: NOW)
    made.sent("<Abc.1@Example.org>", ALICE, ["Bob@Far.test", "carol@far.test"], NOW)
    return made


def test_a_message_is_known_with_its_sender_only(ledger: HashedLedger) -> None:
    assert ledger.message("<Abc.1@Example.org>", ALICE) == NOW
    assert ledger.message("<Abc.1@Example.org>", "bob@example.org") is None
    assert ledger.message("<other@example.org>", ALICE) is None


@pytest.mark.parametrize("quoted", ["Abc.1@Example.org", "<abc.1@example.org>", "<Abc.1@\r\n\tExample.org>"])
def test_a_quoted_id_may_be_bare_recased_or_folded(ledger: HashedLedger, quoted: str) -> None:
    assert ledger.message(quoted, ALICE) == NOW


def test_pairs_and_domains_are_known(ledger: HashedLedger) -> None:
    assert ledger.wrote_to(ALICE, "bob@far.test") == NOW
    assert ledger.wrote_to(ALICE, "dora@far.test") is None
    assert ledger.wrote_to_domain(ALICE, "FAR.test") == NOW
    assert ledger.wrote_to_domain("bob@example.org", "far.test") is None


def test_a_message_without_an_id_is_no_message(ledger: HashedLedger) -> None:
    ledger.sent("", ALICE, ["x@y.test"], NOW)

    assert ledger.message("", ALICE) is None
    assert ledger.message("<>", ALICE) is None
    assert ledger.wrote_to(ALICE, "x@y.test") == NOW


def test_another_secret_knows_nothing() -> None:
    store = Memory()
    HashedLedger(b"one", store, lambda: NOW).sent("<1@x>", ALICE, [], NOW)

    assert HashedLedger(b"other", store, lambda: NOW).message("<1@x>", ALICE) is None


def test_proofs_are_counted_up_to_the_limit(ledger: HashedLedger) -> None:
    assert [ledger.count_proof("k") for _ in range(PROOFS + 2)] == [*range(1, PROOFS + 1), PROOFS + 1, PROOFS + 1]
    assert ledger.count_proof("another") == 1


def test_a_bounce_that_is_tried_again_counts_once(ledger: HashedLedger) -> None:
    assert [ledger.count_proof("k", "same") for _ in range(30)] == [1] * 30
    assert ledger.count_proof("k", "next") == 2


def test_where_there_is_no_ledger_nothing_is_known() -> None:
    ledger = NoLedger()
    ledger.sent("<1@x>", ALICE, ["b@y"], NOW)

    assert ledger.message("<1@x>", ALICE) is ledger.wrote_to(ALICE, "b@y") is ledger.wrote_to_domain(ALICE, "y") is None
    assert [ledger.count_proof("k") for _ in range(20)] == [1] * 20
