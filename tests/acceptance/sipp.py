"""sipp as a caller: plain calls with RTP from a capture file, and recording sessions with two m-lines."""

import itertools
import re
import struct
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from callscribe.cli.ports import free_port
from telephony.sip.digest import Credentials
from tests.peers import require

_numbers = itertools.count(1)
PACKET_SAMPLES = 160
_ANSWERED_BYE = """<recv request="BYE"/>
  <send><![CDATA[
      SIP/2.0 200 OK
      [last_Via:]
      [last_From:]
      [last_To:]
      [last_Call-ID:]
      [last_CSeq:]
      Content-Length: 0

  ]]></send>"""

_CHALLENGED = """
  <recv response="401" auth="true"/>
  <send><![CDATA[
      ACK sip:scribe@[remote_ip]:[remote_port] SIP/2.0
      Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch-2];rport
      From: Caller <sip:2001@[local_ip]:[local_port]>;tag=[pid]T[call_number]
      [last_To:]
      Call-ID: [call_id]
      CSeq: 1 ACK
      Max-Forwards: 70
      Content-Length: 0

  ]]></send>
  """


def write_capture(path: Path, payload: bytes, payload_type: int = 0) -> Path:
    """Write G.711 bytes as a pcap of 20 ms RTP packets, which sipp's play_pcap_audio sends at their own times."""
    packets = []
    for number, start in enumerate(range(0, len(payload) - PACKET_SAMPLES + 1, PACKET_SAMPLES)):
        rtp = struct.pack("!BBHII", 0x80, payload_type, number & 0xFFFF, start, 0x5C21BE)
        rtp += payload[start : start + PACKET_SAMPLES]
        udp = struct.pack("!HHHH", 6000, 6000, 8 + len(rtp), 0) + rtp
        ip = struct.pack(
            "!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), number & 0xFFFF, 0, 64, 17, 0, b"\x7f\0\0\1", b"\x7f\0\0\1"
        )
        frame = b"\0" * 12 + b"\x08\0" + ip + udp
        at = number * 20_000
        packets.append(struct.pack("<IIII", at // 1_000_000, at % 1_000_000, len(frame), len(frame)) + frame)
    path.write_bytes(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1) + b"".join(packets))
    return path


@dataclass(frozen=True, slots=True)
class Scenario:
    """One INVITE, its answer, what happens while the call stands, and BYE."""

    body: str
    """SDP, or a multipart body; `[media_port]` and `[media_ip]` are sipp's."""
    content_type: str = "application/sdp"
    headers: Sequence[str] = ()
    during: str = '<pause milliseconds="1000"/>'
    """sipp actions between ACK and BYE."""
    requests_during: int = 0
    """Requests other than ACK among them; the BYE's CSeq number comes after theirs."""
    hangs_up: bool = True
    """False: it waits for the service's BYE."""
    password: Credentials | None = None
    """What it proves, without blanks, when it is asked; it must be asked then."""

    @property
    def _first_cseq(self) -> int:
        """Of the INVITE that is answered."""
        return 2 if self.password else 1

    def xml(self) -> str:
        challenged = f"{self._invite(1)}{_CHALLENGED}" if self.password else ""
        return f"""<?xml version="1.0" encoding="ISO-8859-1" ?>
<scenario name="call">
  {challenged}{self._invite(self._first_cseq)}
  <recv response="100" optional="true"/>
  <recv response="180" optional="true"/>
  <recv response="200" rrs="true"/>
  <send><![CDATA[
      ACK [next_url] SIP/2.0
      Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch];rport
      [routes]
      From: Caller <sip:2001@[local_ip]:[local_port]>;tag=[pid]T[call_number]
      [last_To:]
      Call-ID: [call_id]
      CSeq: {self._first_cseq} ACK
      Max-Forwards: 70
      Content-Length: 0

  ]]></send>
  {self.during}
  {self._goodbye() if self.hangs_up else _ANSWERED_BYE}
</scenario>
"""

    def _invite(self, cseq: int) -> str:
        headers = [*self.headers, f"Content-Type: {self.content_type}"]
        if self.password and cseq > 1:
            headers.append(f"[authentication username={self.password.username} password={self.password.password}]")
        further = "\n      ".join(headers)
        return f"""<send retrans="500"><![CDATA[
      INVITE sip:scribe@[remote_ip]:[remote_port] SIP/2.0
      Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch];rport
      From: Caller <sip:2001@[local_ip]:[local_port]>;tag=[pid]T[call_number]
      To: <sip:scribe@[remote_ip]:[remote_port]>
      Call-ID: [call_id]
      CSeq: {cseq} INVITE
      Contact: <sip:2001@[local_ip]:[local_port];transport=[transport]>
      Max-Forwards: 70
      {further}
      Content-Length: [len]

{self.body}
  ]]></send>"""

    def _goodbye(self) -> str:
        return f"""<send retrans="500"><![CDATA[
      BYE [next_url] SIP/2.0
      Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch];rport
      [routes]
      From: Caller <sip:2001@[local_ip]:[local_port]>;tag=[pid]T[call_number]
      [last_To:]
      Call-ID: [call_id]
      CSeq: {self._first_cseq + self.requests_during + 1} BYE
      Max-Forwards: 70
      Content-Length: 0

  ]]></send>
  <recv response="200"/>"""


def re_invite(body: str, content_type: str = "application/sdp", cseq: int = 2) -> str:
    """sipp actions that change the session, and acknowledge its new answer."""
    within = """Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
      [routes]
      From: Caller <sip:2001@[local_ip]:[local_port]>;tag=[pid]T[call_number]
      [last_To:]
      Call-ID: [call_id]
      Max-Forwards: 70"""
    return f"""<send retrans="500"><![CDATA[
      INVITE [next_url] SIP/2.0
      {within}
      CSeq: {cseq} INVITE
      Contact: <sip:2001@[local_ip]:[local_port];transport=[transport]>
      Content-Type: {content_type}
      Content-Length: [len]

{body}
  ]]></send>
  <recv response="100" optional="true"/>
  <recv response="200"/>
  <send><![CDATA[
      ACK [next_url] SIP/2.0
      {within}
      CSeq: {cseq} ACK
      Content-Length: 0

  ]]></send>"""


@dataclass(slots=True)
class Sipp:
    """A running sipp."""

    process: subprocess.Popen[bytes]
    folder: Path
    name: str

    def wait(self, seconds: float) -> int:
        """Its exit status: 0 when every call went as the scenario says."""
        return self.process.wait(seconds)

    @property
    def messages(self) -> str:
        """The SIP messages so far."""
        found = sorted(self.folder.glob(f"{self.name}_*_messages.log"))
        return found[0].read_text(errors="replace") if found else ""

    @property
    def call_ids(self) -> list[str]:
        """The Call-IDs of all calls so far."""
        return list(dict.fromkeys(re.findall(r"^Call-ID: (\S+)", self.messages, re.MULTILINE)))

    @property
    def errors(self) -> str:
        return "".join(path.read_text(errors="replace") for path in self.folder.glob(f"{self.name}_*_errors.log"))

    @property
    def answer(self) -> str:
        """The first 200 to the INVITE, whole, or ""."""
        found = re.search(r"SIP/2\.0 200 OK.*?(?=\n-{20,}|\Z)", self.messages, re.DOTALL)
        return found.group(0) if found and "m=audio" in found.group(0) else ""


def start_sipp(
    scenario: Scenario, port: int, folder: Path, *, calls: int = 1, rate: int = 10, options: Sequence[str] = ()
) -> Sipp:
    """Run the scenario against a port of 127.0.0.1. `options` are sipp's own, for example ("-t", "t1")."""
    here = (f"127.0.0.1:{port}", "-i", "127.0.0.1", "-p", str(free_port()), "-mi", "127.0.0.1")
    load = ("-m", str(calls), "-r", str(rate), "-l", str(max(calls, 100)))
    return launch((require("sipp"), *here, *load, *options), scenario.xml(), folder)


def launch(command: Sequence[str], scenario: str, folder: Path) -> Sipp:
    """Run sipp, as `command` says, with the text of a scenario."""
    name = f"sipp{next(_numbers)}"
    path = folder / f"{name}.xml"
    path.write_text(scenario)
    process = subprocess.Popen(
        [*command, "-sf", str(path), "-nostdin", "-trace_msg", "-trace_err", "-timeout", "700s"],
        cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    return Sipp(process, folder, name)


def plain_sdp(codec: int = 0) -> str:
    name = {0: "PCMU", 8: "PCMA"}[codec]
    return f"""v=0
o=caller 1 1 IN IP4 [local_ip]
s=-
c=IN IP4 [media_ip]
t=0 0
m=audio [auto_media_port] RTP/AVP {codec}
a=rtpmap:{codec} {name}/8000
"""
