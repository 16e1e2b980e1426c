"""A call of tones, machines, noise and music, and of one sentence at its end: that is all the text there is."""

from pathlib import Path

import numpy as np
import pytest

from callscribe.events.schema import UtteranceFinal, UtterancePartial
from tests.acceptance.recording import start_session
from tests.acceptance.service import RunningService
from tests.acceptance.speech import RATE, Excerpt, excerpt
from tests.acceptance.subscription import subscribed
from tests.acceptance.transcripts import utterances
from tests.music import instrumental
from tests.sounds import Samples, Sound, at_level, noises, signals, telephone_tones

pytestmark = pytest.mark.acceptance

SHOWN_S = 2
"""Of each sound."""
LINE = ("ring US", "busy DE", "SIT intercept", "DTMF", "fax CNG", "fax page V.17", "modem handshake")
ROOM = ("white noise", "buzz 50", "crackle", "guitar arpeggio", "piano melody", "band", "violin melody")


@pytest.mark.timeout(120)
def test_only_the_sentence_after_the_sounds_is_shown_and_stored(service: RunningService, tmp_path: Path) -> None:
    sentence = excerpt(1)
    party = joined(telephone_tones() | signals(), LINE), joined(noises() | instrumental(), ROOM)
    spoken_from = len(party[0]) * 1000 // RATE
    channels = (np.concatenate([party[0], sentence.channels[0]]), np.pad(party[1], (0, len(sentence.channels[0]))))
    session = start_session(service, tmp_path, Excerpt(channels, (sentence.texts[0], ""), sentence.texts[0]))
    service.wait_call(session.sip_call_id, state="active")
    with subscribed(service, session.sip_call_id) as seen:
        session.sender.wait()
        session.finish()
        call = service.wait_call(session.sip_call_id)

    assert {type(event) for event in seen} == {UtterancePartial, UtteranceFinal}
    for event in seen:
        assert (event.channel, event.start_ms > spoken_from - 1000) == (0, True), event
    assert {said["channel"] for said in utterances(service, call["id"])} == {0}


def joined(sounds: dict[str, Sound], names: tuple[str, ...]) -> Samples:
    """The beginnings of some sounds, each as loud as speech and with half a second of silence after it."""
    pause = np.zeros(RATE // 2, np.int16)
    return np.concatenate(
        [pause, *(part for name in names for part in (at_level(sounds[name][: SHOWN_S * RATE], -20), pause))]
    )
