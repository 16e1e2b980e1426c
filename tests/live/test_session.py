"""One call's life on its node, with the ports of the node written by hand."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest

from asr.wire.client import ChannelOptions, LostAudio
from callscribe.domain.audio import AudioChunk
from callscribe.domain.call import Call, CallEnd, Channel, Party
from callscribe.domain.transcript import Partial
from callscribe.events.schema import (
    CallCorrected,
    CallEnded,
    CallProcessed,
    CallStarted,
    CallUpdated,
    Event,
    UtteranceFinal,
    UtterancePartial,
)
from callscribe.live.assisting import RuleBook
from callscribe.live.delays import Delays
from callscribe.live.journal import CallClosed, CallSaved, Entry, FinalSaved
from callscribe.live.session import CallSession, TextPolicy
from callscribe.live.trunks import TrunkBook
from storage.records import ChannelRange, JobIntent, JobKind, RecordingFile
from telephony.settings import TrunkSettings
from tests.live.calls import Follower, Rules, make_call, make_final

RATE = 8000
NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)


@dataclass
class Ports:
    """A node of one call: what it was asked to do, and the answers that the test gives when it likes."""

    node: str = "node-1"
    second_pass: bool = True
    recording: RecordingFile | None = field(
        default_factory=lambda: RecordingFile(Path("a.wav"), RATE, 2, 80000, 320044)
    )
    events: list[Event] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    writes: list[asyncio.Future[None]] = field(default_factory=list)
    opened: dict[int, int] = field(default_factory=dict)
    """Channel by key."""
    sent: list[tuple[int, AudioChunk]] = field(default_factory=list)
    recorded: list[AudioChunk] = field(default_factory=list)
    released: list[tuple[int, int]] = field(default_factory=list)
    closing: list[int] = field(default_factory=list)
    recordings: list[int] = field(default_factory=list)
    """Channels each time the recording was opened or widened."""
    disk_is_full: bool = False
    pause_limit_s: float = 0
    rules: RuleBook = field(default_factory=lambda: RuleBook(Rules(), TrunkBook((TrunkSettings("default"),))))
    delays: Delays = field(default_factory=Delays)
    time: float = 0.0
    timers: list[tuple[float, Callable[[], None]]] = field(default_factory=list)
    """Seconds and action."""

    def stages(self, call: Call) -> tuple[JobKind, ...]:
        return (JobKind.SECOND_PASS,) if self.second_pass else ()

    def clock(self) -> float:
        return self.time

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        self.timers.append((seconds, action))

    def publish(self, event: Event) -> None:
        self.events.append(event)

    def append(self, entry: Entry) -> asyncio.Future[None]:
        self.entries.append(entry)
        durable = asyncio.get_running_loop().create_future()
        self.writes.append(durable)
        if not self.disk_is_full:
            durable.set_result(None)
        return durable

    def open_channel(self, session: CallSession, channel: int, options: ChannelOptions) -> int:
        key = 100 + len(self.opened)
        self.opened[key] = channel
        return key

    def send(self, key: int, chunk: AudioChunk) -> None:
        self.sent.append((key, chunk))

    def release(self, key: int, offset: int) -> None:
        self.released.append((key, offset))

    def close_channel(self, key: int) -> None:
        self.closing.append(key)

    def record(self, call: Call) -> None:
        self.recordings.append(len(call.channels))

    def write(self, call_id: UUID, chunk: AudioChunk) -> None:
        self.recorded.append(chunk)

    async def finish_recording(self, call_id: UUID) -> RecordingFile | None:
        return self.recording

    def now(self) -> datetime:
        return NOW

    @property
    def jobs(self) -> tuple[JobIntent, ...]:
        (closed,) = [entry for entry in self.entries if isinstance(entry, CallClosed)]
        return closed.jobs

    def told(self) -> list[type[Event]]:
        return [type(event) for event in self.events]


def session_of(call: Call, ports: Ports, *, figures: bool = False) -> CallSession:
    texts = TextPolicy(figures)
    return CallSession(call, ports, lambda channel: ChannelOptions(channel, call.sample_rate), texts=texts)


def speak(session: CallSession, seconds: int, channels: Sequence[int] = (0, 1), start: int = 0) -> None:
    for second in range(start, start + seconds):
        for channel in channels:
            session.audio(AudioChunk(channel, second * RATE, bytes(2 * RATE)))


def an_end(seconds: int) -> CallEnd:
    return CallEnd(NOW, seconds * RATE, "bye")


async def ended(session: CallSession, seconds: int, answer: Callable[[], None]) -> None:
    """End the session; `answer` says what the recogniser says once it was told."""
    ending = asyncio.create_task(session.end(an_end(seconds)))
    await asyncio.sleep(0)
    answer()
    async with asyncio.timeout(2):
        await ending


def understood(session: CallSession, offset: int, channels: Sequence[int] = (0, 1)) -> None:
    for channel in channels:
        session.closed(channel, offset, ())


async def test_a_call_is_journaled_published_recorded_and_heard_from_its_first_moment() -> None:
    ports, call = Ports(), make_call()
    session = session_of(call, ports)
    assert ports.entries == [CallSaved(call, "node-1")]
    assert ports.told() == [CallStarted]
    assert (ports.opened, ports.recordings) == ({100: 0, 101: 1}, [2])
    speak(session, 1)
    assert [(key, chunk.channel) for key, chunk in ports.sent] == [(100, 0), (101, 1)]
    assert [chunk for _, chunk in ports.sent] == ports.recorded


async def test_what_is_understood_is_published_and_only_finals_are_kept() -> None:
    ports, call = Ports(), make_call()
    session = session_of(call, ports)
    session.partial(Partial(1, 800, 4800, "thank", "you", 1))
    final = make_final(800, "Thank you.", channel=1)
    session.final(final)
    assert ports.told()[1:] == [UtterancePartial, UtteranceFinal]
    assert ports.entries[1:] == [FinalSaved(call.id, final)]


async def test_how_late_words_are_told_is_counted_from_when_they_were_said() -> None:
    ports = Ports()
    session = session_of(make_call(), ports)
    ports.time = 1.0
    speak(session, 1)
    ports.time = 1.25
    session.partial(Partial(1, 800, 4800, "thank", "you", 1))
    session.partial(Partial(1, 800, 8000, "thank you", "so", 2))
    ports.time = 1.6
    session.final(make_final(800, "Thank you so.", channel=1))
    counted = ports.delays.counters()
    assert counted["first_partial_delay_seconds_count"] == 1
    assert counted["first_partial_delay_seconds_sum"] == pytest.approx(1.25 - 800 / RATE)
    assert counted["text_age_seconds_count"] == 2
    assert counted["text_age_seconds_sum"] == pytest.approx(2 * 1.25 - (4800 + 8000) / RATE)
    assert counted["final_delay_seconds_sum"] == pytest.approx(1.6 - make_final(800, "").end / RATE)


async def test_numbers_in_figures_are_published_and_kept_beside_what_was_spoken() -> None:
    ports, call = Ports(), make_call()
    session = session_of(call, ports, figures=True)
    session.partial(Partial(1, 800, 4800, "press one", "four", 1))
    session.final(make_final(800, "Dial one four oh two.", channel=1))
    (partial, final) = ports.events[1:]
    assert isinstance(partial, UtterancePartial)
    assert isinstance(final, UtteranceFinal)
    assert partial.text == "press one four"
    assert (final.text, final.spoken) == ("Dial 1402.", "Dial one four oh two.")
    kept = replace(make_final(800, final.text, channel=1), spoken=final.spoken)
    assert ports.entries[1:] == [FinalSaved(call.id, kept)]


async def test_who_sent_the_call_is_told_what_is_published_and_when_all_is_understood() -> None:
    ports, call, follower = Ports(), make_call(channels=1), Follower()
    options = ChannelOptions(0, call.sample_rate)
    session = CallSession(call, ports, lambda _: options, texts=TextPolicy(figures=True), follower=follower)
    heard = Partial(0, 0, 8000, "", "room forty two", 1)
    session.partial(heard)
    session.final(make_final(0, "Room forty two."))
    session.acknowledged(0, 8000)
    await ended(session, 2, lambda: session.closed(0, 8000, (LostAudio(100, 200),)))
    (told,) = follower.finals
    assert (told.text, told.spoken) == ("Room 42.", "Room forty two.")
    assert follower.partials == [heard]
    assert follower.understood == [(0, 8000)]
    assert follower.ends == [(0, 8000, (LostAudio(100, 200),))]


async def test_audio_is_released_only_when_the_final_before_it_is_on_disk() -> None:
    ports = Ports()
    session = session_of(make_call(), ports)
    session.acknowledged(0, 4000)
    assert ports.released == [(100, 4000)]
    ports.disk_is_full = True
    session.final(make_final(8000, "Hello."))
    session.acknowledged(0, 16000)
    await asyncio.sleep(0)
    assert ports.released == [(100, 4000)]
    ports.writes[-1].set_result(None)
    await asyncio.sleep(0)
    assert ports.released == [(100, 4000), (100, 16000)]


async def test_a_call_that_was_understood_ends_with_a_second_pass_and_no_recovery() -> None:
    ports, call = Ports(), make_call()
    session = session_of(call, ports)
    speak(session, 10)
    await ended(session, 10, lambda: understood(session, 10 * RATE - 200))
    assert ports.closing == [100, 101]
    assert ports.jobs == (JobIntent.of(call.id, JobKind.SECOND_PASS),)
    assert ports.told()[-1] is CallEnded


async def test_exactly_what_no_recogniser_heard_is_left_for_recovery() -> None:
    ports, call = Ports(), make_call()
    session = session_of(call, ports)
    speak(session, 300)

    def answer() -> None:
        session.closed(0, 300 * RATE, (LostAudio(8000, 96000), LostAudio(400000, 400100)))
        session.closed(1, 290 * RATE, ())

    await ended(session, 300, answer)
    lost = (ChannelRange(0, 8000, 96000), ChannelRange(1, 290 * RATE, 300 * RATE))
    assert ports.jobs == (JobIntent.of(call.id, JobKind.RECOVER, lost),)


async def test_a_channel_that_fell_silent_before_the_call_ended_leaves_nothing_to_recover() -> None:
    ports, call = Ports(), make_call()
    session = session_of(call, ports)
    speak(session, 4)
    speak(session, 6, channels=(0,), start=4)

    def answer() -> None:
        session.closed(0, 10 * RATE, ())
        session.closed(1, 4 * RATE, ())

    await ended(session, 10, answer)
    assert [job.kind for job in ports.jobs] == [JobKind.SECOND_PASS]


async def test_a_call_without_a_sample_ends() -> None:
    ports = Ports()
    session = session_of(make_call(), ports)
    await ended(session, 0, lambda: understood(session, 0))
    assert [job.kind for job in ports.jobs] == [JobKind.SECOND_PASS]


async def test_a_channel_that_joins_is_heard_recorded_and_closed_with_the_others() -> None:
    ports, call = Ports(), make_call(channels=1)
    session = session_of(call, ports)
    joined = replace(call, channels=(*call.channels, Channel(1, "2")))
    session.update(joined)
    assert (ports.opened, ports.recordings) == ({100: 0, 101: 1}, [1, 2])
    assert ports.entries[-1] == CallSaved(joined, "node-1")
    speak(session, 2, channels=(1,), start=5)
    await ended(session, 7, lambda: understood(session, 7 * RATE))
    assert ports.closing == [100, 101]


async def test_audio_of_a_channel_that_was_never_told_is_dropped() -> None:
    ports = Ports()
    session = session_of(make_call(channels=1), ports)
    session.audio(AudioChunk(3, 0, bytes(1600)))
    assert (ports.sent, ports.recorded) == ([], [])


async def test_a_description_that_comes_after_the_end_is_kept_and_holds_nothing_up() -> None:
    ports, call = Ports(), make_call()
    session = session_of(call, ports)
    wider = replace(call, caller=Party("sip:late@example.com"), channels=(*call.channels, Channel(2, "3")))

    def answer() -> None:
        session.closed(0, 0, ())
        session.update(wider)
        session.closed(1, 0, ())

    await ended(session, 0, answer)
    assert ports.opened == {100: 0, 101: 1}
    assert ports.recordings == [2]
    assert CallSaved(wider, "node-1") in ports.entries
    assert CallUpdated in ports.told()


async def test_a_correction_is_told_as_one_and_kept() -> None:
    ports, call = Ports(), make_call()
    session = session_of(call, ports)
    first, second = call.channels
    exchanged = replace(call, channels=(replace(first, party=second.party), replace(second, party=first.party)))
    session.correct(exchanged, (0, 1))
    assert CallSaved(exchanged, "node-1") in ports.entries
    assert ports.told() == [CallStarted, CallCorrected]
    assert session.call == exchanged


async def test_a_channel_that_joins_with_a_correction_is_heard() -> None:
    ports, call = Ports(), make_call()
    session = session_of(call, ports)
    joined = replace(call, channels=(*call.channels, Channel(2, "3")))
    session.correct(joined, (0, 1))
    speak(session, 1, channels=(2,))
    assert ports.opened == {100: 0, 101: 1, 102: 2}
    assert ports.recordings == [2, 3]
    assert {chunk.channel for chunk in ports.recorded} == {2}
    await ended(session, 1, lambda: understood(session, RATE, channels=(0, 1, 2)))
    assert ports.closing == [100, 101, 102]


async def test_the_end_is_told_at_once_although_the_disk_is_full() -> None:
    ports = Ports()
    session = session_of(make_call(), ports)
    ports.disk_is_full = True
    ending = asyncio.create_task(session.end(an_end(0)))
    await asyncio.sleep(0)
    understood(session, 0)
    await asyncio.sleep(0.01)
    assert ports.told()[-1] is CallEnded
    assert not ending.done()
    ports.writes[-1].set_result(None)
    await ending


@pytest.mark.parametrize(("recorded", "second_pass"), [(False, True), (True, False)])
async def test_a_call_with_nothing_left_to_do_is_processed_when_it_ends(recorded: bool, second_pass: bool) -> None:
    ports = Ports(second_pass=second_pass)
    ports.recording = ports.recording if recorded else None
    session = session_of(make_call(), ports)
    speak(session, 10)
    await ended(session, 10, lambda: understood(session, 10 * RATE if recorded else 0))
    assert ports.jobs == ()
    assert ports.told()[-2:] == [CallEnded, CallProcessed]


async def test_a_channel_that_the_recording_lacks_keeps_no_other_from_recovery() -> None:
    ports, call = Ports(), make_call()
    ports.recording = RecordingFile(Path("a.wav"), RATE, 1, 80000, 160044)
    session = session_of(call, ports)
    speak(session, 10)
    await ended(session, 10, lambda: understood(session, 0))
    assert ports.jobs == (JobIntent.of(call.id, JobKind.RECOVER, (ChannelRange(0, 0, 10 * RATE),)),)
