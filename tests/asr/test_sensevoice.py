from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from asr.engine import ENGINE_RATE, Decoding, DecodingJob, Waveform
from asr.engines.funasr.loading import library
from asr.engines.sensevoice import Reader, SenseVoiceEngine
from asr.settings import SensevoiceSettings
from callscribe.domain.errors import EngineUnavailable
from callscribe.domain.hotword import Hotword
from callscribe.domain.language import UNKNOWN
from tests.asr.funasr.models import idle, loaded, model, paused, spoken, wide
from tests.music import instrumental
from tests.sounds import at_level
from tests.tiny_speech import Language, utterances
from tests.wer import word_error_rate

SETTINGS = SensevoiceSettings(model=str(model("sensevoice")))
FRAME = 960
LANGUAGES: tuple[Language, ...] = ("en", "zh")


@pytest.fixture(scope="module")
def engine() -> SenseVoiceEngine:
    return SenseVoiceEngine(SETTINGS, "cpu")


class Pieces:
    """A tokenizer as the large models have it, of a few pieces."""

    pieces = (
        *("<unk>", "<s>", "</s>", "<|zh|>", "<|en|>", "<|yue|>", "<|ja|>", "<|ko|>", "<|nospeech|>"),
        *("<|HAPPY|>", "<|SAD|>", "<|ANGRY|>", "<|NEUTRAL|>", "<|EMO_UNKNOWN|>"),
        *("<|Speech|>", "<|BGM|>", "<|Laughter|>", "<|Event_UNK|>", "<|withitn|>", "<|woitn|>"),
        *("\u2581the", ".", "\u2581order", "ed", "订", "单", "\u2581", "<0xE9>", "<0xBE>", "<0x98>", "，"),
    )

    def id_to_piece(self, token: int) -> str:
        return self.pieces[token]

    def get_piece_size(self) -> int:
        return len(self.pieces)

    def is_byte(self, token: int) -> bool:
        return self.pieces[token].startswith("<0x")

    def is_control(self, token: int) -> bool:
        return self.pieces[token] in ("<s>", "</s>")

    def is_unknown(self, token: int) -> bool:
        return self.pieces[token] == "<unk>"

    def decode(self, tokens: list[int]) -> str:
        return bytes(int(self.pieces[token][1:-1], 16) for token in tokens).decode("utf-8", "replace")


def written(frames: list[str], likelier: float = 12.0) -> Decoding:
    """What is read where these pieces are by so much the likeliest, one a frame; "" is CTC's blank."""
    scores = torch.zeros(len(frames), len(Pieces.pieces))
    for frame, piece in enumerate(frames):
        scores[frame, Pieces.pieces.index(piece) if piece else 0] = likelier
    pieces: Any = Pieces()
    return Reader(pieces, blank=0, frame=FRAME).decoding(scores.log_softmax(-1), len(frames) * FRAME)


SAID = ["<|en|>", "<|HAPPY|>", "<|Speech|>", "<|woitn|>", "", "\u2581the", "\u2581the", "", "\u2581order", "ed", "", ""]


def test_the_tags_are_fields_and_not_text() -> None:
    decoding = written(SAID)

    assert decoding.text == "the ordered"
    assert (decoding.language, decoding.emotion, decoding.audio_events) == ("en", "happy", ())


def test_a_real_full_stop_is_text() -> None:
    assert written(["<|en|>", "<|NEUTRAL|>", "<|Speech|>", "<|withitn|>", "\u2581the", "."]).text == "the."


@pytest.mark.parametrize(
    ("tags", "emotion", "events"),
    [
        (["<|zh|>", "<|SAD|>", "<|BGM|>", "<|woitn|>"], "sad", ("music",)),
        (["<|zh|>", "<|EMO_UNKNOWN|>", "<|Laughter|>", "<|woitn|>"], "", ("laughter",)),
        (["<|yue|>", "<|ANGRY|>", "<|Event_UNK|>", "<|woitn|>"], "angry", ()),
    ],
)
def test_chinese_has_no_blanks(tags: list[str], emotion: str, events: tuple[str, ...]) -> None:
    decoding = written([*tags, "\u2581", "订", "单", "，", "订", "", "订"])

    assert decoding.text == "订单，订订"
    assert [word.text for word in decoding.words] == ["订", "单，", "订", "订"]
    assert (decoding.language, decoding.emotion, decoding.audio_events) == (tags[0][2:-2], emotion, events)


def test_no_speech_has_no_text() -> None:
    decoding = written(["<|nospeech|>", "<|EMO_UNKNOWN|>", "<|BGM|>", "<|woitn|>", "\u2581the"])

    assert (decoding.text, decoding.words, decoding.language, decoding.emotion) == ("", (), "", "")
    assert decoding.audio_events == ("music",)


def test_tags_within_the_text_are_told_and_left_out() -> None:
    within = ["\u2581the", "<|Laughter|>", "<|HAPPY|>", "\u2581order", "<|BGM|>", "<unk>", "</s>", "<|Laughter|>"]

    decoding = written([*SAID[:4], *within])

    assert decoding.text == "the order"
    assert decoding.audio_events == ("laughter", "music")


def test_a_character_spelled_in_bytes_is_one_word() -> None:
    decoding = written([*SAID[:4], "订", "<0xE9>", "<0xBE>", "<0x98>", "单"])

    assert [word.text for word in decoding.words] == ["订", "\u9f98", "单"]
    assert decoding.words[1].start == int(0.5 * FRAME)
    assert decoding.words[1].end == int(3.5 * FRAME)


def test_words_lie_where_their_frames_are() -> None:
    words = written(SAID).words

    assert [(word.text, word.start / FRAME, word.end / FRAME) for word in words] == [
        ("the", 0.5, 2.5),
        ("ordered", 3.5, 5.5),
    ]


@pytest.mark.parametrize("likelier", [3.0, 6.0])
def test_confidence_is_the_chance_of_all_tokens(likelier: float) -> None:
    decoding = written(SAID, likelier)

    one = np.exp(likelier) / (np.exp(likelier) + len(Pieces.pieces) - 1)
    assert [word.confidence for word in decoding.words] == pytest.approx([one, one**2], rel=1e-5)
    assert decoding.confidence == pytest.approx(one**3, rel=1e-5)


def test_a_tag_out_of_place_is_not_believed() -> None:
    decoding = written(["\u2581the", "<|en|>", "<|HAPPY|>", "", "\u2581order"])

    assert decoding.text == "order"
    assert decoding.language in ("zh", "en", "yue", "ja", "ko")


def heard(engine: SenseVoiceEngine, audios: Iterable[Waveform], language: str = UNKNOWN) -> tuple[Decoding, ...]:
    return engine.decode([DecodingJob(audio, language=language) for audio in audios])


@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_said_is_heard_with_its_language(engine: SenseVoiceEngine, language: Language, told: bool) -> None:
    lines = {line.text: wide(line.samples) for line in utterances(language)}

    decodings = heard(engine, lines.values(), language if told else UNKNOWN)

    assert [decoding.language for decoding in decodings].count(language) >= (len(lines) if told else 0.9 * len(lines))
    assert {decoding.emotion for decoding in decodings} == {"neutral"}
    assert {decoding.audio_events for decoding in decodings} == {()}
    texts = [decoding.text if language == "en" else " ".join(decoding.text) for decoding in decodings]
    assert word_error_rate([text if language == "en" else " ".join(text) for text in lines], texts) < 0.2


def test_figures_and_marks_are_written_where_they_are_wanted() -> None:
    engine = SenseVoiceEngine(replace(SETTINGS, figures=True), "cpu")
    lines = {line.text: wide(line.samples) for language in LANGUAGES for line in utterances(language)}

    [english, chinese] = heard(engine, (lines["four two nine seven one"], lines["订单三五八二"]))

    assert english.text == "4 2 9 7 1."
    assert [word.text for word in english.words] == ["4", "2", "9", "7", "1."]
    assert chinese.text == "订单 3582。"


def test_a_voice_that_is_raised_is_told(engine: SenseVoiceEngine) -> None:
    lines = [wide(line.samples) for language in LANGUAGES for line in utterances(language)]
    # The tiny model takes high tones for anger: tests/models/README.md.
    raised = [np.append(line[0], line[1:] - np.float32(0.9) * line[:-1]) for line in lines]

    told = [decoding.emotion for decoding in heard(engine, raised)]

    assert told.count("angry") > 0.8 * len(lines)


def test_music_is_no_text_but_an_event(engine: SenseVoiceEngine) -> None:
    pieces = [wide(at_level(instrumental()[name], -20.0)[: 3 * 8_000]) for name in ("violin melody", "band")]

    decodings = heard(engine, pieces)

    assert [(decoding.text, decoding.language) for decoding in decodings] == [("", "")] * 2
    assert [decoding.audio_events for decoding in decodings] == [("music",)] * 2


def test_nobody_says_nothing(engine: SenseVoiceEngine) -> None:
    decodings = heard(engine, (idle(2.0), np.zeros(ENGINE_RATE, np.float32)))

    assert [(decoding.text, decoding.language, decoding.emotion) for decoding in decodings] == [("", "", "")] * 2


def test_words_lie_where_they_are_said(engine: SenseVoiceEngine) -> None:
    audio, places = paused()

    [decoding] = heard(engine, [audio])

    middles = {word.text: (word.start + word.end) / 2 / ENGINE_RATE for word in decoding.words}
    assert set(places) <= set(middles)
    for word, (start, end) in places.items():
        assert start - 0.1 < middles[word] < end + 0.1


def test_a_batch_hears_what_each_alone_does(engine: SenseVoiceEngine) -> None:
    jobs = [DecodingJob(audio) for audio in (*spoken().values(), idle(1.0))] * 3

    def scores(jobs: list[DecodingJob]) -> list[NDArray[np.float32]]:
        with torch.inference_mode():
            return [row.numpy() for row in engine._encode(jobs)]

    assert len(jobs) > engine.max_batch
    for job, together in zip(jobs, scores(jobs), strict=True):
        [alone] = scores([job])
        np.testing.assert_allclose(together, alone, atol=1e-4)
    assert len(engine.decode(jobs)) == len(jobs)


@pytest.mark.parametrize(
    ("figures", "language", "asked"),
    [(False, UNKNOWN, "auto"), (True, UNKNOWN, "auto"), (False, "zh-CN", "zh"), (False, "de", "auto")],
)
def test_it_hears_what_the_library_hears(figures: bool, language: str, asked: str) -> None:
    with library():
        from funasr.frontends.wav_frontend import WavFrontend

    settings = loaded("sensevoice").frontend
    assert settings is not None
    stacking = {"n_mels": settings.mels, "lfr_m": settings.stacked, "lfr_n": settings.stride}
    frontend = WavFrontend(cmvn_file=str(model("sensevoice") / "am.mvn"), dither=0.0, **stacking)
    module: Any = loaded("sensevoice").module
    engine = SenseVoiceEngine(replace(SETTINGS, figures=figures), "cpu")
    audio = next(iter(spoken().values()))
    found: list[torch.Tensor] = []

    def keep(_: object, inputs: tuple[torch.Tensor, ...]) -> None:
        found.append(inputs[0].clone())

    hook = module.encoder.register_forward_pre_hook(keep)
    own = engine._module.encoder.register_forward_pre_hook(keep)
    try:
        with torch.inference_mode():
            options = {"language": asked, "use_itn": figures, "device": "cpu"}
            module.inference([torch.from_numpy(audio)], key=["k"], tokenizer=_Numbers(), frontend=frontend, **options)
            engine.decode([DecodingJob(audio, language=language)])
    finally:
        hook.remove()
        own.remove()

    theirs, ours = found
    np.testing.assert_allclose(ours.numpy(), theirs.numpy(), atol=1e-4)


class _Numbers:
    def decode(self, tokens: list[int]) -> list[int]:
        return tokens


@pytest.mark.parametrize("samples", [0, 1, 399, 400, 1_600])
def test_the_shortest_audio_is_no_failure(engine: SenseVoiceEngine, samples: int) -> None:
    [decoding] = engine.decode([DecodingJob(np.zeros(samples, np.float32))])

    assert decoding.text == ""


def test_a_partial_is_decoded_anew(engine: SenseVoiceEngine) -> None:
    audio = next(iter(spoken().values()))
    [partial] = engine.decode([DecodingJob(audio[:ENGINE_RATE], final=False)])

    [whole] = engine.decode([DecodingJob(audio, earlier=partial, held=1, hotwords=(Hotword("refund"),))])

    assert whole == engine.decode([DecodingJob(audio)])[0]


def test_it_says_what_it_can(engine: SenseVoiceEngine) -> None:
    assert engine.name == "sensevoice"
    assert engine.capabilities.languages == ("zh", "en", "yue", "ja", "ko")
    assert engine.capabilities.word_times
    assert not engine.capabilities.hotwords


def test_another_model_is_refused() -> None:
    with pytest.raises(EngineUnavailable, match="is no SenseVoice model"):
        SenseVoiceEngine(SensevoiceSettings(model=str(model("fsmn-vad"))), "cpu")


def test_pieces_without_tags_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    pieces: Any = Pieces()
    monkeypatch.setattr(pieces, "pieces", ("<unk>", "\u2581the"), raising=False)

    with pytest.raises(EngineUnavailable, match="have no tags"):
        Reader(pieces, blank=0, frame=FRAME)


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailable, match="none"):
        SenseVoiceEngine(SensevoiceSettings(model=str(tmp_path / "none")), "cpu")
