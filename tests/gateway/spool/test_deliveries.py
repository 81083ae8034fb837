"""What is known of deliveries whose client may try again."""

from pathlib import Path

from gateway.spool.deliveries import KEPT_SECONDS, Deliveries


def test_a_remembered_delivery_is_known_to_every_process_of_the_node(tmp_path: Path) -> None:
    Deliveries(tmp_path).remember("key", "01TRANSACTION")
    assert Deliveries(tmp_path).find("key") == "01TRANSACTION"
    assert Deliveries(tmp_path).find("other") is None


def test_an_announced_one_counts_once_it_is_kept_or_remembered(tmp_path: Path) -> None:
    deliveries = Deliveries(tmp_path)
    deliveries.announce("key", "01TRANSACTION")
    assert deliveries.find("key") is None
    deliveries.remember("key", "01TRANSACTION")
    assert deliveries.find("key") == "01TRANSACTION"


def test_it_is_forgotten_when_no_client_tries_any_more(tmp_path: Path) -> None:
    deliveries = Deliveries(tmp_path)
    deliveries.remember("key", "01TRANSACTION")
    assert deliveries.forget_old() == 0
    written = (tmp_path / "deliveries" / "key").lstat().st_mtime
    assert deliveries.forget_old(now=written + KEPT_SECONDS + 1) == 1
    assert deliveries.find("key") is None
