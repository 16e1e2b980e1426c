import subprocess
import sys
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from asr.engine import EMPTY, ENGINE_RATE, Decoding, DecodingJob, Waveform
from asr.engines.funasr import FunasrEngine
from asr.resampling import Upsampler
from asr.settings import FunasrSettings
from callscribe.domain.errors import EngineUnavailable
from callscribe.domain.hotword import Hotword
from callscribe.domain.language import units
from tests.asr.funasr.models import idle, model, spoken
from tests.tiny_speech import RATE, Samples, utterances
from tests.wer import normalise, word_error_rate

CHUNK = 9_600
STEP = ENGINE_RATE // 5
STREAMING, OFFLINE, MARKS, CHINESE = (
    str(model(name)) for name in ("paraformer-streaming", "paraformer-offline", "ct-punc", "paraformer-offline-zh")
)


@cache
def engine(streaming: str = STREAMING, offline: str = OFFLINE, punctuation: str = "") -> FunasrEngine:
    return FunasrEngine(FunasrSettings(streaming, offline, punctuation, languages=("en",)), "cpu")


def lines() -> list[Waveform]:
    return list(spoken().values())


def heard(samples: Samples) -> Waveform:
    upsampler = Upsampler(RATE)
    return np.concatenate([upsampler.push(samples), upsampler.flush()])


def partial(audio: Waveform, earlier: Decoding = EMPTY) -> DecodingJob:
    return DecodingJob(audio, earlier=earlier, final=False)


def decode(chosen: FunasrEngine, job: DecodingJob) -> Decoding:
    return chosen.decode([job])[0]


def partials(chosen: FunasrEngine, audio: Waveform) -> list[Decoding]:
    """What is understood of growing audio, a fifth of a second more each time."""
    found = [EMPTY]
    for end in range(STEP, len(audio) + STEP, STEP):
        found.append(decode(chosen, partial(audio[:end], found[-1])))
    return found[1:]


def test_words_come_while_they_are_said_and_stay() -> None:
    shown, said = [], []
    for line, audio in spoken().items():
        found = [decoding.text.split() for decoding in partials(engine(), audio)]
        assert all(later[: len(earlier)] == earlier for earlier, later in pairwise(found))
        assert len(found[2 * len(found) // 3]) >= 2
        # The last word waits for the audio after it.
        said.append(" ".join(line.split()[:-1]))
        shown.append(" ".join(found[-1][: len(line.split()) - 1]))
    assert word_error_rate(said, shown) < 0.2


def test_between_two_chunks_nothing_new_is_understood() -> None:
    audio = lines()[0]
    first = decode(engine(), partial(audio[: 4 * CHUNK]))
    second = decode(engine(), partial(audio[: 5 * CHUNK - 1], first))
    third = decode(engine(), partial(audio[: 5 * CHUNK], second))
    assert second == first
    assert len(third.tokens) > len(first.tokens)


def test_the_same_job_again_is_understood_the_same() -> None:
    audio = lines()[1]
    earlier = decode(engine(), partial(audio[: 3 * CHUNK]))
    job = partial(audio, earlier)
    first = decode(engine(), job)
    decode(engine(), partial(np.concatenate([audio[: 3 * CHUNK], lines()[2]]), earlier))
    assert decode(engine(), job) == first
    assert decode(engine(), partial(audio)).text == first.text


def test_a_level_that_changes_on_the_way_loses_no_word() -> None:
    for audio in lines():
        found = EMPTY
        for end in range(CHUNK, len(audio), CHUNK):
            found = decode(engine(), partial(audio[:end] * np.float32(1.0 + 0.2 * (end // CHUNK % 3)), found))
        steady = partials(engine(), audio)[-1]
        assert word_error_rate([steady.text], [found.text]) < 0.2


@pytest.mark.parametrize("stranger", [object(), "state", 7])
def test_a_state_that_is_not_its_own_is_no_loss(stranger: object) -> None:
    audio = lines()[0]
    fresh = decode(engine(), partial(audio))
    assert decode(engine(), partial(audio, Decoding((), "", 0.0, state=stranger))) == fresh


def test_audio_shorter_than_what_was_heard_is_understood_from_its_first_sample() -> None:
    audio = lines()[0]
    beyond = decode(engine(), partial(audio))
    cut = audio[: 3 * CHUNK]
    assert decode(engine(), partial(cut, beyond)) == decode(engine(), partial(cut))
    streaming_only = engine(offline="")
    assert (
        decode(streaming_only, DecodingJob(cut, earlier=beyond)).text == decode(streaming_only, DecodingJob(cut)).text
    )


def test_finals_are_the_offline_models_and_go_by_the_audio_alone() -> None:
    finals = engine().decode([DecodingJob(audio) for audio in lines()])
    assert word_error_rate(list(spoken()), [final.text for final in finals]) < 0.2
    earlier = partials(engine(), lines()[0])[-1]
    assert decode(engine(), DecodingJob(lines()[0], earlier=earlier)).text == finals[0].text


def test_a_stream_goes_on_after_a_pause_that_was_no_end() -> None:
    audio = lines()[0]
    earlier = decode(engine(), partial(audio[: 3 * CHUNK]))
    paused = decode(engine(), DecodingJob(audio[: 3 * CHUNK + 5_000], earlier=earlier))
    assert paused.state is earlier.state
    assert decode(engine(), partial(audio, paused)).text == decode(engine(), partial(audio)).text


def test_without_an_offline_model_finals_are_the_stream_to_its_end() -> None:
    chosen = engine(offline="")
    finals = chosen.decode([DecodingJob(audio) for audio in lines()])
    assert word_error_rate(list(spoken()), [final.text for final in finals]) < 0.2
    for audio, final in zip(lines(), finals, strict=True):
        shown = partials(chosen, audio)[-1]
        assert decode(chosen, DecodingJob(audio, earlier=shown)).text == final.text
        assert final.text.startswith(shown.text)


def test_without_a_streaming_model_partials_are_the_offline_models() -> None:
    chosen = engine(streaming="")
    audio = lines()[0]
    found = partials(chosen, audio)
    assert found[-1].text == decode(chosen, DecodingJob(audio)).text
    assert normalise(found[-1].text) == normalise(next(iter(spoken())))
    assert 0 < len(found[len(found) // 2].text) < len(found[-1].text)


def test_partials_and_finals_of_one_batch_say_what_each_says_alone() -> None:
    jobs = [
        DecodingJob(
            audio[: len(audio) - 3_000 * place], final=bool(place % 3), hotwords=(Hotword("order"),) * (place % 2)
        )
        for place, audio in enumerate(lines() * 3)
    ]
    assert len(jobs) > engine().max_batch
    together = engine().decode(jobs)
    alone = [decode(engine(), job) for job in jobs]
    assert [decoding.text for decoding in together] == [decoding.text for decoding in alone]
    assert [decoding.tokens for decoding in together] == [decoding.tokens for decoding in alone]


@pytest.mark.parametrize("offline", ["", OFFLINE])
def test_every_word_has_its_place_and_a_confidence(offline: str) -> None:
    chosen = engine(offline=offline, punctuation=MARKS)
    for audio in lines():
        for decoding in (decode(chosen, partial(audio)), decode(chosen, DecodingJob(audio))):
            assert [word.text for word in decoding.words] == units(decoding.text)
            places = [place for word in decoding.words for place in (word.start, word.end)]
            assert places == sorted(places)
            assert 0 <= places[0] <= places[-1] <= len(audio)
            assert all(0.0 < word.confidence <= 1.0 for word in decoding.words)
            assert decoding.confidence == pytest.approx(np.prod([word.confidence for word in decoding.words]))


def test_chinese_is_written_without_blanks_and_has_a_word_a_character() -> None:
    chosen = engine(streaming="", offline=CHINESE)
    said = utterances("zh")
    audios = [heard(line.samples) for line in said]
    for final in (True, False):
        decodings = chosen.decode([DecodingJob(audio, final=final, language="zh") for audio in audios])
        texts = [" ".join(decoding.text) for decoding in decodings]
        assert word_error_rate([" ".join(line.text) for line in said], texts) < 0.2
        assert all([word.text for word in decoding.words] == list(decoding.text) for decoding in decodings)


def test_noise_makes_it_less_sure() -> None:
    sure = []
    for noise in (0.0, 0.02):
        random = np.random.default_rng(0)
        jobs = [DecodingJob(audio + random.normal(0.0, noise, len(audio)).astype(np.float32)) for audio in lines()]
        words = [word.confidence for decoding in engine().decode(jobs) for word in decoding.words]
        sure.append(sum(words) / len(words))
    assert sure[1] < sure[0] - 0.02


def test_finals_are_marked_and_partials_are_not() -> None:
    chosen, plain = engine(punctuation=MARKS), engine()
    audio = lines()[0]
    final = decode(chosen, DecodingJob(audio))
    assert final.text.endswith((".", "?"))
    assert normalise(final.text) == normalise(decode(plain, DecodingJob(audio)).text)
    assert decode(chosen, partial(audio)) == decode(plain, partial(audio))


@pytest.mark.parametrize("final", [False, True])
def test_no_audio_says_nothing(final: bool) -> None:
    for chosen in (engine(), engine(offline=""), engine(streaming=""), engine(punctuation=MARKS)):
        for audio in (np.zeros(0, np.float32), idle(0.02)):
            decoding = decode(chosen, DecodingJob(audio, final=final))
            assert (decoding.text, decoding.words, decoding.confidence) == ("", (), 0.0)
        assert chosen.decode([]) == ()


def test_it_declares_what_its_models_can() -> None:
    found = engine().capabilities
    assert (found.languages, found.hotwords, found.word_times, found.partials) == (("en",), False, True, True)
    assert not engine(offline="").capabilities.hotwords


@pytest.mark.parametrize("place", range(3))
def test_a_folder_without_a_model_is_refused(place: int, tmp_path: Path) -> None:
    for folder, reason in ((tmp_path, "holds no whole FunASR model"), (tmp_path / "none", "there is no folder")):
        models = [STREAMING, OFFLINE, MARKS]
        models[place] = str(folder)
        streaming, offline, punctuation = models
        with pytest.raises(EngineUnavailable, match=reason):
            FunasrEngine(FunasrSettings(streaming, offline, punctuation), "cpu")


def test_models_in_each_others_place_are_refused() -> None:
    with pytest.raises(EngineUnavailable, match="streaming wants a ParaformerStreaming"):
        FunasrEngine(FunasrSettings(OFFLINE, "", ""), "cpu")
    with pytest.raises(EngineUnavailable, match="is no offline Paraformer"):
        FunasrEngine(FunasrSettings("", STREAMING, ""), "cpu")


@pytest.mark.parametrize("package", ["torch", "kaldi_native_fbank"])
def test_a_missing_package_is_named_with_its_cure(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(EngineUnavailable, match=r"is missing: install callscribe\[funasr\]"):
        FunasrEngine(FunasrSettings(STREAMING, "", ""), "cpu")


def test_the_adapter_loads_no_library_before_it_is_made() -> None:
    code = "import sys, asr.engines.funasr; sys.exit(any(name in sys.modules for name in ('torch', 'funasr')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
