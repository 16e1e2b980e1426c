"""A recording session in progress: sipp does its SIP, a sender its RTP."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.acceptance import siprec
from tests.acceptance.rtp import RtpSender
from tests.acceptance.service import RunningService, wait_for
from tests.acceptance.sipp import Scenario, Sipp, start_sipp
from tests.acceptance.speech import Excerpt, mu_law
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


def start_speaking(
    scenario: Callable[[Sequence[int]], Scenario],
    speech: Excerpt,
    port: int,
    folder: Path,
    options: Sequence[str] = (),
) -> RecordingSession:
    """Play a scenario, made for two RTP ports, against a SIP port; begin to speak once the call is answered."""
    sender = RtpSender(2)
    caller = start_sipp(scenario(sender.ports), port, folder, options=options)
    answer = wait_for(lambda: caller.answer, 10, f"the answer ({caller.errors[-300:]})")
    sip_call_id = re.findall(r"Call-ID: (\S+)", caller.messages)[0]
    session = RecordingSession(caller, sender, sip_call_id, answer)
    assert len(session.media_ports) == 2
    assert all(session.media_ports)
    sender.start(session.media_ports, [mu_law(channel) for channel in speech.channels])
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
    session.finish()
    call = service.wait_call(session.sip_call_id)
    assert call["end_reason"] == "bye"
    assert abs(call["duration_ms"] / 1000 - speech.seconds) < 1.5
    assert_spoken(service, call["id"], speech)
    assert_nothing_twice(service, call["id"])
