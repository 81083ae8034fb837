"""The node's configuration: what is refused, and how it is told."""

from pathlib import Path

import pytest

from gateway.config import ConfigError, load


def test_the_ledger_has_64_megabytes_where_nothing_is_said() -> None:
    assert load({}).ledger.megabytes == 64


def test_the_size_of_the_ledger_is_read_from_file_or_environment(tmp_path: Path) -> None:
    file = tmp_path / "backstop.toml"
    file.write_text("[ledger]\nmegabytes = 8\n")
    assert load({"BACKSTOP_CONFIG": str(file)}).ledger.megabytes == 8
    assert load({"BACKSTOP_LEDGER__MEGABYTES": "16"}).ledger.megabytes == 16


@pytest.mark.parametrize("size", ["0", "-1", "65537", "1.5", "many"])
def test_a_size_that_a_ledger_can_not_have_is_refused_with_its_key(size: str) -> None:
    with pytest.raises(ConfigError, match=r"\$\.ledger\.megabytes"):
        load({"BACKSTOP_LEDGER__MEGABYTES": size})
