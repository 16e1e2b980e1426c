"""Calls that are played at the same time, and what became of each."""

import io
import urllib.request
import wave
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from callscribe.domain.language import units
from callscribe.events.schema import UtteranceFinal, UtterancePartial
from tests.acceptance.recording import start_session
from tests.acceptance.service import Json, RunningService
from tests.acceptance.speech import Excerpt
from tests.acceptance.subscription import subscribed
from tests.acceptance.transcripts import utterances
from tests.wer import word_error_rate


@dataclass(frozen=True, slots=True)
class Heard:
    """A call that was played, and what became of it."""

    speech: Excerpt
    call: Json
    """As the API tells it when it has ended."""
    seen: Sequence[UtterancePartial | UtteranceFinal]
    """What a subscriber was sent."""

    def stored(self, service: RunningService) -> list[Json]:
        return utterances(service, self.call["id"])

    def recorded(self, service: RunningService) -> list[NDArray[np.int16]]:
        """Its channels as they reached the service."""
        with urllib.request.urlopen(f"{service.web}/api/v1/calls/{self.call['id']}/audio", timeout=10) as response:
            sound = io.BytesIO(response.read())
        with wave.open(sound) as file:
            samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, file.getnchannels())
        return list(samples.T)


def play(service: RunningService, folder: Path, plans: Mapping[str, tuple[Excerpt, str]]) -> dict[str, Heard]:
    """A recording session to each trunk, all at the same time: what is said, and the address that it comes from."""
    sessions = {}
    for trunk, (speech, address) in plans.items():
        (folder / trunk).mkdir()
        sessions[trunk] = start_session(service, folder / trunk, speech, options=("-i", address))
    seen: dict[str, list[UtterancePartial | UtteranceFinal]] = {}
    with ExitStack() as stack:
        for trunk, session in sessions.items():
            service.wait_call(session.sip_call_id, state="active")
            seen[trunk] = stack.enter_context(subscribed(service, session.sip_call_id))
        for session in sessions.values():
            session.finish()
    found = {trunk: service.wait_call(session.sip_call_id) for trunk, session in sessions.items()}
    assert {trunk: call["trunk"] for trunk, call in found.items()} == {trunk: trunk for trunk in plans}
    return {trunk: Heard(plans[trunk][0], call, seen[trunk]) for trunk, call in found.items()}


def by_party(stored: Sequence[Json], *, live: bool) -> list[str]:
    """What each of two parties was heard to say, live or as it was read in the end."""
    return [
        " ".join(str(item["final"]["text"] if live else item["text"]) for item in stored if item["channel"] == party)
        for party in range(2)
    ]


def errors(said: Sequence[str], heard: Sequence[str]) -> float:
    """Per word, or per character of a script without blanks."""
    return word_error_rate([" ".join(units(text)) for text in said], [" ".join(units(text)) for text in heard])
