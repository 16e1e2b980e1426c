"""A call's recording as it is given out: which file that is, and how documents elsewhere refer to it."""

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException

from callscribe.console.reference import API
from callscribe.console.sources import Sources
from callscribe.domain.call import CallState
from callscribe.domain.errors import CallNotFound, RecordingNotFound
from callscribe.domain.utterance import Transcript
from callscribe.text.formats import RecordedAudio
from storage.recordings import recording_path
from storage.records import CallRecord, JobKind, JobRecord, JobState

NOT_BLEEPED = (
    "What is masked in the call's text is not covered in its recording yet: ask again once the call is processed, and"
    " retry its job `bleep`, or the one before it, where that failed."
)
HASHES_KEPT = 1024
"""A list of calls that is exported twice is read once."""


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
        sha512 = _sha512(path, state.st_size, state.st_mtime_ns)
    except (CallNotFound, RecordingNotFound, HTTPException, OSError):
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
def _sha512(path: Path, size: int, written_ns: int) -> bytes:
    """Of the file's content; `size` and `written_ns` (its times of change) tell contents apart. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha512").digest()


def _inside(folder: Path, path: Path) -> Path:
    """The path with links resolved. Raises RecordingNotFound unless it is a file in the folder."""
    found = path.resolve()
    if not found.is_relative_to(folder.resolve()) or not found.is_file():
        raise RecordingNotFound
    return found
