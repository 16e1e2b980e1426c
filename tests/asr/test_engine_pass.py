"""A second pass by an engine of the live kind, here the packaged one."""

import json
from pathlib import Path

import numpy as np
import pytest

from asr.engine import ENGINE_RATE, Decoding, DecodingJob
from asr.engine_pass import EnginePass
from asr.files import read_audio
from asr.settings import RecognizerSettings
from callscribe.domain.errors import EngineUnavailable, RecognitionError
from callscribe.domain.hotword import Hotword
from tests.asr.fake_engine import FakeEngine
from tests.wer import word_error_rate

MEDIA = Path(__file__).parents[2] / "callscribe" / "cli" / "media"
RATE = 8000


@pytest.fixture(scope="module")
def moonshine() -> EnginePass:
    return EnginePass(RecognizerSettings(), cpu_share=100.0)


def turns_of(channel: int) -> list[dict[str, str | int]]:
    turns: list[dict[str, str | int]] = json.loads((MEDIA / "demo-call.json").read_text())["turns"]
    return [turn for turn in turns if turn["channel"] == channel]


def spans_of(channel: int) -> list[tuple[int, int]]:
    return [(int(turn["start_ms"]) * 8, int(turn["end_ms"]) * 8) for turn in turns_of(channel)]


def test_each_utterance_gets_its_own_words_at_their_places(moonshine: EnginePass) -> None:
    call = read_audio(MEDIA / "demo-call.wav")
    spans = spans_of(1)
    texts = moonshine.revise(call.channels[1], call.rate, spans)
    said = [str(turn["text"]) for turn in turns_of(1)]
    assert word_error_rate(said, [text.text if text else "" for text in texts]) <= 0.08
    for (start, end), text in zip(spans, texts, strict=True):
        assert text is not None
        places = [place for word in text.words for place in (word.start, word.end)]
        assert places == sorted(places)
        assert start <= places[0] <= start + RATE
        assert end - RATE <= places[-1] <= end


def test_hotwords_reach_the_decoder(moonshine: EnginePass) -> None:
    call = read_audio(MEDIA / "demo-call.wav")
    spans = [next(span for span, turn in zip(spans_of(1), turns_of(1), strict=True) if "Bennett" in str(turn["text"]))]
    plain, preferred = (
        moonshine.revise(call.channels[1], call.rate, spans, hotwords=words)[0]
        for words in ((), (Hotword("Benett", 4.0),))
    )
    assert plain is not None
    assert "Benett" not in plain.text
    assert preferred is not None
    assert "Benett" in preferred.text


def test_where_nothing_was_said_the_first_text_is_kept(moonshine: EnginePass) -> None:
    assert moonshine.revise(np.zeros(4 * RATE, np.int16), RATE, [(RATE, 2 * RATE), (9 * RATE, 10 * RATE)]) == (
        None,
        None,
    )


def test_it_knows_the_engines_languages(moonshine: EnginePass) -> None:
    assert moonshine.knows("en-GB")
    assert not moonshine.knows("zh")


def test_time_that_is_over_leaves_the_last_their_first_texts() -> None:
    clock = iter(range(1000))
    hasty = EnginePass(RecognizerSettings(), cpu_share=0.01, cpu_clock=lambda: float(next(clock)))
    call = read_audio(MEDIA / "demo-call.wav")
    spans = spans_of(1) * 4
    texts = hasty.revise(call.channels[1], call.rate, spans)
    assert texts[0] is not None
    assert texts[-1] is None


def test_an_engine_that_is_not_there_is_told() -> None:
    with pytest.raises(EngineUnavailable, match="there is no engine sphinx"):
        _ = EnginePass(RecognizerSettings(engine="sphinx"), cpu_share=1.0).engine


class Failing(FakeEngine):
    """Fails on what is said in some language."""

    def __init__(self, *languages: str) -> None:
        super().__init__()
        self._languages = languages

    def _decode(self, job: DecodingJob) -> Decoding:
        if len(job.audio) < 1.5 * ENGINE_RATE or job.language in self._languages:
            raise RecognitionError
        return super()._decode(job)


def test_what_the_engine_fails_on_keeps_its_first_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("asr.engine_pass.load_engine", lambda _: Failing("en-XX"))
    engine_pass = EnginePass(RecognizerSettings(), cpu_share=100.0)
    call = read_audio(MEDIA / "demo-call.wav")
    spans = [(0, RATE // 2), (RATE, 4 * RATE)]
    short, whole = engine_pass.revise(call.channels[1], call.rate, spans)
    assert short is None
    assert whole is not None
    with pytest.raises(RecognitionError, match="fake failed on all that was said"):
        engine_pass.revise(call.channels[1], call.rate, spans, "en-XX")
