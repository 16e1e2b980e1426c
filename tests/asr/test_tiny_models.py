"""The tiny models of tests/models hear, in FunASR's own AutoModel, with no network to be had."""

import socket
import warnings
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from asr.engine import Waveform
from asr.engines.funasr.loading import load_model
from asr.engines.funasr.offline import OfflineParaformer
from asr.resampling import doubled
from callscribe.domain.hotword import Hotword
from tests.asr.speech import silence
from tests.tiny_speech import RATE, Language, SpokenLine, conversation, utterances
from tests.wer import word_error_rate

_MODELS = Path(__file__).parents[1] / "models"
_CHUNK_SAMPLES = 9_600
_STREAM: Mapping[str, Any] = {"chunk_size": [0, 10, 5], "encoder_chunk_look_back": 4, "decoder_chunk_look_back": 1}
_OFFLINE: Mapping[Language, str] = {"en": "paraformer-offline", "zh": "paraformer-offline-zh"}
_STREAMING: Mapping[Language, str] = {"en": "paraformer-streaming", "zh": "paraformer-streaming-zh"}


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.fixture(autouse=True)
def _foreign_warnings() -> Iterator[None]:
    """FunASR's and its packages' own, of its import and of its loading."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@cache
def _loaded(name: str) -> Any:
    from funasr import AutoModel

    return AutoModel(
        model=str(_MODELS / name),
        disable_update=True,
        device="cpu",
        ncpu=1,
        disable_pbar=True,
        log_level="ERROR",
    )


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_offline_model_knows_its_words(language: Language) -> None:
    model = _loaded(_OFFLINE[language])

    assert _errors(utterances(language), [_whole(model, _wide(line.samples)) for line in utterances(language)]) < 0.1


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_streaming_model_knows_its_words(language: Language) -> None:
    model, lines = _loaded(_STREAMING[language]), utterances(language)

    assert _errors(lines, [_streamed(model, _wide(line.samples)) for line in lines]) < 0.2


@pytest.mark.parametrize("hotwords", ["", "refund tomorrow manager"])
def test_seaco_hears_as_well_with_hotwords_as_without(hotwords: str) -> None:
    model, lines = _loaded("seaco"), utterances("en")
    options = {"hotword": hotwords} if hotwords else {}

    assert _errors(lines, [_whole(model, _wide(line.samples), **options) for line in lines]) < 0.1


@pytest.mark.parametrize("hotwords", [(), ("maier",), ("schmitt", "kathryn", "stephen", "maier", "refund", "nine")])
def test_callscribe_hears_with_hotwords_what_funasr_hears(hotwords: tuple[str, ...]) -> None:
    sounds = [_wide(line.samples) for line in utterances("names")]
    options = {"hotword": " ".join(hotwords)} if hotwords else {}
    expected = [_whole(_loaded("seaco"), sound, **options) for sound in sounds]
    spoken = " ".join(expected).split()

    ours = OfflineParaformer(load_model(_MODELS / "seaco", "cpu"))
    heard = ours.decode(sounds, [tuple(map(Hotword, hotwords))] * len(sounds))

    assert [" ".join(ours.tokens[token.id] for token in row) for row in heard] == expected
    assert ("meyer" in spoken, "maier" in spoken) == ("maier" not in hotwords, "maier" in hotwords)


@pytest.mark.parametrize("name", [*_OFFLINE.values(), *_STREAMING.values()])
def test_nothing_is_said_on_an_idle_line(name: str) -> None:
    model, idle = _loaded(name), _wide(silence(3.0))

    assert (_streamed if "streaming" in name else _whole)(model, idle) == ""


@pytest.mark.parametrize("language", ["en", "zh"])
def test_in_a_conversation_the_parties_take_turns(language: Language) -> None:
    call = conversation(language)

    assert [turn.line.channel for turn in call.turns] == [0, 1] * 5
    for turn, later in zip(call.turns, call.turns[1:], strict=False):
        assert 1.0 <= (later.start - turn.end) / RATE <= 2.0
        assert np.array_equal(call.channel(turn.line.channel)[turn.start : turn.end], turn.line.samples)
        assert np.abs(call.channel(1 - turn.line.channel)[turn.start : turn.end]).max() < 256


def _wide(samples: NDArray[np.int16]) -> Waveform:
    return doubled(samples.astype(np.float64))


def _whole(model: Any, sound: Waveform, **options: str) -> str:
    return " ".join(result["text"] for result in model.generate(input=sound, **options))


def _streamed(model: Any, sound: Waveform) -> str:
    cache: dict[str, Any] = {}
    texts = []
    for begin in range(0, len(sound), _CHUNK_SAMPLES):
        chunk, last = sound[begin : begin + _CHUNK_SAMPLES], begin + _CHUNK_SAMPLES >= len(sound)
        texts.append(model.generate(input=chunk, cache=cache, is_final=last, **_STREAM)[0]["text"])
    return " ".join(text for text in texts if text)


def _errors(lines: tuple[SpokenLine, ...], heard: list[str]) -> float:
    """Wrong words, or wrong characters in Chinese, over those said."""
    return word_error_rate([_spaced(line.text) for line in lines], [_spaced(text) for text in heard])


def _spaced(text: str) -> str:
    return text if text.isascii() else " ".join(text.replace(" ", ""))
