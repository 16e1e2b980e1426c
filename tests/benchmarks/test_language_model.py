"""The n-grams that the benchmark makes of texts: chances that add up to one, in a file that is read back."""

from pathlib import Path

import pytest

from asr.ngrams import BEGIN, END, UNKNOWN_WORD, NgramModel, read_arpa
from benchmarks.language_model import trained

SENTENCES = [["press", "four"], ["press", "four", "now"], ["press", "the", "pound", "key"]]
WORDS = ["press", "four", "now", "the", "pound", "key", END, UNKNOWN_WORD]


@pytest.fixture
def model(tmp_path: Path) -> NgramModel:
    path = tmp_path / "model.arpa"
    path.write_text(trained(SENTENCES))
    return read_arpa(path)


@pytest.mark.parametrize("before", ["", BEGIN, f"{BEGIN} press", "press four", "the pound", "key now", "four never"])
def test_what_may_follow_has_a_chance_of_one_together(model: NgramModel, before: str) -> None:
    history = [model._words.get(word) for word in before.split()]
    chances = [10 ** model._log10_after(history, model._words[word]) for word in WORDS]
    assert sum(chances) == pytest.approx(1.0, abs=1e-5)


def test_a_text_of_its_kind_is_more_probable_than_another_order_of_its_words(model: NgramModel) -> None:
    said, never = model.log_probabilities(["Press four now.", "Now four press."])
    assert said > never + 3.0
