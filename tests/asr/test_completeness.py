import pytest

from asr.completeness import SpeakerHabit, completeness

LOW, LEVEL = -7.0, 0.0


@pytest.mark.parametrize(
    ("text", "clue"),
    [
        ("Please enter your password,", "Please enter your password."),
        ("Please enter your", "Please enter it."),
        ("The number is 4 2", "The number is wrong."),
        ("My number is five seven", "My number is right."),
        ("If you know the extension.", "You know the extension."),
        ("Thank you. To leave the conference", "Thank you. You leave the conference."),
    ],
)
def test_words_that_want_more_speak_against_an_end(text: str, clue: str) -> None:
    assert completeness(text, LOW) < completeness(clue, LOW)


def test_only_the_last_sentence_counts() -> None:
    assert completeness("If so, press one. Thank you.", LOW) == completeness("Thank you.", LOW)


def test_a_clause_with_its_main_clause_is_complete() -> None:
    assert completeness("If this is wrong, hang up.", LOW) == completeness("This is wrong, hang up.", LOW)
    assert completeness("If this is wrong.", LOW) < completeness("This is wrong.", LOW)


def test_no_single_clue_outweighs_a_fallen_voice_but_two_do() -> None:
    assert completeness("If this is wrong.", LOW) > 0 > completeness("If this is wrong,", LOW / 2)


def test_a_fallen_voice_speaks_for_an_end() -> None:
    assert completeness("Your call cannot be completed.", LOW) > 0
    assert completeness("Your call cannot be completed.", LEVEL) < 0


@pytest.mark.parametrize(
    "text", ["Are all the lights green?", "How are you?", "When does it start?", "Will I have to pay for the visit?"]
)
def test_a_question_is_an_end_though_the_voice_rises(text: str) -> None:
    assert completeness(text, -LOW) > 0


def test_where_nothing_was_said_nothing_is_waited_for() -> None:
    assert SpeakerHabit().done(completeness("", LEVEL))
    assert SpeakerHabit().done(completeness("...", LEVEL))


def test_it_learns_how_a_speaker_ends_whose_voice_does_not_fall() -> None:
    habit, late = SpeakerHabit(), 0
    for _ in range(100):
        done = habit.done(-3.0)
        habit.ended(foreseen=done)
        late += not done
    assert late <= 15
    assert not habit.done(-4.0)


def test_a_speaker_whose_ends_are_clear_is_not_waited_for_longer() -> None:
    habit = SpeakerHabit()
    for _ in range(40):
        habit.ended(foreseen=True)
    assert habit.done(0.0)
    assert not habit.done(-0.1)


def test_what_it_learns_has_bounds() -> None:
    habit = SpeakerHabit()
    for _ in range(1000):
        habit.ended(foreseen=False)
    assert habit.done(-6.0)
    assert not habit.done(-6.1)
