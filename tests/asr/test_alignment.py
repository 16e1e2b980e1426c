import numpy as np

from asr.confidence import WordConfidence
from asr.engines.moonshine.alignment import aligned, stretches
from asr.engines.moonshine.graph import HEAD_SIZE, HEADS, HOP


def looked_at(frames: int, *places: int) -> np.ndarray:
    """Attention of one row a place, all of it there."""
    attention = np.full((len(places), frames), 0.01, np.float32)
    attention[np.arange(len(places)), places] = 1.0
    return attention


def test_each_row_has_a_stretch_that_holds_where_it_looks() -> None:
    starts = stretches(looked_at(20, 2, 7, 15))
    assert starts[0] == 0
    assert 2 < starts[1] <= 7 < starts[2] <= 15


def test_rows_that_look_back_keep_their_order() -> None:
    starts = stretches(looked_at(20, 12, 3, 15, 8))
    assert list(starts) == sorted(starts)
    assert len(set(starts.tolist())) == 4


def test_more_rows_than_frames_are_survived() -> None:
    assert list(stretches(looked_at(2, 0, 1, 1, 1))) == sorted(stretches(looked_at(2, 0, 1, 1, 1)))


def test_words_lie_where_their_tokens_looked_and_end_where_the_next_one_begins() -> None:
    keys = np.zeros((HEADS, 20, HEAD_SIZE), np.float32)
    queries = np.zeros((4, HEADS, HEAD_SIZE), np.float32)
    for row, place in enumerate((2, 7, 12, 18)):
        keys[:, place, row] = queries[row, :, row] = 20.0
    words = (WordConfidence("two", 0, 2, 0.9), WordConfidence("words", 2, 3, 0.8))
    first, second = aligned(words, queries.reshape(4, -1), keys, 20 * HOP)
    assert (first.text, first.start, first.confidence) == ("two", 0, 0.9)
    assert 7 * HOP < first.end == second.start <= 12 * HOP
    assert 12 * HOP < second.end <= 18 * HOP


def test_without_an_end_the_last_word_goes_on_to_the_end_of_the_audio() -> None:
    keys, queries = np.ones((HEADS, 5, HEAD_SIZE), np.float32), np.ones((1, HEADS * HEAD_SIZE), np.float32)
    assert aligned((WordConfidence("so", 0, 1, 0.5),), queries, keys, 1_900)[0].end == 1_900
