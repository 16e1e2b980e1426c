"""How many voices there are, and which: on embeddings made for it."""

import numpy as np
import pytest
from numpy.typing import NDArray

from asr.diarization.clustering import Embeddings, likeness, voices_of
from asr.diarization.turns import SpeakerCount


def cuts(counts: tuple[int, ...], spread: float = 0.05) -> Embeddings:
    """So many cuts of each voice, in turn, each voice in a direction of its own."""
    random = np.random.default_rng(1)
    rows = [
        np.eye(64)[voice] + random.normal(0.0, spread, 64) for voice, count in enumerate(counts) for _ in range(count)
    ]
    embeddings = np.array(rows, np.float32)
    unit: Embeddings = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    return unit


def labels(embeddings: Embeddings, speakers: SpeakerCount, seconds: float = 1.0) -> list[int]:
    """Cuts of each voice that is found."""
    centres = voices_of(embeddings, np.full(len(embeddings), seconds), speakers, same_voice=0.72)
    found: NDArray[np.intp] = likeness(embeddings, centres).argmax(axis=1)
    return sorted(np.bincount(found, minlength=len(centres)).tolist())


@pytest.mark.parametrize("counts", [(12,), (20, 6), (5, 9, 14), (40, 30, 20, 10)])
def test_as_many_voices_are_found_as_there_are(counts: tuple[int, ...]) -> None:
    assert labels(cuts(counts), SpeakerCount()) == sorted(counts)


def test_the_count_is_kept_to_where_it_is_told() -> None:
    assert len(labels(cuts((12,)), SpeakerCount(exact=3))) == 3
    assert len(labels(cuts((9, 9, 9)), SpeakerCount(exact=2))) == 2
    assert len(labels(cuts((9, 9, 9)), SpeakerCount(least=4, most=6))) == 4
    assert len(labels(cuts((1, 1)), SpeakerCount(exact=5))) == 2


def test_what_is_heard_for_a_second_only_is_no_voice_of_its_own() -> None:
    assert labels(cuts((30, 1)), SpeakerCount()) == [31]
    assert labels(cuts((30, 1)), SpeakerCount(exact=2)) == [1, 30]


def test_voices_that_are_somewhat_alike_are_two_where_either_is_heard_for_long() -> None:
    random = np.random.default_rng(2)
    voices = np.eye(64)[0], 0.62 * np.eye(64)[0] + np.sqrt(1 - 0.62**2) * np.eye(64)[1]
    rows = [voice + random.normal(0.0, 0.05, 64) for voice in voices for _ in range(10)]
    embeddings = np.array([row / np.linalg.norm(row) for row in rows], np.float32)
    assert labels(embeddings, SpeakerCount(), seconds=1.0) == [10, 10]
    assert labels(embeddings, SpeakerCount(), seconds=0.25) == [20]


def test_more_cuts_than_are_clustered_are_of_the_same_voices() -> None:
    assert labels(cuts((1_600, 800)), SpeakerCount()) == [800, 1_600]
