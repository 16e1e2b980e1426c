"""Calls that come by other ways than SIP are understood, found, and go on after a lost connection."""

import asyncio
import io
import json
import random
import time
import urllib.request
import wave
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import numpy as np
import pytest
import soxr
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.acceptance.service import Json, RunningService, wait_for
from tests.acceptance.speech import RATE, excerpt, mu_law
from tests.acceptance.transcripts import assert_nothing_twice, spoken
from tests.live.ingest.peers import (
    GenesysSession,
    TwilioCall,
    audiosocket_audio,
    audiosocket_frame,
    interleaved,
    twilio_signature,
)
from tests.wer import word_error_rate

pytestmark = pytest.mark.acceptance

WIDE = 16_000
LIMIT = 0.15
"""Errors per word."""
AGENT, CUSTOMER = 0, 1


def pcm(party: int) -> bytes:
    """A party's speech at 8 kHz, silent while the other speaks."""
    return excerpt(2).channels[party].astype("<i2").tobytes()


def wide(party: int) -> bytes:
    resampled = soxr.resample(excerpt(2).channels[party], RATE, WIDE)
    return bytes(resampled.astype("<i2").tobytes())


def coded(party: int) -> bytes:
    return mu_law(excerpt(2).channels[party])


def assert_heard(node: RunningService, call: Json, *parties: int, limit: float = LIMIT) -> None:
    """Each channel says what its party said, and nothing was understood twice."""
    assert len(call["channels"]) == len(parties)
    for channel, party in enumerate(parties):
        heard = spoken(node, call["id"], channel)
        assert word_error_rate([excerpt(2).texts[party]], [heard]) <= limit, heard
    assert_nothing_twice(node, call["id"])


def outside_ids(call: Json) -> dict[str, str]:
    return {pair["kind"]: pair["value"] for pair in call["outside_ids"]}


def seconds(call: Json) -> float:
    return float(call["duration_ms"]) / 1000


def recorded_rate(node: RunningService, call: Json) -> int:
    with urllib.request.urlopen(f"{node.web}/api/v1/calls/{call['id']}/audio", timeout=10) as response:
        recording = response.read()
    with wave.open(io.BytesIO(recording)) as audio:
        assert audio.getnchannels() == len(call["channels"])
        return int(audio.getframerate())


@asynccontextmanager
async def stream(
    node: RunningService, target: str, headers: dict[str, str] | None = None
) -> AsyncIterator[ClientConnection]:
    url = f"ws://127.0.0.1:{node.ingest_port}{target}"
    async with connect(url, additional_headers=headers or {}, proxy=None, compression=None) as socket:
        yield socket


@asynccontextmanager
async def twilio(node: RunningService) -> AsyncIterator[ClientConnection]:
    signature = twilio_signature(f"wss://127.0.0.1:{node.ingest_port}/twilio")
    async with stream(node, "/twilio", {"X-Twilio-Signature": signature}) as socket:
        yield socket


@asynccontextmanager
async def genesys(node: RunningService, session: GenesysSession) -> AsyncIterator[ClientConnection]:
    headers = session.headers(f"127.0.0.1:{node.ingest_port}", "/audiohook", int(time.time()))
    async with stream(node, "/audiohook", headers) as socket:
        yield socket


async def send(socket: ClientConnection, messages: Sequence[str | bytes]) -> None:
    for message in messages:
        await socket.send(message)


async def answer(socket: ClientConnection) -> Json:
    async with asyncio.timeout(5):
        found = json.loads(await socket.recv())
    assert isinstance(found, dict)
    return found


async def ended(node: RunningService, outside_id: str) -> Json:
    return await asyncio.to_thread(node.wait_call, outside_id)


def pieces(audio: bytes, size: int) -> list[bytes]:
    return [audio[place : place + size] for place in range(0, len(audio), size)]


@pytest.mark.parametrize(("kind", "rate"), [(0x10, RATE), (0x16, 48_000)])
async def test_an_audiosocket_call_is_understood_at_any_rate(node: RunningService, kind: int, rate: int) -> None:
    call_id = uuid4()
    audio = np.frombuffer(pcm(AGENT), "<i2")
    sent = soxr.resample(audio, RATE, rate).astype("<i2").tobytes() if rate != RATE else audio.tobytes()
    _, writer = await asyncio.open_connection("127.0.0.1", node.audiosocket_port)
    writer.write(audiosocket_frame(0x01, call_id.bytes))
    writer.write(b"".join(audiosocket_audio(sent, kind, rate // 25)))
    writer.write(audiosocket_frame(0x03, b"5") + audiosocket_frame(0x00))
    await writer.drain()
    call = await ended(node, str(call_id))
    assert (call["dialect"], call["trunk"], call["end_reason"]) == ("audiosocket", "calls", "bye")
    assert await asyncio.to_thread(recorded_rate, node, call) == min(rate, WIDE)
    assert abs(seconds(call) - excerpt(2).seconds) < 0.1
    assert_heard(node, call, AGENT)
    writer.close()


async def test_an_audiosocket_call_that_is_cut_off_goes_on_when_it_comes_back(node: RunningService) -> None:
    call_id = uuid4()
    frames = audiosocket_audio(pcm(AGENT))
    half = len(frames) // 2
    for part, last in ((frames[:half], False), (frames[half:], True)):
        _, writer = await asyncio.open_connection("127.0.0.1", node.audiosocket_port)
        writer.write(audiosocket_frame(0x01, call_id.bytes) + b"".join(part))
        await writer.drain()
        if last:
            writer.write(audiosocket_frame(0x00))
            await writer.drain()
        else:
            # Half a frame, then nothing: the connection is lost, not closed.
            writer.write(b"\x10\x01")
        writer.close()
        await writer.wait_closed()
    call = await ended(node, str(call_id))
    assert call["end_reason"] == "bye"
    assert_heard(node, call, AGENT)
    assert abs(seconds(call) - excerpt(2).seconds) < 0.5


async def test_audiosocket_frames_that_break_the_protocol_end_their_call_only(node: RunningService) -> None:
    good, bad = uuid4(), uuid4()
    _, writer = await asyncio.open_connection("127.0.0.1", node.audiosocket_port)
    frames = audiosocket_audio(pcm(AGENT))
    writer.write(audiosocket_frame(0x01, good.bytes) + b"".join(frames[:100]))
    reader, other = await asyncio.open_connection("127.0.0.1", node.audiosocket_port)
    other.write(audiosocket_frame(0x01, bad.bytes) + frames[0] + audiosocket_frame(0x77, b"x"))
    assert await reader.read() == audiosocket_frame(0x00)
    other.close()
    assert (await ended(node, str(bad)))["end_reason"] == "rejected"
    writer.write(b"".join(frames[100:]) + audiosocket_frame(0x00))
    await writer.drain()
    assert_heard(node, await ended(node, str(good)), AGENT)
    writer.close()


async def test_a_twilio_call_s_tracks_are_two_channels(node: RunningService) -> None:
    call = TwilioCall(parameters={"caller": "+1 (555) 010-0199", "callee": "1001", "caller_name": "Laura"})
    async with twilio(node) as socket:
        await send(socket, call.opening())
        await send(socket, call.frames({"inbound": coded(CUSTOMER), "outbound": coded(AGENT)}))
        await send(socket, [call.message("mark", mark={"name": "x"})])
        await send(socket, [call.message("dtmf", dtmf={"track": "inbound_track", "digit": "4"}), call.stop()])
        with pytest.raises(ConnectionClosed):
            await socket.recv()
    stored = await ended(node, call.call_sid)
    assert (stored["dialect"], stored["trunk"], stored["end_reason"]) == ("twilio", "calls", "bye")
    assert (stored["caller"]["address"], stored["caller"]["name"]) == ("tel:+15550100199", "Laura")
    assert [channel["role"] for channel in stored["channels"]] == ["customer", "agent"]
    assert outside_ids(stored)["stream-sid"] == call.stream_sid
    assert_heard(node, stored, CUSTOMER, AGENT)
    assert abs(seconds(stored) - excerpt(2).seconds) < 0.1


async def test_twilio_s_frames_in_disorder_twice_and_missing_are_put_right(node: RunningService) -> None:
    call = TwilioCall()
    frames = call.frames({"inbound": coded(CUSTOMER)})
    chance = random.Random(11)
    kept = [frame for index, frame in enumerate(frames) if index % 40 != 17]
    kept += [frame for index, frame in enumerate(kept) if index % 9 == 0]
    order = {frame: index + chance.uniform(0, 3) for index, frame in enumerate(frames)}
    disordered = sorted(kept, key=lambda frame: order[frame])
    assert disordered != frames
    async with twilio(node) as socket:
        await send(socket, [*call.opening("inbound"), *disordered, call.stop()])
    stored = await ended(node, call.call_sid)
    # A fortieth of the audio is silence: that may cost a word more.
    assert_heard(node, stored, CUSTOMER, limit=0.25)
    assert abs(seconds(stored) - excerpt(2).seconds) < 0.1
    twice = len(kept) - len(set(kept))
    assert twice > 0
    await asyncio.to_thread(
        wait_for, lambda: node.counter("callscribe_ingest_frames_twice") >= twice, "what came twice"
    )


async def test_a_twilio_socket_that_drops_comes_back_with_nothing_lost_or_doubled(node: RunningService) -> None:
    call = TwilioCall()
    frames = call.frames({"inbound": coded(CUSTOMER), "outbound": coded(AGENT)})
    third = len(frames) // 3
    async with twilio(node) as socket:
        await send(socket, [*call.opening(), *frames[:third]])
        # What was sent is there before the connection is torn.
        await socket.ping()
        await asyncio.sleep(0.5)
        socket.transport.abort()
    async with twilio(node) as socket:
        # What was in the buffers when it tore is sent again.
        await send(socket, [*call.opening(), *frames[third - 50 :], call.stop()])
    stored = await ended(node, call.call_sid)
    assert stored["end_reason"] == "bye"
    assert_heard(node, stored, CUSTOMER, AGENT)
    assert abs(seconds(stored) - excerpt(2).seconds) < 0.1


async def test_a_twilio_socket_that_never_comes_back_ends_its_call(node: RunningService) -> None:
    call = TwilioCall()
    async with twilio(node) as socket:
        await send(socket, [*call.opening(), *call.frames({"inbound": coded(CUSTOMER)})[:50]])
        await asyncio.sleep(0.2)
        socket.transport.abort()
    assert (await ended(node, call.call_sid))["end_reason"] == "connection-lost"


async def test_a_stream_that_falls_silent_is_ended(node: RunningService) -> None:
    call = TwilioCall()
    async with twilio(node) as socket:
        await send(socket, [*call.opening(), *call.frames({"inbound": coded(CUSTOMER)})[:50]])
        with pytest.raises(ConnectionClosed):
            await socket.recv()
    assert (await ended(node, call.call_sid))["end_reason"] == "no-media"


@pytest.mark.parametrize(
    ("target", "headers"),
    [
        ("/twilio", {}),
        ("/twilio", {"X-Twilio-Signature": "AAAAAAAAAAAAAAAAAAAAAAAAAAA="}),
        ("/audiohook", {"X-Api-Key": "x"}),
    ],
)
async def test_who_shows_no_secret_is_refused(node: RunningService, target: str, headers: dict[str, str]) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with stream(node, target, headers):
            pass
    assert refused.value.response.status_code == 403


async def test_a_message_that_breaks_the_protocol_closes_its_connection_only(node: RunningService) -> None:
    call = TwilioCall()
    async with twilio(node) as socket:
        await send(socket, [*call.opening(), call.media("inbound", 1, bytes(160), 0), '{"event": "media"}'])
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1007
    assert (await ended(node, call.call_sid))["end_reason"] == "rejected"


async def test_a_channel_of_chan_websocket_is_understood(node: RunningService) -> None:
    channel, original = f"{time.time():.6f}.1", f"{time.time():.6f}.0"
    start = f"MEDIA_START connection_id:callscribe channel:WebSocket/callscribe/0x7f channel_id:{channel} format:slin16"
    async with stream(node, f"/asterisk?call={original}&caller=2002&callee=1001") as socket:
        await send(socket, [start, *pieces(wide(CUSTOMER), 640)])
        await socket.send("DTMF_END digit:1 channel_id:x")
    for known in (channel, original):
        call = await ended(node, known)
        assert (call["dialect"], call["end_reason"]) == ("asterisk", "bye")
    assert (call["caller"]["address"], call["callee"]["address"]) == ("tel:2002", "tel:1001")
    assert call["channels"][0]["role"] == "customer"
    assert_heard(node, call, CUSTOMER)


async def test_freeswitch_s_stereo_stream_is_two_channels(node: RunningService) -> None:
    name = str(uuid4())
    both = interleaved(wide(CUSTOMER), wide(AGENT), width=2)
    async with stream(node, f"/freeswitch?uuid={name}&mix=stereo&rate=16k") as socket:
        await socket.send(json.dumps({"caller": "sip:laura@example.com", "callee": "1001"}))
        await send(socket, pieces(both, 1280))
    call = await ended(node, name)
    assert (call["dialect"], call["end_reason"]) == ("freeswitch", "bye")
    assert await asyncio.to_thread(recorded_rate, node, call) == WIDE
    assert [channel["role"] for channel in call["channels"]] == ["customer", "agent"]
    assert_heard(node, call, CUSTOMER, AGENT)


async def test_freeswitch_s_mixed_stream_is_one_mixed_channel(node: RunningService) -> None:
    name = str(uuid4())
    mixed = (excerpt(2).channels[AGENT] // 2 + excerpt(2).channels[CUSTOMER] // 2).astype("<i2").tobytes()
    async with stream(node, "/freeswitch") as socket:
        await socket.send(json.dumps({"uuid": name, "mix": "mixed", "rate": 8000}))
        await send(socket, pieces(mixed, 320))
    call = await ended(node, name)
    assert call["channels"][0]["role"] == "mixed"
    assert word_error_rate([excerpt(2).conversation], [spoken(node, call["id"])]) <= 0.3


async def test_an_audiohook_session_keeps_external_and_internal_apart(node: RunningService) -> None:
    session = GenesysSession()
    both = interleaved(coded(CUSTOMER), coded(AGENT))
    async with genesys(node, session) as socket:
        await socket.send(session.open())
        opened = await answer(socket)
        assert (opened["type"], opened["id"], opened["seq"], opened["clientseq"]) == ("opened", session.id, 1, 1)
        assert opened["parameters"]["media"] == [
            {"type": "audio", "format": "PCMU", "channels": ["external", "internal"], "rate": 8000}
        ]
        await socket.send(session.message("ping", {}))
        assert (await answer(socket))["type"] == "pong"
        await send(socket, pieces(both, 3_200))
        await socket.send(session.message("close", {"reason": "end"}, excerpt(2).seconds))
        assert (await answer(socket))["type"] == "closed"
    call = await ended(node, session.conversation)
    assert (call["dialect"], call["end_reason"]) == ("audiohook", "bye")
    assert (call["caller"]["address"], call["caller"]["name"]) == ("tel:+15555551234", "John Doe")
    assert [channel["role"] for channel in call["channels"]] == ["customer", "agent"]
    assert outside_ids(call)["audiohook-session"] == session.id
    assert_heard(node, call, CUSTOMER, AGENT)


async def test_an_audiohook_pause_and_a_new_connection_leave_the_clock_right(node: RunningService) -> None:
    session, second = GenesysSession(), GenesysSession()
    second.conversation = session.conversation
    both = interleaved(coded(CUSTOMER), coded(AGENT))
    half = len(both) // 4 * 2
    async with genesys(node, session) as socket:
        await send(socket, [session.open(), *pieces(both[:half], 3_200)])
        at = half / 2 / RATE
        await socket.send(session.message("paused", {}, at))
        resumed = {"start": f"PT{at:.3f}S", "discarded": "PT5S"}
        await socket.send(session.message("resumed", resumed, at + 5))
        await socket.send(session.message("close", {"reason": "reconnect"}, at + 5))
        assert (await answer(socket))["type"] == "opened"
        assert (await answer(socket))["type"] == "closed"
    async with genesys(node, second) as socket:
        await socket.send(second.open(continued=[session.id]))
        await send(socket, pieces(both[half:], 3_200))
        await socket.send(second.message("close", {"reason": "end"}))
        assert (await answer(socket))["type"] == "opened"
        assert (await answer(socket))["type"] == "closed"
    call = await ended(node, session.conversation)
    assert call["end_reason"] == "bye"
    assert_heard(node, call, CUSTOMER, AGENT, limit=0.25)
    assert seconds(call) >= excerpt(2).seconds - 0.1


async def test_the_trial_of_a_genesys_connection_makes_no_call(node: RunningService) -> None:
    probe = GenesysSession(UUID(int=0))
    async with genesys(node, probe) as socket:
        await socket.send(probe.open())
        assert (await answer(socket))["type"] == "opened"
        await socket.send(probe.message("close", {"reason": "end"}))
        assert (await answer(socket))["type"] == "closed"
    assert node.find_call(probe.id) is None


async def test_a_page_that_lost_its_connection_sends_on_where_it_was_heard(node: RunningService) -> None:
    name = f"page-{uuid4().hex}"
    audio = wide(AGENT)
    half = len(audio) // 4 * 2
    start = {"event": "start", "id": name, "rate": WIDE, "caller": "1001", "caller_name": "Ann"}
    async with stream(node, "/browser") as page:
        await page.send(json.dumps(start))
        started = await answer(page)
        assert started["event"] == "started"
        await send(page, pieces(audio[:half], 3_000))
        await asyncio.sleep(0.5)
        page.transport.abort()
    async with stream(node, "/browser") as page:
        again = half // 2 - WIDE
        await page.send(json.dumps({**start, "at": again}))
        assert (await answer(page)) == started
        await send(page, [*pieces(audio[again * 2 :], 3_000), json.dumps({"event": "stop"})])
        with pytest.raises(ConnectionClosed):
            await page.recv()
    call = await ended(node, name)
    assert (call["id"], call["dialect"], call["end_reason"]) == (started["call_id"], "browser", "bye")
    assert call["channels"][0]["role"] == "agent"
    assert_heard(node, call, AGENT)
    assert abs(seconds(call) - excerpt(2).seconds) < 0.1


async def test_what_was_refused_and_taken_up_is_counted(node: RunningService) -> None:
    with pytest.raises(InvalidStatus):
        async with stream(node, "/twilio"):
            pass
    await asyncio.to_thread(
        wait_for, lambda: node.counter("callscribe_ingest_connections_forbidden") >= 1, "what was refused"
    )
