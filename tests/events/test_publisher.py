"""Publisher and subscriber together, over a real Valkey."""

import asyncio
import json
import os
import signal
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest
import redis

from callscribe.domain.call import CallEnd
from callscribe.domain.errors import EventsUnavailable
from callscribe.events.embedded import EmbeddedValkey
from callscribe.events.publisher import EventPublisher, publish_now
from callscribe.events.schema import CallEnded, CallProcessed, CallStarted, Event, UtteranceFinal, from_json
from callscribe.events.streams import PROCESSED_TTL_S, STREAM_TTL_S, call_stream
from callscribe.events.subscriber import BEGINNING, NOW, Arrival, Delivery, Signal, latest_id, subscribe
from tests.events.calls import AT, a_call, a_final, a_partial

pytestmark = pytest.mark.integration


@pytest.fixture
async def publisher(valkey: EmbeddedValkey) -> AsyncIterator[EventPublisher]:
    publisher = EventPublisher(valkey.url, stream_length=1000)
    await publisher.start()
    yield publisher
    await publisher.stop()


async def deliveries(arrivals: AsyncGenerator[Arrival, None], count: int) -> list[Event]:
    """The next `count` events, told apart from signals."""
    events: list[Event] = []
    async with asyncio.timeout(20):
        while len(events) < count:
            arrival = await anext(arrivals)
            if isinstance(arrival, Delivery):
                event = from_json(arrival.json)
                assert event.id == arrival.id
                events.append(event)
    return events


def texts(events: list[Event]) -> list[str]:
    return [event.text for event in events if isinstance(event, UtteranceFinal)]


async def test_events_arrive_in_order_on_the_call_and_on_the_floor(
    valkey: EmbeddedValkey, publisher: EventPublisher
) -> None:
    call, other = a_call(), a_call()
    async with aclosing(subscribe(valkey.url, None, await latest_id(valkey.url, None))) as floor:
        for event in (CallStarted.of(call, AT), CallStarted.of(other, AT), a_final(call, "hello")):
            publisher.publish(event)
        publisher.publish(CallEnded.of(call, CallEnd(AT, 16_000, "bye"), AT))
        on_floor = await deliveries(floor, 4)
    async with aclosing(subscribe(valkey.url, call.id, BEGINNING)) as own:
        on_call = await deliveries(own, 3)
    assert [(event.type, event.call_id) for event in on_floor] == [
        ("call.started", call.id),
        ("call.started", other.id),
        ("utterance.final", call.id),
        ("call.ended", call.id),
    ]
    assert [event.type for event in on_call] == ["call.started", "utterance.final", "call.ended"]
    assert publisher.counters()["events_published"] == 4


async def test_a_reader_goes_on_after_the_last_id_it_has_seen(
    valkey: EmbeddedValkey, publisher: EventPublisher
) -> None:
    call = a_call()
    for number in range(3):
        publisher.publish(a_final(call, f"final {number}", start=number * 16_000))
    async with aclosing(subscribe(valkey.url, call.id, BEGINNING)) as first:
        seen = await deliveries(first, 2)
    async with aclosing(subscribe(valkey.url, call.id, seen[-1].id)) as second:
        assert texts(await deliveries(second, 1)) == ["final 2"]


async def test_a_reader_of_now_is_not_told_of_what_was_before(
    valkey: EmbeddedValkey, publisher: EventPublisher
) -> None:
    call = a_call()
    publish_now(valkey.url, [a_final(call, "before")], 1000)
    async with aclosing(subscribe(valkey.url, call.id, NOW, idle_s=0.2)) as reader:
        assert await anext(reader) is Signal.IDLE
        publisher.publish(a_final(call, "after", start=80_000))
        assert texts(await deliveries(reader, 1)) == ["after"]


async def test_a_reader_whose_place_was_trimmed_away_is_told_of_the_gap_first(valkey: EmbeddedValkey) -> None:
    call = a_call()
    publish_now(valkey.url, [a_final(call, "first")], 100)
    place = await latest_id(valkey.url, call.id)
    publish_now(valkey.url, [a_final(call, f"final {n}", start=n * 8000) for n in range(1, 600)], 100)
    async with aclosing(subscribe(valkey.url, call.id, place)) as reader:
        assert await anext(reader) is Signal.GAP
        assert (await deliveries(reader, 1))[0].type == "utterance.final"
    async with aclosing(subscribe(valkey.url, call.id, BEGINNING)) as reader:
        assert await anext(reader) is Signal.GAP


async def test_a_reader_whose_stream_was_lost_is_told_of_the_gap_and_reads_what_follows(
    valkey: EmbeddedValkey, publisher: EventPublisher
) -> None:
    call = a_call()
    async with aclosing(subscribe(valkey.url, call.id, "1700000000000-0", idle_s=0.2)) as reader:
        assert await anext(reader) is Signal.GAP
        publisher.publish(a_final(call, "anew"))
        assert texts(await deliveries(reader, 1)) == ["anew"]


async def test_a_reader_of_a_whole_stream_is_told_of_no_gap(valkey: EmbeddedValkey, publisher: EventPublisher) -> None:
    call = a_call()
    publisher.publish(a_final(call, "only"))
    async with aclosing(subscribe(valkey.url, call.id, BEGINNING)) as reader:
        arrival = await anext(reader)
        while arrival is Signal.IDLE:
            arrival = await anext(reader)
    assert isinstance(arrival, Delivery)
    assert json.loads(arrival.json)["text"] == "only"


async def test_an_id_that_is_none_is_refused(valkey: EmbeddedValkey) -> None:
    with pytest.raises(ValueError, match="not a stream id"):
        await anext(subscribe(valkey.url, None, "yesterday"))


async def test_a_call_stream_goes_away_hours_after_its_last_event_and_minutes_after_all_jobs(
    valkey: EmbeddedValkey,
) -> None:
    call = a_call()
    with redis.Redis.from_url(valkey.url) as client:
        for event, left_s in (
            (a_final(call, "hello"), STREAM_TTL_S),
            (CallProcessed(call_id=call.id, at=AT, done=(), failed=()), PROCESSED_TTL_S),
        ):
            publish_now(valkey.url, (event,), 10)
            assert left_s - 5 <= client.ttl(call_stream(call.id)) <= left_s


async def test_publishing_survives_a_killed_store_without_losing_finals(tmp_path: Path) -> None:
    valkey = EmbeddedValkey(tmp_path)
    url = valkey.start()
    publisher = EventPublisher(url, stream_length=1000)
    await publisher.start()
    call = a_call()
    try:
        async with aclosing(subscribe(url, call.id, BEGINNING, idle_s=0.5)) as reader:
            publisher.publish(a_final(call, "before"))
            assert texts(await deliveries(reader, 1)) == ["before"]
            await asyncio.to_thread(kill, valkey)
            for number in range(20):
                publisher.publish(a_partial(call, f"partial {number}", start=80_000, revision=number + 1))
                publisher.publish(a_final(call, f"during {number}", channel=1, start=number * 8000))
            await asyncio.sleep(0.5)
            assert publisher.counters()["events_store_failures"] >= 1
            assert await asyncio.to_thread(valkey.start) == url
            arrived = texts(await deliveries(reader, 20))
    finally:
        await publisher.stop()
        await asyncio.to_thread(valkey.stop)
    assert arrived == [f"during {number}" for number in range(20)]


async def test_stop_gives_up_on_a_store_that_is_away(tmp_path: Path) -> None:
    publisher = EventPublisher(f"unix://{tmp_path}/none.sock", stream_length=1000)
    await publisher.start()
    publisher.publish(a_final(a_call(), "hello"))
    async with asyncio.timeout(3):
        await publisher.stop(timeout_s=0.3)
    assert publisher.counters()["events_waiting"] == 1


async def test_synchronous_publishing_and_asking_tell_that_the_store_is_away(tmp_path: Path) -> None:
    url = f"unix://{tmp_path}/none.sock"
    with pytest.raises(EventsUnavailable):
        publish_now(url, [a_final(a_call(), "hello")], 1000)
    with pytest.raises(EventsUnavailable):
        await latest_id(url, None)


def kill(valkey: EmbeddedValkey) -> None:
    with redis.Redis.from_url(valkey.url) as client:
        pid = client.info("server")["process_id"]
    os.kill(pid, signal.SIGKILL)
    while valkey.alive:
        time.sleep(0.01)
