"""Utterances are laid side by side in windows, and every place in a window leads back to the call."""

from asr.packing import pack

RATE = 1000


def test_utterances_fill_windows_in_the_order_they_are_given() -> None:
    spans = [(20_000, 29_000), (1_000, 10_000), (40_000, 49_000), (60_000, 69_000)]
    windows = pack(spans, 100_000, RATE, 30)
    assert [[piece.index for piece in window.pieces] for window in windows] == [[0, 1, 2], [3]]
    assert [window.samples for window in windows] == [28_500, 9_500]
    assert [piece.position for piece in windows[0].pieces] == [0, 9_500, 19_000]
    assert [piece.start for piece in windows[0].pieces] == [19_750, 750, 39_750]


def test_a_short_pause_is_shared_between_its_neighbours() -> None:
    (window,) = pack([(1_000, 2_000), (2_100, 3_000), (3_000, 4_000)], 4_100, RATE, 30)
    assert [(piece.start, piece.end) for piece in window.pieces] == [(750, 2_050), (2_050, 3_000), (3_000, 4_100)]


def test_every_place_in_a_window_leads_to_its_utterance_and_its_sample() -> None:
    (window,) = pack([(1_000, 2_000), (5_000, 6_000)], 10_000, RATE, 30)
    first, second = window.pieces
    assert [window.piece_at(place).index for place in (0, 1_499, 1_500, 2_999, 9_999)] == [0, 0, 1, 1, 1]
    assert first.channel_sample(250) == 1_000
    assert second.channel_sample(1_500 + 250 + 300) == 5_300
    assert second.channel_sample(1_500) == 5_000, "a word does not begin in the pause before its utterance"
    assert second.channel_sample(9_999) == 6_000


def test_spans_outside_the_channel_are_left_out_and_long_ones_stand_alone() -> None:
    spans = [(0, 1_000), (2_000, 42_000), (43_000, 44_000), (60_000, 61_000), (49_000, 99_000), (30, 30)]
    windows = pack(spans, 50_000, RATE, 30)
    assert [[piece.index for piece in window.pieces] for window in windows] == [[0], [1], [2, 4]]
    assert windows[2].pieces[1].end == 50_000


def test_nothing_packs_into_no_window() -> None:
    assert pack([], 1_000, RATE, 30) == ()
