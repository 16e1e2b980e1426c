"""Utterances of a recording that nobody has listened to: where they begin and end, and none where nobody speaks."""

import json
from pathlib import Path

import numpy as np
import pytest

from asr.files import read_audio
from asr.spans import spoken_spans

MEDIA = Path(__file__).parents[2] / "callscribe" / "cli" / "media"


@pytest.mark.parametrize("channel", [0, 1], ids=["agent", "customer"])
def test_every_turn_lies_in_utterances_and_every_utterance_in_a_turn(channel: int) -> None:
    call = read_audio(MEDIA / "demo-call.wav")
    turns = [turn for turn in json.loads((MEDIA / "demo-call.json").read_text())["turns"] if turn["channel"] == channel]
    spans = spoken_spans(call.channels[channel], call.rate)
    of_turns = [
        [span for span in spans if turn["start_ms"] * 8 - 2000 <= span[0] < span[1] <= turn["end_ms"] * 8 + 2000]
        for turn in turns
    ]
    assert [span for found in of_turns for span in found] == list(spans)
    assert all(of_turns)
    spoken = sum(end - start for start, end in spans)
    assert 0.8 <= spoken / sum(turn["end_ms"] * 8 - turn["start_ms"] * 8 for turn in turns) <= 1.1


def test_speech_up_to_the_end_of_a_recording_ends_there() -> None:
    call = read_audio(MEDIA / "demo-call.wav")
    cut = call.channels[0][: 3 * call.rate]
    (span,) = spoken_spans(cut, call.rate)
    assert span[1] == len(cut)


@pytest.mark.parametrize("length", [0, 1, 16_000])
def test_silence_has_none(length: int) -> None:
    assert spoken_spans(np.zeros(length, np.int16), 8000) == ()
