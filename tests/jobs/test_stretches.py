from uuid import UUID

from callscribe.domain.transcript import Final, utterance_id
from callscribe.domain.utterance import Utterance
from callscribe.jobs.stretches import stretches

RATE = 8000
CALL = UUID("11111111-2222-4333-8444-555555555555")


def said(channel: int, start_s: float, end_s: float) -> Utterance:
    start, end = int(start_s * RATE), int(end_s * RATE)
    return Utterance(utterance_id(CALL, channel, start), Final(channel, start, end, "words", 0.9, "moonshine"))


def test_a_short_call_is_one_stretch_for_each_channel_with_a_margin() -> None:
    first, second, other = said(0, 10, 12), said(0, 15, 18), said(1, 0.25, 2)
    found = list(stretches((first, other, second), RATE))
    assert [(part.channel, part.start, part.end) for part in found] == [
        (0, int(9.5 * RATE), int(18.5 * RATE)),
        (1, 0, int(2.5 * RATE)),
    ]
    assert found[0].utterances == (first, second)
    assert found[0].spans == ((4000, 20_000), (44_000, 68_000))
    assert found[1].spans == ((2000, 16_000),)


def test_a_long_channel_is_cut_between_utterances_into_ten_minutes_each() -> None:
    utterances = [said(0, minute * 60, minute * 60 + 5) for minute in range(25)]
    found = list(stretches(utterances, RATE))
    assert [len(part.utterances) for part in found] == [10, 10, 5]
    assert [utterance for part in found for utterance in part.utterances] == utterances
    assert all(part.end - part.start <= 601 * RATE for part in found)


def test_utterances_are_taken_in_order_of_time_whatever_order_they_were_stored_in() -> None:
    early, late = said(0, 1, 2), said(0, 5, 6)
    assert next(stretches((late, early), RATE)).utterances == (early, late)


def test_a_call_in_which_nothing_was_said_has_no_stretch() -> None:
    assert list(stretches((), RATE)) == []
