"""Every dialect of recording clients through a running service: its answers, its call in the API, and who said what."""

import re
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial

import pytest
from websockets.sync.client import connect

from callscribe.events.schema import CallCorrected, CallEnded, CallStarted, Event, from_json
from tests.acceptance.conftest import RECORDER_ADDRESS
from tests.acceptance.dialects import Outcome, play_all, play_by_sipp
from tests.acceptance.raw_sip import AUDIO_OFFER, Asked, RawPeer
from tests.acceptance.service import Json, RunningService, wait_for
from tests.acceptance.speech import excerpt
from tests.acceptance.transcripts import jobs_done, spoken, utterances
from tests.telephony.dialects.book import FIXTURES
from tests.telephony.dialects.fixture import MIXED, UNKNOWN, Fixture
from tests.telephony.dialects.scenarios import is_playable
from tests.wer import word_error_rate

pytestmark = pytest.mark.acceptance

SPEECH = excerpt(2)
SPOKEN = ("F3", "F9", "F10", "F11", "F15", "three-way", "blind-transfer")
"""Fixtures with speech: the service's offer, crossed parties, mixed ones, a late party, two dialogs, changes."""
AT_ONCE = 4
"""Fixtures without speech that are played at the same time."""


@pytest.fixture(scope="module")
def outcomes(service: RunningService, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Outcome]]:
    """Every fixture, played."""
    run = f"run{time.time_ns()}"
    folder = tmp_path_factory.mktemp("dialects")

    def play(fixture: Fixture) -> list[Outcome]:
        if all(is_playable(dialog) for dialog in fixture.dialogs):
            return play_by_sipp(fixture, service.sip_port, folder, run)
        return play_all([fixture], service.sip_port, None, run)

    talkers = [fixture for fixture in FIXTURES if fixture.code in SPOKEN]
    silent = [fixture for fixture in FIXTURES if fixture.code not in SPOKEN]
    with ThreadPoolExecutor(AT_ONCE + 1) as players:
        talking = players.submit(play_all, talkers, service.sip_port, SPEECH, run)
        found = [outcome for played in players.map(play, silent) for outcome in played] + talking.result()
    return {fixture.code: [each for each in found if each.fixture is fixture] for fixture in FIXTURES}


@pytest.mark.parametrize("fixture", FIXTURES, ids=lambda fixture: fixture.code)
def test_a_dialect_is_answered_and_its_call_is_right(
    service: RunningService, outcomes: dict[str, list[Outcome]], fixture: Fixture
) -> None:
    for outcome in outcomes[fixture.code]:
        *replies, goodbye = outcome.replies
        assert goodbye.status == 200
        for turn, reply in zip(outcome.dialog.turns, replies, strict=True):
            assert reply.status == 200
            assert "multipart" not in reply.header("Content-Type")
            assert tuple(re.findall(r"^a=label:(\S+?)\r?$", reply.body, re.MULTILINE)) == turn.labels
            assert media_of(reply.body) == turn.media
        call = service.wait_call(outcome.call_id)
        dialog = outcome.dialog
        assert call["dialect"] == "siprec"
        assert sorted(call["quirks"]) == sorted(dialog.quirks)
        assert tuple(party_of(channel) for channel in call["channels"]) == dialog.turns[-1].parties
        assert {(entry["kind"], entry["value"]) for entry in call["outside_ids"]} >= set(dialog.ids)
        for _, value in dialog.ids:
            found = service.get(f"/api/v1/calls?outside_id={value}")["calls"]
            assert call["id"] in [each["id"] for each in found]
        if dialog.ends:
            assert (call["caller"]["address"], call["callee"]["address"]) == dialog.ends


def media_of(sdp: str) -> tuple[str, ...]:
    """The m-lines of an answer as a fixture writes them."""
    found = re.findall(r"^m=(\w+) (\d+)", sdp, re.MULTILINE)
    return tuple(kind if int(port) else f"-{kind}" for kind, port in found)


def party_of(channel: Json) -> str:
    """The party of a channel as a fixture writes it."""
    if channel["role"] == "mixed":
        return MIXED
    return str(channel["party"]["address"]) if channel["party"] else UNKNOWN


@pytest.mark.parametrize(
    "fixture", [fixture for fixture in FIXTURES if fixture.is_one_conversation], ids=lambda fixture: fixture.code
)
def test_dialogs_of_one_conversation_are_linked(
    service: RunningService, outcomes: dict[str, list[Outcome]], fixture: Fixture
) -> None:
    calls = [service.wait_call(outcome.call_id) for outcome in outcomes[fixture.code]]
    first, second = sorted(calls, key=lambda call: str(call["started_at"]))
    assert first["conversation"] == second["conversation"] == first["id"]
    assert (first["linked"], second["linked"]) == ([second["id"]], [first["id"]])
    assert first["duplicate_of"] is None
    assert second["duplicate_of"] == (first["id"] if fixture.has_duplicate else None)
    listed = service.get(f"/api/v1/calls?conversation={first['id']}")["calls"]
    assert [call["id"] for call in listed] == [second["id"], first["id"]]


def test_calls_that_have_only_a_party_in_common_are_not_linked(
    service: RunningService, outcomes: dict[str, list[Outcome]]
) -> None:
    calls = [service.wait_call(outcome.call_id) for outcome in outcomes["call-waiting"]]
    assert len({call["conversation"] for call in calls}) == 2
    assert [call["linked"] for call in calls] == [[], []]


@pytest.mark.parametrize("code", [code for code in SPOKEN if code != "F10"])
def test_each_party_has_its_words(service: RunningService, outcomes: dict[str, list[Outcome]], code: str) -> None:
    for outcome in outcomes[code]:
        call = service.wait_call(outcome.call_id)
        for channel, who in enumerate(outcome.dialog.speech[: len(call["channels"])]):
            heard = spoken(service, call["id"], channel)
            assert word_error_rate([SPEECH.texts[who]], [heard]) <= 0.15, f"{outcome.call_id}: {heard}"


def test_a_mixed_channel_has_the_words_of_all(service: RunningService, outcomes: dict[str, list[Outcome]]) -> None:
    for outcome in outcomes["F10"]:
        call = service.wait_call(outcome.call_id)
        assert word_error_rate([SPEECH.conversation], [spoken(service, call["id"])]) <= 0.15
        wait_for(partial(jobs_done, service, call["id"]), "the speakers", seconds=120)
        first, *_ = (turn for said in utterances(service, call["id"]) for turn in said["turns"])
        assert (first["speaker"], first["name"]) == (1, "Speaker 1")


def test_no_answer_returns_a_key_of_the_offer(outcomes: dict[str, list[Outcome]]) -> None:
    keys = {
        key
        for code in ("F24", "F24b")
        for turn in outcomes[code][0].dialog.turns
        for key in re.findall(r"inline:(\S+)", turn.body)
    }
    answered = [re.findall(r"inline:(\S+?)\r?$", reply.body, re.MULTILINE) for reply in outcomes["F24"][0].replies[:-1]]
    assert all(len(set(each)) == 2 for each in answered)
    assert keys.isdisjoint(key for each in answered for key in each)


def test_a_trunk_that_is_a_recording_client_needs_no_header(service: RunningService) -> None:
    asked = Asked(body=AUDIO_OFFER.format(port=40000) + "a=sendonly\r\n")
    with RawPeer("UDP", service.sip_port, RECORDER_ADDRESS) as peer:
        reply = peer.establish(asked)
        assert (reply.status, reply.body.count("a=recvonly")) == (200, 1)
        assert peer.hang_up(asked, reply).status == 200
    call = service.wait_call(asked.call)
    assert (call["trunk"], call["dialect"]) == ("recorder", "siprec")
    assert call["quirks"] == ["metadata-missing", "party-unknown"]


def test_copies_of_an_invite_and_a_late_acknowledgement_make_one_call(service: RunningService) -> None:
    asked = Asked(body=AUDIO_OFFER.format(port=40000), headers={"Require": "siprec"})
    with RawPeer("UDP", service.sip_port) as peer:
        for _ in range(3):
            peer.send(asked.data("UDP", peer.port))
        reply = peer.final(asked.call)
        assert reply.status == 200
        # As nobody acknowledges it, it is repeated.
        again = peer.final(asked.call)
        assert (again.status, again.header("To")) == (200, reply.header("To"))
        peer.send(asked.acknowledgement(reply).data("UDP", peer.port))
        peer.send(asked.data("UDP", peer.port))
        assert peer.hang_up(asked, reply).status == 200
    service.wait_call(asked.call)
    assert len(service.get(f"/api/v1/calls?outside_id={asked.call}")["calls"]) == 1


def test_parties_that_labels_have_backwards_are_corrected_by_an_event(service: RunningService) -> None:
    crossed = next(fixture for fixture in FIXTURES if fixture.code == "F22c")
    with floor_events(service) as events:
        (outcome,) = play_all([crossed], service.sip_port, None, f"corrected{time.time_ns()}")
        call = service.wait_call(outcome.call_id)
        wait_for(lambda: [event for event in events if is_end_of(event, call)], "the end of the call")
    ours = [event for event in events if str(event.call_id) == call["id"]]
    started = next(event for event in ours if isinstance(event, CallStarted))
    corrected = next(event for event in ours if isinstance(event, CallCorrected))
    names = [[channel.party.name for channel in event.channels if channel.party] for event in (started, corrected)]
    assert names == [["Ann", "Bob"], ["Bob", "Ann"]]
    assert corrected.corrected == (0, 1)
    assert call["quirks"] == ["parties-contradict"]


def is_end_of(event: Event, call: Json) -> bool:
    return isinstance(event, CallEnded) and str(event.call_id) == call["id"]


@contextmanager
def floor_events(service: RunningService) -> Iterator[list[Event]]:
    """What a subscriber of all calls is sent while the body runs."""
    seen: list[Event] = []

    def read() -> None:
        for text in socket:
            seen.append(from_json(text if isinstance(text, str) else text.decode()))

    cursor = service.get("/api/v1/live")["cursor"]
    with connect(f"ws://127.0.0.1:{service.web_port}/api/v1/live/ws?last_event_id={cursor}") as socket:
        reader = threading.Thread(target=read)
        reader.start()
        yield seen
        socket.close()
        reader.join(10)
