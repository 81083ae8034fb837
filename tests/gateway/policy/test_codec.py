from pathlib import Path

import pytest

from gateway.policy.codec import PolicyError, decode, encode, load
from gateway.policy.defaults import CHECKS
from gateway.policy.snapshot import (
    Account,
    DomainPolicy,
    Forwarder,
    Mode,
    NextHop,
    Outbound,
    RecipientPolicy,
    Route,
    Rules,
    Snapshot,
    Thresholds,
)

RULES = Rules(checks=CHECKS)


def a_snapshot() -> Snapshot:
    return Snapshot(
        revision=3,
        published="2026-11-21T02:00:00Z",
        by="admin",
        domains={
            "example.test": DomainPolicy(
                route="sink",
                rules=RULES,
                recipients={
                    "alice": RecipientPolicy(),
                    "strict": RecipientPolicy(
                        rules=Rules(thresholds=Thresholds(tag=1.0, quarantine=2.0, reject=3.0), checks=CHECKS)
                    ),
                },
            ),
            "other.test": DomainPolicy(route="sink", rules=RULES),
        },
        routes={"sink": Route(hosts=(NextHop("127.0.0.1", 2526), NextHop("mail.example.test")))},
        forwarders={"backup": Forwarder(networks=("192.0.2.0/24",))},
        accounts={"printer": Account(secret="account-1", addresses=("*@example.test",))},
        outbound=Outbound(networks=("10.0.0.0/8",), route="sink", rules=RULES),
        normalise_line_ends=("10.0.0.0/8",),
    )


def error_of(text: str) -> str:
    with pytest.raises(PolicyError) as caught:
        decode(text.encode(), name="policy.json")
    return str(caught.value)


def changed(old: str, new: str, count: int = 1) -> tuple[str, int]:
    """Give the text of a good snapshot with one thing replaced, and the line on which it stands."""
    text = encode(a_snapshot()).decode()
    assert old in text
    at = -1
    for _ in range(count):
        at = text.index(old, at + 1)
    return text[:at] + new + text[at + len(old) :], text.count("\n", 0, at) + 1


def test_what_is_encoded_is_decoded_again() -> None:
    assert decode(encode(a_snapshot()), name="x") == a_snapshot()


def test_the_same_policy_gives_the_same_bytes_whatever_order_its_parts_were_put_in() -> None:
    one = a_snapshot()
    two = Snapshot(
        **{**{f: getattr(one, f) for f in one.__struct_fields__}, "domains": dict(reversed(one.domains.items()))}
    )
    assert encode(one) == encode(two)


def test_a_person_can_read_it_line_by_line() -> None:
    assert '\n   "route": "sink",\n' in encode(a_snapshot()).decode()


def test_a_check_that_an_older_snapshot_does_not_list_is_filled_in_not_off() -> None:
    text = (
        b'{"revision":1,"published":"","by":"","routes":{"r":{"hosts":[{"host":"h"}]}},"domains":{"a.test":{"route":"r",'
        b'"rules":{"checks":{"spam":{"mode":"off"}}},"recipients":{"x":{"rules":{}}}}}}'
    )
    snapshot = decode(text, name="x")
    rules = snapshot.domains["a.test"].rules
    assert rules.checks["clamav"] == CHECKS["clamav"]
    assert rules.checks["spam"].mode is Mode.OFF
    recipient = snapshot.domains["a.test"].recipients["x"].rules
    assert recipient is not None
    assert recipient.checks == CHECKS
    assert snapshot.outbound.rules.checks.keys() == CHECKS.keys()


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('"route": "sink"', '"route": "sinc"', "there is no route 'sinc'; name one of sink, or add it"),
        ('"route": "sink"', '"route": 7', "expected `str`, got `int`; "),
        ('"mode": "enforce"', '"mode": "enforced"', "unknown value 'enforced'; "),
        ('"observe": false', '"obsreve": false', "unknown key `obsreve`; "),
        ('"loops": {', '"lops": {', "there is no check 'lops'; known are "),
        (
            '"example.test": {',
            '"Example.test": {',
            "domain 'Example.test' is not in lower-case A-labels; write example.test",
        ),
        ('"other.test": {', '"bücher.test": {', "; write xn--bcher-kva.test"),
        ('"other.test": {', '"[192.0.2.1]": {', "is an address, no domain; "),
        ('"other.test": {', '"a b": {', "is no domain: domain is malformed; "),
        ('"alice": {', '"Alice": {', "local part 'Alice' is not in lower case; write alice"),
        ('"alice": {', '"al ice": {', "'al ice' is no local part: local part is malformed; "),
        ('"192.0.2.0/24"', '"192.0.2.1/24"', "'192.0.2.1/24' has bits set behind its prefix; write 192.0.2.0/24"),
        ('"192.0.2.0/24"', '"192.0.2/24"', "'192.0.2/24' is no network; write it in CIDR form"),
        ('"10.0.0.0/8"', '"ten"', "'ten' is no network; "),
        (
            '"quarantine": 8.0',
            '"quarantine": 4.0',
            "quarantine at 4 points comes before tag at 5; raise quarantine, or lower tag",
        ),
        ('"reject": 3.0', '"reject": 1.5', "reject at 1.5 points comes before quarantine at 2; "),
        ('"drop": null', '"drop": 14', "drop at 14 points comes before reject at 15; "),
        (
            '"unknown_recipient": "drop"',
            '"unknown_recipient": "reject"',
            "unknown_recipient can't be reject; use drop or defer",
        ),
        ('"virus": "drop"', '"virus": "reject"', "virus can't be reject; "),
        ('"on_failure": "defer"', '"on_failure": "drop"', "on_failure can't be drop; use defer or deliver"),
        ('"*@example.test"', '"*"', "'*' is no sender address: address has no domain; write user@domain"),
        ('"secret": "account-1"', '"secret": "../etc/passwd"', "'../etc/passwd' is no id of a secret; "),
        ('"port": 2526', '"port": 70000', "70000 is no port; "),
        ('"host": "127.0.0.1"', '"host": ""', "'' is no host; "),
        (
            '"host": "127.0.0.1"',
            '"host": "smtp://inside"',
            "'smtp://inside' is no host; give a name or an address alone",
        ),
        ('"username": ""', '"username": "me"', "a username without a secret; "),
        ('"max_size": 26214400', '"max_size": 0', "max_size is below 1 octet; "),
        ('"revision": 3', '"revision": 0', "revision 0 is none; "),
    ],
)
def test_a_fault_is_told_with_its_line_its_reason_and_the_remedy(old: str, new: str, says: str) -> None:
    text, line = changed(old, new)
    error = error_of(text)
    assert error.startswith(f"policy.json:{line}: ")
    assert says in error


def test_of_many_like_keys_the_line_is_that_of_the_faulty_one() -> None:
    text, line = changed('"route": "sink"', '"route": null', count=2)
    assert error_of(text).startswith(f"policy.json:{line}: expected `str`, got `null`; ")


def test_a_missing_key_is_told_on_the_line_of_its_mapping() -> None:
    text, line = changed('"route": "sink",', "", count=2)
    text_lines = text.splitlines()
    assert '"other.test": {' in text_lines[line - 2]
    assert error_of(text).startswith(f"policy.json:{line - 1}: missing key `route`; ")


def test_a_route_without_next_hops_is_refused() -> None:
    text = '{"revision":1,"published":"","by":"",\n"routes":{\n"r":{\n"hosts":[]}}}'
    assert error_of(text) == "policy.json:4: the route has no next hop; give at least one host"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (b"", 1),
        (b'{\n"revision": 1,\n,}', 3),
        (b'{"revision": 1,\n"by": "x"\n', 2),
        (b'{"revision": 1,\n"by": "\xff"}', 2),
        (b"[]", 1),
        (b"[" * 100_000, 0),
    ],
)
def test_text_that_is_no_json_object_is_told_with_its_line(text: bytes, line: int) -> None:
    with pytest.raises(PolicyError) as caught:
        decode(text, name="policy.json")
    assert caught.value.line == line


def test_a_file_that_is_not_there_is_told_without_a_line(tmp_path: Path) -> None:
    with pytest.raises(PolicyError) as caught:
        load(tmp_path / "current.json")
    assert str(caught.value) == f"{tmp_path}/current.json: no such file; publish a policy, or restore the file"


def test_a_file_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "current.json").write_bytes(encode(a_snapshot()))
    assert load(tmp_path / "current.json") == a_snapshot()
