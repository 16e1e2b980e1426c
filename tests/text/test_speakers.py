"""Texts cut where their speaker changes: exact texts."""

from dataclasses import replace
from uuid import UUID

import pytest

from callscribe.domain.speaker import SpeakerTurn
from callscribe.domain.transcript import Final, Revision, Word
from callscribe.domain.utterance import Utterance
from callscribe.text.speakers import pieces, timed_units

ID = UUID(int=7)


def words(text: str, step: int = 1000) -> tuple[Word, ...]:
    """One every `step` samples, without pauses."""
    return tuple(Word(word, at * step, (at + 1) * step, 0.9) for at, word in enumerate(text.split()))


def utterance(text: str, heard: tuple[Word, ...] = (), *turns: SpeakerTurn) -> Utterance:
    return Utterance(ID, Final(0, 0, 8000, text, 0.9, "moonshine", words=heard), turns=turns)


def revised(before: Utterance, text: str, heard: tuple[Word, ...] = ()) -> Utterance:
    revision = Revision(ID, text, 0.9, "whisper", "second-pass", heard)
    return replace(before, revisions=(*before.revisions, revision))


def cut(said: Utterance) -> list[tuple[int, str]]:
    return [(piece.turn.speaker, piece.text) for piece in pieces(said)]


TWO = (SpeakerTurn(1, 0, 5000), SpeakerTurn(2, 5000, 8000))
SAID = "Can I help? Yes please do it now"


def test_a_text_is_cut_at_the_first_word_that_another_speaker_says() -> None:
    said = utterance(SAID, words(SAID), SpeakerTurn(1, 0, 3000), SpeakerTurn(2, 3000, 8000))
    assert cut(said) == [(1, "Can I help?"), (2, "Yes please do it now")]


def test_who_was_not_told_apart_has_no_pieces() -> None:
    assert pieces(utterance(SAID, words(SAID))) == ()


def test_one_speaker_has_the_whole_text() -> None:
    assert cut(utterance(SAID, words(SAID), SpeakerTurn(3, 0, 8000))) == [(3, SAID)]


def test_a_later_text_with_its_own_times_is_cut_by_these() -> None:
    said = revised(
        utterance("can I help yes", words("can I help yes"), *TWO),
        "Can I help you? Yes.",
        words("Can I help you? Yes.", 1250),
    )
    assert cut(said) == [(1, "Can I help you?"), (2, "Yes.")]


def test_a_persons_text_without_times_takes_those_of_the_words_that_it_keeps() -> None:
    heard = "can eye help yes please thanks"
    said = revised(
        utterance(heard, words(heard), SpeakerTurn(1, 0, 3000), SpeakerTurn(2, 3000, 8000)),
        "Can I really help? Yes, please. Thanks.",
    )
    assert cut(said) == [(1, "Can I really help?"), (2, "Yes, please. Thanks.")]


def test_a_figure_has_the_time_of_the_words_that_it_stands_for() -> None:
    heard = words("it costs twenty five dollars oh that is")
    said = utterance("It costs $25. Oh, that is", heard, *TWO)
    assert cut(said) == [(1, "It costs $25."), (2, "Oh, that is")]
    assert [(unit.start, unit.end) for unit in timed_units(said)][2] == (2000, 5000)


def test_a_text_without_any_times_is_cut_by_its_share_of_the_time() -> None:
    assert cut(utterance("one two three four five six seven eight", (), *TWO)) == [
        (1, "one two three four five"),
        (2, "six seven eight"),
    ]


def test_a_text_of_a_script_without_blanks_is_cut_between_characters() -> None:
    heard = (Word("你好", 0, 2000, 0.9), Word("我要", 2000, 4000, 0.9), Word("退款", 4000, 8000, 0.9))
    said = utterance("你好，我要退款。", heard, SpeakerTurn(1, 0, 2000), SpeakerTurn(2, 2000, 8000))
    assert cut(said) == [(1, "你好，"), (2, "我要退款。")]


@pytest.mark.parametrize("text", ["", "  "])
def test_a_text_that_was_taken_away_has_no_pieces(text: str) -> None:
    assert pieces(revised(utterance(SAID, words(SAID), *TWO), text)) == ()


def test_a_turn_without_a_word_gives_no_piece_and_nothing_is_lost() -> None:
    said = utterance("yes", words("yes"), SpeakerTurn(2, 0, 4000), SpeakerTurn(1, 4000, 8000))
    assert cut(said) == [(2, "yes")]


def test_a_word_that_comes_twice_is_cut_where_it_was_said() -> None:
    text = "no no no yes no no"
    said = utterance(text, words(text), SpeakerTurn(1, 0, 2000), SpeakerTurn(2, 2000, 4000), SpeakerTurn(1, 4000, 8000))
    assert cut(said) == [(1, "no no"), (2, "no yes"), (1, "no no")]
