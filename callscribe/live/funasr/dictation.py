"""One stretch of a FunASR client's speech, from its first audio to its end, as a call of this node."""

import asyncio
from dataclasses import replace
from datetime import datetime
from typing import Protocol
from urllib.parse import quote
from uuid import UUID, uuid4

from asr.wire.client import LostAudio
from callscribe.domain.audio import SAMPLE_BYTES, AudioChunk, ms_to_samples, samples_to_ms
from callscribe.domain.call import Call, CallEnd, Channel, Dialect, OutsideIds, Party
from callscribe.domain.hotword import MAX_HOTWORDS, Hotword
from callscribe.domain.hotword_lists import together
from callscribe.domain.transcript import Final, Partial
from callscribe.live.funasr.protocol import Config, Reply
from callscribe.live.funasr.replies import replies_for
from callscribe.live.ingest.host import CallHost
from callscribe.live.ingest.pace import Pace
from callscribe.live.session import LOST_MIN_MS
from telephony.roles import PlainEnds, with_roles
from telephony.settings import TrunkSettings

_LEAST_CHUNK_MS = 20
_MOST_CHUNK_MS = 100


class Listener(Protocol):
    """Who is told. Called on the event loop; must not block or raise."""

    @property
    def crowded(self) -> bool:
        """Whether so much waits to be sent that words which may come later should."""

    def post(self, reply: Reply) -> None: ...


class Dictation:
    """Feeds the audio to the node and tells the client what was understood. Implements CallFollower."""

    def __init__(self, config: Config, call: Call, host: CallHost, listener: Listener) -> None:
        self.call = call
        self.hotwords: tuple[Hotword, ...] = config.hotwords
        self.over = asyncio.Event()
        """Set when the last message was told."""
        self._host = host
        self._listener = listener
        self._replies = replies_for(config, call.sample_rate)
        self._blocks = _Blocks(call.sample_rate)
        self._heard = 0
        self._pace = Pace(call.sample_rate)
        self.ended = False
        """Whether the client, or the connection, has ended it."""
        self._wants_ack = False
        host.call_started(call, self)

    async def take(self, pcm: bytes) -> None:
        """Pass audio on; waits while the recogniser is far behind."""
        for block in self._blocks.take(pcm):
            await self._pace.room()
            if self.ended:
                return
            self._pass_on(block)

    def objection(self, config: Config) -> str:
        """Why the rest of the audio cannot be as the client tells now, as a sentence; "" where it can."""
        if config.rate == self.call.sample_rate:
            return ""
        return "audio_fs changed while speech goes on: tell is_speaking false before"

    def prefer(self, hotwords: tuple[Hotword, ...]) -> None:
        """From now on the client wants these words preferred."""
        if hotwords == self.hotwords:
            return
        self.hotwords = hotwords
        kept = together(self.call.hotwords, hotwords)[:MAX_HOTWORDS]
        if kept == self.call.hotwords:
            self._host.hotwords_changed(self.call.id)
        else:
            self.call = replace(self.call, hotwords=kept)
            self._host.call_updated(self.call)

    def end(self, reason: str, *, wants_ack: bool = False) -> None:
        """The audio ends here; the last messages follow. Does nothing the second time."""
        if self.ended:
            return
        self.ended, self._wants_ack = True, wants_ack
        if rest := self._blocks.rest():
            self._pass_on(rest)
        self._replies.expect_end()
        self._host.call_ended(self.call.id, CallEnd(self._host.now(), self._heard, reason))

    # What the node tells (callscribe.live.session.CallFollower).

    def partial(self, partial: Partial) -> None:
        self._pace.understood(0, partial.end)
        # What is not told now is told with the next partial, or the final: nothing is lost to a slow client.
        if not self._listener.crowded:
            self._tell(self._replies.partial(partial))

    def final(self, final: Final) -> None:
        self._pace.understood(0, final.end)
        self._tell(self._replies.final(final))

    def acknowledged(self, channel: int, offset: int) -> None:
        self._pace.understood(channel, offset)

    def closed(self, channel: int, offset: int, lost: tuple[LostAudio, ...]) -> None:
        missed = max(0, self._heard - offset) + sum(stretch.end - stretch.start for stretch in lost)
        rate = self.call.sample_rate
        error = ""
        if missed >= ms_to_samples(LOST_MIN_MS, rate):
            error = f"{samples_to_ms(missed, rate)} ms were not understood in time; they are decoded from the recording"
        self._tell(self._replies.last(ack=self._wants_ack, error=error))
        self.over.set()

    def _pass_on(self, pcm: bytes) -> None:
        self._host.audio(self.call.id, AudioChunk(0, self._heard, pcm))
        self._heard += len(pcm) // SAMPLE_BYTES
        self._pace.heard(0, self._heard)

    def _tell(self, replies: tuple[Reply, ...]) -> None:
        for reply in replies:
            self._listener.post(reply)


class _Blocks:
    """Messages of any length as chunks of whole samples, neither tiny nor large."""

    def __init__(self, rate: int) -> None:
        self._least = ms_to_samples(_LEAST_CHUNK_MS, rate) * SAMPLE_BYTES
        self._most = ms_to_samples(_MOST_CHUNK_MS, rate) * SAMPLE_BYTES
        self._waiting = b""

    def take(self, pcm: bytes) -> list[bytes]:
        """What is to be passed on now."""
        data = self._waiting + pcm
        whole = len(data) - len(data) % SAMPLE_BYTES
        ready = whole - whole % self._most
        if whole - ready >= self._least:
            ready = whole
        self._waiting = data[ready:]
        return [data[place : min(ready, place + self._most)] for place in range(0, ready, self._most)]

    def rest(self) -> bytes:
        """What is left at the end; half a sample is left out."""
        rest, self._waiting = self._waiting, b""
        return rest[: len(rest) - len(rest) % SAMPLE_BYTES]


def client_call(config: Config, trunk: TrunkSettings, address: str, connection: UUID, now: datetime) -> Call:
    """The call that a client's speech is: it has one party, named as the client names its audio."""
    host = f"[{address}]" if ":" in address else address
    user = f"{quote(config.wav_name, safe='')}@" if config.wav_name else ""
    caller = Party(f"funasr:{user}{host}", config.wav_name)
    nobody = Party("")
    channel = Channel(0, party=caller, codec="L16")
    names = (("wav-name", config.wav_name), ("funasr-connection", str(connection)))
    return Call(
        id=uuid4(),
        trunk=trunk.name,
        dialect=Dialect.FUNASR,
        started_at=now,
        sample_rate=config.rate,
        channels=with_roles((channel,), trunk.roles, PlainEnds(caller, nobody)),
        caller=caller,
        callee=nobody,
        outside_ids=OutsideIds(others=names),
        hotwords=config.hotwords,
    )
