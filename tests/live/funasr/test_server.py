"""The port of FunASR's clients, with real WebSockets and a node that understands by counting."""

import asyncio
import json
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from asr.wire.client import LostAudio
from callscribe.cli.ports import free_port
from callscribe.config.settings import FunasrServerSettings
from callscribe.domain.audio import AudioChunk
from callscribe.domain.call import Call, CallEnd, Dialect, Role
from callscribe.domain.errors import PortUnavailable, SettingsError
from callscribe.domain.hotword import Hotword
from callscribe.domain.transcript import Final, Partial
from callscribe.live.funasr.server import FunasrServer
from callscribe.live.session import CallFollower
from telephony.settings import RoleRule, TrunkSettings
from tests.acceptance.tls import make_certificate

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
FRAME = bytes(1920)
Message = dict[str, Any]
"""A server's message; what is in it, each test asserts."""


@dataclass
class Node:
    """Understands that so many samples were said, once they end; implements CallHost."""

    calls: list[Call] = field(default_factory=list)
    ends: dict[UUID, CallEnd] = field(default_factory=dict)
    chunks: dict[UUID, list[AudioChunk]] = field(default_factory=dict)
    followers: dict[UUID, CallFollower] = field(default_factory=dict)
    preferred: list[tuple[Hotword, ...]] = field(default_factory=list)
    """Each time they were told to have changed."""
    kept: list[tuple[Hotword, ...]] = field(default_factory=list)
    """Those of the call, each time that it was told to have changed."""
    silent: bool = False
    """When set, the test says itself what is understood of an ended call."""
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def admits(self, trunk: TrunkSettings) -> bool:
        return True

    def call_started(self, call: Call, follower: CallFollower) -> None:
        self.calls.append(call)
        self.chunks[call.id], self.followers[call.id] = [], follower
        self.changed.set()

    def call_updated(self, call: Call) -> None:
        self.kept.append(call.hotwords)
        self.hotwords_changed(call.id)

    def hotwords_changed(self, call_id: UUID) -> None:
        self.preferred.append(self.followers[call_id].hotwords)

    def audio(self, call_id: UUID, chunk: AudioChunk) -> None:
        self.chunks[call_id].append(chunk)
        self.changed.set()

    def call_ended(self, call_id: UUID, end: CallEnd) -> None:
        self.ends[call_id] = end
        self.changed.set()
        if not self.silent:
            asyncio.get_running_loop().call_soon(self.understand, call_id)

    def understand(self, call_id: UUID, lost: tuple[LostAudio, ...] = ()) -> None:
        """Say how many samples the call had, and that there were no more."""
        follower, samples = self.followers[call_id], self.ends[call_id].samples
        follower.final(Final(0, 0, samples, f"{samples} samples.", 0.9, "fake"))
        follower.closed(0, samples, lost)

    def now(self) -> datetime:
        return NOW

    def heard(self, call: Call) -> bytes:
        return b"".join(chunk.pcm for chunk in self.chunks[call.id])

    async def until(self, calls: int = 0, ends: int = 0, samples: int = 0) -> None:
        """Wait for so much to have come."""
        async with asyncio.timeout(5):
            while (
                len(self.calls) < calls
                or len(self.ends) < ends
                or sum(chunk.samples for chunks in self.chunks.values() for chunk in chunks) < samples
            ):
                self.changed.clear()
                await self.changed.wait()


@pytest.fixture
def node() -> Node:
    return Node()


@asynccontextmanager
async def running(
    node: Node, settings: FunasrServerSettings | None = None, trunk: TrunkSettings | None = None
) -> AsyncIterator[FunasrServer]:
    server = FunasrServer(settings or FunasrServerSettings(), trunk or TrunkSettings("pbx"), node)
    await server.listen("127.0.0.1", 0)
    try:
        yield server
    finally:
        async with asyncio.timeout(10):
            await server.stop()


@pytest.fixture
async def server(node: Node) -> AsyncIterator[FunasrServer]:
    async with running(node) as started:
        yield started


@asynccontextmanager
async def client(server: FunasrServer, *subprotocols: str) -> AsyncIterator[ClientConnection]:
    offered = [Subprotocol(name) for name in subprotocols] or None
    async with connect(f"ws://127.0.0.1:{server.port}", subprotocols=offered, proxy=None) as socket_:
        yield socket_


async def tell(socket_: ClientConnection, **fields: object) -> None:
    await socket_.send(json.dumps(fields))


async def answer(socket_: ClientConnection) -> Message:
    async with asyncio.timeout(5):
        message = json.loads(await socket_.recv())
    assert isinstance(message, dict)
    assert {"mode", "text", "wav_name", "is_final"} <= message.keys()
    return message


async def test_a_dictation_is_a_call_of_the_trunk_and_is_answered(node: Node, server: FunasrServer) -> None:
    async with client(server) as phone:
        await tell(phone, mode="2pass", wav_name="h5", audio_fs=8000, is_speaking=True, chunk_size=[5, 10, 5])
        for _ in range(10):
            await phone.send(FRAME)
        await tell(phone, is_speaking=False)
        assert await answer(phone) == {
            "mode": "2pass-offline",
            "text": "9600 samples.",
            "wav_name": "h5",
            "is_final": True,
        }
    (call,) = node.calls
    assert (call.trunk, call.dialect, call.sample_rate, call.started_at) == ("pbx", Dialect.FUNASR, 8000, NOW)
    assert (call.caller.name, call.caller.address) == ("h5", "funasr:h5@127.0.0.1")
    assert dict(call.outside_ids.pairs())["wav-name"] == "h5"
    assert node.ends[call.id] == CallEnd(NOW, 9600, "bye")
    assert node.heard(call) == FRAME * 10


@pytest.mark.parametrize(
    ("offered", "chosen"), [((), None), (("binary",), "binary"), (("chat", "binary"), "binary"), (("chat",), None)]
)
async def test_the_subprotocol_is_chosen_only_where_it_is_offered(
    server: FunasrServer, offered: tuple[str, ...], chosen: str | None
) -> None:
    async with client(server, *offered) as phone:
        assert phone.subprotocol == chosen


async def test_a_client_that_tells_nothing_speaks_at_16_khz(node: Node, server: FunasrServer) -> None:
    async with client(server) as phone:
        await phone.send(FRAME)
        await tell(phone, is_finished=True)
        assert (await answer(phone))["text"] == "960 samples."
    assert (node.calls[0].sample_rate, node.calls[0].caller.address) == (16_000, "funasr:127.0.0.1")


@pytest.mark.parametrize("size", [1, 3, 641, 1921, 100_001, 1 << 20])
async def test_messages_may_have_any_length(node: Node, server: FunasrServer, size: int) -> None:
    pcm = bytes(index * 7 % 251 for index in range(max(size, 5_000)))
    async with client(server) as phone:
        for place in range(0, len(pcm), size):
            await phone.send(pcm[place : place + size])
            for chunk in node.chunks[node.calls[0].id] if node.calls else ():
                node.followers[node.calls[0].id].acknowledged(0, chunk.end)
        await node.until(samples=min(len(pcm) // 2, 480_000) - 320)
        node.followers[node.calls[0].id].acknowledged(0, len(pcm))
        await tell(phone, is_speaking=False)
        assert (await answer(phone))["text"] == f"{len(pcm) // 2} samples."
    chunks = node.chunks[node.calls[0].id]
    assert node.heard(node.calls[0]) == pcm[: len(pcm) // 2 * 2]
    assert [chunk.offset for chunk in chunks] == [0, *(chunk.end for chunk in chunks[:-1])]
    assert max(chunk.samples for chunk in chunks) <= 1600
    assert min(chunk.samples for chunk in chunks[:-1]) >= 320


async def test_a_message_above_the_limit_ends_the_connection_and_the_call(node: Node, server: FunasrServer) -> None:
    async with client(server) as phone:
        await phone.send(FRAME)
        await phone.send(bytes((1 << 20) + 1))
        with pytest.raises(ConnectionClosed) as closed:
            await answer(phone)
    assert closed.value.rcvd
    assert closed.value.rcvd.code == 1009
    await node.until(ends=1)
    assert node.ends[node.calls[0].id].reason == "connection-lost"


async def test_words_of_the_client_are_preferred_from_the_first_message_and_from_later_ones(
    node: Node, server: FunasrServer
) -> None:
    async with client(server) as phone:
        await tell(phone, hotwords='{"Bennet": "40"}')
        await phone.send(FRAME)
        await node.until(calls=1)
        assert node.followers[node.calls[0].id].hotwords == (Hotword("Bennet", 2.0),)
        assert node.calls[0].hotwords == (Hotword("Bennet", 2.0),)
        await tell(phone, hotwords="Bennet 40\nSummit Telecom 20", is_speaking=True)
        await tell(phone, hotwords="Bennet 40\nSummit Telecom 20", is_speaking=True)
        await tell(phone, is_speaking=False)
        assert (await answer(phone))["is_final"] is True
    assert node.preferred == [(Hotword("Bennet", 2.0), Hotword("Summit Telecom", 1.0))]


async def test_a_call_keeps_all_words_that_were_preferred_on_it(node: Node, server: FunasrServer) -> None:
    async with client(server) as phone:
        await tell(phone, hotwords="Bennet 40")
        await phone.send(FRAME)
        for hotwords in ("Summit 20", "", "Summit 20\nBennet 10"):
            await tell(phone, hotwords=hotwords, is_speaking=True)
        await tell(phone, is_speaking=False)
        await answer(phone)
    bennet, summit = Hotword("Bennet", 2.0), Hotword("Summit", 1.0)
    assert node.calls[0].hotwords == (bennet,)
    assert node.kept == [(bennet, summit)]
    assert node.preferred == [(summit,), (), (summit, Hotword("Bennet", 0.5))]


async def test_after_the_end_another_stretch_is_another_call(node: Node, server: FunasrServer) -> None:
    async with client(server) as phone:
        for number, name in enumerate(("one", "two"), start=1):
            await tell(phone, wav_name=name, is_speaking=True, mode="offline")
            await phone.send(FRAME * number)
            await tell(phone, is_speaking=False)
            message = await answer(phone)
            assert (message["wav_name"], message["text"]) == (name, f"{960 * number} samples.")
    assert [call.caller.name for call in node.calls] == ["one", "two"]
    ids = [dict(call.outside_ids.pairs())["funasr-connection"] for call in node.calls]
    assert ids[0] == ids[1]


async def test_a_client_that_does_not_wait_for_answers_gets_them_in_order(node: Node, server: FunasrServer) -> None:
    """FunASR's C++ client for files sends one after the other, and counts the answers."""
    node.silent = True
    async with client(server) as phone:
        for name in ("one", "two"):
            await tell(phone, wav_name=name, is_speaking=True, mode="offline")
            await phone.send(FRAME)
            await tell(phone, is_speaking=False)
        await node.until(ends=1)
        assert len(node.calls) == 1
        node.silent = False
        node.understand(node.calls[0].id)
        assert [(await answer(phone))["wav_name"] for _ in range(2)] == ["one", "two"]


async def test_clients_at_once_are_told_their_own_words_only(node: Node, server: FunasrServer) -> None:
    async with client(server) as one, client(server) as other:
        for _ in range(3):
            await one.send(FRAME)
            await other.send(FRAME * 2)
        for phone in (other, one):
            await tell(phone, is_speaking=False)
        assert (await answer(one))["text"] == f"{3 * 960} samples."
        assert (await answer(other))["text"] == f"{6 * 960} samples."
    assert len({call.id for call in node.calls}) == 2


async def test_an_end_is_answered_where_nothing_was_said(node: Node, server: FunasrServer) -> None:
    async with client(server) as phone:
        await tell(phone, mode="online", wav_name="none", is_speaking=False)
        message = await answer(phone)
        assert (message["mode"], message["text"], message["is_final"]) == ("online", "", True)
    assert node.calls == []


async def test_who_asks_for_it_gets_an_acknowledgement(node: Node, server: FunasrServer) -> None:
    async with client(server, "binary") as phone:
        await phone.send(FRAME)
        await tell(phone, is_speaking=False, is_end=True)
        assert "is_end" not in await answer(phone)
        ack = await answer(phone)
        assert (ack["mode"], ack["is_final"], ack["is_end"]) == ("2pass", True, True)


async def test_the_acknowledgement_says_what_was_not_understood(node: Node, server: FunasrServer) -> None:
    node.silent = True
    async with client(server) as phone:
        await phone.send(FRAME * 20)
        await tell(phone, is_speaking=False, is_end=True)
        await node.until(ends=1)
        node.understand(node.calls[0].id, (LostAudio(0, 8000),))
        await answer(phone)
        ack = await answer(phone)
    assert (ack["is_end"], ack["is_final"]) == (True, False)
    assert ack["error"].startswith("500 ms were not understood in time")


async def test_what_is_no_json_is_counted_and_dropped(node: Node, server: FunasrServer) -> None:
    async with client(server) as phone:
        await phone.send("{")
        await phone.send("START")
        await phone.send(FRAME)
        await phone.send("[1]")
        await tell(phone, is_speaking=False)
        assert (await answer(phone))["text"] == "960 samples."
    assert server.counters()["funasr_messages_invalid"] == 3


@pytest.mark.parametrize(
    ("fields", "part"),
    [({"audio_fs": 44100}, "audio_fs is 44100: send audio of 8000 or 16000 Hz"), ({"wav_format": "mp3"}, "'mp3'")],
)
async def test_audio_of_another_kind_is_refused_in_words(
    node: Node, server: FunasrServer, fields: dict[str, object], part: str
) -> None:
    async with client(server) as phone:
        await tell(phone, is_speaking=True, wav_name="song", **fields)
        message = await answer(phone)
        assert message["text"].startswith("ERROR. ")
        assert part in message["text"]
        assert message["is_final"] is True
        with pytest.raises(ConnectionClosed) as closed:
            await answer(phone)
    assert closed.value.rcvd
    assert closed.value.rcvd.code == 1003
    assert node.calls == []


async def test_a_rate_that_changes_in_mid_speech_is_refused(node: Node, server: FunasrServer) -> None:
    async with client(server) as phone:
        await phone.send(FRAME)
        await node.until(calls=1)
        await tell(phone, audio_fs=8000)
        assert "audio_fs changed" in (await answer(phone))["text"]
    await node.until(ends=1)
    assert node.ends[node.calls[0].id].reason == "rejected"


async def test_a_client_that_breaks_off_ends_its_call(node: Node, server: FunasrServer) -> None:
    async with client(server) as phone:
        await phone.send(FRAME)
        await node.until(samples=960)
        phone.transport.abort()
    await node.until(ends=1)
    assert node.ends[node.calls[0].id] == CallEnd(NOW, 960, "connection-lost")


async def test_a_client_that_falls_silent_has_its_call_ended_and_may_speak_again(node: Node) -> None:
    async with running(node, FunasrServerSettings(media_timeout_s=1)) as server, client(server) as phone:
        await phone.send(FRAME)
        assert (await answer(phone))["is_final"] is True
        assert node.ends[node.calls[0].id].reason == "no-media"
        await phone.send(FRAME)
        await node.until(calls=2)


async def test_partials_reach_the_client_as_increments(node: Node, server: FunasrServer) -> None:
    async with client(server) as phone:
        await phone.send(FRAME)
        await node.until(calls=1)
        follower = node.followers[node.calls[0].id]
        follower.partial(Partial(0, 0, 960, "good", "morning", 1))
        follower.partial(Partial(0, 0, 960, "good morning", "to", 2))
        assert [(await answer(phone))["text"] for _ in range(2)] == ["good", " morning"]


async def test_a_client_that_reads_slowly_gets_its_words_later_and_none_twice(node: Node, server: FunasrServer) -> None:
    async with client(server) as phone:
        await tell(phone, mode="online")
        await phone.send(FRAME)
        await node.until(calls=1)
        follower = node.followers[node.calls[0].id]
        words = [f"w{number}" for number in range(100)]
        for number in range(100):
            # Nothing is sent while this does not wait.
            follower.partial(Partial(0, 0, 960, " ".join(words[: number + 1]), "", number + 1))
        follower.final(Final(0, 0, 960, " ".join(words), 0.9, "fake"))
        texts: list[str] = []
        while "w99" not in "".join(texts):
            texts.append((await answer(phone))["text"])
    assert "".join(texts) == " ".join(words)
    assert len(texts) < 20


async def test_a_client_that_never_reads_is_left(node: Node, server: FunasrServer) -> None:
    async with client(server) as phone:
        await phone.send(FRAME)
        await node.until(calls=1)
        follower = node.followers[node.calls[0].id]
        for number in range(2_000):
            follower.final(Final(0, number, number + 1, "word", 0.9, "fake"))
        await node.until(ends=1)
    assert node.ends[node.calls[0].id].reason == "connection-lost"
    assert server.counters()["funasr_connections_clogged"] == 1


async def test_a_file_sent_at_once_waits_for_the_recogniser(node: Node, server: FunasrServer) -> None:
    minute = bytes(2 * 16_000 * 60)
    async with client(server) as phone:
        sending = asyncio.create_task(send_all(phone, minute))
        await node.until(samples=16_000 * 30)
        follower, chunks = node.followers[node.calls[0].id], node.chunks[node.calls[0].id]
        for _ in range(20):
            await asyncio.sleep(0)
        assert chunks[-1].end <= 16_000 * 30 + 1600
        for second in range(1, 61):
            follower.acknowledged(0, 16_000 * second)
            await asyncio.sleep(0)
        await node.until(samples=16_000 * 60)
        await sending
        assert chunks[-1].end == 16_000 * 60


async def send_all(phone: ClientConnection, pcm: bytes) -> None:
    for place in range(0, len(pcm), 204_800):
        await phone.send(pcm[place : place + 204_800])


async def test_strangers_are_refused_while_they_speak_http(node: Node) -> None:
    async with running(node, FunasrServerSettings(allow=("192.0.2.0/24",))) as server:
        with pytest.raises(InvalidStatus) as refused:
            async with client(server):
                pass
        assert refused.value.response.status_code == 403
        assert server.counters()["funasr_connections_forbidden"] == 1


async def test_a_client_beyond_the_limit_gets_503(node: Node) -> None:
    async with running(node, FunasrServerSettings(max_connections=1)) as server, client(server) as first:
        await first.send(FRAME)
        await node.until(calls=1)
        with pytest.raises(InvalidStatus) as refused:
            async with client(server):
                pass
        assert refused.value.response.status_code == 503
        assert server.counters()["funasr_connections"] == 1


async def test_a_client_that_was_idle_for_long_makes_room(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("callscribe.live.funasr.server._IDLE_S", 0.0)
    async with running(node, FunasrServerSettings(max_connections=1)) as server, client(server) as first:
        async with client(server) as second:
            await second.send(FRAME)
            await node.until(calls=1)
        with pytest.raises(ConnectionClosed):
            await answer(first)


async def test_a_stopping_server_ends_calls_and_tells_their_text(node: Node) -> None:
    async with running(node) as server, client(server) as phone:
        await phone.send(FRAME)
        await node.until(samples=960)
        await server.stop()
        assert (await answer(phone))["text"] == "960 samples."
        with pytest.raises(ConnectionClosed) as closed:
            await answer(phone)
        assert closed.value.rcvd
        assert closed.value.rcvd.code == 1001
    assert node.ends[node.calls[0].id].reason == "drained"


async def test_a_draining_server_lets_a_call_end_and_begins_none(node: Node) -> None:
    async with running(node) as server, client(server) as phone:
        await phone.send(FRAME)
        await node.until(calls=1)
        stopping = asyncio.create_task(server.stop(drain_s=5))
        await asyncio.sleep(0)
        with pytest.raises(InvalidStatus) as refused:
            async with client(server):
                pass
        assert refused.value.response.status_code == 503
        await tell(phone, is_speaking=False)
        assert (await answer(phone))["text"] == "960 samples."
        await stopping
    assert (len(node.calls), node.ends[node.calls[0].id].reason) == (1, "bye")


async def test_tls_is_spoken_where_there_is_a_certificate(node: Node, tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path)
    settings = FunasrServerSettings(tls_certificate=str(certificate), tls_key=str(key))
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    async with (
        running(node, settings) as server,
        connect(f"wss://127.0.0.1:{server.port}", ssl=trusting, proxy=None) as phone,
    ):
        await phone.send(FRAME)
        await tell(phone, is_speaking=False)
        assert (await answer(phone))["text"] == "960 samples."


async def test_a_certificate_that_cannot_be_used_is_named(node: Node, tmp_path: Path) -> None:
    (tmp_path / "no.pem").write_text("no certificate")
    settings = FunasrServerSettings(tls_certificate=str(tmp_path / "no.pem"), tls_key=str(tmp_path / "no.pem"))
    with pytest.raises(SettingsError, match=r"funasr_server.tls_certificate and funasr_server.tls_key must be a PEM"):
        await FunasrServer(settings, TrunkSettings("pbx"), node).listen("127.0.0.1", 0)


async def test_a_port_in_use_is_named(node: Node) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        settings = FunasrServerSettings(port=taken.getsockname()[1])
        with pytest.raises(PortUnavailable, match=r"funasr_server.port \d+ on 127.0.0.1 cannot be bound: .*; stop"):
            await FunasrServer(settings, TrunkSettings("pbx"), node).start()


async def test_without_a_port_nothing_listens(node: Node) -> None:
    server = FunasrServer(FunasrServerSettings(), TrunkSettings("pbx"), node)
    await server.start()
    assert (server.port, server.counters()) == (0, {})
    await server.stop()


async def test_the_port_of_the_settings_is_listened_on(node: Node) -> None:
    server = FunasrServer(FunasrServerSettings(port=free_port()), TrunkSettings("pbx"), node)
    await server.start()
    async with client(server) as phone:
        assert phone.subprotocol is None
    await server.stop()


@pytest.mark.parametrize(
    ("rule", "role"),
    [
        (RoleRule(agent_addresses=("10??",)), Role.AGENT),
        (RoleRule(agent_is="callee"), Role.CUSTOMER),
        (RoleRule(), Role.UNKNOWN),
    ],
)
async def test_the_trunk_s_rule_says_who_dictates(node: Node, rule: RoleRule, role: Role) -> None:
    trunk = replace(TrunkSettings("pbx"), roles=rule)
    async with running(node, trunk=trunk) as server, client(server) as phone:
        await tell(phone, wav_name="1007")
        await phone.send(FRAME)
        await node.until(calls=1)
    assert node.calls[0].channels[0].role is role


async def test_a_client_may_ask_for_the_mode_of_the_settings_by_naming_none(node: Node) -> None:
    async with running(node, FunasrServerSettings(default_mode="offline")) as server, client(server) as phone:
        await tell(phone, chunk_size=[5, 10, 5], wav_name="wav_default_id", wav_format="pcm", audio_fs=16000)
        await phone.send(FRAME)
        await tell(phone, is_speaking=False)
        assert (await answer(phone))["mode"] == "offline"
