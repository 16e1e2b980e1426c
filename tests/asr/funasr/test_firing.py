import numpy as np
import pytest
from numpy.typing import NDArray

from asr.engines.funasr.firing import fire


def row(*weights: float) -> NDArray[np.float32]:
    return np.array([weights], np.float32)


def test_a_token_is_complete_where_the_threshold_is_reached() -> None:
    firing = fire(row(0.5, 0.25, 0.5, 0.25), threshold=1.0)
    assert firing.fired.tolist() == [[False, False, True, False]]
    assert firing.counts == [1]
    assert firing.shares.tolist() == [[[0.5, 0.25, 0.25, 0.0], [0.0, 0.0, 0.25, 0.25]]]
    assert firing.left.tolist() == [0.5]


def test_reaching_the_threshold_exactly_leaves_nothing() -> None:
    firing = fire(row(0.5, 0.5, 1.0), threshold=1.0)
    assert firing.fired.tolist() == [[False, True, True]]
    assert firing.left.tolist() == [0.0]


def test_frames_without_weight_complete_nothing() -> None:
    firing = fire(row(0.0, 0.9, 0.0, 0.0), threshold=1.0)
    assert firing.counts == [0]
    assert firing.left.tolist() == pytest.approx([0.9])


def test_every_frame_is_shared_out_whole() -> None:
    weights = np.random.default_rng(0).uniform(0.0, 0.9, (4, 40)).astype(np.float32)
    firing = fire(weights, threshold=1.0)
    np.testing.assert_allclose(firing.shares.sum(axis=1), weights, atol=1e-6)
    for number, count in enumerate(firing.counts):
        np.testing.assert_allclose(firing.shares[number, :count].sum(axis=1), 1.0, atol=1e-6)
        np.testing.assert_allclose(firing.shares[number, count].sum(), firing.left[number], atol=1e-6)


def test_rows_fire_as_each_would_alone() -> None:
    weights = np.random.default_rng(1).uniform(0.0, 0.6, (3, 30)).astype(np.float32)
    together = fire(weights, threshold=1.0)
    for number in range(3):
        alone = fire(weights[number : number + 1], threshold=1.0)
        assert alone.fired[0].tolist() == together.fired[number].tolist()
        assert alone.left[0] == together.left[number]
        count = alone.counts[0] + 1
        assert np.array_equal(alone.shares[0, :count], together.shares[number, :count])


def test_what_is_left_goes_on_as_the_first_frame_of_the_next_chunk() -> None:
    weights = np.random.default_rng(2).uniform(0.0, 0.6, 24).astype(np.float32)
    whole = fire(weights[None], threshold=1.0)
    first = fire(weights[None, :10], threshold=1.0)
    second = fire(np.concatenate([first.left, weights[10:]])[None], threshold=1.0)
    assert np.concatenate([first.fired[0], second.fired[0, 1:]]).tolist() == whole.fired[0].tolist()
    assert second.left[0] == pytest.approx(whole.left[0], abs=1e-6)
