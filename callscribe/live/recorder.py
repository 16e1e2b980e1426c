"""Writes the calls' audio to disk: one thread a node, so that a slow disk never holds up the event loop."""

import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from uuid import UUID

import structlog

from callscribe.domain.audio import AudioChunk
from callscribe.domain.call import Call
from callscribe.domain.errors import StorageError
from storage.recording_keys import NO_KEYS, RecordingKeys
from storage.recordings import RecordingWriter, recording_path
from storage.records import RecordingFile

log = structlog.get_logger()

QUEUE_CHUNKS = 20_000
"""Chunks of 100 ms that may wait for the disk: 10 s of 100 two-party calls, 32 MB."""


AGAIN_S = 1.0
"""Wait before a recording that could not be made, or not be ended, is tried again."""
HELD_CHUNKS = 1500
"""Of a call whose recording cannot be made, what is kept until it can: a minute of two parties."""
FINISH_S = 60.0
"""How long a recording that has ended waits for room on the disk."""


class Recorder:
    """Keeps one WAV a call. Called from the event loop; the work is done on the recorder's thread, in order."""

    def __init__(self, folder: Path, keys: RecordingKeys = NO_KEYS) -> None:
        self._folder = folder
        self._keys = keys
        self._work: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._writers: dict[UUID, RecordingWriter] = {}
        self._unmade: dict[UUID, tuple[Call, deque[AudioChunk]]] = {}
        """Calls whose recordings could not be made yet, with their audio."""
        self._ending: list[tuple[UUID, Future[RecordingFile | None], float]] = []
        """Recordings that wait for room to be ended, and the time at which they wait no longer."""
        self._again_at = 0.0
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
        self._work.put(lambda: self._finish(call_id, closed, time.monotonic() + FINISH_S))
        return closed

    def _run(self) -> None:
        while True:
            waiting = bool(self._unmade or self._ending)
            with suppress(queue.Empty):
                if (work := self._work.get(timeout=AGAIN_S if waiting else None)) is None:
                    break
                work()
            if waiting and time.monotonic() >= self._again_at:
                self._try_again()
        for call_id, closed, _ in self._ending:
            closed.set_result(self._close(call_id))

    def _try_again(self) -> None:
        """What the disk did not take may find room now."""
        self._again_at = time.monotonic() + AGAIN_S
        for call, _ in tuple(self._unmade.values()):
            self._make(call)
        ending, self._ending = self._ending, []
        for call_id, closed, until in ending:
            self._finish(call_id, closed, until)

    def _begin(self, call: Call) -> None:
        writer = self._writers.get(call.id)
        try:
            if writer is None and call.channels:
                _, held = self._unmade.get(call.id, (call, deque(maxlen=HELD_CHUNKS)))
                self._unmade[call.id] = (call, held)
                self._make(call, complain=True)
            while writer is not None and writer.channels < len(call.channels):
                writer.add_channel()
        except StorageError as error:
            self._failed(call.id, error)

    def _make(self, call: Call, *, complain: bool = False) -> None:
        """Make the call's recording, with what has come of it. Raises StorageError, where it is to `complain`."""
        path = self._folder / recording_path(call)
        try:
            self._writers[call.id] = RecordingWriter(path, call.sample_rate, len(call.channels), self._keys)
        except StorageError:
            if complain:
                raise
            return
        for chunk in self._unmade.pop(call.id)[1]:
            self._write(call.id, chunk)

    def _write(self, call_id: UUID, chunk: AudioChunk) -> None:
        if call_id in self._unmade:
            held = self._unmade[call_id][1]
            if len(held) == HELD_CHUNKS:
                self._counts["recording_samples_lost"] += held[0].samples
            held.append(chunk)
        elif writer := self._writers.get(call_id):
            try:
                writer.write(chunk)
            except StorageError as error:
                self._failed(call_id, error)

    def _finish(self, call_id: UUID, closed: "Future[RecordingFile | None]", until: float) -> None:
        """End the recording, as soon as the disk has all of it, or at the time when it waits no longer."""
        writer = self._writers.get(call_id)
        with suppress(StorageError):
            if writer is not None and writer.waits:
                writer.flush()
        if (call_id in self._unmade or (writer and writer.waits)) and time.monotonic() < until:
            self._ending.append((call_id, closed, until))
        else:
            closed.set_result(self._close(call_id))

    def _close(self, call_id: UUID) -> RecordingFile | None:
        if call_id in self._unmade:
            self._counts["recording_samples_lost"] += sum(chunk.samples for chunk in self._unmade.pop(call_id)[1])
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
