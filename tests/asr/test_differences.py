from asr.differences import differences
from callscribe.domain.transcript import Word


def words_of(text: str) -> tuple[Word, ...]:
    return tuple(Word(word, 800 * place, 800 * place + 700, 0.9) for place, word in enumerate(text.split()))


def texts(first: str, second: str) -> list[str]:
    """The second text with each of the places in the first's words."""
    words = words_of(second)
    return [" ".join(word.text for word in place.within(words)) for place in differences(words_of(first), words)]


def test_each_place_is_a_difference_of_its_own() -> None:
    assert texts("press dar two times now", "press star for times, now.") == ["press dar two times, now."]
    assert texts("press dar and hold the lime", "Press star and hold the line.") == [
        "Press dar and hold the line.",
        "Press star and hold the lime.",
    ]


def test_a_place_says_where_the_second_texts_words_stand() -> None:
    (place,) = differences(words_of("to check voice mail now"), words_of("Well, to check voicemail now"))
    assert (place.start, place.end) == (3, 4)
    assert [word.text for word in place.words] == ["voice", "mail"]


def test_the_last_of_several_is_put_in_first() -> None:
    words = words_of("press dart and hold the line")
    for place in reversed(differences(words_of("press the star and hold the mine"), words)):
        words = place.within(words)
    assert " ".join(word.text for word in words) == "press the star and hold the mine"


def test_marks_and_capitals_are_no_difference_nor_are_words_that_one_text_lacks() -> None:
    assert texts("press star. Now", "Press star, now!") == []
    assert texts("press the star key", "press star key") == []
    assert texts("press star", "press star key") == []
