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
        self._work: queue.Queue[Callable[[], None] | None] = queue.Queue(maxsize=QUEUE_CHUNKS)
        self._writers: dict[UUID, RecordingWriter] = {}
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self._counts = {"recording_chunks_dropped": 0, "recording_errors": 0}

    def start(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._thread.start()

    def stop(self) -> None:
        """Write what is queued and end the thread; recordings still open are repaired at the next start."""
        self._work.put(None)
        self._thread.join(timeout=30)

    def counters(self) -> dict[str, int]:
        return dict(self._counts)

    def begin(self, call: Call) -> None:
        """Open the call's recording, or give it the channels that joined."""
        self._put(lambda: self._begin(call))

    def write(self, call_id: UUID, chunk: AudioChunk) -> None:
        """Queue a chunk; when the disk is hopelessly behind, the chunk is dropped and counted."""
        self._put(lambda: self._write(call_id, chunk))

    def finish(self, call_id: UUID) -> Future[RecordingFile | None]:
        """Close the recording. The future's result is None when the call has no usable recording."""
        closed: Future[RecordingFile | None] = Future()
        # Waits for room rather than drop: a call's end must always be written.
        self._work.put(lambda: closed.set_result(self._finish(call_id)))
        return closed

    def _put(self, work: Callable[[], None]) -> None:
        try:
            self._work.put_nowait(work)
        except queue.Full:
            self._counts["recording_chunks_dropped"] += 1

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            work()

    def _begin(self, call: Call) -> None:
        writer = self._writers.get(call.id)
        try:
            if writer is None:
                path = self._folder / recording_path(call)
                self._writers[call.id] = RecordingWriter(path, call.sample_rate, len(call.channels))
                return
            while writer.channels < len(call.channels):
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
        if writer := self._writers.pop(call_id, None):
            try:
                return writer.close().relative_to(self._folder)
            except StorageError as error:
                self._failed(call_id, error)
        return None

    def _failed(self, call_id: UUID, error: StorageError) -> None:
        """The call goes on; its writer tries again by itself."""
        self._counts["recording_errors"] += 1
        log.error("recording_failed", call_id=str(call_id), reason=str(error))
