"""sherpa-onnx's real library on the tiny models: words, hotwords, batches, streams, and what is told of bad folders."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import numpy as np
import onnx
import pytest
from structlog.testing import capture_logs

from asr.engine import EMPTY, ENGINE_RATE, Decoding, DecodingJob, Waveform
from asr.engines.sherpa import SherpaEngine, loading
from asr.settings import SherpaSettings
from callscribe.domain.errors import EngineUnavailable
from callscribe.domain.hotword import Hotword
from callscribe.domain.language import UNKNOWN, units
from tests.asr.sherpa.models import model, spoken
from tests.tiny_speech import Language
from tests.wer import word_error_rate

pytest.importorskip("sherpa_onnx")

LANGUAGES: tuple[Language, ...] = ("en", "zh")
STEP = ENGINE_RATE // 5
TRANSDUCER = SherpaSettings(streaming=model("transducer"), languages=("en",), feature_bins=40)
GREEDY = replace(TRANSDUCER, decoding="greedy_search")
STREAMING_CTC = replace(TRANSDUCER, streaming=model("streaming-ctc"))
OFFLINE_CTC = replace(TRANSDUCER, streaming="", offline=model("offline-ctc"))
SENSEVOICE = SherpaSettings(streaming="", offline=model("sensevoice"), languages=("zh", "en"), feature_bins=40)
PARAFORMER = SherpaSettings(streaming="", offline=model("paraformer-zh"), languages=("zh",), feature_bins=40)
MISHEARD = [("internet password broken", "password"), ("no cancel order refund please", "order")]
"""Lines, and the word of each that the model does not hear where no hotword tells."""


@cache
def engine(settings: SherpaSettings) -> SherpaEngine:
    """Nothing that is tested changes it."""
    return SherpaEngine(settings, "cpu")


def final(settings: SherpaSettings, audio: Waveform, *hotwords: Hotword) -> Decoding:
    return engine(settings).decode([DecodingJob(audio, hotwords=hotwords)])[0]


def streamed(settings: SherpaSettings, audio: Waveform) -> list[Decoding]:
    """What is understood after each step of the audio, going on from one to the next."""
    decodings = [EMPTY]
    for end in range(STEP, len(audio) + STEP, STEP):
        job = DecodingJob(audio[:end], earlier=decodings[-1], final=False)
        decodings.append(engine(settings).decode([job])[0])
    return decodings[1:]


def alike(one: Decoding, other: Decoding) -> bool:
    """True for the same words at the same places, but for what rounding in a batch of another size does."""
    words = zip(one.words, other.words, strict=True)
    sure = all(first.confidence == pytest.approx(second.confidence, abs=0.001) for first, second in words)
    places = [[(word.text, word.start, word.end) for word in decoding.words] for decoding in (one, other)]
    return one.text == other.text and places[0] == places[1] and sure


@pytest.mark.parametrize(
    ("settings", "limit"),
    [(TRANSDUCER, 0.1), (GREEDY, 0.15), (STREAMING_CTC, 0.2), (OFFLINE_CTC, 0.2)],
    ids=["beam", "greedy", "streaming-ctc", "offline-ctc"],
)
def test_english_words_are_right(settings: SherpaSettings, limit: float) -> None:
    lines = spoken("en")

    heard = [final(settings, audio).text for audio in lines.values()]

    assert word_error_rate(list(lines), heard) < limit


@pytest.mark.parametrize("settings", [PARAFORMER, SENSEVOICE], ids=["paraformer", "sensevoice"])
def test_chinese_characters_are_right(settings: SherpaSettings) -> None:
    lines = spoken("zh")

    heard = [final(settings, audio).text for audio in lines.values()]

    assert word_error_rate([" ".join(text) for text in lines], [" ".join(text) for text in heard]) < 0.1


@pytest.mark.parametrize("language", LANGUAGES)
def test_sensevoice_tells_the_language_and_how_it_sounded(language: Language) -> None:
    jobs = [DecodingJob(audio, language=UNKNOWN) for audio in spoken(language).values()]

    heard = engine(SENSEVOICE).decode(jobs)

    assert sum((decoding.language, decoding.emotion) == (language, "neutral") for decoding in heard) >= 9
    assert all([word.text for word in decoding.words] == units(decoding.text) for decoding in heard)
    assert engine(SENSEVOICE).capabilities.identifies_language
    assert engine(SENSEVOICE).capabilities.emotion


def test_a_language_that_is_known_is_not_asked() -> None:
    jobs = [DecodingJob(audio, language="zh-CN") for audio in spoken("zh").values()]

    assert {decoding.language for decoding in engine(SENSEVOICE).decode(jobs)} == {""}


@pytest.mark.parametrize(("settings", "limit"), [(TRANSDUCER, 0.1), (STREAMING_CTC, 0.2)], ids=["transducer", "ctc"])
def test_streamed_words_are_right(settings: SherpaSettings, limit: float) -> None:
    lines = spoken("en")
    silence = np.zeros(ENGINE_RATE, np.float32)

    heard = [streamed(settings, np.concatenate([audio, silence]))[-1].text for audio in lines.values()]

    assert word_error_rate(list(lines), heard) < limit


@pytest.mark.parametrize("settings", [TRANSDUCER, STREAMING_CTC], ids=["transducer", "ctc"])
def test_words_are_streamed_as_they_are_said(settings: SherpaSettings) -> None:
    audio = spoken("en")["four two nine seven one"]

    counts = [len(units(decoding.text)) for decoding in streamed(settings, audio)]

    assert counts == sorted(counts)
    assert {1, 2, 3} <= set(counts)


@pytest.mark.parametrize("settings", [TRANSDUCER, STREAMING_CTC], ids=["transducer", "ctc"])
def test_going_on_gives_what_beginning_anew_gives(settings: SherpaSettings) -> None:
    audio = spoken("en")["four two nine seven one"]

    decodings = streamed(settings, audio)

    anew = engine(settings).decode([DecodingJob(audio, final=False)])[0]
    assert alike(decodings[-1], anew)
    assert anew.text.startswith("four two nine")


def test_a_state_serves_again_though_a_later_decode_went_on_from_it() -> None:
    audio = spoken("en")["thanks order update today"]
    middle = streamed(TRANSDUCER, audio[: len(audio) // 2])[-1]

    first, again = (engine(TRANSDUCER).decode([DecodingJob(audio, earlier=middle, final=False)])[0] for _ in range(2))

    assert first == again
    assert len(units(first.text)) > len(units(middle.text)) > 0


def test_two_jobs_of_one_batch_may_go_on_from_the_same_place() -> None:
    audio = spoken("en")["thanks order update today"]
    middle = streamed(TRANSDUCER, audio[: len(audio) // 2])[-1]
    job = DecodingJob(audio, earlier=middle, final=False)

    first, second = engine(TRANSDUCER).decode([job, job])

    anew = engine(TRANSDUCER).decode([DecodingJob(audio, final=False)])[0]
    assert alike(first, anew)
    assert alike(second, anew)


def test_a_final_depends_on_its_audio_alone_and_leaves_the_stream_where_it_was() -> None:
    """A pause may have been foreseen wrongly: the utterance goes on, and so does what was streamed."""
    line, other = spoken("en")["thanks order update today"], spoken("en")["hello billing support"]
    partial = streamed(TRANSDUCER, other[: len(line)])[-1]

    decoding = engine(TRANSDUCER).decode([DecodingJob(line, earlier=partial)])[0]

    assert decoding == final(TRANSDUCER, line)
    assert decoding.state is partial.state


@pytest.mark.parametrize(
    "settings", [TRANSDUCER, GREEDY, STREAMING_CTC, OFFLINE_CTC], ids=["beam", "greedy", "streaming-ctc", "offline-ctc"]
)
def test_a_batch_gives_what_each_gives_alone(settings: SherpaSettings) -> None:
    jobs = [DecodingJob(audio) for audio in spoken("en").values()] * 2

    together = [decoding.text for decoding in engine(settings).decode(jobs)]

    assert together == [final(settings, job.audio).text for job in jobs]


@pytest.mark.parametrize("settings", [PARAFORMER, SENSEVOICE], ids=["paraformer", "sensevoice"])
def test_a_batch_of_chinese_gives_what_each_gives_alone(settings: SherpaSettings) -> None:
    jobs = [DecodingJob(audio) for audio in spoken("zh").values()]

    together = [decoding.text for decoding in engine(settings).decode(jobs)]

    assert together == [final(settings, job.audio).text for job in jobs]


def test_streams_side_by_side_hear_only_themselves() -> None:
    first, second = spoken("en")["no cancel order refund please"], spoken("en")["four two nine seven one"]
    pairs = [(EMPTY, EMPTY)]
    for end in range(STEP, min(len(first), len(second)), STEP):
        jobs = [
            DecodingJob(audio[:end], earlier=earlier, final=False)
            for audio, earlier in zip((first, second), pairs[-1], strict=True)
        ]
        left, right = engine(TRANSDUCER).decode(jobs)
        pairs.append((left, right))

    for audio, last in zip((first, second), pairs[-1], strict=True):
        assert alike(last, engine(TRANSDUCER).decode([DecodingJob(audio[:end], final=False)])[0])
    assert pairs[-1][0].text != pairs[-1][1].text


def test_words_have_places_and_confidences() -> None:
    audio = spoken("en")["four two nine seven one"]

    decoding = final(TRANSDUCER, audio)

    assert [word.text for word in decoding.words] == units(decoding.text)
    places = [place for word in decoding.words for place in (word.start, word.end)]
    assert places == sorted(places)
    assert places[0] > 0
    assert places[-1] <= len(audio)
    assert all(0.3 < word.confidence <= 1.0 for word in decoding.words)
    assert decoding.confidence == pytest.approx(np.prod([word.confidence for word in decoding.words]))


@pytest.mark.parametrize(
    ("settings", "hotwords", "times"),
    [(TRANSDUCER, True, True), (GREEDY, False, True), (STREAMING_CTC, False, True), (PARAFORMER, False, False)],
    ids=["transducer", "greedy", "ctc", "paraformer"],
)
def test_what_a_model_cannot_do_is_declared(settings: SherpaSettings, hotwords: bool, times: bool) -> None:
    capabilities = engine(settings).capabilities

    assert (capabilities.hotwords, capabilities.word_times) == (hotwords, times)
    assert capabilities.languages == settings.languages
    assert not capabilities.identifies_language


def test_silence_and_no_audio_give_no_text() -> None:
    jobs = [
        DecodingJob(np.zeros(length, np.float32), final=last) for length in (0, 100, 16_000) for last in (False, True)
    ]

    for settings in (TRANSDUCER, STREAMING_CTC, OFFLINE_CTC, PARAFORMER):
        assert [decoding.text for decoding in engine(settings).decode(jobs)] == [""] * len(jobs)


@pytest.mark.parametrize(("text", "hotword"), MISHEARD)
def test_a_hotword_is_heard_where_it_was_not(text: str, hotword: str) -> None:
    audio = spoken("en")[text]

    assert hotword not in final(TRANSDUCER, audio).text
    assert final(TRANSDUCER, audio, Hotword(hotword.upper(), 1.5)).text == text


def test_a_hotword_s_weight_counts() -> None:
    text, hotword = MISHEARD[0]
    texts = [final(TRANSDUCER, spoken("en")[text], Hotword(hotword, weight)).text for weight in (0.01, 1.5)]

    assert texts == [final(TRANSDUCER, spoken("en")[text]).text, text]


def test_hotwords_of_one_job_are_not_heard_in_another_of_the_batch() -> None:
    (text, hotword), (other, _) = MISHEARD
    jobs = [DecodingJob(spoken("en")[text], hotwords=(Hotword(hotword, 1.5),)), DecodingJob(spoken("en")[other])]

    for batch in (jobs, jobs[::-1]):
        heard = engine(TRANSDUCER).decode(batch)
        assert [decoding.text for decoding in heard] == [engine(TRANSDUCER).decode([job])[0].text for job in batch]
        assert [decoding.text == text for decoding in heard] == [bool(job.hotwords) for job in batch]


def test_hotwords_are_heard_while_the_caller_still_speaks() -> None:
    text, hotword = MISHEARD[0]
    audio = np.concatenate([spoken("en")[text], np.zeros(ENGINE_RATE, np.float32)])
    earlier = EMPTY
    for end in range(STEP, len(audio) + STEP, STEP):
        job = DecodingJob(audio[:end], earlier=earlier, final=False, hotwords=(Hotword(hotword, 1.5),))
        earlier = engine(TRANSDUCER).decode([job])[0]

    assert earlier.text == text


def test_hotwords_that_the_model_cannot_write_are_left_out_and_told_once() -> None:
    audio = spoken("en")["yes refund friday"]
    unknown = (Hotword("Quillfeather", 5.0), Hotword("http://127.0.0.1/refund :9", 5.0), Hotword("…"))
    heard = SherpaEngine(TRANSDUCER, "cpu")

    with capture_logs() as logs:
        texts = [heard.decode([DecodingJob(audio, hotwords=unknown)])[0].text for _ in range(2)]

    assert texts == [final(TRANSDUCER, audio).text] * 2
    assert logs == [{"event": "hotwords_not_in_vocabulary", "left_out": 3, "log_level": "warning"}]


def test_hotwords_without_pieces_to_spell_them_are_not_promised(tmp_path: Path) -> None:
    settings = broken_copy(tmp_path, lambda folder: (folder / "bpe.vocab").unlink())

    with capture_logs() as logs:
        capabilities = SherpaEngine(settings, "cpu").capabilities

    assert not capabilities.hotwords
    assert [entry["event"] for entry in logs] == ["hotwords_not_preferred"]


def test_a_stream_begins_anew_when_its_hotwords_change() -> None:
    audio = spoken("en")["yes refund friday"]
    middle = streamed(TRANSDUCER, audio[: len(audio) // 2])[-1]
    job = DecodingJob(audio, final=False, hotwords=(Hotword("transfer", 5.0),))

    assert engine(TRANSDUCER).decode([replace(job, earlier=middle)]) == engine(TRANSDUCER).decode([job])


def broken_copy(folder: Path, change: Callable[[Path], None]) -> SherpaSettings:
    copied = folder / "model"
    shutil.copytree(model("transducer"), copied)
    change(copied)
    return replace(TRANSDUCER, streaming=str(copied))


def without_notes(folder: Path) -> None:
    encoder = onnx.load(str(folder / "encoder.onnx"))
    del encoder.metadata_props[:]
    onnx.save(encoder, str(folder / "encoder.onnx"))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (without_notes, "no transducer model that sherpa-onnx can use .Unknown model type"),
        (
            lambda folder: (folder / "encoder.onnx").write_bytes(b"version https://git-lfs"),
            "cannot be read .*ONNX file",
        ),
        (lambda folder: (folder / "tokens.txt").write_text("<blk> 0\n"), r"names 1 tokens, but the model has \d+"),
        (lambda folder: (folder / "tokens.txt").write_bytes(b"\xff\xfe"), "cannot be read .*; fetch it again"),
        (lambda folder: (folder / "joiner.onnx").unlink(), "does not tell|is missing|no paraformer model"),
    ],
    ids=["no notes", "no ONNX", "other tokens", "no text", "a part missing"],
)
def test_a_broken_model_is_told_in_one_sentence(tmp_path: Path, change: Callable[[Path], None], reason: str) -> None:
    """sherpa-onnx would end this process, or break it."""
    with pytest.raises(EngineUnavailable, match=reason) as told:
        SherpaEngine(broken_copy(tmp_path, change), "cpu")

    assert str(tmp_path / "model") in str(told.value)
    assert "\n" not in str(told.value)


def test_features_of_another_size_are_told() -> None:
    with pytest.raises(EngineUnavailable, match=r"Got: 80 Expected: 40.*feature_bins"):
        SherpaEngine(replace(TRANSDUCER, feature_bins=80), "cpu")


def test_a_missing_package_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(loading, "version", missing)
    with pytest.raises(EngineUnavailable, match=r"sherpa-onnx is missing: install callscribe\[sherpa\]"):
        SherpaEngine(TRANSDUCER, "cpu")
