"""Pauses of a call while a card's number is said: nothing of it is anywhere, and the call's clock goes on."""

import io
import json
import re
import threading
import time
import urllib.error
import urllib.request
import wave
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from websockets.sync.client import connect

from tests.acceptance import siprec
from tests.acceptance.raw_sip import Asked, RawPeer, Reply
from tests.acceptance.rtp import RtpSender
from tests.acceptance.service import Json, RunningService, wait_for
from tests.acceptance.speech import RATE, excerpt, mu_law
from tests.acceptance.test_media import with_events
from tests.acceptance.transcripts import jobs_done, spoken, utterances
from tests.wer import word_error_rate

pytestmark = pytest.mark.acceptance

Samples = NDArray[np.int16]
PAUSE_AT_S, RESUME_AT_S = 3.2, 10.5
"""Daniel is greeting; nobody speaks any more."""
CODE_AT_S, AFTER_AT_S, SECONDS = 6.0, 12.5, 16.5
AFTER = "Thank you. Are all the lights on your router green?"
CODE = ("four", "seven", "nine", "472", "915")


@cache
def parties() -> tuple[Samples, Samples]:
    """Daniel greets and, much later, asks; meanwhile Laura says a code."""
    daniel, laura = (np.zeros(int(SECONDS * RATE), np.int16) for _ in range(2))
    demo = excerpt(6).channels
    put(daniel, 0.7, demo[0], 0.7, 5.3)
    put(laura, CODE_AT_S, demo[1], 15.1, 18.7)
    put(daniel, AFTER_AT_S, demo[0], 19.0, 21.7)
    return daniel, laura


def put(channel: Samples, at_s: float, source: Samples, start_s: float, end_s: float) -> None:
    taken = source[int(start_s * RATE) : int(end_s * RATE)]
    channel[int(at_s * RATE) : int(at_s * RATE) + len(taken)] = taken


@pytest.fixture
def peer(service: RunningService) -> Iterator[RawPeer]:
    with RawPeer("UDP", service.sip_port) as peer:
        yield peer


@pytest.fixture
def sender() -> Iterator[RtpSender]:
    sender = RtpSender(2)
    yield sender
    sender.close()


def session_of(sender: RtpSender) -> Asked:
    """A recording session's INVITE, with two m-lines that have keys."""
    return Asked(body=with_events(siprec.offer(sender.ports)), headers={"Require": "siprec"})


def post(service: RunningService, path: str, body: Mapping[str, object] | None = None) -> tuple[int, Json]:
    """Status and document of the API's answer."""
    data = json.dumps(body).encode() if body is not None else b""
    headers = {"Content-Type": "application/json"} if body is not None else {}
    request = urllib.request.Request(f"{service.web}/api/v1/calls/{path}", data, headers, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=15) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


@contextmanager
def everything(service: RunningService, call: str) -> Iterator[list[Json]]:
    """All events of a call as they are sent, until it has ended."""
    seen: list[Json] = []

    def read() -> None:
        for text in socket:
            seen.append(json.loads(text))
            if seen[-1]["type"] == "call.ended":
                return

    with connect(f"ws://127.0.0.1:{service.web_port}/api/v1/calls/{call}/ws") as socket:
        reader = threading.Thread(target=read)
        reader.start()
        yield seen
        reader.join(30)
        assert not reader.is_alive(), "the call's end was not told"


def recorded(service: RunningService, call_id: str) -> list[Samples]:
    with urllib.request.urlopen(f"{service.web}/api/v1/calls/{call_id}/audio", timeout=10) as answer:
        sound = io.BytesIO(answer.read())
    with wave.open(sound) as file:
        return list(np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, file.getnchannels()).T)


def lag_s(channel: Samples, said: Samples, at_s: float, seconds: float) -> float:
    """How much later than it was sent a stretch lies in a recording."""
    first = int(at_s * RATE)
    wanted = said[first : first + int(seconds * RATE)].astype(float)
    around = channel[first : first + len(wanted) + RATE].astype(float)
    return float(np.argmax(np.correlate(around, wanted, "valid"))) / RATE


def journaled(service: RunningService, call_id: str) -> list[str]:
    """The call's finals that are still in the journal's files; those that were handed on are wiped."""
    held = b"".join(path.read_bytes() for path in (service.folder / "data").glob("journal-*"))
    found = re.findall(rb'\{"call_id":"' + call_id.encode() + rb'","final":\{.{0,600}', held, re.DOTALL)
    return [entry.decode(errors="replace") for entry in found]


def test_of_what_is_said_in_a_pause_there_is_not_one_byte_and_later_words_have_their_times(
    service: RunningService, peer: RawPeer, sender: RtpSender
) -> None:
    asked, (daniel, laura), log_before = session_of(sender), parties(), len(service.log)
    reply = peer.establish(asked)
    sender.start(reply.audio_ports, [mu_law(daniel), mu_law(laura)])
    call_id = service.wait_call(asked.call, "active")["id"]
    with everything(service, call_id) as events:
        wait_until(sender, PAUSE_AT_S)
        status, paused = post(service, f"{asked.call}/pause", {"reason": "card payment"})
        assert (status, [call["id"] for call in paused["calls"]]) == (200, [call_id])
        wait_until(sender, CODE_AT_S + 1)
        sender.press(1, "4")
        assert [pause["end_ms"] for pause in service.get(f"/api/v1/calls/{call_id}")["pauses"]] == [None, None]
        wait_until(sender, RESUME_AT_S)
        assert post(service, f"{call_id}/resume")[0] == 200
        sender.wait()
        assert peer.hang_up(asked, reply).status == 200
        call = service.wait_call(asked.call)
    wait_for(lambda: jobs_done(service, call_id), "the second pass", seconds=120)

    channels = recorded(service, call_id)
    assert_silent_as_told(channels, call["pauses"])
    assert_clock_went_on(service, call_id, channels[0], daniel)
    assert [(pause["by"], pause["reason"]) for pause in call["pauses"]] == [("api", "card payment")] * 2
    told = [event["type"] for event in events]
    assert [kind for kind in told if kind in ("call.paused", "call.resumed", "call.dtmf")] == [
        "call.paused",
        "call.resumed",
    ]
    assert spoken(service, call_id, channel=1) == ""
    written = journaled(service, call_id)
    texts = [str(event[name]) for event in events for name in ("text", "spoken") if name in event]
    texts += [json.dumps(item) for item in utterances(service, call_id)]
    everything_kept = "\n".join([*texts, *written, service.log[log_before:]]).lower()
    assert "thank you for calling" in everything_kept
    assert not [word for word in CODE if re.search(rf"\b{word}\b", everything_kept)]


def wait_until(sender: RtpSender, seconds: float) -> None:
    """Until so much was sent."""
    time.sleep(max(0.0, sender.began_at + seconds - time.time()))


def assert_silent_as_told(channels: list[Samples], pauses: list[Any]) -> None:
    """Both pauses are about where they were asked for, and zeros; before and behind them is sound."""
    assert [pause["channel"] for pause in pauses] == [0, 1]
    for pause in pauses:
        assert PAUSE_AT_S - 0.5 < pause["start_ms"] / 1000 < PAUSE_AT_S + 0.5
        assert RESUME_AT_S < pause["end_ms"] / 1000 < RESUME_AT_S + 1
        start, end = (pause[name] * RATE // 1000 for name in ("start_ms", "end_ms"))
        assert end - start > 6 * RATE
        assert not channels[pause["channel"]][start:end].any()
    first, last = (pauses[0][name] * RATE // 1000 for name in ("start_ms", "end_ms"))
    assert channels[0][:first].any()
    assert channels[0][last:].any()


def assert_clock_went_on(service: RunningService, call_id: str, recording: Samples, said: Samples) -> None:
    """What follows the pause is as late in the recording as what came before, and its text has its times."""
    before, after = lag_s(recording, said, 0.7, 1.5), lag_s(recording, said, AFTER_AT_S, 2.5)
    assert after == pytest.approx(before, abs=0.1)
    cut, *later = [item for item in utterances(service, call_id) if item["channel"] == 0]
    assert cut["text"].lower().startswith("thank you for calling")
    assert cut["end_ms"] / 1000 < PAUSE_AT_S + 0.6
    assert word_error_rate([AFTER], [" ".join(str(item["text"]) for item in later)]) <= 0.2
    assert later[0]["start_ms"] / 1000 == pytest.approx(AFTER_AT_S + after, abs=0.4)


def test_a_peer_pauses_its_call_by_an_info_and_resumes_it_by_a_re_invite(
    service: RunningService, peer: RawPeer, sender: RtpSender
) -> None:
    asked = session_of(sender)
    reply = peer.establish(asked)
    call_id = service.wait_call(asked.call, "active")["id"]
    info = asked.within(reply, "INFO", 2)
    assert peer.ask(replace(info, headers={**info.headers, "X-AC-Action": "pause"})).status == 200

    def pauses() -> list[Any] | None:
        found = service.get(f"/api/v1/calls/{call_id}")["pauses"]
        return found if isinstance(found, list) and found else None

    assert [(p["by"], p["end_ms"]) for p in wait_for(pauses, "the pause")] == [("sip", None)] * 2
    again = asked.within(reply, "INVITE", 3)
    again = replace(again, body=asked.body, headers={**again.headers, "X-AC-Action": "resume"})
    assert peer.establish(again).status == 200
    wait_for(lambda: all(p["end_ms"] for p in pauses() or [{"end_ms": None}]), "its end")
    assert hang_up(peer, asked, reply, 4) == 200


def hang_up(peer: RawPeer, asked: Asked, reply: Reply, cseq: int) -> int:
    return peer.ask(asked.within(reply, "BYE", cseq)).status


def test_the_api_says_why_it_cannot_pause_and_asking_again_changes_nothing(
    service: RunningService, peer: RawPeer, sender: RtpSender
) -> None:
    asked = session_of(sender)
    reply = peer.establish(asked)
    call_id = service.wait_call(asked.call, "active")["id"]
    status, problem = post(service, f"{call_id}/pause", {"channels": [0, 7]})
    assert (status, "channel 7" in problem["detail"]) == (422, True)
    assert post(service, f"{call_id}/pause", {"reason": "4111 1111"})[0] == 422
    first = post(service, f"{call_id}/pause", {"channels": [1]})
    assert [pause["channel"] for pause in first[1]["calls"][0]["pauses"]] == [1]
    assert post(service, f"{call_id}/pause", {"channels": [1]}) == first
    assert post(service, "no-such-call/pause")[0] == 404
    assert peer.hang_up(asked, reply).status == 200
    service.wait_call(asked.call)
    status, problem = post(service, f"{call_id}/resume")
    assert (status, "ended" in problem["detail"]) == (409, True)
