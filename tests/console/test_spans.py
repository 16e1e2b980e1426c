"""The union of stretches in which somebody speaks, in whatever order these come."""

import random

from callscribe.console.spans import KEPT, Spans


def told(*stretches: tuple[int, int]) -> tuple[int, int, int]:
    spans = Spans()
    for start, end in stretches:
        spans.add(start, end)
    return spans.length_ms, spans.longest_gap_ms, spans.until_ms


def test_overlapping_stretches_count_once_and_gaps_close() -> None:
    assert told() == (0, 0, 0)
    assert told((1000, 2000), (1000, 2500), (1000, 2000)) == (1500, 1000, 2500)
    assert told((5000, 6000), (1000, 2000)) == (2000, 3000, 6000)
    assert told((5000, 6000), (1000, 9000)) == (8000, 1000, 9000)
    assert told((1000, 2000), (3000, 4000), (5000, 6000), (1500, 5500)) == (5000, 1000, 6000)
    assert told((2000, 1000)) == (0, 0, 0)


def test_a_long_call_is_counted_whole_and_what_comes_again_changes_nothing() -> None:
    stretches = [(number * 3000 + (9000 if number > 40 else 0), number * 3000 + 11_000) for number in range(0, 400, 4)]
    covered = set[int]()
    for start, end in stretches:
        covered.update(range(start // 100, end // 100))
    late = [
        place
        for first in range(0, 100, 8)
        for place in random.Random(1).sample(range(first, min(first + 8, 100)), k=min(8, 100 - first))
    ]
    spans = Spans()
    for _ in range(2):
        for place in late:
            spans.add(*stretches[place])
    assert len(stretches) > KEPT
    assert spans.length_ms == len(covered) * 100
    assert spans.until_ms == stretches[-1][1]
    free = [number for number in range(stretches[-1][1] // 100) if number not in covered]
    longest, run, before = 0, 0, -2
    for number in free:
        run = run + 1 if number == before + 1 else 1
        longest, before = max(longest, run), number
    assert spans.longest_gap_ms == longest * 100
