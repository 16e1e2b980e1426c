"""Where the words of a search stand in a text."""

from callscribe.domain.search import AllOf, AnyOf, Near, Not, Phrase, Term, Word
from callscribe.domain.transcript import Word as SaidWord
from callscribe.text.highlights import first_said, highlights
from callscribe.text.matching import Slot

TEXT = "I can't pay the card, the blue card. 订单很多"


def marked(term: Term, text: str = TEXT, **alike: tuple[str, ...]) -> list[str]:
    spellings = {Slot(word, fuzzy=True): words for word, words in alike.items()}
    return [text[start:end] for start, end in highlights(term, text, spellings)]


def test_words_and_phrases_are_marked_wherever_they_stand() -> None:
    assert marked(Word("CARD")) == ["card", "card"]
    assert marked(Word("can't")) == ["can't"]
    assert marked(Word("ca", prefix=True)) == ["can't", "card", "card"]
    assert marked(Phrase((Word("the"), Word("card")))) == ["the card"]
    assert marked(Word("订单")) == ["订单"]
    assert marked(Word("crad", fuzzy=True), crad=("crad", "card")) == ["card", "card"]


def test_what_is_excluded_is_not_marked_and_of_alternatives_all() -> None:
    assert marked(AllOf((Word("pay"), Not(Word("card"))))) == ["pay"]
    assert marked(AnyOf((Word("blue"), Word("pay")))) == ["pay", "blue"]


def test_near_marks_only_what_is_near() -> None:
    assert marked(Near(Word("card"), Word("blue"), 1)) == ["blue", "card"]
    assert marked(Near(Word("pay"), Word("blue"), 3)) == []
    assert marked(Near(Word("pay"), Word("blue"), 4)) == ["pay", "blue"]


def test_marks_that_touch_or_overlap_are_one() -> None:
    assert marked(AnyOf((Phrase((Word("the"), Word("blue"))), Phrase((Word("blue"), Word("card")))))) == [
        "the blue card"
    ]


WORDS = tuple(
    SaidWord(word, 100 * place, 100 * place + 50, 0.9) for place, word in enumerate(["pay", "two", "hundred", "now"])
)


def test_the_first_wanted_word_tells_where_to_play_from() -> None:
    def start(term: Term) -> int | None:
        said = first_said(term, "pay 200 now", WORDS, {})
        return None if said is None else said.start

    assert start(Word("now")) == 300
    assert start(Phrase((Word("two"), Word("hundred")))) == 100
    assert start(Word("200")) == 100
    assert start(Word("missing")) is None
    assert first_said(Word("now"), "pay 200 now", (), {}) is None
