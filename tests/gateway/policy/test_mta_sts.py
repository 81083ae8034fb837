from gateway.policy.mta_sts import StsMode, policy_id, policy_text


def test_the_file_says_version_mode_hosts_and_age() -> None:
    text = policy_text(StsMode.TESTING, 86_400, "mx1.example.org", "mx2.example.org")

    assert text.splitlines() == [
        "version: STSv1",
        "mode: testing",
        "mx: mx1.example.org",
        "mx: mx2.example.org",
        "max_age: 86400",
    ]


def test_the_id_is_another_one_exactly_when_the_text_is() -> None:
    texts = [policy_text(mode, age, host) for mode in StsMode for age in (1, 2) for host in ("a.org", "b.org")]

    assert len({policy_id(text) for text in texts}) == len(texts)
    assert policy_id(texts[0]) == policy_id(policy_text(StsMode.NONE, 1, "a.org"))


def test_the_id_fits_the_record() -> None:
    made = policy_id(policy_text(StsMode.ENFORCE, 604_800, "mx1.example.org"))

    assert 1 <= len(made) <= 32
    assert made.isalnum()
    assert made.isascii()
