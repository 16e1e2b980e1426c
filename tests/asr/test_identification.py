"""Which language is spoken, by what a model says of each utterance and what was spoken before."""

from collections.abc import Mapping

import numpy as np
import pytest

from asr.engine import ENGINE_RATE, Waveform
from asr.identification import ChannelLanguage, believed
from callscribe.domain.errors import RecognitionError

SECOND = ENGINE_RATE


class Model:
    """Says of each audio what it is told to, and remembers how much it heard."""

    def __init__(self, *english: float) -> None:
        """Of one question after another, the chance of English; the rest is Chinese."""
        self.english = list(english)
        self.heard: list[float] = []
        """Seconds."""

    def identify(self, audio: Waveform) -> Mapping[str, float]:
        self.heard.append(len(audio) / SECOND)
        chance = self.english.pop(0)
        return {"en": chance, "zh": 1.0 - chance}


def say(channel: ChannelLanguage, start_s: float, seconds: float, *, ended: bool = True) -> bool:
    """A party speaks for so long."""
    speech = int(seconds * SECOND)
    return channel.follow(int(start_s * SECOND), speech, np.zeros(speech, np.float32), ended=ended)


def test_what_was_spoken_before_is_likelier() -> None:
    before = {"en": 0.99, "zh": 0.01}

    assert believed(before, {"en": 0.5, "zh": 0.5})["en"] == pytest.approx(0.794, abs=1e-3)
    assert believed(before, {"en": 0.2, "zh": 0.8})["zh"] == pytest.approx(0.5, abs=1e-3)
    assert believed(before, {"en": 0.02, "zh": 0.98})["zh"] == pytest.approx(0.895, abs=1e-3)


def test_what_is_taken_for_another_language_counts_for_all_alike() -> None:
    heard = believed({"en": 0.5, "zh": 0.5}, {"de": 0.9, "en": 0.08, "zh": 0.02})

    assert heard == {"en": pytest.approx(0.529, abs=1e-3), "zh": pytest.approx(0.471, abs=1e-3)}
    noise = believed({"en": 0.99, "zh": 0.01}, {"de": 0.9, "zh": 0.004, "en": 0.0001})
    assert noise["en"] == pytest.approx(0.792, abs=1e-3)
    assert believed({"en": 0.7, "zh": 0.3}, {}) == {"en": 0.7, "zh": 0.3}
    assert believed({"en": 1.0}, {"en": 0.1, "zh": 0.9}) == {"en": 1.0}


def test_no_model_is_believed_without_a_doubt() -> None:
    assert believed({"en": 0.5, "zh": 0.5}, {"en": 1.0, "zh": 0.0})["zh"] == pytest.approx(0.01)


def test_the_language_is_asked_for_once_there_are_the_first_seconds() -> None:
    model = Model(0.02)
    channel = ChannelLanguage(model, ("en", "zh"))

    assert channel.awaited(SECOND)
    assert not say(channel, 0, 1.0, ended=False)
    assert say(channel, 0, 1.6, ended=False)
    assert (channel.language, model.heard) == ("zh", [1.6])
    assert channel.probability == pytest.approx(0.97, abs=1e-3)
    assert not channel.awaited(0)
    assert not say(channel, 0, 5.0)


def test_nothing_is_asked_where_one_language_only_may_be_spoken() -> None:
    channel = ChannelLanguage(Model(), ("en",))

    assert not channel.awaited(0)
    assert not say(channel, 0, 5.0)
    assert (channel.language, channel.probability) == ("en", 1.0)


def test_until_something_is_found_out_it_is_the_first_of_the_languages() -> None:
    assert ChannelLanguage(Model(), ("zh", "en")).language == "zh"
    assert ChannelLanguage(Model(), ("zh", "en"), "en").language == "en"
    assert ChannelLanguage(Model(), ("zh", "en"), "de").language == "zh"


def test_a_first_word_is_asked_about_however_short() -> None:
    channel = ChannelLanguage(Model(0.05), ("en", "zh"))

    assert say(channel, 0, 0.4)
    assert channel.language == "zh"


def test_short_utterances_do_not_change_the_language() -> None:
    model = Model(0.98)
    channel = ChannelLanguage(model, ("en", "zh"))
    assert say(channel, 0, 2.0)

    assert not say(channel, 5, 0.3)
    assert not say(channel, 6, 0.9)
    assert (channel.language, len(model.heard)) == ("en", 1)


def test_who_changes_language_is_followed_at_once_where_the_model_is_sure() -> None:
    channel = ChannelLanguage(Model(0.99, 0.01, 0.99), ("en", "zh"))

    said = []
    for number in range(3):
        say(channel, 5 * number, 2.0)
        said.append(channel.language)
    assert said == ["en", "zh", "en"]


@pytest.mark.parametrize("others", [0, 6, 98])
def test_many_languages_are_as_easy_to_change_between_as_two(others: int) -> None:
    languages = ("en", "zh", *(f"x{number}" for number in range(others)))
    channel = ChannelLanguage(Model(0.99, 0.01, 0.12, 0.99), languages)

    said = []
    for number in range(4):
        say(channel, 5 * number, 2.0)
        said.append(channel.language)
    assert said == ["en", "zh", "zh", "en"]


def test_where_it_is_not_the_second_utterance_convinces() -> None:
    channel = ChannelLanguage(Model(0.99, 0.12, 0.12), ("en", "zh"))

    said = []
    for number in range(3):
        say(channel, 5 * number, 1.5)
        said.append(channel.language)
    assert said == ["en", "en", "zh"]


def test_who_is_not_sure_is_asked_again_when_there_is_twice_as_much_and_at_the_end() -> None:
    model = Model(0.4, 0.45, 0.1)
    channel = ChannelLanguage(model, ("en", "zh"))

    for seconds in (1.5, 2.0, 2.9, 3.0, 3.5):
        say(channel, 0, seconds, ended=False)
    say(channel, 0, 4.0)
    assert model.heard == [1.5, 3.0, 4.0]
    assert channel.language == "zh"
    assert channel.probability == pytest.approx(0.892, abs=1e-3)


def test_the_same_speech_counts_once() -> None:
    """What is heard of an utterance is weighed against the one before, and not against its own beginning."""
    once, twice = ChannelLanguage(Model(0.3), ("en", "zh"), "en"), ChannelLanguage(Model(0.3, 0.3), ("en", "zh"), "en")
    say(once, 0, 3.0)
    say(twice, 0, 1.5, ended=False)
    say(twice, 0, 3.0)

    assert twice.probability == once.probability


def test_an_utterance_that_goes_on_after_a_short_word_is_asked_about_again() -> None:
    model = Model(0.99, 0.01)
    channel = ChannelLanguage(model, ("en", "zh"), "en")

    say(channel, 0, 1.2)
    say(channel, 0, 3.0)
    assert (channel.language, model.heard) == ("zh", [1.2, 3.0])


class BrokenModel:
    """Fails on whatever it is asked."""

    def identify(self, audio: Waveform) -> Mapping[str, float]:
        raise RecognitionError("the model failed")


def test_where_the_model_fails_the_language_stays() -> None:
    channel = ChannelLanguage(BrokenModel(), ("en", "zh"), "zh")

    assert not say(channel, 0, 3.0)
    assert channel.language == "zh"
