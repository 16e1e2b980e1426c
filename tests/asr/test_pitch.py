import numpy as np
import pytest

from asr.engine import ENGINE_RATE, Waveform
from asr.pitch import final_fall


def voice(*pitches_hz: float, seconds: float = 0.4, pause_s: float = 0.2) -> Waveform:
    """A buzz like a voice's, each pitch for a while, then silence."""
    pitch = np.repeat(pitches_hz, int(seconds * ENGINE_RATE))
    phase = 2 * np.pi * np.cumsum(pitch) / ENGINE_RATE
    buzz = sum(np.sin(harmonic * phase) / harmonic for harmonic in range(1, 9)) * 0.1
    return np.concatenate([buzz, np.zeros(int(pause_s * ENGINE_RATE))]).astype(np.float32)


@pytest.mark.parametrize("usual_hz", [100.0, 200.0])
@pytest.mark.parametrize(("ratio", "semitones"), [(0.7, -6.2), (1.0, 0.0), (1.15, 2.4)])
def test_it_is_told_in_semitones_from_the_usual_pitch(usual_hz: float, ratio: float, semitones: float) -> None:
    heard = final_fall(voice(usual_hz, usual_hz, usual_hz, usual_hz * ratio))
    assert heard == pytest.approx(semitones, abs=0.4)


def test_loudness_does_not_matter() -> None:
    audio = voice(200, 200, 150)
    assert final_fall(audio * np.float32(0.01)) == pytest.approx(final_fall(audio))


@pytest.mark.parametrize(
    "audio",
    [
        np.zeros(0, np.float32),
        np.zeros(100, np.float32),
        np.zeros(ENGINE_RATE, np.float32),
        np.random.default_rng(0).normal(0, 0.1, ENGINE_RATE).astype(np.float32),
        voice(150, seconds=0.08),
    ],
    ids=["nothing", "a few samples", "silence", "noise", "too short"],
)
def test_what_has_no_pitch_has_no_fall(audio: Waveform) -> None:
    assert final_fall(audio) == 0.0


def test_only_the_last_seconds_count_and_slips_are_bounded() -> None:
    assert final_fall(voice(300, *[150] * 16, 150)) == pytest.approx(0.0, abs=0.3)
    assert final_fall(voice(*[380] * 6, 90)) == -9.0
    assert final_fall(voice(*[90] * 6, 380)) == 3.0
