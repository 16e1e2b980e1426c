"""Which of several texts is taken, by what the recogniser and a language model say of them."""

from collections.abc import Sequence

import pytest

from asr.rescoring import Hypothesis, Rescorer


class Lexicon:
    """A language model that is told what it thinks, and keeps what it was asked."""

    def __init__(self, **known: float) -> None:
        self.known = known
        self.asked: list[tuple[str, ...]] = []

    def log_probabilities(self, texts: Sequence[str]) -> tuple[float, ...]:
        self.asked.append(tuple(texts))
        return tuple(self.known[text] for text in texts)


@pytest.mark.parametrize(("weight", "best"), [(0.0, 0), (0.04, 0), (0.06, 1), (1.0, 1)])
def test_the_weight_says_how_much_the_language_model_counts(weight: float, best: int) -> None:
    # A token: 0.1 worse by the recogniser, 2 better by the language model.
    hypotheses = [Hypothesis("collar", -0.2, 5), Hypothesis("caller", -0.3, 5)]
    assert Rescorer(Lexicon(collar=-20.0, caller=-10.0), weight, 2).best(hypotheses) == best


def test_a_text_is_not_better_because_it_has_more_or_fewer_tokens() -> None:
    lexicon = Lexicon(long=-40.0, short=-30.0)
    for hypotheses in (
        [Hypothesis("long", -0.2, 8), Hypothesis("short", -0.2, 6)],
        [Hypothesis("short", -0.2, 6), Hypothesis("long", -0.2, 8)],
    ):
        assert Rescorer(lexicon, 1.0, 2).best(hypotheses) == 0


def test_a_text_that_leaves_out_a_sentence_is_no_rival() -> None:
    lexicon = Lexicon(both=-100.0, one=-1.0)
    hypotheses = [Hypothesis("both", -0.2, 16), Hypothesis("one", -0.3, 6)]
    assert Rescorer(lexicon, 1.0, 2).best(hypotheses) == 0
    assert lexicon.asked == [("both",)]


def test_a_word_more_or_less_makes_a_rival_even_of_a_short_text() -> None:
    hypotheses = [Hypothesis("yes", -0.3, 4), Hypothesis("no", -0.3, 2)]
    assert Rescorer(Lexicon(yes=-40.0, no=-2.0), 1.0, 2).best(hypotheses) == 1


def test_texts_that_come_twice_are_asked_about_once_and_of_equals_the_first_is_taken() -> None:
    lexicon = Lexicon(same=-5.0)
    hypotheses = [Hypothesis("same", -0.3, 2), Hypothesis("same", -0.3, 2)]
    assert Rescorer(lexicon, 1.0, 2).best(hypotheses) == 0
    assert lexicon.asked == [("same",)]
