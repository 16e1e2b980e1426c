"""Speakers told apart by jobs in this process, with a real database, event store and recording, and a made diariser."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import redis
from sqlalchemy import text

from asr.diarization.settings import DiarizationSettings
from asr.diarization.turns import SpeakerCount, Turn
from asr.resampling import Samples
from callscribe.config.settings import Settings
from callscribe.domain.call import Call
from callscribe.domain.speaker import SpeakerTurn
from callscribe.events.schema import UtteranceSpeakers, from_json
from callscribe.events.streams import FIELD, call_stream
from callscribe.jobs.diarizing import CallDiarizer
from callscribe.jobs.tasks import JobBench
from storage.database import Database
from storage.jobs import JobStore
from storage.reader import CallReader
from storage.records import JobKind, JobState
from telephony.settings import TrunkSettings
from tests.jobs.ended_calls import FINALS, RATE, SAMPLES, ended_call, settings_of, speech

pytestmark = pytest.mark.integration

CHANGE = 52_480
"""Half-way through the second utterance."""
JOB_AGAIN = text("UPDATE jobs SET state = 'queued', finished_at = NULL WHERE id = :id")
TWO = (Turn(0, CHANGE, 1), Turn(CHANGE, SAMPLES, 0))


class MadeDiarizer:
    """Finds what it is told, and notes what it was given."""

    name = "made"

    def __init__(self, *turns: Turn) -> None:
        self.turns = turns
        self.heard: list[tuple[Samples, int, SpeakerCount]] = []

    def diarize(self, pcm: Samples, rate: int, speakers: SpeakerCount) -> tuple[Turn, ...]:
        self.heard.append((pcm, rate, speakers))
        return self.turns


@pytest.fixture
def settings(database_url: str, valkey_url: str, tmp_path: Path) -> Settings:
    settings = settings_of(database_url, valkey_url, tmp_path)
    return replace(settings, trunks=(TrunkSettings("main", diarization="on", speakers=2),))


def diarize(settings: Settings, made: MadeDiarizer) -> Call:
    """An ended call, diarised."""
    call, job_id = ended_call(settings, JobKind.DIARIZE)
    with closing(JobBench(settings, diarizer=CallDiarizer(settings, made))) as bench:
        bench.run(job_id)
    return call


def turns_of(database: Database, call: Call) -> list[tuple[SpeakerTurn, ...]]:
    return [utterance.turns for utterance in CallReader(database).transcript(call.id).utterances]


def test_utterances_get_their_speakers_and_are_cut_where_the_speaker_changes(
    settings: Settings, database: Database
) -> None:
    call = diarize(settings, MadeDiarizer(*TWO))
    first, second = turns_of(database, call)
    assert first == (SpeakerTurn(1, FINALS[0].start, FINALS[0].end),)
    assert [(turn.speaker, turn.start, turn.end) for turn in second] == [
        (1, FINALS[1].start, second[0].end),
        (2, second[0].end, FINALS[1].end),
    ]
    assert abs(second[0].end - CHANGE) < 2000
    jobs = {job.kind: job.state for job in CallReader(database).jobs(call.id)}
    assert jobs[JobKind.DIARIZE] is JobState.DONE


def test_a_diariser_hears_the_whole_channel_and_how_many_speak(settings: Settings) -> None:
    made = MadeDiarizer(*TWO)
    diarize(settings, made)
    ((pcm, rate, speakers),) = made.heard
    assert np.array_equal(pcm, speech())
    assert (rate, speakers) == (RATE, SpeakerCount(2))


def test_a_trunk_that_does_not_know_how_many_speak_leaves_it_to_the_settings(settings: Settings) -> None:
    made = MadeDiarizer(*TWO)
    trunks = (replace(settings.trunks[0], speakers=0),)
    diarize(replace(settings, trunks=trunks, diarization=DiarizationSettings(speakers=SpeakerCount(0, 2, 3))), made)
    assert made.heard[0][2] == SpeakerCount(0, 2, 3)


def test_speakers_are_told_to_who_follows_the_call(settings: Settings) -> None:
    call = diarize(settings, MadeDiarizer(*TWO))
    with redis.Redis.from_url(settings.events.url, decode_responses=True) as client:
        entries = client.xrange(call_stream(call.id))
    assert isinstance(entries, list)
    events = [from_json(fields[FIELD]) for _, fields in entries]
    told = [event for event in events if isinstance(event, UtteranceSpeakers)]
    assert [event.text for event in told] == [final.text for final in FINALS]
    assert [(turn.speaker, turn.text) for turn in told[1].turns] == [
        (1, "it was the page of wisdom"),
        (2, "it was the age of foolishness"),
    ]


def test_done_again_it_replaces_what_it_wrote(settings: Settings, database: Database) -> None:
    call = diarize(settings, MadeDiarizer(*TWO))
    before = turns_of(database, call)
    jobs = JobStore(database)
    job = next(job for job in CallReader(database).jobs(call.id) if job.kind is JobKind.DIARIZE)
    transcript = CallReader(database).transcript(call.id)
    assert jobs.complete(job.id, diarized=transcript.utterances[:1]) is False, "it is done"
    assert turns_of(database, call) == before
    with database.transaction() as session:
        session.execute(JOB_AGAIN, {"id": job.id})
    assert jobs.complete(job.id, diarized=transcript.utterances[:1]) is True
    assert turns_of(database, call) == [before[0], ()]


def test_one_voice_on_a_partys_channel_is_that_party(settings: Settings, database: Database) -> None:
    call = diarize(settings, MadeDiarizer(Turn(0, SAMPLES, 0)))
    assert turns_of(database, call) == [(), ()]
