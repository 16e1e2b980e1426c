"""Ordinary calls from clients nobody here wrote become text, sound and events."""

import io
import subprocess
import urllib.request
import wave
from pathlib import Path

import pytest

from tests.acceptance.service import RunningService, wait_for
from tests.acceptance.sipp import Scenario, plain_sdp, start_sipp, write_capture
from tests.acceptance.speech import excerpt, mu_law, write_wav
from tests.acceptance.transcripts import spoken
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
    wait_for(lambda: all_done(service, call["id"]), 60, "the second pass")


def all_done(service: RunningService, call_id: str) -> bool:
    jobs = service.get(f"/api/v1/calls/{call_id}")["jobs"]
    return bool(jobs) and all(job["state"] == "done" for job in jobs)


def test_a_baresip_call_is_transcribed(service: RunningService, tmp_path: Path) -> None:
    program = require("baresip")
    speech = excerpt(TURNS)
    sound = write_wav(tmp_path / "speech.wav", speech.channels[0])
    (tmp_path / "config").write_text(
        "module_path /usr/lib/baresip/modules\nmodule account.so\nmodule aufile.so\nmodule g711.so\nmodule menu.so\n"
        f"audio_source aufile,{sound}\naudio_player aufile,{tmp_path}/heard.wav\naudio_alert aufile,{tmp_path}/a.wav\n"
        "audio_srate 8000\naudio_channels 1\nsip_listen 127.0.0.1:0\nrtp_ports 30000-30100\n"
    )
    (tmp_path / "accounts").write_text("<sip:1007@127.0.0.1>;regint=0;audio_codecs=pcmu\n")
    (tmp_path / "contacts").write_text("")
    with subprocess.Popen(
        [program, "-f", str(tmp_path), "-e", f"/dial sip:scribe@127.0.0.1:{service.sip_port}", "-t", "20"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL,
    ) as caller:  # fmt: skip
        caller.wait(60)
    found = service.get("/api/v1/calls?limit=20")["calls"]
    ours = [call for call in found if "1007" in call["caller"]["address"]]
    call = service.wait_call(ours[0]["id"])
    assert word_error_rate([speech.texts[0]], [spoken(service, call["id"])]) <= 0.15
