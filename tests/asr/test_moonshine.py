import gc
from dataclasses import replace

import numpy as np
import pytest

from asr.engine import EMPTY, DecodingJob, Waveform
from asr.engines.moonshine import MoonshineEngine
from asr.level import leveled
from asr.resampling import Upsampler
from asr.runtime import package_folder
from asr.tokenizer import Tokenizer
from callscribe.domain.errors import EngineUnavailable
from callscribe.domain.hotword import Hotword
from tests.asr.speech import FIRST_LINE, RATE, two_cities
from tests.wer import normalise, word_error_rate

LINES = (
    (1.0, 4.8, FIRST_LINE),
    (4.9, 8.3, "It was the age of wisdom, it was the age of foolishness."),
    (8.6, 10.5, "It was the epoch of belief,"),
    (20.9, 24.2, "We had everything before us, we had nothing before us."),
)


@pytest.fixture(scope="module")
def engine() -> MoonshineEngine:
    return MoonshineEngine()


def cut(start: float, end: float) -> Waveform:
    return leveled(Upsampler(RATE).push(two_cities()[int(start * RATE) : int(end * RATE)]))


def text_of(engine: MoonshineEngine, job: DecodingJob) -> str:
    return engine.decode([job])[0].text


@pytest.mark.parametrize(("start", "end", "line"), LINES)
def test_a_line_of_the_reading_is_understood(engine: MoonshineEngine, start: float, end: float, line: str) -> None:
    assert normalise(text_of(engine, DecodingJob(cut(start, end)))) == normalise(line)


def test_lines_of_different_length_say_the_same_in_one_batch(engine: MoonshineEngine) -> None:
    jobs = [DecodingJob(cut(start, end)) for start, end, _ in LINES]
    together = engine.decode(jobs)
    assert [decoding.text for decoding in together] == [text_of(engine, job) for job in jobs]
    assert [normalise(decoding.text) for decoding in together] == [normalise(line) for _, _, line in LINES]


def test_more_jobs_than_a_batch_holds_come_back_in_order(engine: MoonshineEngine) -> None:
    jobs = [DecodingJob(cut(start, end)) for start, end, _ in LINES] * 3
    texts = [normalise(decoding.text) for decoding in engine.decode(jobs)]
    assert texts == [normalise(line) for _, _, line in LINES] * 3


def test_what_a_decoding_took_is_free_without_a_search_for_rings(engine: MoonshineEngine) -> None:
    jobs = [DecodingJob(cut(start, end), final=final) for start, end, _ in LINES for final in (False, True)]
    engine.decode(jobs)
    gc.collect()
    gc.disable()
    try:
        engine.decode(jobs)
        assert gc.collect() < len(jobs)
    finally:
        gc.enable()


@pytest.mark.parametrize("draft_end", [2.0, 3.0, 4.4])
def test_a_draft_changes_no_word(engine: MoonshineEngine, draft_end: float) -> None:
    whole = engine.decode([DecodingJob(cut(1.0, 4.8))])[0]
    beginning = engine.decode([DecodingJob(cut(1.0, draft_end))])[0]
    for tokens in (beginning.tokens, whole.tokens, (20_000, 15, 300)):
        drafted = engine.decode([DecodingJob(cut(1.0, 4.8), earlier=replace(beginning, tokens=tokens))])[0]
        assert drafted.tokens == whole.tokens


@pytest.mark.parametrize(
    ("earlier", "held", "final", "beginning"),
    [
        ("It was a best", 4, False, "it was a best of times"),
        ("It was a best", 2, False, "it was the best of times"),
        ("Good morning to you", 4, False, "it was the best of times"),
        ("It was a best", 4, True, "it was the best of times"),
    ],
)
def test_a_partial_keeps_committed_words_that_sound_about_as_good(
    engine: MoonshineEngine, earlier: str, held: int, final: bool, beginning: str
) -> None:
    tokens = Tokenizer((package_folder("moonshine_voice") / "assets/tiny-en/tokenizer.bin").read_bytes())
    before = replace(EMPTY, tokens=tokens.encode(earlier), text=earlier)
    job = DecodingJob(cut(1.0, 3.4), earlier=before, held=held, final=final)
    assert normalise(text_of(engine, job)).startswith(beginning)


def test_whole_precision_says_what_eight_bits_say(engine: MoonshineEngine) -> None:
    whole = MoonshineEngine(precision="fp32")
    for start, end, _ in LINES:
        job = DecodingJob(cut(start, end))
        assert normalise(text_of(whole, job)) == normalise(text_of(engine, job))


def test_words_are_placed_in_the_audio(engine: MoonshineEngine) -> None:
    (decoding,) = engine.decode([DecodingJob(cut(1.0, 4.8))])
    assert " ".join(word.text for word in decoding.words) == decoding.text
    starts = [word.start for word in decoding.words]
    assert starts == sorted(starts)
    # "it was the best of times" and, after a pause, "it was the worst of times"
    again = decoding.words[6]
    assert normalise(again.text) == "it"
    assert 1.6 * 16_000 < again.start < 2.4 * 16_000


def test_drafts_of_different_length_go_in_one_batch(engine: MoonshineEngine) -> None:
    wholes = engine.decode([DecodingJob(cut(start, end)) for start, end, _ in LINES])
    jobs = [
        DecodingJob(cut(start, end), earlier=replace(whole, tokens=whole.tokens[: 2 * place]))
        for place, ((start, end, _), whole) in enumerate(zip(LINES, wholes, strict=True))
    ]
    assert [normalise(decoding.text) for decoding in engine.decode(jobs)] == [normalise(line) for _, _, line in LINES]


def test_speech_of_more_than_nine_seconds_is_understood(engine: MoonshineEngine) -> None:
    line = (
        "It was the best of times, it was the worst of times, it was the age of wisdom, it was the age of foolishness,"
    )
    said = line + " it was the epoch of belief, it was the epoch of incredulity."
    assert word_error_rate([said], [text_of(engine, DecodingJob(cut(1.0, 13.2)))]) <= 0.1


def test_a_hotword_is_preferred_where_it_may_have_been_said(engine: MoonshineEngine) -> None:
    heard = text_of(engine, DecodingJob(cut(24.3, 26.3)))
    drawn = text_of(engine, DecodingJob(cut(24.3, 26.3), hotwords=(Hotword("all going direct"),)))
    assert "all going direct" not in normalise(heard)
    assert "all going direct" in normalise(drawn)


def test_hotwords_that_were_not_said_change_nothing(engine: MoonshineEngine) -> None:
    hotwords = tuple(map(Hotword, ("voicemail", "Kamailio", "escalation", "invoice number")))
    for start, end, line in LINES:
        assert normalise(text_of(engine, DecodingJob(cut(start, end), hotwords=hotwords))) == normalise(line)


def test_clear_speech_is_more_certain_than_speech_in_noise(engine: MoonshineEngine) -> None:
    clear = cut(1.0, 4.8)
    noise = np.random.default_rng(0).normal(0, float(clear.std()) * 0.7, len(clear)).astype(np.float32)
    certain, uncertain = engine.decode([DecodingJob(clear), DecodingJob(clear + noise)])
    assert certain.confidence > 0.6
    assert uncertain.confidence < 0.5


def test_music_and_noise_make_no_note_signs_and_no_endless_text(engine: MoonshineEngine) -> None:
    time_s = np.arange(6 * 16000) / 16000
    chord = (
        sum(np.sin(2 * np.pi * tone * time_s) for tone in (262, 330, 392)) * (1 + np.sin(2 * np.pi * 2 * time_s)) * 0.05
    )
    noise = np.random.default_rng(0).normal(0, 0.1, len(time_s))
    for decoding in engine.decode([DecodingJob(sound.astype(np.float32)) for sound in (chord, noise)]):
        assert not set("♩♪♫♬") & set(decoding.text)
        assert len(decoding.tokens) <= 6 * 6.5 + 4


@pytest.mark.parametrize("samples", [0, 1, 100, 1600])
def test_audio_too_short_for_words_is_survived(engine: MoonshineEngine, samples: int) -> None:
    (decoding,) = engine.decode([DecodingJob(np.zeros(samples, np.float32))])
    assert len(decoding.tokens) <= 4


def test_a_folder_without_model_is_an_engine_that_is_unavailable(tmp_path_factory: pytest.TempPathFactory) -> None:
    with pytest.raises(EngineUnavailable, match="missing"):
        MoonshineEngine(tmp_path_factory.mktemp("empty"))


def test_hotwords_without_a_letter_are_as_none(engine: MoonshineEngine) -> None:
    job = DecodingJob(cut(1.0, 4.8), hotwords=(Hotword(" "), Hotword("")))
    assert normalise(text_of(engine, job)) == normalise(FIRST_LINE)


def test_what_was_said_is_likelier_than_what_sounds_like_it(engine: MoonshineEngine) -> None:
    said, *others = texts = (
        FIRST_LINE,
        FIRST_LINE.replace("worst", "worse"),
        FIRST_LINE.replace("times", "dimes"),
        "It",
    )
    audio = cut(1.0, 4.8)
    likelihoods = engine.log_probabilities(audio, texts)
    assert 0.0 > likelihoods[0] > max(likelihoods[1:])
    assert len(others) == 3
    assert engine.log_probabilities(audio, (said,))[0] == pytest.approx(likelihoods[0], abs=1e-3)


def test_the_likelihood_of_a_text_is_the_one_with_which_it_was_found(engine: MoonshineEngine) -> None:
    audio = cut(1.0, 4.8)
    found = engine.decode([DecodingJob(audio)])[0]
    best, worse = engine.log_probabilities(audio, (found.text, found.text.lower()))
    assert best > worse
    assert np.exp(best) > 0.1
