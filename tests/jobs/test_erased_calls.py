"""A job whose call is erased while it works ends without a trace."""

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import pytest
import redis

from callscribe.config.settings import Settings
from callscribe.domain.transcript import Revision
from callscribe.domain.utterance import Transcript, Utterance
from callscribe.events.streams import call_stream
from callscribe.jobs.decoding import CallDecoder
from callscribe.jobs.tasks import JobBench
from storage.database import Database
from storage.erasure import ErasureOrder, ErasureStore
from storage.records import JobKind
from tests.jobs.ended_calls import ended_call, settings_of

pytestmark = pytest.mark.integration


@dataclass(slots=True)
class Eraser:
    """Erases a call."""

    settings: Settings
    call_id: UUID

    def erase(self) -> None:
        with closing(Database(self.settings.database.url)) as database:
            store = ErasureStore(database, self.settings.recordings_folder)
            assert store.erase_call(self.call_id, ErasureOrder("Ann", "case 17")).files.files == 1


class InterruptedDecoder(CallDecoder):
    """Revises what it is given, while somebody erases the call; then it reads the recording, or has read it before."""

    def __init__(self, eraser: Eraser, *, reads_after: bool) -> None:
        super().__init__(Settings(), tuple)
        self._eraser = eraser
        self._reads_after = reads_after

    def revise(self, transcript: Transcript, recording: Path) -> tuple[tuple[Utterance, Revision], ...]:
        self._eraser.erase()
        if self._reads_after:
            return super().revise(transcript, recording)
        said = transcript.utterances[0]
        return ((said, Revision(said.id, "zanzibar", 0.9, "whisper", "second-pass", ())),)


@pytest.mark.parametrize("reads_after", [False, True])
def test_nothing_is_written_or_announced(database_url: str, valkey_url: str, tmp_path: Path, reads_after: bool) -> None:
    settings = settings_of(database_url, valkey_url, tmp_path)
    call, job_id = ended_call(settings, JobKind.SECOND_PASS)
    decoder = InterruptedDecoder(Eraser(settings, call.id), reads_after=reads_after)
    with closing(JobBench(settings, decoder)) as bench:
        bench.run(job_id)
        bench.run(job_id)
    with redis.Redis.from_url(valkey_url) as store:
        assert not store.exists(call_stream(call.id))
    assert list(settings.recordings_folder.rglob("*.wav")) == []
