"""Recall on what others collected and wrote: scripts/samples fetches it. A missing collection is a failure, no skip."""

import re
from collections import Counter
from pathlib import Path

import pytest

from gateway.backscatter.kinds import classify
from gateway.backscatter.words import Kind

SAMPLES = Path(__file__).parents[3] / ".tools" / "samples"


def files(pattern: str, least: int) -> list[Path]:
    found = sorted(path for path in SAMPLES.glob(pattern) if path.is_file() and path.name != "__init__.py")
    assert len(found) >= least, f"{len(found)} of at least {least} samples in {SAMPLES}; run scripts/samples"
    return found


def test_of_the_bounces_of_flufl_at_least_97_of_100_are_known() -> None:
    kinds = Counter(classify(path.read_bytes()).kind for path in files("flufl_bounce-*/tests/data/*.txt", 117))
    assert kinds[Kind.BOUNCE] + kinds[Kind.DELAY_NOTICE] >= 0.97 * kinds.total(), kinds


MAILMAN = {
    "user_email": "anne@example.org", "domain": "example.com", "token": "0123456789abcdef" * 2,
    "request_email": "test-request@example.com", "owner_email": "test-owner@example.com",
    "short_listname": "Test", "display_name": "Test", "listname": "test@example.com",
}  # fmt: skip
BY_ADDRESS = "From: test-confirm+{token}@example.com\nSubject: Test"
BY_SUBJECT = "From: test-request@example.com\nSubject: confirm {token}"


@pytest.mark.parametrize("headers", [BY_ADDRESS, BY_SUBJECT])
def test_of_the_confirmations_of_mailman_in_all_its_languages_at_least_90_of_100_are_known(headers: str) -> None:
    kinds: Counter[Kind] = Counter()
    for path in files("mailman-*/src/mailman/templates/*/list:user:action:*.txt", 100):
        text = re.sub(r"\$\{?(\w+)\}?", lambda name: MAILMAN.get(name[1], name[0]), path.read_text("utf-8"))
        head = (
            headers.format(**MAILMAN) + "\nPrecedence: bulk\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8"
        )
        kinds[classify(f"{head}\n\n{text}".encode()).kind] += 1
    assert kinds[Kind.CONFIRMATION] >= 0.9 * kinds.total(), kinds


def test_no_ordinary_message_of_mailman_s_own_tests_is_hit() -> None:
    kinds = Counter(classify(path.read_bytes()).kind for path in files("mailman-*/src/mailman/**/tests/data/*.eml", 10))
    assert kinds == {Kind.NONE: kinds.total()}
