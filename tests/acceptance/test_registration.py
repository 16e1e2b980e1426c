"""A service that is an extension of a PBX: Kamailio registers it, and sends it calls."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import cast

import pytest

from callscribe.domain.errors import CallRefused
from telephony.caller.placing import place_call
from telephony.caller.plan import CallPlan
from tests.acceptance.conftest import WRONG_PASSWORD
from tests.acceptance.service import Json, RunningService, wait_for
from tests.acceptance.speech import excerpt, write_wav
from tests.acceptance.transcripts import spoken
from tests.registrar import EXTENSIONS, Registrar
from tests.wer import word_error_rate

pytestmark = pytest.mark.acceptance

SPEECH = excerpt(1)


def states(service: RunningService) -> dict[str, str]:
    """The state of each registration, by trunk, as /metrics tells it."""
    lines = [line for line in service.text("/metrics").splitlines() if line.startswith("callscribe_registrations{")]
    labels = [
        dict(part.split("=", 1) for part in line[line.index("{") + 1 : line.index("}")].split(",")) for line in lines
    ]
    ones = [label for label, line in zip(labels, lines, strict=True) if line.endswith(" 1.0")]
    return {label["trunk"].strip('"'): label["state"].strip('"') for label in ones}


def registered(service: RunningService) -> bool:
    found = states(service)
    return all(found.get(trunk) == "registered" for trunk in EXTENSIONS)


def call(pbx: Registrar, extension: str, play: Path) -> str:
    """Call an extension through the PBX; the Call-ID."""
    return place_call(CallPlan(f"sip:{extension}@127.0.0.1:{pbx.port}", (str(play),))).sip_call_id


def call_if_known(pbx: Registrar, extension: str, play: Path) -> str | None:
    """As call; None where the PBX knows no such extension."""
    try:
        return call(pbx, extension, play)
    except CallRefused:
        return None


def doctor_says(service: RunningService, trunk: str) -> Json:
    """What `callscribe doctor` finds of a trunk's registration."""
    command = [sys.executable, "-m", "callscribe.cli.main", "--config", str(service.config), "doctor", "--trunk", trunk]
    told = subprocess.run([*command, "--json"], check=False, capture_output=True, text=True, timeout=60)
    (finding,) = [found for found in json.loads(told.stdout) if found["check"] == f"registration {trunk}"]
    return cast(Json, finding)


def test_calls_to_the_extension_are_transcribed_whatever_the_transport(
    service: RunningService, pbx: Registrar, tmp_path: Path
) -> None:
    wait_for(lambda: registered(service), "the registrations")
    sound = write_wav(tmp_path / "speech.wav", SPEECH.channels[0])
    with ThreadPoolExecutor() as threads:
        placed = dict(zip(EXTENSIONS, threads.map(lambda it: call(pbx, it, sound), EXTENSIONS.values()), strict=True))
    for transport, sip_call_id in placed.items():
        found = service.wait_call(sip_call_id)
        assert (found["trunk"], found["dialect"]) == (transport, "plain")
        assert found["callee"]["address"].startswith(f"sip:{EXTENSIONS[transport]}@")
        assert word_error_rate([SPEECH.texts[0]], [spoken(service, found["id"])]) <= 0.15


def test_a_wrong_password_is_told_in_plain_words_and_never_shown(service: RunningService) -> None:
    wait_for(lambda: states(service).get("mistaken") == "password-refused", "the refusal")
    log = service.log
    assert "does not accept the password: check register.username and register.password" in log
    assert service.get("/readyz")
    finding = doctor_says(service, "mistaken")
    assert finding["verdict"] == "bad"
    assert str(finding["cure"]).startswith("check register.username and register.password")
    assert WRONG_PASSWORD not in log
    assert "secret-4711" not in log


def test_a_pbx_that_comes_back_has_its_extensions_again(
    service: RunningService, pbx: Registrar, tmp_path: Path
) -> None:
    wait_for(lambda: registered(service), "the registrations")
    pbx.stop()
    wait_for(lambda: states(service)["tls"] == "unconnected", "the loss")
    pbx.start(algorithm="MD5")
    wait_for(lambda: registered(service), "the registrations")
    sound = write_wav(tmp_path / "speech.wav", SPEECH.channels[0][:4000])
    assert service.wait_call(call(pbx, "4713", sound))["trunk"] == "tls"
    # Over UDP nobody notices a loss before the next renewal.
    sip_call_id = wait_for(lambda: call_if_known(pbx, "4711", sound), "the extension")
    assert service.wait_call(sip_call_id)["trunk"] == "udp"
