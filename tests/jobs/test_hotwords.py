"""Recordings decoded again with the hotword lists that are for their calls."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest
from numpy.typing import NDArray

from asr.second_pass import SecondPassText
from asr.settings import RecognizerSettings, SecondPassSettings
from callscribe.config.settings import Settings
from callscribe.domain.audio import AudioChunk
from callscribe.domain.call import Call, CallState, Channel, Party, Role
from callscribe.domain.hotword import Hotword
from callscribe.domain.hotword_lists import HotwordList
from callscribe.domain.transcript import Correction, Final, Word, utterance_id
from callscribe.domain.utterance import Transcript, Utterance
from callscribe.jobs.decoding import CallDecoder
from storage.recordings import RecordingWriter
from storage.records import ChannelRange
from telephony.settings import TrunkSettings
from tests.acceptance.speech import RATE, excerpt
from tests.live.calls import make_call, make_final

LISTS = (
    HotwordList(uuid4(), "names", (Hotword("Bennet"),), agents=("10??",)),
    HotwordList(uuid4(), "others", (Hotword("Laurra"),)),
)


def call_of(agent: str) -> Call:
    channels = (Channel(0, role=Role.CUSTOMER), Channel(1, role=Role.AGENT, party=Party(f"sip:{agent}@pbx")))
    return replace(make_call(), channels=channels)


def decoder_of(call: Call, correction: float = 0.8) -> CallDecoder:
    trunk = TrunkSettings(call.trunk, hotword_lists=("names", "absent"), hotword_correction=correction)
    return CallDecoder(Settings(trunks=(trunk,)), lambda: LISTS)


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo call's customer tells her name."""
    speech = excerpt(2).channels[1]
    writer = RecordingWriter(tmp_path_factory.mktemp("recordings") / "call.wav", RATE, 1)
    writer.write(AudioChunk(0, 0, speech.astype("<i2").tobytes()))
    return writer.close().path


@pytest.mark.parametrize(("agent", "name"), [("1001", "Laura Bennet."), ("2001", "Laura Bennett.")])
def test_recovery_prefers_the_words_of_lists_that_are_for_the_call(recording: Path, agent: str, name: str) -> None:
    call = call_of(agent)
    found = Transcript(call, CallState.ENDED, None, ())
    finals, _ = decoder_of(call).recover(found, (ChannelRange(0, 0, 12 * RATE),), recording)
    assert name in " ".join(final.text for final in finals)


class DeafSecondPass:
    """Understands the same whatever it hears."""

    engine = "deaf"

    def __init__(self, settings: SecondPassSettings, recognizer: RecognizerSettings) -> None: ...

    def knows(self, language: str) -> bool:
        return language == "en"

    def revise(
        self, pcm: NDArray[np.int16], rate: int, spans: Sequence[tuple[int, int]], *_: object
    ) -> tuple[SecondPassText | None, ...]:
        words = (Word("Ms", 0, 800, 0.9), Word("Benit.", 800, 1600, 0.5))
        return (SecondPassText("Ms Benit.", 0.7, words),) * len(spans)

    def weigh(
        self,
        pcm: NDArray[np.int16],
        rate: int,
        spans: Sequence[tuple[int, int]],
        finals: Sequence[Final],
        texts: tuple[SecondPassText | None, ...],
    ) -> tuple[SecondPassText | None, ...]:
        assert len(finals) == len(spans)
        return texts


@pytest.mark.parametrize(
    ("agent", "correction", "replaced"), [("1001", 0.8, True), ("1001", 0.0, False), ("2", 0.8, False)]
)
def test_a_revision_tells_what_was_replaced(
    recording: Path, monkeypatch: pytest.MonkeyPatch, agent: str, correction: float, replaced: bool
) -> None:
    monkeypatch.setattr("callscribe.jobs.decoding.second_pass_of", DeafSecondPass)
    call = call_of(agent)
    said = make_final(0, "Ms Bennett.")
    utterance = Utterance(utterance_id(call.id, 0, said.start), said)
    transcript = Transcript(call, CallState.ENDED, datetime.now(UTC), (utterance,))
    ((_, revision),) = decoder_of(call, correction).revise(transcript, recording)
    assert revision.text == ("Ms Bennet." if replaced else "Ms Benit.")
    assert revision.corrections == ((Correction("Benit", "Bennet", 0.9375),) if replaced else ())
    assert [word.text for word in revision.words] == revision.text.split()


@pytest.mark.parametrize(("told", "name"), [((Hotword("Bennet"),), "Ms Bennet."), ((), "Ms Benit.")])
def test_words_that_came_with_a_call_are_known_afterwards(
    recording: Path, monkeypatch: pytest.MonkeyPatch, told: tuple[Hotword, ...], name: str
) -> None:
    monkeypatch.setattr("callscribe.jobs.decoding.second_pass_of", DeafSecondPass)
    call = replace(call_of("2"), hotwords=told)
    decoder = CallDecoder(Settings(trunks=(TrunkSettings(call.trunk, hotword_correction=0.8),)), tuple)
    said = make_final(0, "Ms Bennett.")
    utterance = Utterance(utterance_id(call.id, 0, said.start), said)
    ((_, revision),) = decoder.revise(Transcript(call, CallState.ENDED, datetime.now(UTC), (utterance,)), recording)
    assert revision.text == name


def test_recovery_prefers_the_words_that_came_with_the_call(recording: Path) -> None:
    call = replace(call_of("2001"), hotwords=(Hotword("Bennet"),))
    found = Transcript(call, CallState.ENDED, None, ())
    finals, _ = decoder_of(call).recover(found, (ChannelRange(0, 0, 12 * RATE),), recording)
    assert "Laura Bennet." in " ".join(final.text for final in finals)
