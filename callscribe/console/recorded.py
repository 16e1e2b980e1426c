"""A call's recording as it is given out: which file that is, and how documents elsewhere refer to it."""

import hashlib
import io
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit

import anyio
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse

from callscribe.console.reference import API
from callscribe.console.sources import Sources
from callscribe.domain.call import CallState
from callscribe.domain.errors import CallNotFound, RecordingDamaged, RecordingLocked, RecordingNotFound
from callscribe.domain.utterance import Transcript
from callscribe.text.formats import RecordedAudio
from storage.recording_keys import RecordingKeys
from storage.recordings import open_stream, recording_path
from storage.records import CallRecord, JobKind, JobRecord, JobState

NOT_BLEEPED = (
    "What is masked in the call's text is not covered in its recording yet: ask again once the call is processed, and"
    " retry its job `bleep`, or the one before it, where that failed."
)
HASHES_KEPT = 1024
"""A list of calls that is exported twice is read once."""


class RecordingResponse(FileResponse):
    """The WAV, or a byte range of it, decrypted on its way where it is encrypted."""

    def __init__(self, path: Path, keys: RecordingKeys, filename: str) -> None:
        """Raises OSError, RecordingLocked and RecordingDamaged."""
        with closing(open_stream(path, keys)) as stream:
            size = stream.seek(0, os.SEEK_END)
        told = path.stat()
        shown = os.stat_result((*told[:6], size, *told[7:10]), {"st_mtime": told.st_mtime})
        super().__init__(
            path, media_type="audio/wav", filename=filename, stat_result=shown, content_disposition_type="inline"
        )
        self._path, self._keys = path, keys

    @asynccontextmanager
    async def _open_file(self) -> AsyncIterator[anyio.AsyncFile[bytes]]:
        stream = await anyio.to_thread.run_sync(open_stream, self._path, self._keys)
        async with anyio.wrap_file(io.BufferedReader(stream, self.chunk_size)) as file:
            yield file


def recording_of(sources: Sources, record: CallRecord) -> Path:
    """The WAV. Raises RecordingNotFound, and an HTTPException with 409 where something must be bleeped first."""
    if record.recording is None:
        raise RecordingNotFound
    if not is_given_out(sources, record):
        raise HTTPException(409, NOT_BLEEPED)
    return _inside(sources.recordings, sources.recordings / record.recording.path)


def audible_file(sources: Sources, record: CallRecord) -> Path:
    """As `recording_of`; of a call that goes on, the WAV that is being written."""
    if record.recording is None and record.state is CallState.ACTIVE:
        if not is_given_out(sources, record):
            raise HTTPException(409, NOT_BLEEPED)
        return _inside(sources.recordings, sources.recordings / recording_path(record.call))
    return recording_of(sources, record)


def is_given_out(sources: Sources, record: CallRecord) -> bool:
    """Whether what is recorded of the call, or will be, may be heard and drawn now: nothing is to be bleeped first."""
    if not sources.settings.trunk_named(record.call.trunk).redaction:
        return True
    return record.state is not CallState.ACTIVE and is_bleeped(record.jobs)


def audio_of(sources: Sources, transcript: Transcript) -> RecordedAudio | None:
    """What a vCon says of the call's recording; None where it is not given out, or not whole yet."""
    if transcript.state is CallState.ACTIVE:
        return None
    try:
        path = recording_of(sources, sources.reader.call(transcript.call.id))
        state = path.stat()
        sha512 = _sha512(path, sources.recording_keys, state.st_size, state.st_mtime_ns)
    except (CallNotFound, RecordingNotFound, RecordingLocked, RecordingDamaged, HTTPException, OSError):
        return None
    base = sources.public_url.rstrip("/")
    secure = urlsplit(base).scheme == "https"
    return RecordedAudio(sha512, f"{base}{API}/calls/{transcript.call.id}/audio" if secure else "")


def is_bleeped(jobs: Sequence[JobRecord]) -> bool:
    """Whether nothing is left to bleep.

    A call from before its trunk had redaction has no such job though all its others are done. One that was given up
    before it made a `bleep` due does when it is retried.
    """
    if any(job.kind is JobKind.BLEEP for job in jobs):
        hearing = (JobKind.RECOVER, JobKind.SECOND_PASS)
        unheard = any(job.kind in hearing and job.state in (JobState.QUEUED, JobState.RUNNING) for job in jobs)
        return not unheard and all(job.state is JobState.DONE for job in jobs if job.kind is JobKind.BLEEP)
    return all(job.state is JobState.DONE for job in jobs if job.kind is not JobKind.EVALUATE)


@lru_cache(HASHES_KEPT)
def _sha512(path: Path, keys: RecordingKeys, size: int, written_ns: int) -> bytes:
    """Of the WAV; `size` and `written_ns` (the file's time of change) tell contents apart. Raises as open_stream."""
    with closing(open_stream(path, keys)) as stream:
        return hashlib.file_digest(stream, "sha512").digest()


def _inside(folder: Path, path: Path) -> Path:
    """The path with links resolved. Raises RecordingNotFound unless it is a file in the folder."""
    found = path.resolve()
    if not found.is_relative_to(folder.resolve()) or not found.is_file():
        raise RecordingNotFound
    return found
