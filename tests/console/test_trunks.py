"""Trunks by the API: what is in force, what comes over them, and what is wrong, in the reader's language."""

import asyncio
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from callscribe.config.settings import Settings
from callscribe.console import trunk_health
from callscribe.console.remedies import REMEDIES
from callscribe.console.wording import STATIC
from callscribe.domain.call import CallEnd
from callscribe.domain.refusal import RefusedRequest
from callscribe.events.board import post_now
from callscribe.events.refusals import RefusalBoard
from storage.settings import RetentionSettings
from telephony.registration import SENTENCES
from telephony.settings import RegisterSettings, TrunkSettings
from tests.console.conftest import Console, serving
from tests.console.guarding import guarded_console, signed_in
from tests.console.switchboard import Switchboard, samples

pytestmark = pytest.mark.integration

TRUNKS = (
    TrunkSettings("counted", keep_audio_days=30, digest_username="pbx", digest_password="hush-hush"),
    TrunkSettings("registering", register=RegisterSettings("pbx.example.com:5070", "4711", password="hush-hush")),
)


@pytest.fixture(scope="module")
def trunked(settings: Settings) -> Iterator[Console]:
    kept = RetentionSettings(audio_days=7, text_days=90)
    with serving(replace(settings, trunks=TRUNKS, retention=kept)) as served:
        yield served


def found(console: Console, name: str, language: str = "en") -> dict[str, object]:
    told = console.client.get("/api/v1/trunks", headers={"accept-language": language}).json()
    return next(dict(trunk) for trunk in told["trunks"] if trunk["name"] == name)


def test_a_trunk_tells_its_calls_and_the_settings_in_force_but_no_password(
    trunked: Console, switchboard: Switchboard
) -> None:
    yesterday = datetime.now(UTC) - timedelta(days=1, minutes=1)
    old = switchboard.start(trunk="counted", started_at=yesterday)
    old.end()
    going, broken = switchboard.start(trunk="counted"), switchboard.start(trunk="counted")
    switchboard.calls.end_call(broken.id, CallEnd(datetime.now(UTC), samples(1000), "no-media"), None, ())
    old.fail_second_pass("The recording is gone.")
    day = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    told = trunked.client.get("/api/v1/trunks", params={"since": day})
    (trunk,) = (each for each in told.json()["trunks"] if each["name"] == "counted")
    counts = [trunk[name] for name in ("calls_active", "calls_begun", "calls_broken", "failed_jobs")]
    assert counts == [1, 2, 1, 1]
    assert trunk["last_call_at"] is not None
    in_force = trunk["settings"]
    assert (in_force["audio_days"], in_force["text_days"], in_force["password"]) == (30, 90, True)
    assert "Jobs of its calls were given up: 1." in [problem["what"] for problem in trunk["problems"]]
    assert "hush-hush" not in told.text
    going.end()


def test_what_is_wrong_is_told_in_the_readers_language_with_the_cure(trunked: Console) -> None:
    url = trunked.settings.events.url
    now = datetime.now(UTC)
    refused = (
        RefusedRequest(now, "192.0.2.9", "udp", "counted", "INVITE", 401, "credentials_wrong"),
        RefusedRequest(now - timedelta(hours=3), "192.0.2.8", "udp", "counted", "INVITE", 503, "invites_refused_busy"),
        RefusedRequest(now, "192.0.2.7", "udp", "", "INVITE", 403, "requests_forbidden"),
    )

    async def post() -> None:
        board = RefusalBoard(url)
        await board.post("told-node", refused)
        await board.close()

    asyncio.run(post())
    posted = {"calls_active": 8, "calls_capacity": 8, "registrations:password-refused:registering": 1}
    post_now(url, "sip-told-node", posted)
    english, chinese = found(trunked, "registering"), found(trunked, "registering", "zh-CN")
    assert english["problems"] == [
        {
            "tone": "bad",
            "what": "pbx.example.com:5070 does not accept the password.",
            "cure": "Check register.username and register.password against what the PBX has for extension 4711.",
        }
    ]
    assert "pbx.example.com:5070 不接受该密码。" in json.dumps(chinese["problems"], ensure_ascii=False)
    post_now(url, "sip-told-node", posted)
    counted = found(trunked, "counted")
    assert "192.0.2.9 was refused: its password is wrong." in json.dumps(counted["problems"])
    assert "192.0.2.8" not in json.dumps(counted["problems"]), "three hours are not lately"
    assert "192.0.2.8" in json.dumps(counted["refusals"])
    post_now(url, "sip-told-node", posted)
    whole = trunked.client.get("/api/v1/trunks").json()
    assert '"192.0.2.7/32"' in whole["strangers"][0]["cure"]
    told = [problem["what"] for problem in whole["problems"]]
    assert "Node told-node is full: calls now 8, of 8 that fit." in told
    assert "Node told-node has no recognizer: its calls are recorded, and heard later." in told


def test_what_the_server_says_of_trunks_is_in_every_catalogue() -> None:
    source = Path(trunk_health.__file__).read_text(encoding="utf-8")
    said = set(re.findall(r'(?<!")"([A-Z{][^"\n]+\.)"(?!")', source)) | {"{source} was refused: {why}"}
    for remedy in REMEDIES.values():
        said |= {remedy.why, remedy.cure}
    for sentence in SENTENCES.values():
        said |= set(sentence.split(": ", 1))
    catalogue = json.loads((STATIC / "zh.json").read_text(encoding="utf-8"))
    assert sorted(said - catalogue.keys()) == []


def test_only_who_may_see_operation_sees_trunks_and_jobs(settings: Settings) -> None:
    with guarded_console(settings) as console:
        with signed_in(console, "qa") as client:
            for path in ("/api/v1/trunks", "/api/v1/jobs", "/api/v1/jobs/counts", "/api/v1/audit.csv", "/admin/trunks"):
                assert client.get(path).status_code == 403
            assert client.post("/api/v1/jobs/retry", json={}).status_code == 403
        with signed_in(console, "root") as client:
            for path in ("/api/v1/trunks", "/api/v1/jobs", "/api/v1/jobs/counts", "/api/v1/audit.csv", "/admin/trunks"):
                assert client.get(path).status_code == 200
            assert client.get("/api/v1/jobs", params={"cursor": "x"}).status_code == 422
