import pytest

from gateway.config import Config
from gateway.models import Domain
from gateway.operations.doctor import LOOKS, Level
from tests.gateway.operations.records.certificates import signed_by_another


@pytest.mark.parametrize(("mode", "level"), [("none", Level.SKIP), ("testing", Level.WARN), ("enforce", Level.FAIL)])
def test_a_policy_that_the_certificate_can_not_keep_is_told_by_how_much_mail_it_costs(
    config: Config, domain: Domain, mode: str, level: Level
) -> None:
    Domain.objects.filter(pk=domain.pk).update(mta_sts=mode)

    (told,) = LOOKS["MTA-STS"](config)

    assert told.level is level
    assert ("do not deliver" in told.text) is (mode == "enforce")


def test_with_a_certificate_for_both_names_all_is_well(config: Config, domain: Domain) -> None:
    Domain.objects.filter(pk=domain.pk).update(mta_sts="enforce")
    signed_by_another(config, "mx1.example.org", "mta-sts.example.org")

    (told,) = LOOKS["MTA-STS"](config)

    assert told.level is Level.OK
