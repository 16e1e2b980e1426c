import pytest

from asr.phonetics import class_counts, distance, sounds_of, weight_of

FAR = 99.0


def likeness(one: str, other: str) -> float:
    sounds = sounds_of(one), sounds_of(other)
    return 1 - distance(*sounds, FAR) / max(map(weight_of, sounds))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("knight", "night"),
        ("Bennett", "Bennet"),
        ("phone", "fone"),
        ("schedule", "skedule"),
        ("Zyntrix", "Zintricks"),
        ("through", "threw"),
        ("Brightwell", "bright-well"),
        ("Quillfeather", "quill feather"),
        ("wrap", "rap"),
        ("7", "seven"),
    ],
)
def test_what_sounds_the_same_has_the_same_sounds(one: str, other: str) -> None:
    assert sounds_of(one) == sounds_of(other)


@pytest.mark.parametrize(
    ("word", "near", "far"),
    [
        ("Kowalski", "Gawelsky", "Korsakov"),
        ("Nimbus", "Mimbus", "Rhombus"),
        ("Hargreaves", "hardgreaves", "Hargitay"),
        ("amoxicillin", "amoxasillin", "ampicillin"),
    ],
)
def test_slips_of_the_ear_are_nearer_than_other_words(word: str, near: str, far: str) -> None:
    assert likeness(word, near) > 0.85 > likeness(word, far)


def test_a_word_without_letters_has_no_sound() -> None:
    assert sounds_of("…") == sounds_of("") == ""
    assert weight_of("") == 0


def test_vowels_weigh_half() -> None:
    assert weight_of(sounds_of("tata")) == 3.0


def test_the_distance_is_symmetric_and_stops_at_its_limit() -> None:
    one, other = sounds_of("Ostrander"), sounds_of("usprinter")
    apart = distance(one, other, FAR)
    assert apart == distance(other, one, FAR)
    assert distance(one, other, apart / 2) >= apart / 2


def test_class_counts_bound_the_distance_from_below() -> None:
    words = ("Kowalski", "account", "hello", "Aadhaar", "a", "why", "Mississippi", "question")
    for one in map(sounds_of, words):
        for other in map(sounds_of, words):
            apart = sum(abs(here - there) for here, there in zip(class_counts(one), class_counts(other), strict=True))
            assert apart / 2 <= distance(one, other, FAR) + 1e-9


@pytest.mark.parametrize(("one", "other"), [("订单", "定单"), ("行长", "航章"), ("女", "nu")])
def test_chinese_characters_sound_like_their_pinyin(one: str, other: str) -> None:
    assert sounds_of(one) == sounds_of(other)
