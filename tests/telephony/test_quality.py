"""The E-model against the figures that its recommendations print."""

from dataclasses import replace

import pytest

from callscribe.domain.call import ChannelMedia
from telephony.line.wire import RtpCounts
from telephony.quality import IMPAIRMENTS, WIDE, judged, opinion_score, rating

G711 = IMPAIRMENTS["PCMU"]
CLEAN = RtpCounts(packets=3000, jitter_us=1250, delay_ms=40)


@pytest.mark.parametrize(
    ("r", "mos"), [(93.2, 4.41), (90, 4.34), (80, 4.03), (70, 3.60), (60, 3.10), (50, 2.58), (0, 1.0), (100, 4.5)]
)
def test_a_rating_has_the_opinion_score_of_annex_b(r: float, mos: float) -> None:
    assert opinion_score(r) == pytest.approx(mos, abs=0.01)


@pytest.mark.parametrize("r", [-20, 1, 3, 6])
def test_no_score_is_off_the_scale(r: float) -> None:
    assert opinion_score(r) == pytest.approx(1.0, abs=0.01)
    assert opinion_score(120) == 4.5


@pytest.mark.parametrize(("percent", "impairment"), [(0, 0), (1, 5), (2, 7), (3, 10), (5, 15), (7, 20), (10, 25)])
def test_loss_costs_what_g113_lists_for_g711_with_concealment(percent: float, impairment: float) -> None:
    assert 93.2 - rating(G711, percent / 100, 0) == pytest.approx(impairment, abs=2.5)


@pytest.mark.parametrize(("delay_ms", "impairment"), [(0, 0), (100, 0), (150, 0.1), (400, 24.1)])
def test_delay_costs_nothing_until_people_notice_it(delay_ms: float, impairment: float) -> None:
    assert 93.2 - rating(G711, 0, delay_ms) == pytest.approx(impairment, abs=0.1)


def test_a_clean_channel_has_the_best_score() -> None:
    assert judged(1, "PCMA", CLEAN) == ChannelMedia(channel=1, packets=3000, jitter_ms=1.25, mos=4.41)


def test_what_came_late_counts_like_what_never_came_and_duplicates_do_not() -> None:
    late = judged(0, "PCMU", replace(CLEAN, late=150, reordered=150))
    lost = judged(0, "PCMU", replace(CLEAN, packets=2850, lost=150))
    twice = judged(0, "PCMU", replace(CLEAN, packets=2950, lost=150, duplicated=100))
    assert late.mos == lost.mos == twice.mos == 3.92
    assert (late.late, lost.lost, twice.duplicated) == (150, 150, 100)


@pytest.mark.parametrize(("r", "mos"), [(129, 4.5), (121, 4.42), (116, 4.34), (88, 3.51), (73, 2.92), (0, 1.0)])
def test_a_wide_band_rating_has_the_opinion_score_of_its_own_scale(r: float, mos: float) -> None:
    assert opinion_score(r, WIDE) == pytest.approx(mos, abs=0.005)


def test_wide_band_is_judged_by_its_own_model_and_bears_loss_worse() -> None:
    assert judged(0, "G722", CLEAN).mos == 4.34
    assert judged(0, "G722", replace(CLEAN, packets=2970, lost=30)).mos == 3.94
    assert judged(0, "g722", replace(CLEAN, packets=2850, lost=150)).mos == 2.88


def test_a_channel_that_heard_nothing_or_has_a_codec_without_planning_values_has_no_score() -> None:
    assert judged(0, "PCMU", RtpCounts()).mos is None
    assert judged(0, "opus", CLEAN).mos is None
