import socket
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from structlog.testing import capture_logs

from asr.engine import ENGINE_RATE
from asr.engines.funasr.loading import LoadedModel, library
from asr.engines.funasr.offline import OfflineParaformer
from asr.engines.funasr.streaming import HeardToken
from callscribe.domain.errors import EngineUnavailable
from callscribe.domain.hotword import Hotword
from tests.asr.funasr.models import idle, loaded, made, model, paused, spoken, spoken_chinese
from tests.wer import word_error_rate

TOKENS = [
    "<blank>",
    "<s>",
    "</s>",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "card",
    "cre@@",
    "dit",
    "订",
    "单",
    "<unk>",
]
NO_BIAS = len(TOKENS) - 1
WIDTH = 32
ENCODER = {
    "output_size": WIDTH,
    "attention_heads": 4,
    "linear_units": 64,
    "num_blocks": 2,
    "input_layer": "pe",
    "kernel_size": 11,
    "sanm_shfit": 0,
    "selfattention_layer_type": "sanm",
}
DECODER = {"attention_heads": 4, "linear_units": 64, "num_blocks": 2, "att_layer_num": 2, "kernel_size": 11}
PREDICTOR = {"idim": WIDTH, "threshold": 1.0, "l_order": 1, "r_order": 1, "tail_threshold": 0.45}
PARAFORMER = {
    "encoder": "SANMEncoder",
    "encoder_conf": ENCODER,
    "predictor_conf": PREDICTOR,
    "frontend": "WavFrontend",
    "frontend_conf": {"fs": 16000, "window": "hamming", "n_mels": 20, "lfr_m": 7, "lfr_n": 6},
}
SEACO = PARAFORMER | {
    "model": "SeacoParaformer",
    "model_conf": {"ctc_weight": 0.0, "predictor_bias": 1, "inner_dim": WIDTH, "NO_BIAS": NO_BIAS},
    "decoder": "ParaformerSANMDecoder",
    "decoder_conf": DECODER,
    "seaco_decoder": "ParaformerSANMDecoder",
    "seaco_decoder_conf": {
        "attention_heads": 4,
        "linear_units": 64,
        "num_blocks": 4,
        "kernel_size": 21,
        "use_output_layer": False,
        "wo_input_layer": True,
    },
    "predictor": "CifPredictorV3",
    "predictor_conf": PREDICTOR
    | {"smooth_factor2": 0.25, "noise_threshold2": 0.01, "upsample_times": 3, "upsample_type": "cnn_blstm"}
    | {"use_cif1_cnn": False},
}
CONTEXTUAL = PARAFORMER | {
    "model": "ContextualParaformer",
    "model_conf": {"ctc_weight": 0.0, "predictor_bias": 1, "inner_dim": WIDTH},
    "decoder": "ContextualParaformerDecoder",
    "decoder_conf": DECODER,
    "predictor": "CifPredictorV2",
}


@pytest.fixture(scope="module")
def paraformer() -> OfflineParaformer:
    return OfflineParaformer(loaded("paraformer-offline"))


@pytest.fixture(scope="module")
def seaco(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    return made(tmp_path_factory.mktemp("made") / "seaco", SEACO, TOKENS)


@pytest.fixture(scope="module")
def contextual(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    return made(tmp_path_factory.mktemp("made") / "contextual", CONTEXTUAL, TOKENS)


def words(engine: OfflineParaformer, heard: Sequence[HeardToken]) -> str:
    return " ".join(engine.tokens[token.id] for token in heard)


def listed(*texts: str) -> tuple[Hotword, ...]:
    return tuple(map(Hotword, texts))


def ids(heard: Sequence[Sequence[HeardToken]]) -> list[list[int]]:
    return [[token.id for token in row] for row in heard]


def close(one: Sequence[HeardToken], other: Sequence[HeardToken]) -> bool:
    """The same tokens at the same places, but for what is lost in rounding."""
    return [(token.id, token.start, token.end) for token in one] == [
        (token.id, token.start, token.end) for token in other
    ] and np.allclose([token.probability for token in one], [token.probability for token in other], atol=1e-4)


def test_known_voices_are_understood(paraformer: OfflineParaformer) -> None:
    lines = spoken()

    heard = paraformer.decode(list(lines.values()), [()] * len(lines))

    assert word_error_rate(list(lines), [words(paraformer, row) for row in heard]) < 0.1


def test_chinese_is_understood() -> None:
    engine = OfflineParaformer(loaded("paraformer-offline-zh"))
    lines = spoken_chinese()

    heard = engine.decode(list(lines.values()), [()] * len(lines))

    assert word_error_rate([" ".join(text) for text in lines], [words(engine, row) for row in heard]) < 0.1


def test_it_hears_what_the_library_hears(paraformer: OfflineParaformer) -> None:
    with library():
        from funasr.frontends.wav_frontend import WavFrontend

    settings = {"n_mels": 40, "lfr_m": 7, "lfr_n": 6, "dither": 0.0}
    frontend = WavFrontend(cmvn_file=str(model("paraformer-offline") / "am.mvn"), **settings)
    module: Any = loaded("paraformer-offline").module

    for audio in spoken().values():
        with torch.inference_mode():
            [result], _ = module.inference([torch.from_numpy(audio)], key=["k"], frontend=frontend, device="cpu")
        [heard] = paraformer.decode([audio], [()])
        assert [token.id for token in heard] == result["token_int"]


def test_a_batch_hears_what_each_alone_does(paraformer: OfflineParaformer) -> None:
    audios = [*spoken().values(), idle(1.0), np.zeros(ENGINE_RATE // 2, np.float32)]

    together = paraformer.decode(audios, [()] * len(audios))

    for audio, heard in zip(audios, together, strict=True):
        [alone] = paraformer.decode([audio], [()])
        assert close(heard, alone)


def test_an_empty_row_at_the_end_of_a_batch_spoils_nothing(paraformer: OfflineParaformer) -> None:
    text, audio = next(iter(spoken().items()))

    heard = paraformer.decode([audio, np.zeros(4_000, np.float32)], [(), ()])

    assert words(paraformer, heard[0]) == text


@pytest.mark.parametrize("samples", [0, 1, 399, 400, 1_600])
def test_the_shortest_audio_is_no_failure(paraformer: OfflineParaformer, samples: int) -> None:
    assert paraformer.decode([np.zeros(samples, np.float32)], [()]) == ((),)


def test_times_are_in_order_and_where_the_words_are(paraformer: OfflineParaformer) -> None:
    audio, places = paused()

    [heard] = paraformer.decode([audio], [()])

    assert all(token.start < token.end <= following.start for token, following in pairwise(heard))
    spans = [(paraformer.tokens[token.id], token.start / ENGINE_RATE, token.end / ENGINE_RATE) for token in heard]
    for word, (start, end) in places.items():
        middle = (start + end) / 2
        assert any(said == word and began < middle < ended + 0.2 for said, began, ended in spans)


def test_probabilities_tell_what_was_said_from_noise(paraformer: OfflineParaformer) -> None:
    heard = [token for row in paraformer.decode(list(spoken().values()), [()] * len(spoken())) for token in row]

    assert all(0.0 < token.probability <= 1.0 for token in heard)
    assert np.median([token.probability for token in heard]) > 0.8


def test_hotwords_change_nothing_in_a_plain_paraformer(paraformer: OfflineParaformer) -> None:
    audio = next(iter(spoken().values()))

    assert not paraformer.biasing
    assert paraformer.decode([audio], [listed("refund")]) == paraformer.decode([audio], [()])


@pytest.mark.parametrize("count", [2, 80])
def test_seaco_hears_hotwords_as_the_library_does(seaco: LoadedModel, count: int) -> None:
    engine = OfflineParaformer(seaco)
    module: Any = seaco.module
    hotwords = [" ".join(TOKENS[3 + (number // 9**place) % 9] for place in range(3)) for number in range(count)]
    audio = next(iter(spoken().values()))

    [heard] = engine.decode([audio], [listed(*hotwords)])

    numbers = [[TOKENS.index(token) for token in text.split()] for text in dict.fromkeys(hotwords)]
    logarithms = library_logarithms(module, engine, audio, [*numbers, [module.sos]])
    expected = [int(number) for number in logarithms.argmax(-1) if number not in (0, 1, 2)]
    assert [token.id for token in heard] == expected
    assert heard != engine.decode([audio], [()])[0]


def library_logarithms(module: Any, engine: OfflineParaformer, audio: Any, listed: list[list[int]]) -> torch.Tensor:
    """What FunASR's own call of the model gives, (tokens, vocabulary)."""
    with torch.inference_mode():
        vectors = engine._features.vectors(audio, 0, engine._features.count(len(audio), ended=True))
        encoded, lengths = module.encode(torch.from_numpy(vectors)[None], torch.tensor([len(vectors)]))
        acoustics, count = module.calc_predictor(encoded, lengths)[:2]
        count = count.round().long()
        found: torch.Tensor = module._seaco_decode_with_ASF(encoded, lengths, acoustics, count, hw_list=listed)
        return found[0, : int(count)]


@pytest.mark.parametrize("kind", ["seaco", "contextual"])
def test_rows_of_a_batch_have_their_own_hotwords(kind: str, request: pytest.FixtureRequest) -> None:
    engine = OfflineParaformer(request.getfixturevalue(kind))
    audios = list(spoken().values())[:5]
    lists = [
        listed("one", "credit card"),
        (),
        listed("two three"),
        listed("one", "credit card"),
        listed(*(f"{a} {b}" for a in TOKENS[3:10] for b in TOKENS[3:11])),
    ]

    together = engine.decode(audios, lists)

    for audio, hotwords, heard in zip(audios, lists, together, strict=True):
        [alone] = engine.decode([audio], [hotwords])
        assert close(heard, alone)
    assert engine.biasing


@pytest.mark.parametrize("kind", ["seaco", "contextual"])
def test_no_call_remembers_the_hotwords_of_another(kind: str, request: pytest.FixtureRequest) -> None:
    engine = OfflineParaformer(request.getfixturevalue(kind))
    audio = next(iter(spoken().values()))

    before = engine.decode([audio], [()])
    biased = engine.decode([audio], [listed("credit card", "two")])

    assert engine.decode([audio], [()]) == before
    assert biased != before


def test_a_hotword_that_names_a_file_or_an_address_is_a_word_like_others(
    seaco: LoadedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> socket.socket:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket, "socket", refuse)
    words = tmp_path / "hotwords.txt"
    words.write_text("one\n")
    engine = OfflineParaformer(seaco)
    audio = next(iter(spoken().values()))

    hotwords = listed(str(words), "http://127.0.0.1/one.txt")
    assert engine.decode([audio], [hotwords]) == engine.decode([audio], [()])


def test_hotwords_that_the_model_cannot_write_are_left_out_with_one_warning(seaco: LoadedModel) -> None:
    engine = OfflineParaformer(seaco)
    audio = next(iter(spoken().values()))

    with capture_logs() as logs:
        heard = engine.decode([audio], [listed("two", "ferret", "订货")])
        engine.decode([audio], [listed("weasel")])

    assert heard == engine.decode([audio], [listed("two")])
    assert [(entry["event"], entry["left_out"]) for entry in logs] == [("hotwords_not_in_vocabulary", 2)]


def test_a_timestamp_head_tells_the_times(seaco: LoadedModel) -> None:
    engine = OfflineParaformer(seaco)
    audios = list(spoken().values())[:3]

    for audio, heard in zip(audios, engine.decode(audios, [()] * 3), strict=True):
        starts = [token.start for token in heard]
        assert starts == sorted(starts)
        assert all(0 <= token.start <= token.end <= len(audio) for token in heard)
        assert all(token.end - token.start <= ENGINE_RATE * 240 // 1000 for token in heard)


@pytest.mark.parametrize("name", ["paraformer-streaming", "fsmn-vad", "sensevoice"])
def test_another_kind_of_model_is_refused(name: str) -> None:
    with pytest.raises(EngineUnavailable, match="is no offline Paraformer"):
        OfflineParaformer(loaded(name))
