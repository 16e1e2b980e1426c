"""Loss patterns lose what they say, and in runs as long as they say."""

from itertools import groupby

import pytest

from benchmarks.loss import PATTERNS, Pattern


@pytest.mark.parametrize("pattern", PATTERNS, ids=lambda pattern: pattern.name)
def test_the_share_and_the_mean_burst_are_those_of_the_pattern(pattern: Pattern) -> None:
    lost = pattern.lost(200_000, seed=1)
    runs = [len(list(run)) for gone, run in groupby(lost.tolist()) if gone]
    assert lost.mean() == pytest.approx(pattern.share, rel=0.05)
    if pattern.share:
        alone = 1 / (1 - pattern.share)
        assert sum(runs) / len(runs) == pytest.approx(alone if pattern.burst == 1 else pattern.burst, rel=0.05)


def test_nothing_is_lost_while_the_jitter_buffer_finds_its_depth() -> None:
    assert not Pattern(0.9).lost(100, seed=1)[:50].any()
