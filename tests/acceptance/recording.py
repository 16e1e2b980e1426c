"""A recording session in progress: sipp does its SIP, a sender its RTP."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.acceptance import siprec
from tests.acceptance.rtp import RtpSender
from tests.acceptance.service import RunningService, wait_for
from tests.acceptance.sipp import Scenario, Sipp, start_sipp
from tests.acceptance.speech import Excerpt, mu_law


@dataclass(slots=True)
class RecordingSession:
    """Two parties' speech on its way to the service."""

    caller: Sipp
    sender: RtpSender
    sip_call_id: str
    answer: str
    """The 200 to the INVITE, whole."""

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
    sender = RtpSender(2)
    scenario = Scenario(
        body=siprec.multipart(siprec.offer(sender.ports), padding=padding),
        content_type=siprec.CONTENT_TYPE,
        headers=siprec.HEADERS,
        during=f'<pause milliseconds="{int(speech.seconds * 1000) + 500}"/>',
    )
    caller = start_sipp(scenario, service.sip_port, folder, options=options)
    answer = wait_for(lambda: caller.answer, 10, f"the answer ({caller.errors[-300:]})")
    ports = [int(port) for port in re.findall(r"m=audio (\d+)", answer)]
    assert len(ports) == 2
    assert all(ports)
    sender.start(ports, [mu_law(channel) for channel in speech.channels])
    sip_call_id = re.findall(r"Call-ID: (\S+)", caller.messages)[0]
    return RecordingSession(caller, sender, sip_call_id, answer)
