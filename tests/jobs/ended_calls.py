"""Calls that have ended with a real recording: the first lines of "A Tale of Two Cities", at 8 kHz."""

from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from uuid import UUID, uuid4

import moonshine_voice
import numpy as np
import soxr
from numpy.typing import NDArray
from sqlalchemy import text

from asr.files import read_audio
from callscribe.config.settings import NodeSettings, Settings, WorkerSettings
from callscribe.domain.audio import AudioChunk
from callscribe.domain.call import Call, CallEnd, Channel, Dialect, Party, Role
from callscribe.domain.transcript import Final
from callscribe.events.settings import EventSettings
from storage.calls import CallStore
from storage.database import Database
from storage.recordings import RecordingWriter, recording_path
from storage.records import ChannelRange, JobIntent, JobKind
from storage.settings import DatabaseSettings, RecordingSettings

RATE = 8000
SAMPLES = 104_000
BEST = "It was the best of times, it was the worst of times."
WISDOM = "it was the age of wisdom, it was the age of foolishness,"
EPOCHS = "it was the epoch of belief, it was the epoch of incredulity,"
FINALS = (
    Final(1, 9_728, 36_352, "it was the vest of times it was the worst of times", 0.8, "moonshine-tiny-en"),
    Final(1, 40_192, 64_768, "it was the page of wisdom it was the age of foolishness", 0.8, "moonshine-tiny-en"),
)
"""The first two lines as a poor first pass might have them."""
LOST = ChannelRange(1, 66_000, SAMPLES)
"""Holds the epochs."""


@cache
def speech() -> NDArray[np.int16]:
    """13 s of a reader's voice at RATE."""
    path = Path(moonshine_voice.__file__).parent / "assets" / "two_cities.wav"
    audio = read_audio(path)
    resampled: NDArray[np.int16] = soxr.resample(audio.channels[0], audio.rate, RATE)
    return resampled[:SAMPLES]


def settings_of(database_url: str, events_url: str, folder: Path) -> Settings:
    return Settings(
        node=NodeSettings("test-node", str(folder)),
        database=DatabaseSettings(database_url),
        recordings=RecordingSettings(str(folder / "recordings")),
        events=EventSettings(events_url, 1000),
        worker=WorkerSettings(1),
    )


def ended_call(settings: Settings, kind: JobKind, *, recorded: bool = True) -> tuple[Call, UUID]:
    """A call in the database whose channel 1 holds the speech, ended with one job; the call and the job's id."""
    call = Call(
        id=uuid4(),
        trunk="main",
        dialect=Dialect.PLAIN,
        started_at=datetime(2026, 11, 21, 9, 30, tzinfo=UTC),
        sample_rate=RATE,
        channels=(Channel(0, role=Role.AGENT), Channel(1, role=Role.CUSTOMER, party=Party("sip:dickens", "Charles"))),
        caller=Party("sip:dickens", "Charles"),
        callee=Party("sip:1001"),
    )
    folder = settings.recordings_folder
    writer = RecordingWriter(folder / recording_path(call), RATE, 2)
    writer.write(AudioChunk(0, 0, bytes(SAMPLES * 2)))
    writer.write(AudioChunk(1, 0, speech().astype("<i2").tobytes()))
    recording = writer.close().relative_to(folder)
    job = JobIntent.of(call.id, kind, (LOST,) if kind is JobKind.RECOVER else ())
    database = Database(settings.database.url)
    store = CallStore(database)
    store.save_call(call, "test-node")
    for final in FINALS:
        store.save_final(call.id, final)
    end = CallEnd(call.started_at + timedelta(seconds=SAMPLES / RATE), SAMPLES, "bye")
    store.end_call(call.id, end, recording if recorded else None, (job,))
    database.close()
    return call, job.id


def pass_time(database_url: str) -> None:
    """Let every lease and back-off of the database be over."""
    database = Database(database_url)
    with database.transaction() as session:
        session.execute(text("UPDATE jobs SET lease_until = now() WHERE lease_until IS NOT NULL"))
        session.execute(text("UPDATE jobs SET due_at = now() WHERE due_at > now()"))
    database.close()
