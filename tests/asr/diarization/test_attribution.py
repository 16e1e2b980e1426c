"""Whose the words are: exact turns of made utterances."""

from uuid import UUID

from asr.diarization.attribution import attribute
from asr.diarization.turns import Turn
from callscribe.domain.speaker import SpeakerTurn
from callscribe.domain.transcript import Final, Word, utterance_id
from callscribe.domain.utterance import Utterance

RATE = 1000
"""So that samples are milliseconds."""
CALL_ID = UUID(int=1)


def said(start: int, *spans: tuple[int, int]) -> Utterance:
    """An utterance from `start` to the end of its last word; a word for each span."""
    words = tuple(Word(f"w{at}", begin, end, 0.9) for at, (begin, end) in enumerate(spans))
    final = Final(0, start, spans[-1][1], " ".join(word.text for word in words), 0.9, "moonshine", words=words)
    return Utterance(utterance_id(CALL_ID, 0, start), final)


def turns_of(utterances: list[Utterance], *turns: Turn) -> list[tuple[SpeakerTurn, ...]]:
    return [found.turns for found in attribute(utterances, turns, RATE)]


def test_an_utterance_is_cut_in_the_pause_between_words_of_two_speakers() -> None:
    one = said(0, (100, 400), (500, 900), (1300, 1600))
    assert turns_of([one], Turn(0, 1000, 0), Turn(1000, 2000, 1)) == [
        (SpeakerTurn(1, 0, 1100), SpeakerTurn(2, 1100, 1600)),
    ]


def test_a_word_is_whose_speech_covers_most_of_it() -> None:
    one = said(0, (0, 400), (400, 800))
    assert turns_of([one], Turn(0, 500, 0), Turn(500, 900, 1)) == [(SpeakerTurn(1, 0, 400), SpeakerTurn(2, 400, 800))]
    assert turns_of([one], Turn(0, 700, 0), Turn(700, 900, 1)) == [(SpeakerTurn(1, 0, 800),)]


def test_speakers_are_numbered_as_the_transcript_shows_them_and_who_says_nothing_has_no_number() -> None:
    late, early = said(5000, (5000, 5400)), said(2000, (2000, 2400))
    found = attribute([late, early], (Turn(0, 300, 0), Turn(2000, 2400, 2), Turn(5000, 5400, 1)), RATE)
    assert [(one.final.start, one.turns[0].speaker) for one in found] == [(2000, 1), (5000, 2)]


def test_a_word_in_a_hole_is_whose_turn_is_nearest() -> None:
    one = said(0, (0, 400), (600, 700), (1000, 1400))
    assert turns_of([one], Turn(0, 400, 0), Turn(800, 1400, 1)) == [(SpeakerTurn(1, 0, 500), SpeakerTurn(2, 500, 1400))]
    far = said(9000, (9000, 9400))
    assert turns_of([far], Turn(0, 400, 0), Turn(800, 1400, 1)) == [(SpeakerTurn(1, 9000, 9400),)]


def test_where_two_speak_at_once_the_one_goes_on_who_spoke_and_it_is_marked() -> None:
    one = said(0, (0, 400), (400, 800), (800, 1200))
    assert turns_of([one], Turn(0, 1200, 0), Turn(400, 800, 1)) == [(SpeakerTurn(1, 0, 1200, overlapped=True),)]
    assert turns_of([one], Turn(0, 1200, 0), Turn(500, 700, 1)) == [(SpeakerTurn(1, 0, 1200, overlapped=False),)]


def test_overlap_counts_for_the_turn_in_which_it_is() -> None:
    one = said(0, (0, 1000), (1200, 2000), (2000, 3000))
    found = turns_of([one], Turn(0, 1400, 0), Turn(1000, 3000, 1))
    assert found == [(SpeakerTurn(1, 0, 1100), SpeakerTurn(2, 1100, 3000, overlapped=True))]


def test_a_word_that_lasts_into_the_others_speech_is_who_begins_it() -> None:
    one = said(0, (0, 300), (400, 2000), (2000, 2300))
    assert turns_of([one], Turn(0, 700, 0), Turn(1000, 3000, 1)) == [
        (SpeakerTurn(1, 0, 2000), SpeakerTurn(2, 2000, 2300))
    ]


def test_an_utterance_without_word_times_is_cut_by_its_share_of_the_time() -> None:
    final = Final(0, 0, 4000, "a b c d", 0.9, "qwen")
    one = Utterance(utterance_id(CALL_ID, 0, 0), final)
    assert turns_of([one], Turn(0, 2900, 0), Turn(2900, 4000, 1)) == [
        (SpeakerTurn(1, 0, 3000), SpeakerTurn(2, 3000, 4000))
    ]


def test_an_utterance_without_words_has_one_speaker() -> None:
    one = Utterance(utterance_id(CALL_ID, 0, 0), Final(0, 0, 4000, "", 0.9, "qwen"))
    assert turns_of([one], Turn(0, 2900, 0), Turn(2900, 4000, 1)) == [(SpeakerTurn(1, 0, 4000),)]


def test_where_nobody_was_heard_nothing_is_told() -> None:
    assert attribute([said(0, (0, 400))], (), RATE) == ()


def test_the_same_comes_of_it_twice() -> None:
    utterances = [said(0, (0, 400), (500, 900)), said(2000, (2000, 2400))]
    turns = (Turn(0, 450, 3), Turn(450, 900, 1), Turn(2000, 2400, 3))
    once = attribute(utterances, turns, RATE)
    assert attribute(once, turns, RATE) == once
