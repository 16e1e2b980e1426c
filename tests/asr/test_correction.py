import pytest

from asr.activity import ActivityModel
from asr.correction import Corrector, corrected
from asr.hearing import Hearing
from asr.lexicon import is_common
from asr.wire.messages import ChannelOptions
from callscribe.domain.hotword import Hotword
from callscribe.domain.transcript import Correction, Final, Word
from tests.asr.fake_engine import FakeEngine
from tests.asr.speech import RATE, first_line

NAMES = ("Zyntrix", "Nimbus Five", "Kowalski", "Quillfeather", "Brightwell", "Penhaligon", "Wiley", "Theresa", "Moore")


def corrector(*hotwords: str, threshold: float = 0.8) -> Corrector:
    return Corrector(map(Hotword, hotwords), threshold, is_common)


def rewritten(text: str, *hotwords: str, threshold: float = 0.8) -> str:
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
    assert rewritten(heard) == meant


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
    assert rewritten(text) == text


def test_every_replacement_is_told_with_its_likeness_and_its_place() -> None:
    text, made = corrector(*NAMES).correct("So, Mimbus five and Zintricks!")
    assert text == "So, Nimbus Five and Zyntrix!"
    assert [(one.first, one.last) for one in made] == [(1, 3), (4, 5)]
    assert [one.correction for one in made] == [
        Correction("Mimbus five", "Nimbus Five", 0.9333),
        Correction("Zintricks", "Zyntrix", 1.0),
    ]


def test_the_threshold_says_how_alike_they_must_sound() -> None:
    assert rewritten("It is Gawelsky.", threshold=0.85) == "It is Kowalski."
    assert rewritten("It is Gawelsky.", threshold=0.95) == "It is Gawelsky."


def test_the_likeliest_hotword_wins() -> None:
    assert rewritten("Ask Tyrington.", "Harrington", "Tarrington") == "Ask Tarrington."


def test_of_what_overlaps_the_likelier_is_taken() -> None:
    assert rewritten("the quill feather list", "Quillfeather", "Fetherlist") == "the Quillfeather list"


def test_words_the_engine_is_sure_of_are_left_unless_they_sound_the_same() -> None:
    text = "It is Gawelsky and Zintricks."
    sure = corrector(*NAMES).correct(text, [0.99] * 5)[0]
    unsure = corrector(*NAMES).correct(text, [0.99, 0.99, 0.4, 0.99, 0.4])[0]
    assert sure == "It is Gawelsky and Zyntrix."
    assert unsure == "It is Kowalski and Zyntrix."


def test_hotwords_of_common_words_are_not_found_in_common_words() -> None:
    text = "Press one to enter a new message, the console is done."
    assert rewritten(text, "pressing", "entering", "messages", "cancel", "tone") == text


@pytest.mark.parametrize("hotword", ["Al", "IO", "  ", "…"])
def test_hotwords_with_little_to_hear_are_not_looked_for(hotword: str) -> None:
    text = "Ell is an eye, oh."
    assert rewritten(text, hotword) == text


SAID = Final(
    channel=0,
    start=0,
    end=1000,
    text="My Mimbus five, Gawelsky.",
    confidence=0.5,
    engine="e",
    words=(
        Word("My", 0, 100, 0.9),
        Word("Mimbus", 200, 500, 0.25),
        Word("five,", 500, 700, 0.75),
        Word("Gawelsky.", 800, 1000, 0.5),
    ),
)
LIST = tuple(map(Hotword, NAMES))


def test_a_final_has_the_hotwords_in_its_text_and_its_words_and_tells_what_was_heard() -> None:
    final = corrected(SAID, LIST, 0.8)
    assert final.text == "My Nimbus Five, Kowalski."
    assert [made.heard for made in final.corrections] == ["Mimbus five", "Gawelsky"]
    assert final.words == (
        Word("My", 0, 100, 0.9),
        Word("Nimbus", 200, 500, 0.5),
        Word("Five,", 500, 700, 0.5),
        Word("Kowalski.", 800, 1000, 0.5),
    )


def test_a_name_torn_apart_becomes_one_word() -> None:
    torn = Final(0, 0, 900, "Ask quill feather!", 0.5, "e", words=tuple(Word(text, 0, 9, 0.5) for text in "abc"))
    words = corrected(torn, LIST, 0.8).words
    assert [word.text for word in words] == ["a", "Quillfeather!"]


def test_without_list_threshold_or_likeness_a_final_is_as_it_was() -> None:
    assert corrected(SAID, (), 0.8) is corrected(SAID, LIST, 0.0) is corrected(SAID, (Hotword("Orvella"),), 0.8) is SAID


def test_a_channels_finals_are_corrected_by_the_list_it_has_at_their_end() -> None:
    engine = FakeEngine(lambda job: "Mister Gawelsky speaking.")
    options = ChannelOptions(channel=0, rate=RATE, hotwords=(Hotword("Orvella"),), correction=0.8)
    hearing = Hearing(options, 0, ActivityModel(), engine)
    for number, hotwords in enumerate((options.hotwords, LIST)):
        hearing.hotwords = hotwords
        hearing.hear(number * len(first_line()), first_line())
        while tasks := hearing.final_tasks(1):
            hearing.settle(tasks[0], *engine.decode([tasks[0].job]))
    finals = [event for event in hearing.events if isinstance(event, Final)]
    assert [final.text for final in finals] == ["Mister Gawelsky speaking.", "Mister Kowalski speaking."]
    assert [[made.phrase for made in final.corrections] for final in finals] == [[], ["Kowalski"]]


@pytest.mark.parametrize(
    ("heard", "meant"),
    [
        ("我要查定单。", "我要查订单。"),
        ("你好 benit 再见", "你好 Bennett 再见"),
        ("查一下 订单", "查一下 订单"),
        ("我要钉蛋壳", "我要订单壳"),
        ("我要顶单了", "我要订单了"),
        ("我要传单", "我要传单"),
        ("定。单", "定。单"),
    ],
)
def test_chinese_hotwords_are_found_by_their_pinyin(heard: str, meant: str) -> None:
    assert rewritten(heard, "订单", "Bennett") == meant


def test_the_characters_of_a_chinese_hotword_take_the_places_of_those_that_were_heard() -> None:
    words = tuple(Word(text, place * 800, place * 800 + 800, 0.5) for place, text in enumerate(("查", "定", "单。")))
    final = corrected(Final(0, 0, 2400, "查定单。", 0.5, "e", "zh", words), (Hotword("订单"),), 0.8)
    assert final.corrections == (Correction("定单", "订单", 1.0),)
    assert [(word.text, word.start, word.end) for word in final.words] == [
        ("查", 0, 800),
        ("订", 800, 1600),
        ("单。", 1600, 2400),
    ]
