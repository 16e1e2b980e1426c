from collections.abc import Sequence
from dataclasses import fields, replace
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from asr.engine import ENGINE_RATE, Waveform
from asr.engines.funasr.loading import LoadedModel, library
from asr.engines.funasr.streaming import Chunking, HeardToken, Part, Stream, StreamingParaformer
from asr.engines.funasr.text import text_of
from callscribe.domain.errors import EngineUnavailable, RecognitionError
from tests.asr.funasr.models import idle, loaded, made, spoken
from tests.wer import word_error_rate

CHUNK = 9_600
LONG_AGO = 1_200 * ENGINE_RATE
TINY = "paraformer-streaming"
WIDTH = 32
RANDOM: dict[str, Any] = {
    "model": "ParaformerStreaming",
    "model_conf": {"ctc_weight": 0.0, "predictor_bias": 1},
    "encoder": "SANMEncoderChunkOpt",
    "encoder_conf": {
        "output_size": WIDTH,
        "attention_heads": 4,
        "linear_units": 64,
        "num_blocks": 4,
        "input_layer": "pe_online",
        "kernel_size": 11,
        "sanm_shfit": 0,
        "selfattention_layer_type": "sanm",
        "chunk_size": [15],
        "stride": [10],
        "pad_left": [0],
    },
    "decoder": "ParaformerSANMDecoder",
    "decoder_conf": {
        "attention_heads": 4,
        "linear_units": 64,
        "num_blocks": 3,
        "att_layer_num": 3,
        "kernel_size": 11,
        "sanm_shfit": 5,
    },
    "predictor": "CifPredictorV2",
    "predictor_conf": {"idim": WIDTH, "threshold": 1.0, "l_order": 1, "r_order": 1, "tail_threshold": 0.45},
    "frontend": "WavFrontendOnline",
    "frontend_conf": {"fs": 16000, "window": "hamming", "n_mels": 20, "lfr_m": 7, "lfr_n": 6},
}
"""A model of several layers whose weights mean nothing: it says much, and changes its mind at every trifle."""
TOKENS = ["<blank>", "<s>", "</s>", *(f"t{number}" for number in range(60)), "<unk>"]


@cache
def tiny() -> StreamingParaformer:
    return StreamingParaformer(loaded(TINY), Chunking())


@pytest.fixture(scope="module")
def random_model(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    return made(Path(tmp_path_factory.mktemp("random")) / "model", RANDOM, TOKENS)


def lines() -> list[Waveform]:
    return list(spoken().values())


def said(streaming: StreamingParaformer, tokens: Sequence[HeardToken]) -> str:
    return text_of([streaming.tokens[token.id] for token in tokens])


def ids(tokens: Sequence[HeardToken]) -> list[int]:
    return [token.id for token in tokens]


def at_once(streaming: StreamingParaformer, audio: Waveform) -> list[int]:
    return ids(streaming.hear([Part(streaming.begin(), audio, ended=True)])[0].tokens)


def by_funasr(model: LoadedModel, audio: Waveform, chunking: Chunking, cut: int, position: int = 0) -> list[int]:
    """What FunASR's own streaming inference says, a piece of `cut` samples at a time; with `position` vectors before,
    of which it remembers nothing."""
    with library():
        from funasr.frontends.wav_frontend import WavFrontendOnline
    frontend, normalization, module = model.frontend, model.normalization, model.module
    assert frontend is not None
    assert normalization is not None
    official = WavFrontendOnline(
        window=frontend.window, n_mels=frontend.mels, lfr_m=frontend.stacked, lfr_n=frontend.stride, dither=0.0
    )
    official.cmvn_file, official.cmvn = "read", torch.from_numpy(np.stack([normalization.shift, normalization.scale]))
    settings: dict[str, Any] = {
        "chunk_size": [0, chunking.new, chunking.ahead],
        "encoder_chunk_look_back": chunking.encoder_look_back,
        "decoder_chunk_look_back": chunking.decoder_look_back,
        "encoder_conf": {"output_size": module.encoder.output_size()},
        "frontend_conf": {"n_mels": frontend.mels, "lfr_m": frontend.stacked},
        "device": "cpu",
    }
    kept: dict[str, Any] = {}
    module.init_cache(kept, **settings)
    kept["encoder"]["start_idx"] = position
    listener = _Listener()
    for first in range(0, len(audio), cut):
        piece, ended = audio[first : first + cut], first + cut >= len(audio)
        with torch.inference_mode():
            module.inference([piece], None, ["key"], listener, official, kept, is_final=ended, **settings)
    return listener.heard


class _Listener:
    """Takes the place of FunASR's tokenizer, to hear the numbers before they become text."""

    def __init__(self) -> None:
        self.heard: list[int] = []

    def ids2tokens(self, numbers: Sequence[int]) -> list[str]:
        self.heard += numbers
        return []


def without_ends(tokens: list[int]) -> list[int]:
    """FunASR leaves out what marks a begin or an end."""
    return [token for token in tokens if token > 2]


def test_words_are_understood() -> None:
    parts = [Part(tiny().begin(), audio, ended=True) for audio in lines()]
    texts = [said(tiny(), understood.tokens) for understood in tiny().hear(parts)]
    assert word_error_rate(list(spoken()), texts) < 0.2


@pytest.mark.parametrize("chunking", [Chunking(), Chunking(8, 4), Chunking(10, 5, 0, 0), Chunking(5, 5, 2, 3)])
@pytest.mark.parametrize("left", [0, 1, 500, 960, 3_000, 4_799])
def test_tokens_are_those_of_funasrs_own_streaming(random_model: LoadedModel, chunking: Chunking, left: int) -> None:
    audio = np.concatenate(lines())[: 24 * chunking.new * 960 + left]
    ours = at_once(StreamingParaformer(random_model, chunking), audio)
    assert len(set(ours)) > 5
    assert without_ends(ours) == by_funasr(random_model, audio, chunking, cut=CHUNK)


def test_words_are_those_of_funasrs_own_streaming() -> None:
    for audio in lines():
        assert without_ends(at_once(tiny(), audio)) == by_funasr(loaded(TINY), audio, Chunking(), cut=CHUNK)


def test_an_old_stream_is_understood_as_by_funasr(random_model: LoadedModel) -> None:
    streaming = StreamingParaformer(random_model, Chunking())
    before = LONG_AGO // CHUNK * CHUNK
    audio = np.concatenate([np.zeros(before, np.float32), np.zeros(CHUNK, np.float32), *lines()[:2]])
    aged = replace(streaming.begin(), position=before // 960)
    ours = ids(streaming.hear([Part(aged, audio, ended=True)])[0].tokens)
    assert without_ends(ours) == by_funasr(random_model, audio[before:], Chunking(), cut=CHUNK, position=before // 960)


@pytest.mark.parametrize("step", [320, 4_000, CHUNK, 25_000])
def test_in_pieces_the_words_are_those_of_all_at_once(step: int) -> None:
    audio = lines()[0]
    understood = tiny().hear([Part(tiny().begin(), audio[:0], ended=False)])[0]
    for end in range(step, len(audio) + step, step):
        understood = tiny().hear([Part(understood.stream, audio[:end], ended=end >= len(audio))])[0]
    assert ids(understood.tokens) == at_once(tiny(), audio)


@pytest.mark.parametrize("seed", range(4))
def test_any_mixture_of_streams_says_what_each_says_alone(random_model: LoadedModel, seed: int) -> None:
    streaming = StreamingParaformer(random_model, Chunking())
    random = np.random.default_rng(seed)
    audios = [audio[int(random.integers(8_000)) :] for audio in lines()]
    alone = [at_once(streaming, audio) for audio in audios]
    streams, ends = [streaming.begin()] * len(audios), [0] * len(audios)
    found: dict[int, list[int]] = {}
    while len(found) < len(audios):
        going = [number for number in range(len(audios)) if number not in found and random.random() < 0.6]
        for number in going:
            ends[number] += int(random.integers(1, 30_000))
        parts = [
            Part(streams[number], audios[number][: ends[number]], ended=ends[number] >= len(audios[number]))
            for number in going
        ]
        for number, part, understood in zip(going, parts, streaming.hear(parts), strict=True):
            streams[number] = understood.stream
            if part.ended:
                found[number] = ids(understood.tokens)
    assert [found[number] for number in range(len(audios))] == alone


def test_loud_noise_and_silence_beside_a_stream_change_nothing_of_it() -> None:
    audio = lines()[0]
    noise = np.random.default_rng(0).uniform(-1.0, 1.0, len(audio) + 7_000).astype(np.float32)
    others = [noise, idle(3.0), np.zeros(len(audio), np.float32), lines()[1]]
    (alone,) = tiny().hear([Part(tiny().begin(), audio, ended=True)])
    together = tiny().hear([Part(tiny().begin(), other, ended=True) for other in (*others, audio)])[-1]
    assert ids(together.tokens) == ids(alone.tokens)
    likely = [[token.probability for token in understood.tokens] for understood in (together, alone)]
    np.testing.assert_allclose(likely[0], likely[1], atol=1e-4)


def test_a_stream_is_a_value_from_which_the_same_follows_again(random_model: LoadedModel) -> None:
    streaming = StreamingParaformer(random_model, Chunking())
    audio, other = lines()[:2]
    stream = streaming.hear([Part(streaming.begin(), audio[: 3 * CHUNK], ended=False)])[0].stream
    before = {name: value.clone() for name, value in _tensors(stream).items()}
    first = streaming.hear([Part(stream, audio, ended=True)])[0]
    streaming.hear([Part(stream, np.concatenate([audio[: 3 * CHUNK], other]), ended=False)])
    again = streaming.hear([Part(stream, audio, ended=True)])[0]
    assert again.tokens == first.tokens
    assert all(torch.equal(before[name], value) for name, value in _tensors(stream).items())


def test_a_stream_holds_no_more_memory_than_its_own_however_it_was_heard() -> None:
    parts = [Part(tiny().begin(), audio, ended=False) for audio in lines()]
    for understood in tiny().hear(parts):
        for tensor in _tensors(understood.stream).values():
            assert tensor.untyped_storage().nbytes() == tensor.nbytes


def _tensors(stream: Stream) -> dict[str, torch.Tensor]:
    values = ((field.name, getattr(stream, field.name)) for field in fields(stream))
    return {name: value for name, value in values if isinstance(value, torch.Tensor)}


def test_only_whole_chunks_are_heard_before_the_end() -> None:
    audio = lines()[0]
    streams = [tiny().hear([Part(tiny().begin(), audio[:length], ended=False)])[0].stream for length in (9_599, 9_600)]
    assert [tiny().heard_samples(stream) for stream in streams] == [0, CHUNK]
    assert tiny().chunk_samples == CHUNK


def test_an_end_says_what_is_left_and_the_stream_may_go_on() -> None:
    audio = lines()[0]
    paused = tiny().hear([Part(tiny().begin(), audio[: 5 * CHUNK + 5_000], ended=True)])[0]
    assert tiny().heard_samples(paused.stream) == 5 * CHUNK
    assert paused.tokens[: len(paused.stream.tokens)] == paused.stream.tokens
    gone_on = tiny().hear([Part(paused.stream, audio, ended=True)])[0]
    assert ids(gone_on.tokens) == at_once(tiny(), audio)


@pytest.mark.parametrize("length", [0, 100, 959])
def test_almost_no_audio_says_nothing(length: int) -> None:
    assert at_once(tiny(), np.zeros(length, np.float32)) == []


def test_nothing_to_hear_is_no_work() -> None:
    assert tiny().hear([]) == []


def test_tokens_lie_in_order_where_their_words_were_said() -> None:
    audio = np.concatenate([idle(2.0), lines()[0]])
    tokens = tiny().hear([Part(tiny().begin(), audio, ended=True)])[0].tokens
    words = [token for token in tokens if tiny().tokens[token.id] in next(iter(spoken()))]
    assert words[0].end > 2 * ENGINE_RATE
    assert all(token.start < token.end <= len(audio) + 960 for token in words)
    assert all(word.end <= following.start for word, following in pairwise(words))


def test_another_kind_of_model_is_refused() -> None:
    with pytest.raises(EngineUnavailable, match="is a Paraformer; streaming wants a ParaformerStreaming"):
        StreamingParaformer(loaded("paraformer-offline"), Chunking())


@pytest.mark.parametrize(
    ("part", "setting", "reason"),
    [
        ("encoder_conf", {"input_layer": "pe"}, "encoder is of an unknown make"),
        ("encoder_conf", {"normalize_before": False}, "encoder is of an unknown make"),
        ("decoder_conf", {"sanm_shfit": 0}, "decoder is of an unknown make"),
        ("decoder_conf", {"att_layer_num": 2}, "decoder is of an unknown make"),
    ],
)
def test_a_model_of_another_make_is_refused(part: str, setting: dict[str, Any], reason: str, tmp_path: Path) -> None:
    settings = RANDOM | {part: RANDOM[part] | setting}
    with pytest.raises(EngineUnavailable, match=reason):
        StreamingParaformer(made(tmp_path / "model", settings, TOKENS), Chunking())


def test_features_that_reach_beyond_a_chunk_are_refused(tmp_path: Path) -> None:
    settings = RANDOM | {"frontend_conf": RANDOM["frontend_conf"] | {"lfr_m": 1, "lfr_n": 1}}
    with pytest.raises(EngineUnavailable, match="reach beyond a chunk"):
        StreamingParaformer(made(tmp_path / "model", settings, TOKENS), Chunking())


def test_a_model_that_fails_is_told_in_our_own_words() -> None:
    stranger = StreamingParaformer(loaded(TINY), Chunking(encoder_look_back=2)).begin()
    parts = [Part(stranger, lines()[0], ended=True), Part(tiny().begin(), lines()[0], ended=True)]
    with pytest.raises(RecognitionError, match="the streaming Paraformer failed"):
        tiny().hear(parts)
