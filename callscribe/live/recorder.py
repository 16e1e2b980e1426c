"""Writes the calls' audio to disk: one thread a node, so that a slow disk never holds up the event loop."""

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from uuid import UUID

import structlog

from callscribe.domain.audio import AudioChunk
from callscribe.domain.call import Call
from callscribe.domain.errors import StorageError
from storage.recordings import RecordingWriter, recording_path
from storage.records import RecordingFile

log = structlog.get_logger()

QUEUE_CHUNKS = 20_000
"""Chunks of 100 ms that may wait for the disk: 10 s of 100 two-party calls, 32 MB."""


class Recorder:
    """Keeps one WAV a call. Called from the event loop; the work is done on the recorder's thread, in order."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._work: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._writers: dict[UUID, RecordingWriter] = {}
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self._counts = {"recording_chunks_dropped": 0, "recording_errors": 0, "recording_samples_lost": 0}

    def start(self) -> None:
        """Make the folder and begin. Raises StorageError when the folder cannot be made."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(
                f"the recordings folder {self._folder} cannot be made: {error.strerror}; set recordings.folder"
            ) from error
        self._thread.start()

    def stop(self) -> None:
        """Write what is queued and end the thread; recordings still open are repaired at the next start."""
        self._work.put(None)
        self._thread.join(timeout=30)

    def counters(self) -> dict[str, int]:
        return dict(self._counts)

    def begin(self, call: Call) -> None:
        """Open the call's recording once the call has a channel, or give it the channels that joined."""
        self._work.put(lambda: self._begin(call))

    def write(self, call_id: UUID, chunk: AudioChunk) -> None:
        """Queue a chunk; when the disk is hopelessly behind, the chunk is dropped and counted."""
        if self._work.qsize() >= QUEUE_CHUNKS:
            self._counts["recording_chunks_dropped"] += 1
            return
        self._work.put(lambda: self._write(call_id, chunk))

    def finish(self, call_id: UUID) -> Future[RecordingFile | None]:
        """Close the recording. The future's result is None when the call has no usable recording."""
        closed: Future[RecordingFile | None] = Future()
        # Who waits for it may be cancelled; the recording is closed all the same.
        closed.set_running_or_notify_cancel()
        self._work.put(lambda: closed.set_result(self._finish(call_id)))
        return closed

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            work()

    def _begin(self, call: Call) -> None:
        writer = self._writers.get(call.id)
        try:
            if writer is None and call.channels:
                path = self._folder / recording_path(call)
                self._writers[call.id] = RecordingWriter(path, call.sample_rate, len(call.channels))
            while writer is not None and writer.channels < len(call.channels):
                writer.add_channel()
        except StorageError as error:
            self._failed(call.id, error)

    def _write(self, call_id: UUID, chunk: AudioChunk) -> None:
        if writer := self._writers.get(call_id):
            try:
                writer.write(chunk)
            except StorageError as error:
                self._failed(call_id, error)

    def _finish(self, call_id: UUID) -> RecordingFile | None:
        writer = self._writers.pop(call_id, None)
        if writer is None:
            return None
        recording = writer.close().relative_to(self._folder)
        self._counts["recording_samples_lost"] += writer.lost_samples
        return recording

    def _failed(self, call_id: UUID, error: StorageError) -> None:
        """The call goes on; a writer that was made tries again by itself."""
        self._counts["recording_errors"] += 1
        log.error("recording_failed", call_id=str(call_id), reason=str(error))
