"""A recording session in progress: sipp does its SIP, a sender its RTP."""

import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.acceptance import siprec
from tests.acceptance.rtp import RtpSender, Schedule
from tests.acceptance.service import Json, RunningService, wait_for
from tests.acceptance.sipp import Scenario, Sipp, plain_sdp, start_sipp, write_capture
from tests.acceptance.speech import RATE, Excerpt, excerpt, mu_law
from tests.acceptance.transcripts import assert_nothing_twice, assert_spoken


@dataclass(slots=True)
class RecordingSession:
    """Two parties' speech on its way to the service."""

    caller: Sipp
    sender: RtpSender
    sip_call_id: str
    answer: str
    """The 200 to the INVITE, whole."""

    @property
    def media_ports(self) -> list[int]:
        """The service's RTP port of each channel."""
        return [int(port) for port in re.findall(r"m=audio (\d+)", self.answer)]

    def finish(self, expected_status: int = 0) -> None:
        """Wait until sipp has ended, and check how."""
        assert self.caller.wait(90) == expected_status, self.caller.errors
        self.sender.close()

    def abandon(self) -> None:
        """End both clients where they are."""
        self.caller.process.kill()
        self.caller.process.wait()
        self.sender.close()


def start_session(
    service: RunningService, folder: Path, speech: Excerpt, *, padding: int = 0, options: Sequence[str] = ()
) -> RecordingSession:
    """Call with two sendonly m-lines and metadata, and begin to speak once the call is answered."""

    def scenario(ports: Sequence[int]) -> Scenario:
        return Scenario(
            body=siprec.multipart(siprec.offer(ports), padding=padding),
            content_type=siprec.CONTENT_TYPE,
            headers=siprec.HEADERS,
            during=pause(speech),
        )

    return start_speaking(scenario, speech, service.sip_port, folder, options)


def pause(speech: Excerpt) -> str:
    """What a scenario does while the speech is sent: it waits."""
    return f'<pause milliseconds="{int(speech.seconds * 1000) + 500}"/>'


def say(service: RunningService, folder: Path, pcm: NDArray[np.int16], address: str) -> Json:
    """A plain call of one channel from this address; the stored call once it is over."""
    capture = write_capture(folder / "speech.pcap", mu_law(pcm))
    during = f'<nop><action><exec play_pcap_audio="{capture}"/></action></nop>'
    during += f'<pause milliseconds="{len(pcm) * 1000 // RATE}"/>'
    caller = start_sipp(Scenario(plain_sdp(), during=during), service.sip_port, folder, options=("-i", address))
    assert caller.wait(90) == 0, caller.errors
    return service.wait_call(caller.messages.split("Call-ID: ")[1].split()[0])


def start_speaking(
    scenario: Callable[[Sequence[int]], Scenario],
    speech: Excerpt,
    port: int,
    folder: Path,
    options: Sequence[str] = (),
    schedules: Sequence[Schedule] | None = None,
) -> RecordingSession:
    """Play a scenario, made for two RTP ports, against a SIP port; begin to speak once the call is answered.

    `schedules` says of each channel when its packets are sent, where not one after the other.
    """
    sender = RtpSender(2)
    caller = start_sipp(scenario(sender.ports), port, folder, options=options)
    answer = wait_for(lambda: caller.answer, f"the answer ({caller.errors[-300:]})")
    sip_call_id = re.findall(r"Call-ID: (\S+)", caller.messages)[0]
    session = RecordingSession(caller, sender, sip_call_id, answer)
    assert len(session.media_ports) == 2
    assert all(session.media_ports)
    sender.start(session.media_ports, [mu_law(channel) for channel in speech.channels], schedules)
    return session


@contextmanager
def undisturbed(service: RunningService, folder: Path, speech: Excerpt) -> Iterator[RecordingSession]:
    """A call that goes on while the body runs, and of which not a word may be lost by it."""
    session = start_session(service, folder, speech)
    try:
        yield session
    except BaseException:
        session.abandon()
        raise
    assert_undisturbed(service, session, speech)


def assert_undisturbed(service: RunningService, session: RecordingSession, speech: Excerpt) -> None:
    """Wait for the end of a call: it lasted as long as its speech, and every word is there once."""
    session.finish()
    call = service.wait_call(session.sip_call_id)
    assert call["end_reason"] == "bye"
    # A slow machine answers and hangs up late.
    assert -1.0 < call["duration_ms"] / 1000 - speech.seconds < 20.0
    assert_spoken(service, call["id"], speech)
    assert_nothing_twice(service, call["id"])


class Company:
    """Calls, one after the other, that go on while tests do their worst, and of which not a word may be lost by it."""

    def __init__(self, service: RunningService, folder: Path) -> None:
        self._service, self._folder = service, folder
        self._speech = excerpt(13)
        self._session: RecordingSession | None = None
        self._ends = 0.0

    def keep(self, seconds: float) -> None:
        """See to it that a call goes on for so long."""
        if self._ends - time.monotonic() < seconds:
            self.part()
            self._session = start_session(self._service, self._folder, self._speech)
            self._ends = time.monotonic() + self._speech.seconds

    def part(self) -> None:
        """Wait for the end of the call that goes on, if any, and check it."""
        session, self._session = self._session, None
        if session is not None:
            assert_undisturbed(self._service, session, self._speech)
