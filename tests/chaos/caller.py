"""One call of a round: who speaks, how far it got, and what a subscriber was told of it."""

import base64
import re
import threading
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from tests.acceptance import siprec
from tests.acceptance.rtp import RtpSender
from tests.acceptance.service import wait_for
from tests.acceptance.sipp import Scenario, Sipp, start_sipp
from tests.acceptance.speech import Excerpt, excerpt, mu_law
from tests.chaos.listener import Listener
from tests.keys import PACKET_SAMPLES

HISS = 40
"""Amplitude of a noise under the speech, too faint to hear, by which every sample of a silence is known, too."""
ANSWER_S = 40.0
SPARE_MS = 2_000


@cache
def hissing(turns: int) -> Excerpt:
    """The demo call's first turns, with a different hiss on each channel."""
    speech = excerpt(turns)
    noise = [
        np.random.default_rng(100 + channel).integers(-HISS, HISS + 1, len(pcm))
        for channel, pcm in enumerate(speech.channels)
    ]
    mixed = (np.clip(pcm + hiss, -32000, 32000) for pcm, hiss in zip(speech.channels, noise, strict=True))
    return replace(speech, channels=tuple(pcm.astype(np.int16) for pcm in mixed))


@dataclass(slots=True)
class Caller:
    """A recording client. It is placed, speaks and hangs up in a thread of its own."""

    turns: int
    folder: Path
    sip_port: int
    web: str
    sender: RtpSender = field(default_factory=lambda: RtpSender(2))
    sipp: Sipp | None = None
    listener: Listener | None = None
    sip_call_id: str = ""
    """"" until the call was answered."""
    status: int | None = None
    """Of sipp: 0 where the call went from INVITE to BYE as it should."""
    _thread: threading.Thread | None = None
    _abandoned: threading.Event = field(default_factory=threading.Event)

    @property
    def speech(self) -> Excerpt:
        return hissing(self.turns)

    @property
    def sent(self) -> int:
        """Samples of each channel that were sent as RTP up to now."""
        return min(self.sender.ticks * PACKET_SAMPLES, len(self.speech.channels[0]))

    @property
    def goes_on(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def abandon(self) -> None:
        """End the client where it is, without a BYE: nobody is there who would take it."""
        self._abandoned.set()
        if self.sipp is not None:
            self.sipp.process.kill()

    def wait(self) -> None:
        """Until the call is over for the client."""
        assert self._thread is not None
        self._thread.join()

    def close(self) -> None:
        """Stop all that still runs."""
        self.abandon()
        self.wait()
        if self.listener is not None:
            self.listener.close()

    def _run(self) -> None:
        # Calls of one session would be taken for recordings of the same conversation.
        metadata = siprec.METADATA.format(labels=("1", "2"), padding="")
        for shared in ("c2Vzc2lvbi1vbmU=", "Z3JvdXAtb25l"):
            metadata = metadata.replace(shared, base64.b64encode(uuid4().bytes).decode())
        body = siprec.multipart(siprec.offer(self.sender.ports), metadata=metadata)
        scenario = Scenario(body, siprec.CONTENT_TYPE, siprec.HEADERS, during=self._pause())
        sipp = self.sipp = start_sipp(scenario, self.sip_port, self.folder)
        wait_for(lambda: sipp.answer or sipp.process.poll() is not None, "an answer or none", ANSWER_S + 60)
        if sipp.answer and not self._abandoned.is_set():
            self._speak(sipp)
        if self._abandoned.is_set():
            sipp.process.kill()
        self.status = sipp.wait(90)
        self.sender.close()

    def _pause(self) -> str:
        """It hangs up when all was sent, also where this machine sends late."""
        return f'<pause milliseconds="{int(self.speech.seconds * 1000) + SPARE_MS}"/>'

    def _speak(self, sipp: Sipp) -> None:
        self.sip_call_id = re.findall(r"Call-ID: (\S+)", sipp.messages)[0]
        self.listener = Listener(f"{self.web}/api/v1/calls/{self.sip_call_id}/events")
        ports = [int(port) for port in re.findall(r"m=audio (\d+)", sipp.answer)]
        self.sender.start(ports, [mu_law(channel) for channel in self.speech.channels])


def sent_pcm(pcm: NDArray[np.int16]) -> NDArray[np.int16]:
    """What a receiver makes of the mu-law that was sent (ITU-T G.711, table 2b)."""
    code = ~np.frombuffer(mu_law(pcm), np.uint8)
    exponent, mantissa = (code >> 4) & 7, code & 0x0F
    magnitude = (((mantissa.astype(np.int32) << 3) + 132) << exponent) - 132
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)
