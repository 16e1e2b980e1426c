import pytest

from asr.correction import Corrector
from asr.lexicon import is_common
from callscribe.domain.hotword import Hotword
from callscribe.domain.transcript import Correction

NAMES = ("Zyntrix", "Nimbus Five", "Kowalski", "Quillfeather", "Brightwell", "Penhaligon", "Wiley", "Theresa", "Moore")


def corrector(*hotwords: str, threshold: float = 0.8) -> Corrector:
    return Corrector(map(Hotword, hotwords), threshold, is_common)


def corrected(text: str, *hotwords: str, threshold: float = 0.8) -> str:
    return corrector(*(hotwords or NAMES), threshold=threshold).correct(text)[0]


@pytest.mark.parametrize(
    ("heard", "meant"),
    [
        ("I am calling about Zintricks, can you help?", "I am calling about Zyntrix, can you help?"),
        ("Is that Gawelsky's order?", "Is that Kowalski's order?"),
        ("My Mimbus five is broken.", "My Nimbus Five is broken."),
        ("Ask for quill feather, please.", "Ask for Quillfeather, please."),
        ("Bright well has it.", "Brightwell has it."),
        ("Pinthaligan and Gawelsky.", "Penhaligon and Kowalski."),
    ],
)
def test_what_sounds_like_a_hotword_is_written_as_it(heard: str, meant: str) -> None:
    assert corrected(heard) == meant


@pytest.mark.parametrize(
    "text",
    [
        "",
        "…",
        "I waited a while I think.",
        "There is a problem and more to come.",
        "The light was bright. Well, not very.",
        "Kowalski on Monday, Zyntrix's box, and the nimbus five.",
    ],
)
def test_words_that_are_likely_to_be_right_stay(text: str) -> None:
    assert corrected(text) == text


def test_every_replacement_is_told_with_its_likeness_and_its_place() -> None:
    text, made = corrector(*NAMES).correct("So, Mimbus five and Zintricks!")
    assert text == "So, Nimbus Five and Zyntrix!"
    assert [(one.first, one.last) for one in made] == [(1, 3), (4, 5)]
    assert [one.correction for one in made] == [
        Correction("Mimbus five", "Nimbus Five", 0.9333),
        Correction("Zintricks", "Zyntrix", 1.0),
    ]


def test_the_threshold_says_how_alike_they_must_sound() -> None:
    assert corrected("It is Gawelsky.", threshold=0.85) == "It is Kowalski."
    assert corrected("It is Gawelsky.", threshold=0.95) == "It is Gawelsky."


def test_the_likeliest_hotword_wins() -> None:
    assert corrected("Ask Tyrington.", "Harrington", "Tarrington") == "Ask Tarrington."


def test_of_what_overlaps_the_likelier_is_taken() -> None:
    assert corrected("the quill feather list", "Quillfeather", "Fetherlist") == "the Quillfeather list"


def test_words_the_engine_is_sure_of_are_left_unless_they_sound_the_same() -> None:
    text = "It is Gawelsky and Zintricks."
    sure = corrector(*NAMES).correct(text, [0.99] * 5)[0]
    unsure = corrector(*NAMES).correct(text, [0.99, 0.99, 0.4, 0.99, 0.4])[0]
    assert sure == "It is Gawelsky and Zyntrix."
    assert unsure == "It is Kowalski and Zyntrix."


def test_hotwords_of_common_words_are_not_found_in_common_words() -> None:
    text = "Press one to enter a new message, the console is done."
    assert corrected(text, "pressing", "entering", "messages", "cancel", "tone") == text


@pytest.mark.parametrize("hotword", ["Al", "IO", "  ", "…"])
def test_hotwords_with_little_to_hear_are_not_looked_for(hotword: str) -> None:
    text = "Ell is an eye, oh."
    assert corrected(text, hotword) == text
