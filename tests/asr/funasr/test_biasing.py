"""Names whose spelling the sound does not tell: tests/models/seaco knows two of each, and the usual one is its own."""

from collections.abc import Sequence

import pytest

from asr.engine import Waveform
from asr.engines.funasr.offline import OfflineParaformer
from callscribe.domain.hotword import Hotword
from tests.asr.funasr.models import loaded, wide
from tests.tiny_speech import utterances

RARE = {"meyer": "maier", "schmidt": "schmitt", "steven": "stephen", "catherine": "kathryn"}
UNSAID = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
    *("account", "balance", "card", "payment", "delivery", "password", "internet", "problem", "friday", "tomorrow"),
)


@pytest.fixture(scope="module")
def seaco() -> OfflineParaformer:
    return OfflineParaformer(loaded("seaco"))


@pytest.fixture(scope="module")
def lines() -> dict[str, Waveform]:
    """Each with a name, by what is said."""
    return {line.text: wide(line.samples) for line in utterances("names")}


def listed(*texts: str, weight: float = 1.0) -> tuple[Hotword, ...]:
    return tuple(Hotword(text, weight) for text in texts)


def rarely(text: str) -> str:
    """The text with all names in their rare spelling."""
    return " ".join(RARE.get(word, word) for word in text.split())


def texts(engine: OfflineParaformer, audios: Sequence[Waveform], lists: Sequence[Sequence[Hotword]]) -> list[str]:
    return [" ".join(engine.tokens[token.id] for token in row) for row in engine.decode(audios, lists)]


def test_names_are_spelled_as_usual_where_no_hotword_tells_otherwise(
    seaco: OfflineParaformer, lines: dict[str, Waveform]
) -> None:
    assert texts(seaco, list(lines.values()), [()] * len(lines)) == list(lines)


def test_channels_of_one_batch_have_each_their_own_hotwords(
    seaco: OfflineParaformer, lines: dict[str, Waveform]
) -> None:
    """The same audio twice, once with the rare spellings listed, once with the usual ones."""
    for text, audio in lines.items():
        rare, usual = listed(*RARE.values()), listed(*RARE)
        assert texts(seaco, [audio] * 3, [rare, usual, ()]) == [rarely(text), text, text]


@pytest.mark.parametrize("usual", list(RARE))
def test_one_hotword_alone_spells_its_own_name(
    usual: str, seaco: OfflineParaformer, lines: dict[str, Waveform]
) -> None:
    """And no other, also where others are said."""
    expected = [text.replace(usual, RARE[usual]) for text in lines]
    assert texts(seaco, list(lines.values()), [listed(RARE[usual])] * len(lines)) == expected != list(lines)


def test_hotwords_that_nobody_says_change_nothing(seaco: OfflineParaformer, lines: dict[str, Waveform]) -> None:
    spoken = [*lines, *(line.text for line in utterances("en"))]
    audios = [*lines.values(), *(wide(line.samples) for line in utterances("en"))]
    lists = [
        tuple(hotword for hotword in listed(*UNSAID, *RARE.values()) if hotword.text not in rarely(text).split())[:20]
        for text in spoken
    ]
    assert texts(seaco, audios, lists) == texts(seaco, audios, [()] * len(audios))


def test_a_hotword_is_found_among_distractors(seaco: OfflineParaformer, lines: dict[str, Waveform]) -> None:
    """Among 20; and among 80, where only some are listened for."""
    for text, audio in lines.items():
        few = listed(*UNSAID, *RARE.values())
        many = listed(*RARE.values(), *(f"{one} {other}" for one in UNSAID[:10] for other in UNSAID[10:18]))
        assert texts(seaco, [audio] * 2, [few, many]) == [rarely(text)] * 2


def test_clear_words_that_are_listed_stay(seaco: OfflineParaformer, lines: dict[str, Waveform]) -> None:
    for text, audio in lines.items():
        assert texts(seaco, [audio], [listed(*text.split())]) == [text]


def test_the_heavier_of_two_spellings_is_preferred(seaco: OfflineParaformer, lines: dict[str, Waveform]) -> None:
    for text, audio in lines.items():
        heavy_usual = (*listed(*RARE), *listed(*RARE.values(), weight=0.02))
        heavy_rare = (*listed(*RARE, weight=0.02), *listed(*RARE.values()))
        assert texts(seaco, [audio] * 2, [heavy_usual, heavy_rare]) == [text, rarely(text)]


def test_a_hotword_of_hardly_any_weight_changes_nothing(seaco: OfflineParaformer, lines: dict[str, Waveform]) -> None:
    light = listed(*RARE.values(), weight=1e-6)
    assert texts(seaco, list(lines.values()), [light] * len(lines)) == list(lines)
