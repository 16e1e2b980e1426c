"""What is no speech makes no text, neither shown for a moment nor kept."""

from collections.abc import Callable
from itertools import chain
from pathlib import Path

import numpy as np
import pytest

from asr.activity import ActivityModel
from asr.engine import Engine
from asr.engines import load_engine
from asr.files import read_audio
from asr.scheduler import Scheduler
from asr.settings import RecognizerSettings
from asr.wire.messages import Audio, ChannelOptions, Close, FinalReport, Open, PartialReport
from tests.asr.speech import silence
from tests.music import instrumental
from tests.peers import require
from tests.sounds import RATE, Samples, Sound, at_level, noises, signals, telephone_tones

CHUNK = RATE // 10
HOLD_MUSIC_S = 60


@pytest.fixture(scope="module")
def engine() -> Engine:
    return load_engine(RecognizerSettings())


@pytest.fixture(scope="module")
def model() -> ActivityModel:
    return ActivityModel()


def texts(pcm: Samples, engine: Engine, model: ActivityModel) -> list[str]:
    """Every text that a subscriber of the channel would have seen."""
    scheduler = Scheduler(engine, model)
    scheduler.accept(0, Open(0, 0, ChannelOptions(channel=0, rate=RATE)))
    seen = []
    for start in range(0, len(pcm), CHUNK):
        scheduler.accept(0, Audio(0, start, pcm[start : start + CHUNK].tobytes()))
        if start + CHUNK >= len(pcm):
            scheduler.accept(0, Close(0))
        while (turn := scheduler.work()) is not None:
            for _, message in turn.deliveries:
                if isinstance(message, FinalReport):
                    seen.append(message.final.text)
                elif isinstance(message, PartialReport):
                    seen.append(message.partial.committed + message.partial.tentative)
    return [text for text in seen if text]


@pytest.mark.parametrize("dbfs", [-10, -20, -35])
@pytest.mark.parametrize("sounds", [telephone_tones, signals, noises, instrumental])
def test_no_sound_of_lines_machines_and_instruments_makes_text(
    sounds: Callable[[], dict[str, Sound]], dbfs: int, engine: Engine, model: ActivityModel
) -> None:
    made = {name: texts(at_level(sound, dbfs), engine, model) for name, sound in sounds().items()}
    assert {name: said for name, said in made.items() if said} == {}


def test_one_sound_after_another_on_a_line_makes_no_text(engine: Engine, model: ActivityModel) -> None:
    everything = chain(telephone_tones().values(), signals().values(), noises().values())
    line = np.concatenate([part for sound in everything for part in (at_level(sound, -20)[: 4 * RATE], silence(1.0))])
    assert texts(line, engine, model) == []


@pytest.mark.parametrize("dbfs", [-12, -30])
@pytest.mark.parametrize("piece", ["macroform-cold_day", "macroform-robot_dity", "manolo_camp-morning_coffee"])
def test_hold_music_that_exchanges_play_makes_no_text(
    piece: str, dbfs: int, engine: Engine, model: ActivityModel
) -> None:
    music = read_audio(Path(require("/usr/share/asterisk/moh")) / f"{piece}.wav").channels[0][: HOLD_MUSIC_S * RATE]
    assert texts(at_level(music.astype(np.float64), dbfs), engine, model) == []
