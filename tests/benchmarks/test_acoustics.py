"""What the made acoustics promise: levels, ratios, and G.711's own values."""

import numpy as np
import pytest

from benchmarks.acoustics import by_telephone, far_field, in_babble, in_white_noise, lowered
from benchmarks.corpus import RATE, Channel, Clip, Pcm, channels


def level(pcm: Pcm) -> float:
    return float(np.sqrt(np.mean(pcm.astype(np.float64) ** 2)))


@pytest.fixture
def channel() -> Channel:
    tone = (4000 * np.sin(2 * np.pi * 440 * np.arange(2 * RATE) / RATE)).astype(np.int16)
    return channels([Clip("tone", "beep", tone)])[0]


def test_mu_law_returns_each_of_its_own_values_unchanged_and_others_within_a_step() -> None:
    loud = np.array([0, 8, -8, 32124, -32124], np.int16)
    assert by_telephone(loud).tolist() == loud.tolist()
    ramp = np.arange(-32000, 32000, 37, dtype=np.int16)
    assert np.abs(by_telephone(ramp).astype(int) - ramp).max() <= 512


def test_a_lowered_channel_is_that_much_lower(channel: Channel) -> None:
    assert 20 * np.log10(level(channel.pcm) / level(lowered(channel, 20))) == pytest.approx(20, abs=0.1)


@pytest.mark.parametrize("snr_db", [20, 5])
def test_noise_lies_that_much_below_the_speech(channel: Channel, snr_db: float) -> None:
    turn = channel.turns[0]
    voices = [np.random.default_rng(5).normal(0, 500, 3 * RATE).astype(np.int16)]
    for noisy in (in_white_noise(channel, snr_db), in_babble(channel, snr_db, voices)):
        noise = noisy.astype(np.float64) - channel.pcm
        speech = channel.pcm[turn.start : turn.end]
        assert 20 * np.log10(level(speech) / np.sqrt(np.mean(noise**2))) == pytest.approx(snr_db, abs=0.3)


def test_a_room_keeps_the_level_and_goes_on_after_the_sound(channel: Channel) -> None:
    room, turn = far_field(channel, 0.6), channel.turns[0]
    assert level(room[turn.start : turn.end]) == pytest.approx(level(channel.pcm[turn.start : turn.end]), rel=0.01)
    after = slice(turn.end + RATE // 20, turn.end + RATE // 5)
    assert level(room[after]) > 10 * level(channel.pcm[after])
