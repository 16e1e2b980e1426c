"""The packaged model of voices on voices in known turns, and what it makes of likenesses."""

import json
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from asr.diarization import packaged
from asr.diarization.embedding import Cut, EmbeddingDiarizer, activity, cuts_of, turns_of
from asr.diarization.packaged import PackagedModel, load_packaged
from asr.diarization.segmentation import Stretch
from asr.diarization.turns import SpeakerCount, Turn
from asr.files import read_audio
from asr.resampling import Samples
from callscribe.domain.errors import EngineUnavailable
from tests.asr.diarization.error_rate import error_rate
from tests.asr.speech import RATE, silence, two_cities
from tests.sounds import at_level, telephone_tones

_READER_S = ((1.2, 4.5), (5.2, 8.4), (8.9, 12.0))
_PAUSE = RATE // 2


@cache
def diarizer() -> EmbeddingDiarizer:
    return EmbeddingDiarizer()


@cache
def conversation() -> tuple[Samples, tuple[Turn, ...]]:
    """A reader and the two voices of the demo call take three turns each, with pauses of half a second."""
    media = files("callscribe.cli") / "media"
    demo = read_audio(Path(str(media / "demo-call.wav"))).channels
    said = json.loads((media / "demo-call.json").read_text())["turns"][:6]
    sound, turns, at = [silence(0.5)], list[Turn](), _PAUSE
    for place, (start, end) in enumerate(_READER_S):
        spoken = [two_cities()[int(start * RATE) : int(end * RATE)]]
        for turn in said[2 * place : 2 * place + 2]:
            spoken.append(demo[turn["channel"]][turn["start_ms"] * RATE // 1000 : turn["end_ms"] * RATE // 1000])
        for speaker, samples in enumerate(spoken):
            turns.append(Turn(at, at + len(samples), speaker))
            sound += [samples, silence(0.5)]
            at += len(samples) + _PAUSE
    return np.concatenate(sound), tuple(turns)


@pytest.mark.parametrize("speakers", [SpeakerCount(exact=3), SpeakerCount()], ids=["told", "found out"])
def test_three_voices_are_told_apart_and_numbered_as_they_are_first_heard(speakers: SpeakerCount) -> None:
    pcm, spoken = conversation()
    found = diarizer().diarize(pcm, RATE, speakers)
    # The turns' own pauses are missed, 14 % of them; nothing else is.
    assert error_rate(spoken, found) < 0.16
    assert found[0].speaker == 0
    assert {speaker: min(turn.start for turn in found if turn.speaker == speaker) for speaker in range(3)} == {
        speaker: pytest.approx(spoken[speaker].start, abs=RATE // 5) for speaker in range(3)
    }


def test_one_voice_stays_one() -> None:
    found = diarizer().diarize(two_cities(), RATE, SpeakerCount())
    assert {turn.speaker for turn in found} == {0}
    assert sum(turn.end - turn.start for turn in found) == pytest.approx(35 * RATE, rel=0.05)


def test_fewer_speakers_are_made_than_there_are_where_fewer_are_told() -> None:
    pcm, _ = conversation()
    assert {turn.speaker for turn in diarizer().diarize(pcm, RATE, SpeakerCount(exact=2))} == {0, 1}
    assert {turn.speaker for turn in diarizer().diarize(pcm, RATE, SpeakerCount(least=1, most=2))} == {0, 1}


def test_turns_are_in_samples_of_the_rate_that_was_given() -> None:
    pcm = two_cities()[: 6 * RATE]
    at_twice = diarizer().diarize(np.repeat(pcm, 2), 2 * RATE, SpeakerCount(exact=1))
    at_once = diarizer().diarize(pcm, RATE, SpeakerCount(exact=1))
    assert [turn.start for turn in at_twice] == pytest.approx([2 * turn.start for turn in at_once], abs=RATE // 5)


@pytest.mark.parametrize(
    "pcm",
    [silence(12.0), np.zeros(0, np.int16), silence(0.004), at_level(telephone_tones()["ring US"], -20.0)],
    ids=["silence", "nothing", "less than a frame", "ringing"],
)
def test_nobody_speaks_where_there_is_no_speech(pcm: Samples) -> None:
    assert diarizer().diarize(pcm, RATE, SpeakerCount(exact=2)) == ()


def test_long_stretches_have_several_cuts_and_the_shortest_none() -> None:
    cuts = cuts_of([Stretch(0, 600, 1), Stretch(600, 610, 2), Stretch(700, 750, 2)], 100)
    assert cuts == [Cut(100, 200, (0, 300), 1), Cut(400, 500, (300, 600), 1), Cut(700, 750, (700, 750), 2)]


def test_overlap_is_of_the_two_that_it_is_most_like_and_a_short_word_of_who_spoke_before() -> None:
    stretches = [Stretch(0, 100, 1), Stretch(100, 150, 2), Stretch(150, 250, 1), Stretch(260, 270, 1)]
    likenesses = np.array([[0.1, 0.9, 0.2], [0.5, 0.6, 0.1], [0.8, 0.3, 0.2]], np.float32)
    active = activity(cuts_of(stretches, 100), likenesses, stretches)
    assert turns_of(active, 8000, 100_000) == (Turn(0, 12_000, 0), Turn(8_000, 21_600, 1))


def test_a_pause_ends_a_turn_when_it_is_long_or_somebody_else_speaks_in_it() -> None:
    active = np.zeros((200, 2), bool)
    active[:50, 0] = active[60:100, 0] = active[130:150, 0] = active[160:200, 0] = True
    active[152:158, 1] = True
    assert [(turn.start, turn.end, turn.speaker) for turn in turns_of(active, 100, 195)] == [
        (0, 100, 0),
        (130, 150, 0),
        (152, 158, 1),
        (160, 195, 0),
    ]


def test_a_library_without_the_model_is_refused_with_the_cure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packaged, "package_folder", lambda _package: tmp_path)
    with pytest.raises(EngineUnavailable, match="install Callscribe's packages again"):
        load_packaged(PackagedModel(8, "0" * 64))
    (tmp_path / "libmoonshine.so").write_bytes(b"\x08\0\0\0ORTM\0\0\0\0" * 3)
    with pytest.raises(EngineUnavailable, match=r"install moonshine-voice==0\.1\.0"):
        load_packaged(PackagedModel(8, "0" * 64))
