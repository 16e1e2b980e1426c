from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from asr.activity import WINDOW
from asr.engine import Waveform
from asr.engines.funasr.activity import FsmnActivityModel
from asr.engines.funasr.features import Features
from callscribe.domain.errors import EngineUnavailable
from tests.asr.funasr.models import idle, loaded, paused, spoken

LAG = 1
"""Windows by which a probability comes late."""


@pytest.fixture(scope="module")
def ears() -> FsmnActivityModel:
    return FsmnActivityModel(loaded("fsmn-vad"))


def whole(audio: Waveform) -> Waveform:
    return audio[: len(audio) // WINDOW * WINDOW]


def line(pause_s: float) -> tuple[Waveform, NDArray[np.bool_], NDArray[np.bool_]]:
    """All that was spoken with pauses between, and which windows are speech, and silence, beyond doubt."""
    audios, pauses = [], []
    for audio in spoken().values():
        audios += [idle(pause_s), audio]
        pauses += [np.ones(len(audios[-2]), np.bool_), np.zeros(len(audio), np.bool_)]
    sound = whole(np.concatenate(audios))
    silent = np.asarray(np.concatenate(pauses)[: len(sound)].reshape(-1, WINDOW).all(1))
    power = (sound.reshape(-1, WINDOW) ** 2).mean(1)
    return sound, np.asarray(power > power.max() * 10**-2.5), silent


def test_speech_is_told_from_silence(ears: FsmnActivityModel) -> None:
    sound, speech, silent = line(pause_s=1.0)

    probabilities = ears.listen().push(sound)[LAG:]

    speech, silent = speech[:-LAG], silent[:-LAG]
    assert speech.sum() > 300
    assert silent.sum() > 200
    misses = (probabilities[speech] < 0.5).mean()
    false_alarms = (probabilities[silent] >= 0.5).mean()
    assert misses < 0.03
    assert false_alarms < 0.03


def test_it_follows_words_that_stand_apart(ears: FsmnActivityModel) -> None:
    audio, places = paused()

    probabilities = ears.listen().push(whole(audio))

    seconds = (np.arange(len(probabilities)) + 0.5 - LAG) * 0.032
    for start, end in places.values():
        assert (probabilities[(seconds > start + 0.05) & (seconds < end - 0.15)] > 0.5).mean() > 0.7
    assert (probabilities[(seconds > 1.0) & (seconds < 1.1)] < 0.3).all()
    assert (probabilities[seconds > 3.85] < 0.3).all()


@pytest.mark.parametrize("windows", [1, 2, 7, 40])
def test_it_does_not_matter_how_windows_are_grouped(ears: FsmnActivityModel, windows: int) -> None:
    audio = whole(paused()[0])
    channel = ears.listen()

    parts = [channel.push(audio[start : start + windows * WINDOW]) for start in range(0, len(audio), windows * WINDOW)]

    np.testing.assert_allclose(np.concatenate(parts), ears.listen().push(audio), atol=1e-5)


def test_nothing_pushed_gives_nothing(ears: FsmnActivityModel) -> None:
    channel = ears.listen()

    assert channel.push(np.zeros(0, np.float32)).shape == (0,)
    assert channel.push(np.zeros(WINDOW, np.float32)).tolist() == [0.0]
    assert channel.push(np.zeros(0, np.float32)).shape == (0,)


def test_the_network_is_the_librarys(ears: FsmnActivityModel) -> None:
    model = loaded("fsmn-vad")
    module: Any = model.module
    assert model.frontend is not None
    assert model.normalization is not None
    features = Features(model.frontend, model.normalization)
    audio = paused()[0]
    vectors = features.vectors(audio, 0, features.count(len(audio), ended=False))

    with torch.inference_mode():
        silence = module.encoder(torch.from_numpy(vectors)[None], {})[0, :, 0].numpy()
    likely, _ = ears.run(vectors, ears.blank)

    # FunASR calls speech what is 0.6 likelier than silence.
    certain = np.abs(1 - 2 * silence - 0.6) > 1e-4
    assert ((likely > 0.5) == (1 - silence >= silence + 0.6))[certain].all()
    np.testing.assert_allclose(likely, (1 - silence) / (1 + 3 * silence), atol=1e-5)


def test_channels_do_not_hear_each_other(ears: FsmnActivityModel) -> None:
    speech, silence = whole(paused()[0]), whole(idle(3.9))
    one, other = ears.listen(), ears.listen()
    heard: list[tuple[float, float]] = []

    for start in range(0, min(len(speech), len(silence)), WINDOW):
        heard.append(
            (float(one.push(speech[start : start + WINDOW])[0]), float(other.push(silence[start : start + WINDOW])[0]))
        )

    alone = ears.listen().push(speech)[: len(heard)]
    np.testing.assert_allclose([first for first, _ in heard], alone, atol=1e-5)
    assert max(second for _, second in heard) < 0.2


def test_it_hears_after_many_minutes_what_it_hears_at_first(ears: FsmnActivityModel) -> None:
    # Five windows are whole frames, so that the words begin at the same place of a frame.
    words, minute = (sound[: len(sound) // (5 * WINDOW) * 5 * WINDOW] for sound in (paused()[0], idle(60.0)))
    channel = ears.listen()

    channel.push(minute)
    early = channel.push(words)
    for _ in range(20):
        channel.push(minute)

    np.testing.assert_allclose(channel.push(words), early, atol=1e-4)


def test_another_kind_of_model_is_refused() -> None:
    with pytest.raises(EngineUnavailable, match="is no voice activity model"):
        FsmnActivityModel(loaded("ct-punc"))
