"""What counts as a changed word."""

from benchmarks.stability import Flicker, Text, flicker_of_committed, flicker_of_shown


def text(words: str, committed: int = 0) -> Text:
    return Text(words.split(), committed)


def test_text_that_only_grows_does_not_flicker() -> None:
    counts = flicker_of_shown([text("please"), text("please hold")], ["please", "hold", "on"])
    assert counts == Flicker(final_words=3, appeared=2)


def test_a_word_replaced_in_the_middle_is_one_change_and_erases_all_after_it() -> None:
    counts = flicker_of_shown([text("log on to the line")], ["log", "in", "to", "the", "line"])
    assert (counts.changed, counts.erased) == (1, 4)
    assert counts.unstable_word_ratio == 1 / 5
    assert counts.normalised_erasure == 4 / 5


def test_a_word_inserted_before_others_changes_none_of_them() -> None:
    assert flicker_of_shown([text("two three")], ["one", "two", "three"]).changed == 0


def test_only_committed_words_count_for_committed_text() -> None:
    counts = flicker_of_committed(
        [text("please hole", 1), text("please hold the lime", 3)], ["please", "hold", "the", "line"]
    )
    assert (counts.appeared, counts.changed) == (3, 0)


def test_a_committed_word_that_the_final_does_not_have_has_changed() -> None:
    counts = flicker_of_committed([text("log on", 2)], ["log", "in"])
    assert (counts.appeared, counts.changed, counts.changed_share) == (2, 1, 0.5)


def test_a_committed_word_that_becomes_tentative_but_stays_has_not_changed_and_appears_once() -> None:
    counts = flicker_of_committed(
        [text("press one", 2), text("press one to"), text("press one to", 3)], ["press", "one", "to"]
    )
    assert (counts.appeared, counts.changed) == (3, 0)


def test_a_committed_word_that_vanishes_and_comes_back_has_changed_once() -> None:
    counts = flicker_of_committed([text("press one", 2), text("press"), text("press one")], ["press", "one"])
    assert (counts.appeared, counts.changed) == (2, 1)
