"""What redaction finds on the made calls does not fall below what it found when it was made."""

import pytest

from benchmarks.redaction import HELD_OUT, Recall, false_hits, recalls
from benchmarks.secrets import harmless

COUNT = 40
FLOORS = {"misheard": 0.9}
"""By style; of all others at most one in COUNT may be missed."""


@pytest.fixture(scope="module")
def found() -> tuple[Recall, ...]:
    return recalls(COUNT, HELD_OUT, held_out=True)


def test_numbers_and_addresses_are_found_in_every_style(found: tuple[Recall, ...]) -> None:
    below = [one for one in found if one.share < FLOORS.get(one.style, 1 - 1 / COUNT)]
    assert below == []
    assert {one.kind for one in found} >= {"card", "phone", "account", "email", "national-id"}


def test_hardly_anything_else_is_masked() -> None:
    hits = false_hits("made", list(harmless(400, HELD_OUT, held_out=True)))
    assert hits.hit <= 2
