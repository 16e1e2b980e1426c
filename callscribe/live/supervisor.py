"""The running node: gives each call from telephony a session, and joins it to recogniser, recorder and journal."""

import asyncio
import itertools
from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import structlog

from asr.wire.client import ChannelOptions, LostAudio, RecognizerPool
from callscribe.config.settings import Settings
from callscribe.config.stages import stages_of
from callscribe.domain.audio import AudioChunk
from callscribe.domain.call import Call, CallEnd, DtmfDigit
from callscribe.domain.hotword import Hotword, ListVersion
from callscribe.domain.trace import traced
from callscribe.domain.transcript import Final, Partial
from callscribe.events.board import CounterBoard, cost_of
from callscribe.events.control import ControlDesk, PauseAnswer, PauseRequest
from callscribe.events.faults import FaultBoard
from callscribe.events.publisher import EventPublisher
from callscribe.events.refusals import RefusalBoard
from callscribe.events.schema import Event
from callscribe.live.assisting import RuleBook
from callscribe.live.delays import Delays
from callscribe.live.funasr.server import FunasrServer
from callscribe.live.hotwords import HotwordBook
from callscribe.live.ingest.audiosocket import AudiosocketServer
from callscribe.live.ingest.http import IngestHttp
from callscribe.live.ingest.protocols import PROTOCOLS
from callscribe.live.ingest.server import IngestServer
from callscribe.live.journal import Entry, Journal
from callscribe.live.pausing import ParkedPauses, carry_out
from callscribe.live.pressure import PressureWatch
from callscribe.live.recorder import Recorder
from callscribe.live.recovery import recover_interrupted
from callscribe.live.session import CallFollower, CallSession, TextPolicy
from callscribe.live.trunks import TrunkBook
from storage.assist_rules import AssistRuleStore
from storage.calls import CallStore
from storage.database import Database
from storage.hotwords import HotwordStore
from storage.reader import CallReader
from storage.recording_keys import open_keys
from storage.records import JobKind, RecordingFile
from telephony.node import SipNode
from telephony.settings import TrunkSettings

log = structlog.get_logger()

ANEW_S = 1.0
"""Wait before work that failed is begun anew."""
CONTROL_LIMIT_S = 5.0
"""How long the start waits until pauses can be asked for: calls are taken without, too."""
PRESSURE_EVERY_S = 1.0
STOP_LIMIT_S = 2.0
"""How long what runs beside the calls may take to end."""


class Supervisor:
    """One node. `start`, then `stop`; everything between happens on the event loop that started it."""

    def __init__(self, settings: Settings, fault: Callable[[], str] = str) -> None:
        """`fault` tells what is wrong with the settings that this node was to take; "": nothing."""
        self.node = settings.node.name
        self.pause_limit_s = float(settings.recordings.pause_limit_s)
        self._settings = settings
        self._began_at = self.now()
        self._trunks = TrunkBook(settings.trunks)
        self._database = Database(settings.database.url)
        self._store = CallStore(self._database)
        self._reader = CallReader(self._database)
        self._journal = Journal(settings.data_folder / f"journal-{self.node}.sqlite", self._store)
        self._hotwords = HotwordBook(HotwordStore(self._database), self._trunks)
        self.delays = Delays()
        self.rules = RuleBook(AssistRuleStore(self._database), self._trunks)
        self._recording_keys = open_keys(settings.recordings)
        self._recorder = Recorder(settings.recordings_folder, self._recording_keys)
        self._publisher = EventPublisher(settings.events.url, settings.events.stream_length)
        self._pool = RecognizerPool(settings.recognizer.urls, self)
        self._pressure = PressureWatch(settings.admission, self._pool.burdens)
        self._board = CounterBoard(settings.events.url)
        self._refusals = RefusalBoard(settings.events.url)
        self._faults = FaultBoard(settings.events.url)
        self._fault = fault
        self._control = ControlDesk(settings.events.url, self.carry_out)
        self._sip = SipNode(settings.sip, settings.trunks, self, settings.routes)
        self._funasr = FunasrServer(settings.funasr_server, settings.funasr_trunk, self)
        self._ingest = IngestServer(settings.ingest, settings.trunks, self, PROTOCOLS)
        self._ingest_http = IngestHttp(settings.ingest, settings.trunks, self)
        self._audiosocket = AudiosocketServer(settings.audiosocket, settings.trunks, self)
        self._ports = (self._sip, self._funasr, self._ingest, self._ingest_http, self._audiosocket)
        self._sessions: dict[UUID, CallSession] = {}
        self._channels: dict[int, tuple[CallSession, int]] = {}
        self._told: dict[int, tuple[ListVersion, ...]] = {}
        """By channel key: the hotword lists that its recogniser was told last."""
        self._costs: dict[str, float] = {}
        self._parked = ParkedPauses(self.clock)
        self._keys = itertools.count(1)
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Open everything; the public ports last, so that no call comes before it can be kept and understood."""
        self._journal.start()
        self._recorder.start()
        await self._publisher.start()
        await self._pool.start()
        # Of who does not post it is taken that he is gone: his calls would be ended.
        self._spawn(self._keep(lambda: self._board.keep_posting(f"sip-{self.node}", self.counters)))
        self._spawn(self._keep(lambda: self._refusals.keep_posting(self.node, self._sip.refusals)))
        self._spawn(self._keep(lambda: self._faults.keep_posting(f"sip-{self.node}", self._fault)))
        self._spawn(self._keep(self._watch_pressure))
        self._spawn(self._control.run())
        await self._control.tried(CONTROL_LIMIT_S)
        await self._hotwords.refresh()
        await self.rules.refresh()
        self._spawn(self._hotwords.keep_fresh(self._spread_hotwords))
        self._spawn(self.rules.keep_fresh())
        for port in (self._funasr, self._ingest, self._ingest_http, self._audiosocket):
            await port.start()
        await self._sip.start()
        # Unfinished calls of an earlier run are this node's that no session of this run holds.
        self._spawn(recover_interrupted(self, self._settings.recordings_folder, self._recording_keys))

    async def take(self, settings: Settings) -> None:
        """Calls that begin from now on are as these settings have their trunks; those that go on stay as they are.

        Raises SettingsError, with nothing changed.
        """
        await self._sip.take(settings.trunks)
        self._trunks.take(settings.trunks)
        self._funasr.take(settings.funasr_trunk)
        for port in (self._ingest, self._ingest_http, self._audiosocket):
            port.take(settings.trunks)
        self._settings = settings

    async def drain(self, limit_s: float) -> None:
        """Refuse new calls, and let running ones end for up to `limit_s` seconds. May be canceled."""
        await asyncio.gather(*(port.drain(limit_s) for port in self._ports))

    async def stop(self) -> None:
        """Refuse new calls, end running ones and write what they said."""
        await asyncio.gather(*(port.stop() for port in self._ports))
        while self._sessions:
            await asyncio.sleep(0.05)
        if tasks := tuple(self._tasks):
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=STOP_LIMIT_S)
        await self._pool.stop()
        await self._board.close()
        await self._refusals.close()
        await self._faults.close()
        await self._publisher.stop()
        await asyncio.to_thread(self._recorder.stop)
        await asyncio.to_thread(self._journal.stop)
        self._database.close()

    # What telephony tells (telephony.node.CallSink), and other ways in (callscribe.live.ingest.host.CallHost).

    def call_started(self, call: Call, follower: CallFollower | None = None) -> None:
        log.info(
            "call_started", call_id=str(call.id), trunk=call.trunk, dialect=call.dialect, channels=len(call.channels)
        )
        told = follower.hotwords if follower else ()

        def options(channel: int) -> ChannelOptions:
            return self._options(call, channel, told)

        trunk = self._trunks.begin(call)
        texts = TextPolicy(trunk.inverse_text_normalization, trunk.redaction_policy)
        session = CallSession(call, self, options, texts=texts, follower=follower)
        self._parked.go_on(session, (other for other in self._sessions.values() if not other.ending))
        self._sessions[call.id] = session

    def call_updated(self, call: Call) -> None:
        if session := self._sessions.get(call.id):
            session.update(call)
            self._spread_hotwords(session)

    def call_corrected(self, call: Call, channels: tuple[int, ...]) -> None:
        if session := self._sessions.get(call.id):
            session.correct(call, channels)
            self._spread_hotwords(session)

    def hotwords_changed(self, call_id: UUID) -> None:
        if session := self._sessions.get(call_id):
            self._spread_hotwords(session)

    def audio(self, call_id: UUID, chunk: AudioChunk, said_from: int | None = None) -> None:
        if session := self._sessions.get(call_id):
            session.audio(chunk, said_from)

    def dtmf(self, call_id: UUID, pressed: DtmfDigit) -> None:
        if session := self._sessions.get(call_id):
            session.dtmf(pressed)

    def call_ended(self, call_id: UUID, end: CallEnd) -> None:
        if session := self._sessions.get(call_id):
            self._parked.ended(session)
            self._spawn(self._end(session, end))

    def pause_asked(self, call_id: UUID, *, paused: bool) -> None:
        if session := self._sessions.get(call_id):
            session.pause((), "sip") if paused else session.resume((), "sip")

    def admits(self, trunk: TrunkSettings) -> bool:
        return self._pressure.admits(self._settings.engines_of(trunk))

    # What pages and API ask (callscribe.events.control.ControlDesk).

    def carry_out(self, request: PauseRequest) -> PauseAnswer:
        if request.action == "resume" and not request.channels:
            self._parked.forget(request.calls)
        return carry_out(request, self._sessions.values())

    async def _end(self, session: CallSession, end: CallEnd) -> None:
        call_id = session.call.id
        try:
            await session.end(end)
        finally:
            self._sessions.pop(call_id, None)
            self._trunks.end(call_id)
            for key in [key for key, (owner, _) in self._channels.items() if owner is session]:
                del self._channels[key], self._told[key]
            log.info("call_ended", call_id=str(call_id), reason=end.reason, samples=end.samples)

    # What the recogniser tells (asr.wire.client.TranscriptListener).

    def partial(self, key: int, partial: Partial) -> None:
        if known := self._channels.get(key):
            known[0].partial(partial)

    def final(self, key: int, final: Final) -> None:
        if known := self._channels.get(key):
            known[0].final(replace(final, hotword_lists=self._told[key]))
        if final.cost:
            counter = cost_of(final.engine)
            self._costs[counter] = self._costs.get(counter, 0.0) + final.cost

    def acknowledged(self, key: int, offset: int) -> None:
        if known := self._channels.get(key):
            known[0].acknowledged(known[1], offset)

    def closed(self, key: int, offset: int, lost: tuple[LostAudio, ...]) -> None:
        if known := self._channels.get(key):
            known[0].closed(known[1], offset, lost)

    # What a session needs (callscribe.live.session.SessionPorts).

    def publish(self, event: Event) -> None:
        self._publisher.publish(event)

    def stages(self, call: Call) -> tuple[JobKind, ...]:
        return stages_of(self._settings, call)

    def append(self, entry: Entry) -> asyncio.Future[None]:
        return asyncio.wrap_future(self._journal.append(entry))

    def open_channel(self, session: CallSession, channel: int, options: ChannelOptions) -> int:
        key = next(self._keys)
        self._channels[key] = (session, channel)
        self._told[key] = self._hotwords.versions(session.call)
        self._pool.open(key, options, self._settings.engines_of(self._trunks.of(session.call)))
        return key

    def send(self, key: int, chunk: AudioChunk) -> None:
        self._pool.send(key, chunk)

    def release(self, key: int, offset: int) -> None:
        self._pool.release(key, offset)

    def close_channel(self, key: int) -> None:
        self._pool.close(key)

    def record(self, call: Call) -> None:
        self._recorder.begin(call)

    def write(self, call_id: UUID, chunk: AudioChunk) -> None:
        self._recorder.write(call_id, chunk)

    async def finish_recording(self, call_id: UUID) -> RecordingFile | None:
        return await asyncio.wrap_future(self._recorder.finish(call_id))

    def now(self) -> datetime:
        return datetime.now(UTC)

    def clock(self) -> float:
        return asyncio.get_running_loop().time()

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        asyncio.get_running_loop().call_later(seconds, action)

    # What recovery needs (callscribe.live.recovery).

    @property
    def journal(self) -> Journal:
        return self._journal

    @property
    def store(self) -> CallStore:
        return self._store

    @property
    def reader(self) -> CallReader:
        return self._reader

    @property
    def began_at(self) -> datetime:
        return self._began_at

    def _options(self, call: Call, channel: int, told: tuple[Hotword, ...]) -> ChannelOptions:
        trunk = self._trunks.of(call)
        return ChannelOptions(
            channel=channel,
            rate=call.sample_rate,
            language=trunk.language,
            hotwords=self._hotwords.of(call, told),
            endpoint=self._settings.endpoint_of(trunk),
            update_ms=self._settings.recognizer.update_ms,
            correction=trunk.hotword_correction,
            trace=call.id if traced() else None,
        )

    def _spread_hotwords(self, of: CallSession | None = None) -> None:
        """Tell the recognisers what is preferred now, on one call's channels or on all."""
        for key, (session, _) in self._channels.items():
            if of is None or session is of:
                told = session.follower.hotwords if session.follower else ()
                self._pool.set_hotwords(key, self._hotwords.of(session.call, told))
                self._told[key] = self._hotwords.versions(session.call)

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    async def _keep(self, begin: Callable[[], Coroutine[None, None, None]]) -> None:
        """Do work that has no end, anew whenever it fails, until cancelled."""
        while True:
            try:
                await begin()
            except Exception as error:
                log.error("task_failed", error=type(error).__name__, exc_info=error)
            await asyncio.sleep(ANEW_S)

    async def _watch_pressure(self) -> None:
        while True:
            self._pressure.look(self.clock())
            await asyncio.sleep(PRESSURE_EVERY_S)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("task_failed", error=type(error).__name__, exc_info=error)

    def counters(self) -> dict[str, float]:
        """Everything that is counted on this node, for /metrics."""
        return {
            **self._sip.counters(),
            **self._funasr.counters(),
            **self._ingest.counters(),
            **self._ingest_http.counters(),
            **self._audiosocket.counters(),
            **self._pool.counters(),
            **self._publisher.counters(),
            **self._recorder.counters(),
            **self._journal.counters(),
            **self._costs,
            **self.delays.counters(),
            **self._pressure.counters(),
            "assist_failures": self.rules.failures,
            "channels_speaking": sum(session.speaking for session in self._sessions.values()),
            "calls_active": self._sip.active,
            "calls_capacity": self._sip.capacity,
            "recognizer_ready": int(self._pool.ready()),
        }
