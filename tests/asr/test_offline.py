from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import soxr

from asr.engine import ENGINE_RATE, Decoding, DecodingJob, Waveform
from asr.engines import load_engine
from asr.level import leveled
from asr.offline import OfflineOptions, transcribe
from asr.resampling import Upsampler
from asr.settings import EndpointSettings, RecognizerSettings
from callscribe.domain.errors import EngineUnavailable, LanguageUnknown, RecognitionError
from callscribe.domain.language import UNKNOWN
from tests.asr.fake_engine import FakeEngine
from tests.asr.speech import FIRST_LINE, RATE, TWO_CITIES, first_line, silence, through_mu_law, two_cities
from tests.prompts import prompts_or_skip
from tests.wer import normalise, word_error_rate


def test_a_reading_over_the_telephone_is_understood() -> None:
    finals = transcribe(two_cities(), RATE)
    assert word_error_rate([TWO_CITIES], [" ".join(final.text for final in finals)]) <= 0.12
    assert all(0 <= final.start < final.end <= len(two_cities()) for final in finals)
    assert all(earlier.end <= later.start for earlier, later in pairwise(finals))
    assert all(0.0 < final.confidence <= 1.0 for final in finals)


def test_nothing_is_made_up_in_a_language_that_the_engine_does_not_know() -> None:
    with pytest.raises(LanguageUnknown, match="moonshine-tiny-en does not know the language de-CH"):
        transcribe(first_line(), RATE, OfflineOptions(language="de-CH"))


def test_telephone_prompts_have_at_most_eight_percent_word_errors() -> None:
    prompts = prompts_or_skip()[::8]
    assert len(prompts) >= 24
    said = [transcribe(np.concatenate([silence(0.5), p.pcm, silence(1.0)]), p.rate) for p in prompts]
    texts = [" ".join(final.text for final in finals) for finals in said]
    assert word_error_rate([prompt.text for prompt in prompts], texts) <= 0.08


@pytest.mark.parametrize(("telephone_words", "understood"), [(True, True), (False, False)])
def test_words_of_the_telephone_are_preferred_unless_told_not_to(telephone_words: bool, understood: bool) -> None:
    (prompt,) = (prompt for prompt in prompts_or_skip() if prompt.name.endswith("vm-helpexit"))
    engine = load_engine(RecognizerSettings(telephone_words=telephone_words))
    (decoding,) = engine.decode([DecodingJob(leveled(Upsampler(RATE).push(prompt.pcm)))])
    assert ("press star for help" in normalise(decoding.text)) is understood


@pytest.mark.parametrize("rate", [16_000, 44_100, 48_000])
def test_any_rate_will_do_and_places_are_in_its_samples(rate: int) -> None:
    (final,) = transcribe(soxr.resample(first_line(), RATE, rate), rate)
    assert normalise(final.text) == normalise(FIRST_LINE)
    assert final.start / rate == pytest.approx(1.22, abs=0.1)
    assert final.end / rate == pytest.approx(4.54, abs=0.1)
    margin = rate // 2
    assert all(final.start - margin <= word.start <= word.end <= final.end + margin for word in final.words)


def test_a_soft_line_is_understood_too() -> None:
    finals = transcribe(through_mu_law((first_line() // 2).astype(np.int16)), RATE)
    assert word_error_rate([FIRST_LINE], [" ".join(final.text for final in finals)]) <= 0.2


def test_options_reach_the_finals() -> None:
    (final,) = transcribe(first_line(), RATE, OfflineOptions(channel=3, offset=RATE * 60))
    assert (final.channel, final.engine, final.language) == (3, "moonshine-tiny-en", "en")
    assert final.start / RATE == pytest.approx(61.22, abs=0.1)


def test_a_longer_hang_keeps_together_what_a_short_one_cuts() -> None:
    minute = two_cities()[: 20 * RATE]
    hangs = [OfflineOptions(endpoint=EndpointSettings(hang_ms=hang)) for hang in (300, 1500)]
    few = [len(transcribe(minute, RATE, options)) for options in hangs]
    assert few[1] < few[0]


@pytest.mark.parametrize("kind", ["nothing", "silence", "noise", "tone", "ringing"])
def test_what_is_no_speech_has_no_text(kind: str) -> None:
    time_s = np.arange(6 * RATE) / RATE
    ringing = 5000 * (np.sin(2 * np.pi * 440 * time_s) + np.sin(2 * np.pi * 480 * time_s)) * (time_s % 3 < 1)
    sounds = {
        "nothing": np.zeros(0),
        "silence": silence(6.0).astype(np.float64),
        "noise": np.random.default_rng(0).normal(0, 3000, len(time_s)),
        "tone": 8000 * np.sin(2 * np.pi * 425 * time_s),
        "ringing": ringing,
    }
    assert transcribe(sounds[kind].astype(np.int16), RATE) == ()


def test_progress_grows_to_one() -> None:
    shares: list[float] = []
    transcribe(two_cities()[: 25 * RATE], RATE, progress=shares.append)
    assert shares == pytest.approx([0.4, 0.8, 1.0])


def test_an_unknown_engine_is_named() -> None:
    with pytest.raises(EngineUnavailable, match="there is no engine sphinx"):
        transcribe(first_line(), RATE, OfflineOptions(recognizer=RecognizerSettings(engine="sphinx")))


def test_what_the_engine_fails_on_costs_nothing_else_its_text(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Failing(FakeEngine):
        def _decode(self, job: DecodingJob) -> Decoding:
            if job.language == "en-XX" or len(job.audio) < 2.2 * ENGINE_RATE:
                raise RecognitionError
            return super()._decode(job)

    monkeypatch.setattr("asr.offline._engine", lambda _: Failing())
    endpoint = EndpointSettings(max_utterance_s=2)
    whole = transcribe(two_cities()[: 17 * RATE], RATE, OfflineOptions(endpoint=endpoint))
    assert whole
    assert capsys.readouterr().out.count("speech_not_decoded") == 1
    with pytest.raises(RecognitionError, match="fake failed on all that was said"):
        transcribe(first_line(), RATE, OfflineOptions(language="en-XX"))


def test_an_engine_that_cannot_be_loaded_is_left_out_while_another_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    class Chinese(FakeEngine):
        capabilities = replace(FakeEngine.capabilities, languages=("zh",))

    def load(settings: RecognizerSettings) -> FakeEngine:
        if settings.engine == "funasr":
            raise EngineUnavailable("install callscribe[funasr]")
        return Chinese() if settings.engine == "sherpa" else FakeEngine()

    monkeypatch.setattr("asr.offline._engine", load)
    monkeypatch.setattr("asr.offline._identifier", lambda _: AlwaysEnglish())
    found_out = OfflineOptions(language=UNKNOWN, engines=("funasr", "moonshine", "sherpa"))
    assert {final.engine for final in transcribe(first_line(), RATE, found_out)} == {"fake"}
    assert transcribe(first_line(), RATE, replace(found_out, language="en"))
    for nobody in (
        replace(found_out, engines=("funasr",)),
        replace(found_out, language="en", engines=("funasr", "sherpa")),
    ):
        with pytest.raises(EngineUnavailable, match=r"install callscribe\[funasr\]"):
            transcribe(first_line(), RATE, nobody)


class AlwaysEnglish:
    """Takes everything for English."""

    def identify(self, audio: Waveform) -> Mapping[str, float]:
        return {"en": 0.99, "zh": 0.01}
