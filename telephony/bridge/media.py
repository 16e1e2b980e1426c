"""The media of one bridged call: each party's SDP with the relay's address in it, and what a line is offered."""

from dataclasses import dataclass
from uuid import UUID

from telephony.bridge.bridging import MediaRelay
from telephony.bridge.hearing import Describe
from telephony.bridge.legs import Leg
from telephony.front.bodies import SDP_TYPE, Body, check_media_lines
from telephony.front.replies import Refusal, warning
from telephony.relay.ports import RelayPorts
from telephony.relay.sdp import NOWHERE, audio_of, heard, is_encrypted_only, is_out_of_reach, relayed
from telephony.relay.wire import Aim, Copy
from telephony.sip.multipart import Part


@dataclass(frozen=True, slots=True)
class Media:
    """Tells the relay what SDP says, and the parties where the relay is."""

    relay: MediaRelay
    bridge: UUID
    ports: RelayPorts
    host: str
    """The relay's address as parties reach it."""
    codecs: tuple[str, ...]
    """The trunk's."""

    def take(self, leg: Leg, sdp: bytes, is_answer: bool) -> None:
        """A party's SDP holds from now on."""
        audio = audio_of(sdp, self.codecs)
        leg.audio = audio.narrowed if audio and is_answer else audio
        if audio is None or audio.host == NOWHERE:
            self.relay.aim(Aim(self.bridge, leg.side, "", 0, 0))
        else:
            where = (audio.host, audio.port, audio.rtcp_port)
            self.relay.aim(Aim(self.bridge, leg.side, *where, signaling=leg.source.host))

    def content(self, leg: Leg, body: Body, is_answer: bool) -> Part | None:
        """What a party's body is to the other party."""
        if body.sdp is None:
            return body.other
        port = self.ports.caller if leg.side else self.ports.callee
        return Part(SDP_TYPE, relayed(body.sdp, self.codecs, self.host, port, is_answer))

    def description(self, caller: Leg, callee: Leg) -> Describe | None:
        """What there is to hear, None while that is not known, or nothing that a line understands."""
        said, answered = caller.audio, callee.audio
        if said is None or answered is None or not {*said.codecs} & {*answered.codecs}:
            return None
        host, ports = self.relay.local_address, (self.ports.caller, self.ports.callee)
        return lambda version: heard(said, answered, host, ports, version)

    def copy_to(self, ports: tuple[int, ...]) -> None:
        """Have a line hear it, at its ports for caller and callee; none: nobody."""
        if len(ports) == 2:
            self.relay.copy(Copy(self.bridge, self.relay.local_address, *ports))
        else:
            self.relay.copy(Copy(self.bridge, ""))

    def close(self) -> None:
        self.relay.close(self.bridge)


def check_media(body: Body, host: str) -> Refusal | None:
    """Why media of a party's SDP cannot be relayed, None where they can; `host` names us in a Warning."""
    if body.sdp is None:
        return None
    if is_encrypted_only(body.sdp):
        text = "Bridged calls have no SRTP: offer RTP/AVP"
        return Refusal(488, "bridges_encrypted", headers=(warning(305, text, host),))
    if is_out_of_reach(body.sdp, body.codecs):
        text = "Bridged audio needs an IPv4 address and a port up to 65534 without SRTP: offer that"
        return Refusal(488, "bridges_unreachable", headers=(warning(301, text, host),))
    return check_media_lines(body, host)
