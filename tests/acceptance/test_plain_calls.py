"""Ordinary calls from clients nobody here wrote become text, sound and events."""

import io
import subprocess
import urllib.request
import wave
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.acceptance.service import RunningService, wait_for
from tests.acceptance.sipp import Scenario, plain_sdp, start_sipp, write_capture
from tests.acceptance.speech import excerpt, mu_law, write_wav
from tests.acceptance.transcripts import jobs_done, spoken
from tests.peers import require
from tests.wer import word_error_rate

pytestmark = pytest.mark.acceptance
TURNS = 3


def test_a_sipp_call_is_transcribed_recorded_and_second_passed(service: RunningService, tmp_path: Path) -> None:
    speech = excerpt(TURNS)
    capture = write_capture(tmp_path / "speech.pcap", mu_law(speech.channels[0]))
    during = f'<nop><action><exec play_pcap_audio="{capture}"/></action></nop>'
    during += f'<pause milliseconds="{int(speech.seconds * 1000)}"/>'
    caller = start_sipp(Scenario(plain_sdp(), during=during), service.sip_port, tmp_path)
    assert caller.wait(60) == 0, caller.errors
    sip_call_id = caller.messages.split("Call-ID: ")[1].split()[0]
    call = service.wait_call(sip_call_id)

    assert call["dialect"] == "plain"
    assert word_error_rate([speech.texts[0]], [spoken(service, call["id"])]) <= 0.15
    with wave.open(io.BytesIO(urllib.request.urlopen(f"{service.web}/api/v1/calls/{call['id']}/audio").read())) as file:
        assert (file.getnchannels(), file.getframerate()) == (1, 8000)
        assert abs(file.getnframes() / 8000 - speech.seconds) < 0.5
    wait_for(lambda: jobs_done(service, call["id"]), "the second pass", seconds=120)


@dataclass(frozen=True, slots=True)
class Phone:
    """A baresip, its user and how it talks to the service."""

    user: str
    transport: str = "udp"
    encryption: str = ""
    """baresip's name of one for its media, which it insists on."""


PHONES = (Phone("1007"), Phone("1008", "tls"), Phone("1009", "tcp", "srtp-mand"), Phone("1011", "tls", "srtp-mand"))


def test_baresip_is_transcribed_over_udp_tls_and_srtp(service: RunningService, tmp_path: Path) -> None:
    speech = excerpt(TURNS)
    sound = write_wav(tmp_path / "speech.wav", speech.channels[0])
    callers = [start_baresip(phone, service, sound, tmp_path / phone.user) for phone in PHONES]
    for caller in callers:
        caller.wait(60)
    found = service.get("/api/v1/calls?limit=40")["calls"]
    for phone in PHONES:
        (ours,) = [call for call in found if phone.user in call["caller"]["address"]]
        call = service.wait_call(ours["id"])
        heard = spoken(service, call["id"])
        assert word_error_rate([speech.texts[0]], [heard]) <= 0.15, f"{phone}: {heard}"


def start_baresip(phone: Phone, service: RunningService, sound: Path, folder: Path) -> subprocess.Popen[bytes]:
    """Call the service from a phone that says what the file does, and ends a moment later."""
    folder.mkdir()
    modules = "".join(f"module {name}.so\n" for name in ("account", "aufile", "g711", "menu", "srtp"))
    (folder / "config").write_text(
        f"module_path /usr/lib/baresip/modules\n{modules}"
        f"audio_source aufile,{sound}\naudio_player aufile,{folder}/heard.wav\naudio_alert aufile,{folder}/a.wav\n"
        "audio_srate 8000\naudio_channels 1\nsip_listen 127.0.0.1:0\nrtp_ports 30000-30100\nsip_verify_server no\n"
    )
    encryption = f";mediaenc={phone.encryption}" if phone.encryption else ""
    (folder / "accounts").write_text(f"<sip:{phone.user}@127.0.0.1>;regint=0;audio_codecs=pcmu{encryption}\n")
    (folder / "contacts").write_text("")
    port = service.tls_port if phone.transport == "tls" else service.sip_port
    target = f"sip:scribe@127.0.0.1:{port};transport={phone.transport}"
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(
            [require("baresip"), "-f", str(folder), "-e", f"/dial {target}", "-t", "20"],
            stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
        )  # fmt: skip
