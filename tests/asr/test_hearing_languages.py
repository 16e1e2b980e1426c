"""A channel in whose utterances the language is found out: when it is asked, told, and what is decoded and shown."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from asr.activity import ActivityModel
from asr.engine import ENGINE_RATE, Waveform
from asr.hearing import Hearing
from asr.identification import IdentifiedLanguage
from asr.wire.messages import ChannelOptions
from callscribe.domain.errors import RecognitionError
from callscribe.domain.language import UNKNOWN
from callscribe.domain.transcript import Final, Partial
from tests.asr.fake_engine import FakeEngine
from tests.asr.speech import RATE, first_line, silence

CHUNK = RATE // 10
OPTIONS = ChannelOptions(channel=1, rate=RATE, language=UNKNOWN, update_ms=200, languages=("en", "zh"))


class Model:
    """Takes one utterance after another for a language, told by how often it is asked."""

    def __init__(self, *languages: str) -> None:
        self.languages = list(languages)
        self.heard: list[float] = []
        """Seconds."""

    def identify(self, audio: Waveform) -> Mapping[str, float]:
        self.heard.append(len(audio) / ENGINE_RATE)
        if not self.languages:
            raise RecognitionError("asked too often")
        return {self.languages.pop(0): 1.0}


@pytest.fixture(scope="module")
def ears() -> ActivityModel:
    return ActivityModel()


def listen(
    ears: ActivityModel, model: Model | None, options: ChannelOptions = OPTIONS, engine: FakeEngine | None = None
) -> Hearing:
    """A channel on which a line of 3.3 s is said twice."""
    engine = engine or FakeEngine()
    hearing = Hearing(options, 0, ears, engine, model)
    said: NDArray[np.int16] = np.concatenate([first_line(), silence(1.0), first_line(), silence(1.0)])
    for start in range(0, len(said), CHUNK):
        hearing.hear(start, said[start : start + CHUNK])
        while tasks := hearing.final_tasks(1):
            hearing.settle(tasks[0], engine.decode([tasks[0].job])[0])
        if hearing.overdue >= 1 and (task := hearing.partial_task()):
            hearing.settle(task, engine.decode([task.job])[0])
    return hearing


def test_the_language_is_told_before_anything_is_shown_and_before_each_final(ears: ActivityModel) -> None:
    hearing = listen(ears, Model("zh", "en"))

    kinds = [type(event) for event in hearing.events]
    finals = [event for event in hearing.events if isinstance(event, Final)]
    found = [event for event in hearing.events if isinstance(event, IdentifiedLanguage)]
    assert kinds[0] is IdentifiedLanguage
    assert [(one.start, one.language) for one in found] == [(finals[0].start, "zh"), (finals[1].start, "en")]
    assert kinds.index(Final) > kinds.index(IdentifiedLanguage)
    assert kinds.index(Final, kinds.index(Final) + 1) > len(kinds) - 1 - kinds[::-1].index(IdentifiedLanguage)
    assert [final.language for final in finals] == ["zh", "en"]


def test_the_first_seconds_of_an_utterance_are_enough(ears: ActivityModel) -> None:
    model = Model("en", "en")
    listen(ears, model)

    assert len(model.heard) == 2
    assert all(1.5 <= seconds <= 2.7 for seconds in model.heard)


def test_partials_of_a_party_whose_language_is_known_do_not_wait_for_it(ears: ActivityModel) -> None:
    unknown = listen(ears, Model("en", "en"))
    known = listen(ears, Model("en", "en"), replace(OPTIONS, spoken="en"))

    def first(hearing: Hearing) -> float:
        partials = [event for event in hearing.events if isinstance(event, Partial)]
        return (partials[0].end - partials[0].start) / RATE

    assert first(known) < 0.5
    assert first(unknown) >= 1.5


def test_an_engine_is_asked_for_no_language_that_it_does_not_know(ears: ActivityModel) -> None:
    engine = FakeEngine()
    listen(ears, Model("zh", "en"), engine=engine)

    assert {job.language for batch in engine.batches for job in batch} == {"en"}


def test_nobody_is_told_where_no_other_engine_waits_but_finals_say_it(ears: ActivityModel) -> None:
    engine = FakeEngine()
    engine.capabilities = replace(engine.capabilities, languages=("en", "zh"))
    hearing = listen(ears, Model("zh", "en"), replace(OPTIONS, languages=()), engine)

    assert not [event for event in hearing.events if isinstance(event, IdentifiedLanguage)]
    assert [event.language for event in hearing.events if isinstance(event, Final)] == ["zh", "en"]
    languages = [job.language for batch in engine.batches for job in batch]
    assert (languages[-1], languages.count("zh") > 3) == ("en", True)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_nothing_is_asked_where_the_language_is_set(ears: ActivityModel, language: str) -> None:
    model = Model()
    listen(ears, model, replace(OPTIONS, language=language))

    assert model.heard == []


def test_nothing_is_asked_where_the_engine_alone_finds_out(ears: ActivityModel) -> None:
    model, engine = Model(), FakeEngine()
    engine.capabilities = replace(engine.capabilities, identifies_language=True)
    listen(ears, model, replace(OPTIONS, languages=()), engine)

    assert model.heard == []
    assert {job.language for batch in engine.batches for job in batch} == {UNKNOWN}
