"""Recordings decoded again for a trunk that wants numbers in figures, by the live engine and by a second pass."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from asr.second_pass import SecondPassText
from asr.settings import RecognizerSettings, SecondPassSettings
from callscribe.config.settings import Settings
from callscribe.domain.audio import AudioChunk
from callscribe.domain.call import Call, CallState
from callscribe.domain.hotword import Hotword
from callscribe.domain.transcript import Final, Word, utterance_id
from callscribe.domain.utterance import Transcript, Utterance
from callscribe.jobs.decoding import CallDecoder
from callscribe.text.correcting import corrected
from storage.recordings import RecordingWriter
from storage.records import ChannelRange
from telephony.settings import TrunkSettings
from tests.acceptance.speech import RATE, excerpt
from tests.live.calls import make_call, make_final

DIGITS = ["four", "seven", "two", "nine", "one", "five"]
"""What the demo call's customer says last before its 19th second."""


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    speech = excerpt(4).channels[1][15 * RATE :]
    writer = RecordingWriter(tmp_path_factory.mktemp("recordings") / "call.wav", RATE, 1)
    writer.write(AudioChunk(0, 0, speech.astype("<i2").tobytes()))
    return writer.close().path


class PoorSecondPass:
    """Understands the same whatever it hears."""

    engine = "poor"

    def __init__(self, settings: SecondPassSettings, recognizer: RecognizerSettings) -> None: ...

    def knows(self, language: str) -> bool:
        return language == "en"

    def revise(
        self,
        pcm: NDArray[np.int16],
        rate: int,
        spans: Sequence[tuple[int, int]],
        language: str,
        hotwords: tuple[Hotword, ...],
    ) -> tuple[SecondPassText | None, ...]:
        words = (Word("twenty", 0, 800, 0.9), Word("one", 800, 1600, 0.9))
        return (SecondPassText("You have twenty one messages.", 0.9, words),) * len(spans)

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


def decoder_of(trunk: str, wanted: bool) -> CallDecoder:
    return CallDecoder(Settings(trunks=(TrunkSettings(trunk, inverse_text_normalization=wanted),)), tuple)


def empty(call: Call) -> Transcript:
    return Transcript(call, CallState.ENDED, None, ())


def test_lost_stretches_are_heard_by_the_engine_of_the_trunk(recording: Path) -> None:
    call = make_call()
    trunk = TrunkSettings(call.trunk, engines=("moonshine", "funasr"))
    decoder = CallDecoder(Settings(recognizer=RecognizerSettings(engine="sphinx"), trunks=(trunk,)), tuple)
    finals, _ = decoder.recover(empty(call), (ChannelRange(0, 0, 5 * RATE),), recording)
    assert {final.engine for final in finals} == {"moonshine-tiny-en"}


@pytest.mark.parametrize("wanted", [True, False])
def test_recovered_finals_are_in_figures_where_the_trunk_wants_them(recording: Path, wanted: bool) -> None:
    call = make_call()
    finals, _ = decoder_of(call.trunk, wanted).recover(empty(call), (ChannelRange(0, 0, 5 * RATE),), recording)
    text, spoken = (" ".join(part) for part in zip(*((said.text, said.spoken) for said in finals), strict=True))
    assert re.sub(r"\D", "", text) == ("472915" if wanted else "")
    assert re.findall("|".join(DIGITS), (spoken if wanted else text).lower()) == DIGITS
    assert bool(spoken.strip()) == wanted


@pytest.mark.parametrize(
    ("wanted", "texts"),
    [
        (True, ("You have 21 messages.", "You have twenty one messages.")),
        (False, ("You have twenty one messages.", "")),
    ],
)
def test_revisions_are_in_figures_where_the_trunk_wants_them(
    recording: Path, monkeypatch: pytest.MonkeyPatch, wanted: bool, texts: tuple[str, str]
) -> None:
    monkeypatch.setattr("callscribe.jobs.decoding.second_pass_of", PoorSecondPass)
    call, final = make_call(), make_final(800, "you have twenty")
    said = Utterance(utterance_id(call.id, 0, final.start), final)
    transcript = Transcript(call, CallState.ENDED, datetime.now(UTC), (said,))
    ((utterance, revision),) = decoder_of(call.trunk, wanted).revise(transcript, recording)
    assert (revision.text, revision.spoken) == texts
    assert [word.text for word in revision.words] == ["twenty", "one"]
    assert utterance == said


@pytest.mark.parametrize(("redaction", "heard"), [((), 1), (("card",), 0)])
def test_what_a_person_corrected_is_heard_again_where_no_masks_go_by_it(
    recording: Path, monkeypatch: pytest.MonkeyPatch, redaction: tuple[str, ...], heard: int
) -> None:
    monkeypatch.setattr("callscribe.jobs.decoding.second_pass_of", PoorSecondPass)
    call, final = make_call(), make_final(800, "you have twenty")
    said = Utterance(utterance_id(call.id, 0, final.start), final)
    said = replace(said, revisions=(corrected(said, "You have twenty-two", "Ann"),))
    decoder = CallDecoder(Settings(trunks=(TrunkSettings(call.trunk, redaction=redaction),)), tuple)
    assert len(decoder.revise(Transcript(call, CallState.ENDED, datetime.now(UTC), (said,)), recording)) == heard


def test_a_call_in_a_language_that_the_second_pass_does_not_know_keeps_its_texts(
    recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("callscribe.jobs.decoding.second_pass_of", PoorSecondPass)
    call, final = make_call(), replace(make_final(800, "你好"), language="zh")
    said = Utterance(utterance_id(call.id, 0, final.start), final)
    assert (
        decoder_of(call.trunk, False).revise(Transcript(call, CallState.ENDED, datetime.now(UTC), (said,)), recording)
        == ()
    )


class HurriedSecondPass(PoorSecondPass):
    """Has time for two utterances, and says where those begin."""

    def revise(
        self, pcm: NDArray[np.int16], rate: int, spans: Sequence[tuple[int, int]], *_: object
    ) -> tuple[SecondPassText | None, ...]:
        heard = [SecondPassText(f"from {start}", 0.9, ()) for start, _ in spans]
        return (*heard[:2], *[None] * (len(spans) - 2))


def test_the_least_sure_utterances_go_first_and_come_back_in_the_order_of_time(
    recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("callscribe.jobs.decoding.second_pass_of", HurriedSecondPass)
    call = make_call()
    finals = [
        replace(make_final(start, "first text"), confidence=confidence)
        for start, confidence in ((0, 0.9), (8_000, 0.5), (16_000, 0.8), (24_000, 0.2))
    ]
    said = tuple(Utterance(utterance_id(call.id, 0, final.start), final) for final in finals)
    transcript = Transcript(call, CallState.ENDED, datetime.now(UTC), said)
    revised = decoder_of(call.trunk, False).revise(transcript, recording)
    assert [(before.final.start, revision.text) for before, revision in revised] == [
        (8_000, "from 8000"),
        (24_000, "from 24000"),
    ]
