"""What redaction finds on the made calls does not fall below what it found when it was made."""

import pytest

from benchmarks.blind_secrets import blind_harmless, blind_secrets
from benchmarks.redaction import BLIND, HELD_OUT, Recall, false_hits, recalls
from benchmarks.secrets import harmless, secrets

COUNT = 40
FLOORS = {"misheard": 0.9}
"""By style; of all others at most one in COUNT may be missed."""


@pytest.fixture(scope="module")
def found() -> tuple[Recall, ...]:
    return recalls(secrets(COUNT, HELD_OUT, held_out=True))


def test_numbers_and_addresses_are_found_in_every_style(found: tuple[Recall, ...]) -> None:
    below = [one for one in found if one.share < FLOORS.get(one.style, 1 - 1 / COUNT)]
    assert below == []
    assert {one.kind for one in found} >= {"card", "phone", "account", "email", "national-id"}


def test_the_set_that_no_rule_was_corrected_by_is_found_as_it_was() -> None:
    found = recalls(blind_secrets(COUNT, BLIND))
    assert [one for one in found if one.share < (0.85 if one.kind == "account" else 1 - 1 / COUNT)] == []
    assert [one.share for one in found if one.style.startswith("sort code")] == [1.0] * 4
    assert false_hits("blind", list(blind_harmless(400, BLIND))).hit <= 12


def test_hardly_anything_else_is_masked() -> None:
    hits = false_hits("made", list(harmless(400, HELD_OUT, held_out=True)))
    assert hits.hit <= 2
