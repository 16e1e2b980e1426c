import numpy as np
import pytest
from numpy.typing import NDArray

from asr.activity import WINDOW, Activity, ActivityModel
from asr.endpointing import Began, Endpointer
from asr.engine import Waveform
from asr.resampling import Upsampler
from asr.settings import EndpointSettings
from tests.acceptance.speech import excerpt
from tests.asr.speech import RATE, silence, two_cities

State = tuple[NDArray[np.float32], NDArray[np.float32]]


@pytest.fixture(scope="module")
def model() -> ActivityModel:
    return ActivityModel()


def whole_windows(samples: np.ndarray[tuple[int], np.dtype[np.int16]]) -> Waveform:
    audio = Upsampler(RATE).push(samples)
    return audio[: len(audio) // WINDOW * WINDOW]


def test_speech_is_told_from_silence(model: ActivityModel) -> None:
    probabilities = Activity(model).push(whole_windows(two_cities()[: 12 * RATE]))
    seconds = np.arange(len(probabilities)) * 0.032
    spoken = (seconds > 1.4) & (seconds < 4.4)
    assert (probabilities[spoken] > 0.5).mean() > 0.9
    assert (probabilities[(seconds > 0.3) & (seconds < 0.9)] < 0.3).all()


def test_it_does_not_matter_how_windows_are_grouped(model: ActivityModel) -> None:
    audio = whole_windows(two_cities()[: 4 * RATE])
    one_by_one = Activity(model)
    singly = [one_by_one.push(audio[start : start + WINDOW]) for start in range(0, len(audio), WINDOW)]
    np.testing.assert_allclose(np.concatenate(singly), Activity(model).push(audio), atol=1e-4)


@pytest.mark.parametrize("constant", [0, 8, -8], ids=["mu-law", "A-law", "A-law, negative"])
def test_an_idle_line_costs_no_run_of_the_model(
    model: ActivityModel, monkeypatch: pytest.MonkeyPatch, constant: int
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the model was asked about silence")

    monkeypatch.setattr(model, "run", refuse)
    line = whole_windows(silence(5.0))
    line[WINDOW:] += np.float32(constant / 32768)
    assert Activity(model).push(line).max() == 0.0


@pytest.mark.parametrize("decibels", [10, 20])
def test_soft_speech_is_heard_on_a_quiet_line(model: ActivityModel, decibels: int) -> None:
    speech = whole_windows(two_cities()[: 12 * RATE]) * np.float32(10 ** (-decibels / 20))
    loud = Activity(model).push(whole_windows(two_cities()[: 12 * RATE]))
    assert (Activity(model).push(speech) > 0.5).sum() >= 0.8 * (loud > 0.5).sum()


def test_noise_that_grows_on_a_quiet_line_is_asked_about_until_it_is_known(
    model: ActivityModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    run = model.run

    def count(windows: NDArray[np.float32], state: State) -> tuple[NDArray[np.float32], State]:
        asked.append(len(windows))
        return run(windows, state)

    monkeypatch.setattr(model, "run", count)
    activity = Activity(model)
    activity.push(np.zeros(WINDOW * 30, np.float32))
    assert not asked
    noise = whole_windows(silence(60.0))
    half = len(noise) // WINDOW // 2 * WINDOW
    activity.push(noise[:half])
    assert asked
    asked.clear()
    activity.push(noise[half:])
    assert not asked


@pytest.mark.parametrize("kind", ["white noise", "tone", "clicks"])
def test_what_is_no_speech_never_looks_like_it_for_long(model: ActivityModel, kind: str) -> None:
    random, length = np.random.default_rng(1), 5 * RATE
    sounds = {
        "white noise": random.normal(0, 2000, length),
        "tone": 8000 * np.sin(2 * np.pi * 440 * np.arange(length) / RATE),
        "clicks": np.where(random.random(length) < 0.001, 20000, 0),
    }
    probabilities = Activity(model).push(whole_windows(sounds[kind].astype(np.int16)))
    runs = "".join("x" if probability >= 0.5 else " " for probability in probabilities).split()
    assert max(map(len, runs), default=0) < 4


def test_soft_lines_are_heard_louder_and_loud_ones_as_they_are(
    model: ActivityModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[NDArray[np.float32]] = []
    run = model.run

    def note(windows: NDArray[np.float32], state: State) -> tuple[NDArray[np.float32], State]:
        asked.append(windows)
        return run(windows, state)

    monkeypatch.setattr(model, "run", note)
    tone = whole_windows((16_000 * np.sin(np.arange(2 * RATE))).astype(np.int16))
    for factor, level in ((1.0, -9.2), (0.1, -26.0), (0.01, -26.0), (0.003, -29.7)):
        Activity(model).push(tone * np.float32(factor))
        assert 10 * np.log10(np.mean(asked[-1][-1] ** 2)) == pytest.approx(level, abs=0.3)


@pytest.mark.parametrize("samples", range(0, 256, 32))
@pytest.mark.parametrize("decibels", [0, 20, 40])
def test_a_short_word_out_of_silence_is_heard_wherever_in_a_window_it_begins(
    model: ActivityModel, samples: int, decibels: int
) -> None:
    said = excerpt(6).channels[1][int(21.7 * RATE) : int(22.25 * RATE)]
    word = (said * 10 ** (-decibels / 20)).round().astype(np.int16)
    line = np.concatenate([np.zeros(RATE + samples, np.int16), word, np.zeros(RATE // 2, np.int16)])
    probabilities = Activity(model).push(whole_windows(line))
    endpointer = Endpointer(EndpointSettings())
    events = [event for probability in probabilities.tolist() for event in endpointer.push(probability)]
    assert any(isinstance(event, Began) for event in events)
