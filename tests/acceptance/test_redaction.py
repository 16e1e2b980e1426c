"""A trunk with redaction: of a card's number that a caller reads out, nothing is told, kept or to be heard."""

import io
import json
import re
import urllib.error
import urllib.request
import wave
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.acceptance.conftest import REDACTED_ADDRESS
from tests.acceptance.service import Json, RunningService, wait_for
from tests.acceptance.sipp import Scenario, plain_sdp, start_sipp, write_capture
from tests.acceptance.speech import RATE, mu_law
from tests.acceptance.subscription import subscribed
from tests.acceptance.transcripts import utterances
from tests.prompts import SOUNDS, prompts_or_skip

pytestmark = pytest.mark.acceptance

CARD = "4539148803436467"
AFTER = "check-number-dial-again"
"""A prompt that is played behind the number."""
DIGIT = re.compile(r"\d|\b(?:zero|one|two|three|four|five|six|seven|eight|nine)\b")
TONE_HZ = 1000
NOT_YET = 409


def read_out(card: str) -> NDArray[np.int16]:
    """A voice that says the digits in groups of four, with a pause behind each."""
    said = [np.zeros(RATE, np.int16)]
    for place, digit in enumerate(card):
        with wave.open(str(SOUNDS / "digits" / f"{digit}.wav")) as file:
            pcm = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        loud = np.flatnonzero(np.abs(pcm) > 300)
        pause = np.zeros(3000 if place % 4 == 3 else 800, np.int16)
        said += [pcm[max(0, loud[0] - 400) : loud[-1] + 400], pause]
    return np.concatenate(said)


def active_call(service: RunningService) -> Json | None:
    found = service.get("/api/v1/calls?state=active&trunk=redacted")["calls"]
    return found[0] if found else None


def recording(service: RunningService, call_id: str) -> tuple[NDArray[np.int16]] | None:
    """Its channel, once it may be fetched: before it is bleeped the answer is 409."""
    try:
        with urllib.request.urlopen(f"{service.web}/api/v1/calls/{call_id}/audio", timeout=10) as response:
            sound = io.BytesIO(response.read())
    except urllib.error.HTTPError as refused:
        refused.close()
        if refused.code != NOT_YET:
            raise
        return None
    with wave.open(sound) as file:
        return (np.frombuffer(file.readframes(file.getnframes()), "<i2"),)


def tone_share(pcm: NDArray[np.int16]) -> float:
    """How much of the power lies within 20 Hz of the tone."""
    power = np.abs(np.fft.rfft(pcm * np.hanning(len(pcm)))) ** 2
    frequencies = np.fft.rfftfreq(len(pcm), 1 / RATE)
    return float(power[np.abs(frequencies - TONE_HZ) < 20].sum() / power.sum())


def likeness(pcm: NDArray[np.int16], original: NDArray[np.int16]) -> float:
    """The best normalised correlation of the original with any place of the same length."""
    size = 1 << (len(pcm) + len(original)).bit_length()
    sound, wanted = pcm.astype(float), original.astype(float)
    products = np.fft.irfft(np.fft.rfft(sound, size) * np.conj(np.fft.rfft(wanted, size)))[: len(pcm) - len(original)]
    squares = np.concatenate([[0.0], np.cumsum(sound**2)])
    energy = squares[len(original) :][: len(products)] - squares[: len(products)]
    return float(np.max(products / np.sqrt(np.maximum(energy, 1.0) * np.sum(wanted**2))))


def test_a_card_number_that_a_caller_reads_out_is_nowhere_and_a_tone_in_the_recording(
    service: RunningService, tmp_path: Path
) -> None:
    after = next(prompt for prompt in prompts_or_skip() if prompt.name == AFTER)
    speech = np.concatenate([read_out(CARD), np.zeros(RATE, np.int16), after.pcm, np.zeros(RATE, np.int16)])
    capture = write_capture(tmp_path / "speech.pcap", mu_law(speech))
    during = f'<nop><action><exec play_pcap_audio="{capture}"/></action></nop>'
    during += f'<pause milliseconds="{len(speech) * 1000 // RATE}"/>'
    options = ("-i", REDACTED_ADDRESS)
    caller = start_sipp(Scenario(plain_sdp(), during=during), service.sip_port, tmp_path, options=options)
    call = wait_for(lambda: active_call(service), "the call")["id"]
    with subscribed(service, call) as seen:
        assert caller.wait(60) == 0, caller.errors

    assert seen
    told = " ".join(f"{event.text} {getattr(event, 'words', '')}" for event in seen)
    assert "[card]" in told
    assert not DIGIT.findall(re.sub(r"_ms=\d+|confidence=[\d.e-]+", "", told.lower()))
    service.wait_call(call)
    (recorded,) = wait_for(lambda: recording(service, call), "the bleeped recording", seconds=240)
    stored = utterances(service, call)
    masked = [span for said in stored for span in said["final"]["redactions"]]
    assert {span["kind"] for span in masked} == {"card"}
    for span in masked:
        assert tone_share(recorded[span["start_ms"] * RATE // 1000 : span["end_ms"] * RATE // 1000]) > 0.99
    assert sum(span["end_ms"] - span["start_ms"] for span in masked) > 10_000
    assert likeness(recorded, after.pcm) > 0.9
    assert "again" in stored[-1]["text"].lower()

    texts = json.dumps([[text["text"], text["spoken"], [word["text"] for word in text["words"]]]
                        for said in stored for text in (said["final"], *said["revisions"])])  # fmt: skip
    assert not DIGIT.findall(texts.lower())
    for style in ("txt", "vtt", "srt"):
        export = re.sub(
            r"\d\d:\d\d|^\d+$|\d{4}-\S+", "", service.text(f"/api/v1/calls/{call}/transcript?format={style}")
        )
        assert not re.search(r"four|five|nine|453", export.lower()), style
    assert "five, three" not in service.log.lower()
    journal = (service.folder / "data").glob("journal-*")
    assert not any(re.search(rb"(?i)(four|five|three)[,. ]+(five|three|nine)", kept.read_bytes()) for kept in journal)
