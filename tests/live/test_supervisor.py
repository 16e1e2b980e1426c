"""A whole node but for its callers: real lines, Postgres, Valkey and disk, and a recogniser that counts."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import numpy as np
import pytest

from asr.settings import RecognizerSettings
from callscribe.config.settings import FunasrServerSettings, NodeSettings, Settings
from callscribe.domain.audio import AudioChunk
from callscribe.domain.call import Call, CallEnd, CallState, Channel, OutsideIds
from callscribe.domain.errors import PortUnavailable
from callscribe.domain.hotword import Hotword
from callscribe.events.board import CounterBoard, cost_of, posting_now
from callscribe.events.control import CHANNEL, PauseRequest
from callscribe.events.schema import CallEnded, CallStarted, Event, UtteranceFinal, UtterancePartial, from_json
from callscribe.events.settings import EventSettings
from callscribe.events.streams import connect_sync
from callscribe.events.subscriber import BEGINNING, Delivery, subscribe
from callscribe.live.supervisor import Supervisor
from storage.database import Database
from storage.reader import CallReader
from storage.recordings import read_channel, recording_path
from storage.records import JobKind
from storage.settings import DatabaseSettings
from telephony.settings import SipSettings, TrunkSettings
from tests.asr.fake_recognizer import FakeRecognizer
from tests.asr.test_client import speech
from tests.live.calls import Follower, make_call, make_final
from tests.telephony.test_lines import free_range

pytestmark = pytest.mark.integration

RATE = 8000
CHUNK = 800


@pytest.fixture
async def recognizer() -> AsyncIterator[FakeRecognizer]:
    async with FakeRecognizer() as running:
        yield running


@pytest.fixture
def settings(database_url: str, valkey_url: str, tmp_path: Path, recognizer: FakeRecognizer) -> Settings:
    first = free_range(32)
    return Settings(
        node=NodeSettings(name="node-1", data_folder=str(tmp_path)),
        sip=SipSettings(host="127.0.0.1", port=0, lines=1, rtp_port_min=first, rtp_port_max=first + 31),
        trunks=(TrunkSettings("default"),),
        recognizer=RecognizerSettings(urls=(recognizer.url,)),
        database=DatabaseSettings(database_url),
        events=EventSettings(valkey_url),
    )


@pytest.fixture
def reader(database_url: str) -> Iterator[CallReader]:
    database = Database(database_url)
    yield CallReader(database)
    database.close()


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Supervisor]:
    """A node that is stopped in the end, as a service is: what it was told is written by then."""
    node = Supervisor(settings)
    await node.start()
    try:
        yield node
    finally:
        async with asyncio.timeout(20):
            await node.stop()


def speak(node: Supervisor, call: Call, channel: int, *words: int, start: int = 0) -> int:
    """Say words on a channel from a sample on; the sample after them."""
    pcm = speech(*words)
    for place in range(0, len(pcm), CHUNK):
        node.audio(call.id, AudioChunk(channel, start + place, pcm[place : place + CHUNK].tobytes()))
    return start + len(pcm)


def end(node: Supervisor, call: Call, samples: int) -> None:
    node.call_ended(call.id, CallEnd(datetime.now(UTC), samples, "bye"))


async def events_of(settings: Settings, call_id: UUID) -> list[Event]:
    """The call's stream from its beginning to the call's end."""
    found: list[Event] = []
    async with asyncio.timeout(5):
        async for arrival in subscribe(settings.events.url, call_id, BEGINNING):
            if isinstance(arrival, Delivery):
                found.append(from_json(arrival.json))
                if isinstance(found[-1], CallEnded):
                    break
    return found


async def test_a_call_is_understood_published_recorded_and_stored_in_order(
    settings: Settings, reader: CallReader
) -> None:
    call = make_call()
    async with running(settings) as node:
        node.call_started(call)
        for channel in (0, 1):
            samples = speak(node, call, channel, 10 * channel + 1, 10 * channel + 2, 10 * channel + 3)
        end(node, call, samples)
        events = await events_of(settings, call.id)

    assert isinstance(events[0], CallStarted)
    finals = [event for event in events if isinstance(event, UtteranceFinal)]
    for channel in (0, 1):
        said = [event.text for event in finals if event.channel == channel]
        assert said == [f"w{10 * channel + number}" for number in (1, 2, 3)]
    stored = reader.transcript(call.id)
    assert stored.state is CallState.ENDED
    assert sorted(found.id for found in stored.utterances) == sorted(event.utterance_id for event in finals)
    assert [job.kind for job in reader.jobs(call.id)] == [JobKind.SECOND_PASS]
    heard = read_channel(settings.recordings_folder / recording_path(call), 1, 0, samples)
    assert np.array_equal(heard, speech(11, 12, 13))


async def test_a_channel_that_joins_in_mid_call_is_understood_from_there(
    settings: Settings, reader: CallReader
) -> None:
    call = make_call(channels=1)
    async with running(settings) as node:
        node.call_started(call)
        place = speak(node, call, 0, 1)
        node.call_updated(replace(call, channels=(*call.channels, Channel(1, "2"))))
        end(node, call, speak(node, call, 1, 2, start=place))
    stored = reader.transcript(call.id)
    assert [(found.final.channel, found.text) for found in stored.utterances] == [(0, "w1"), (1, "w2")]
    assert stored.utterances[1].final.start == pytest.approx(place, abs=256)
    assert [job.kind for job in reader.jobs(call.id)] == [JobKind.SECOND_PASS]


async def test_a_channel_in_a_language_that_nobody_knows_ends_with_its_call(
    settings: Settings, reader: CallReader, recognizer: FakeRecognizer
) -> None:
    recognizer.refusal = "unsupported-language"
    call = make_call(channels=1)
    async with running(settings) as node:
        node.call_started(call)
        samples = speak(node, call, 0, 1, 2)
        async with asyncio.timeout(5):
            while not node.counters().get("channels_refused"):
                await asyncio.sleep(0.01)
        end(node, call, samples)
    assert len(recognizer.openings) == 1
    stored = reader.call(call.id)
    assert (stored.state, [job.kind for job in stored.jobs]) == (CallState.ENDED, [JobKind.RECOVER])


async def test_a_pause_lasts_over_the_loss_of_the_recogniser_and_nothing_of_it_is_replayed(
    settings: Settings, reader: CallReader, recognizer: FakeRecognizer
) -> None:
    call = make_call(channels=1)
    async with running(settings) as node:
        node.call_started(call)
        start = speak(node, call, 0, 1)
        (paused,) = node.carry_out(PauseRequest((call.outside_ids.sip_call_id,), "pause")).calls
        place = speak(node, call, 0, 2, start=start)
        await recognizer.kill()
        place = speak(node, call, 0, 3, start=place)
        await recognizer.start()
        (resumed,) = node.carry_out(PauseRequest((str(call.id),), "resume")).calls
        assert node.carry_out(PauseRequest(("another",), "pause")).calls == ()
        end(node, call, speak(node, call, 0, 4, start=place + RATE))
    assert [(pause.start_ms, pause.end_ms) for pause in paused.pauses] == [(start * 1000 // RATE, None)]
    stored = reader.transcript(call.id)
    assert [found.text for found in stored.utterances] == ["w1", "w4"]
    assert stored.call.pauses[0].start == start
    assert stored.utterances[1].final.start == pytest.approx(place + RATE, abs=256)
    assert resumed.pauses[0].end_ms is not None
    heard = read_channel(settings.recordings_folder / recording_path(call), 0, 0, place)
    assert np.array_equal(heard[:start], speech(1))
    assert not heard[start:].any()


async def test_a_call_set_up_anew_goes_on_in_its_pause(
    settings: Settings,
) -> None:
    call, request = make_call(channels=1), PauseRequest(("x@pbx",), "pause", reason="card payment")
    call = replace(call, outside_ids=OutsideIds(sip_call_id="x@pbx"))
    anew = replace(call, id=uuid4())
    async with running(settings) as node:
        node.call_started(call)
        node.carry_out(request)
        end(node, call, 0)
        await asyncio.sleep(0)
        node.call_started(anew)
        place = speak(node, anew, 0, 1)
        (resumed,) = node.carry_out(replace(request, action="resume")).calls
        end(node, anew, place)
    assert [(pause.start_ms, pause.by, pause.reason) for pause in resumed.pauses] == [(0, "api", "card payment")]
    assert not read_channel(settings.recordings_folder / recording_path(anew), 0, 0, place).any()


async def test_a_node_hears_what_is_asked_before_a_call_can_come(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = FunasrServerSettings(host="127.0.0.1", port=taken.getsockname()[1])
        node = Supervisor(replace(settings, funasr_server=port))
        with pytest.raises(PortUnavailable):
            await node.start()
        with connect_sync(settings.events.url) as client:
            # The loop stands still: what is not heard by now was not waited for.
            assert client.pubsub_numsub(CHANNEL) == [(CHANNEL, 1)]
        await node.stop()


async def test_what_paid_engines_ask_is_counted_by_engine(settings: Settings) -> None:
    async with running(settings) as node:
        for engine, cost in (("google", 0.5), ("azure", 0.25), ("google", 0.25), ("moonshine", 0.0)):
            node.final(1, replace(make_final(0, "one"), engine=engine, cost=cost))
        costs = {name: count for name, count in node.counters().items() if name.startswith(cost_of(""))}
    assert costs == {cost_of("google"): 0.75, cost_of("azure"): 0.25}


async def test_a_node_goes_on_posting_after_a_post_that_broke(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = asyncio.Event()

    async def breaks(self: CounterBoard, process: str, values: Mapping[str, float]) -> None:
        monkeypatch.undo()
        broken.set()
        raise ValueError("no number")

    monkeypatch.setattr(CounterBoard, "post", breaks)
    async with running(settings), asyncio.timeout(20):
        await broken.wait()
        while "sip-node-1" not in await asyncio.to_thread(posting_now, settings.events.url):
            await asyncio.sleep(0.05)


async def test_a_stopping_node_writes_all_that_was_said_before_it_goes(settings: Settings, reader: CallReader) -> None:
    calls = [make_call(channels=1) for _ in range(5)]
    async with running(settings) as node:
        for number, call in enumerate(calls, start=1):
            node.call_started(call)
            end(node, call, speak(node, call, 0, number))
    for number, call in enumerate(calls, start=1):
        stored = reader.transcript(call.id)
        assert ([found.text for found in stored.utterances], stored.state) == ([f"w{number}"], CallState.ENDED)


async def test_partials_are_published_and_not_stored(settings: Settings, reader: CallReader) -> None:
    call = make_call(channels=1)
    async with running(settings) as node:
        node.call_started(call)
        node.audio(call.id, AudioChunk(0, 0, speech(1)[:3200].tobytes()))
        async with asyncio.timeout(5):
            async for arrival in subscribe(settings.events.url, call.id, BEGINNING):
                if isinstance(arrival, Delivery) and isinstance(from_json(arrival.json), UtterancePartial):
                    break
        assert node.counters()["journal_written"] == 1
        end(node, call, 3200)
    assert [found.text for found in reader.transcript(call.id).utterances] == ["w1"]


async def test_words_that_came_with_a_call_are_preferred_beside_its_trunks(
    settings: Settings, reader: CallReader
) -> None:
    settings = replace(settings, trunks=(TrunkSettings("default", hotwords=("Summit",)),))
    call, follower = make_call(channels=1), Follower((Hotword("Bennet"), Hotword("Summit", 3.0)))
    async with running(settings) as node:
        node.call_started(call, follower)
        place = speak(node, call, 0, 1)
        async with asyncio.timeout(5):
            await follower.told.wait()
        follower.hotwords = (Hotword("Laura"),)
        node.hotwords_changed(call.id)
        end(node, call, speak(node, call, 0, 2, start=place))
    assert [final.text for final in follower.finals] == ["w1 +Summit +Bennet", "w2 +Summit +Laura"]
    assert [(channel, lost) for channel, _, lost in follower.ends] == [(0, ())]
    assert [found.text for found in reader.transcript(call.id).utterances] == [final.text for final in follower.finals]
