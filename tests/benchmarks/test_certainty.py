"""What a confidence is worth."""

from benchmarks.certainty import Bin, Judged, auc, reliability


def test_a_confidence_that_tells_wrong_from_right_every_time_has_an_auc_of_one() -> None:
    assert auc([Judged(0.9, True), Judged(0.8, True), Judged(0.2, False)]) == 1.0


def test_a_tie_counts_half() -> None:
    assert auc([Judged(0.5, True), Judged(0.5, False), Judged(0.4, False)]) == 0.75


def test_without_a_wrong_word_there_is_no_auc() -> None:
    assert auc([Judged(0.5, True)]) is None


def test_reliability_sets_the_share_that_was_right_beside_the_confidence() -> None:
    judged = [Judged(0.91, True), Judged(0.99, True), Judged(1.0, False), Judged(0.12, False)]
    assert reliability(judged) == [Bin(0.12, 0.0, 1), Bin(0.967, 0.667, 3)]
