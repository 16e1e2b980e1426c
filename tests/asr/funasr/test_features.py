import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from asr.engine import Waveform
from asr.engines.funasr.features import Features
from asr.engines.funasr.loading import library
from tests.asr.funasr.models import loaded, model, spoken

LENGTHS = [400, 559, 560, 1_359, 1_360, 9_519, 9_520, 9_599, 9_600, 9_601, 31_700]
"""Around the edges of a frame, of the first vectors, and of a chunk."""


@pytest.fixture(scope="module")
def features() -> Features:
    found = loaded("paraformer-streaming")
    assert found.frontend is not None
    assert found.normalization is not None
    return Features(found.frontend, found.normalization)


def line() -> Waveform:
    return next(iter(spoken().values()))


def by_funasr(audio: Waveform) -> NDArray[np.float32]:
    """What FunASR's own front end for whole recordings makes of it, with the model's settings."""
    with library():
        from funasr.frontends.wav_frontend import WavFrontend
    frontend = loaded("paraformer-streaming").frontend
    assert frontend is not None
    official = WavFrontend(
        cmvn_file=str(model("paraformer-streaming") / "am.mvn"),
        window=frontend.window,
        n_mels=frontend.mels,
        lfr_m=frontend.stacked,
        lfr_n=frontend.stride,
        dither=0.0,
    )
    vectors, _ = official(torch.from_numpy(audio)[None], torch.tensor([len(audio)]))
    found: NDArray[np.float32] = vectors[0].numpy()
    return found


@pytest.mark.parametrize("length", LENGTHS)
def test_vectors_of_whole_audio_are_funasrs(features: Features, length: int) -> None:
    audio = line()[:length]
    ours = features.vectors(audio, 0, features.count(length, ended=True))
    np.testing.assert_allclose(ours, by_funasr(audio), atol=1e-4)


@pytest.mark.parametrize("seed", range(5))
def test_vectors_of_a_stream_are_those_of_the_whole(features: Features, seed: int) -> None:
    audio = line()
    whole = by_funasr(audio)
    random = np.random.default_rng(seed)
    found: list[NDArray[np.float32]] = []
    heard = done = 0
    while heard < len(audio):
        heard = min(heard + int(random.integers(1, 9_000)), len(audio))
        ready = features.count(heard, ended=heard == len(audio))
        found.append(features.vectors(audio[:heard], done, ready))
        done = ready
    np.testing.assert_allclose(np.concatenate(found), whole, atol=1e-4)


@pytest.mark.parametrize("length", LENGTHS)
def test_what_counts_before_the_end_does_not_change_with_what_comes(features: Features, length: int) -> None:
    ready = features.count(length, ended=False)
    now = features.vectors(line()[:length], 0, ready)
    later = features.vectors(line(), 0, ready)
    assert np.array_equal(now, later)
    beyond = features.vectors(line()[:length], 0, ready + 1)
    assert not np.allclose(beyond[-1], features.vectors(line(), 0, ready + 1)[-1])


def test_a_chunk_gives_its_vectors_without_what_follows(features: Features) -> None:
    assert [features.count(9_600 * chunks, ended=False) for chunks in (1, 2, 3, 1_000)] == [10, 20, 30, 10_000]


@pytest.mark.parametrize("length", [0, 1, 399])
def test_less_than_a_frame_gives_nothing(features: Features, length: int) -> None:
    assert features.count(length, ended=True) == features.count(length, ended=False) == 0
    assert features.vectors(line()[:length], 0, 0).shape == (0, 280)
