"""Removes what has been kept long enough, and what still comes of erased calls; ends what lost nodes left open."""

import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Protocol
from uuid import UUID

import structlog

from callscribe.domain.errors import EventsUnavailable, StorageError
from storage.retention import Expired, KeepTimes

log = structlog.get_logger()


class ExpiringCalls(Protocol):
    """Where calls are kept (storage.retention.RetentionStore)."""

    def expire_audio(self, kept: KeepTimes) -> Expired: ...
    def expire_text(self, kept: KeepTimes, forget: Callable[[Sequence[UUID]], object]) -> Expired: ...


class ErasedCalls(Protocol):
    """Where erased calls are known (storage.erasure.ErasureStore)."""

    def unswept(self) -> Sequence[UUID]: ...
    def settled(self) -> Sequence[UUID]: ...
    def note_swept(self, calls: Sequence[UUID]) -> None: ...


class KnownWords(Protocol):
    """The words that texts have, without the texts (storage.search_index.SearchIndex)."""

    def forget_words(self) -> int: ...


class EventStreams(Protocol):
    """What was told of calls (callscribe.events.forgetting). Raises EventsUnavailable."""

    def forget(self, calls: Sequence[UUID]) -> int:
        """Take calls out of the streams; how many streams and entries that were."""

    def erase(self, calls: Sequence[UUID], at: datetime) -> int:
        """The same of erased calls; whoever follows them is told that they were erased, if nobody told it before."""

    def renew_file(self) -> bool:
        """Have the store's file written anew; False: it is being written already, ask again."""


class LostCalls(Protocol):
    """Ends calls of nodes that are gone (callscribe.jobs.node_watch). Raises EventsUnavailable, DatabaseUnavailable."""

    def end_lost(self) -> int: ...


class Sweep:
    """Runs in a thread of its own. Any number of sweeps may run over one database: each call is removed once."""

    def __init__(
        self, calls: ExpiringCalls, erased: ErasedCalls, words: KnownWords, events: EventStreams, lost: LostCalls
    ) -> None:
        self._calls = calls
        self._lost = lost
        self._erased = erased
        self._words = words
        self._events = events
        # Who was killed may have removed something from the streams and not from their store's file.
        self._file_is_stale = True
        self._counts: Counter[str] = Counter()

    def run(self, audio: KeepTimes, text: KeepTimes, every_s: float, stop: threading.Event) -> None:
        """Sweep every `every_s` seconds until `stop` is set, over outages of the database and of the event store."""
        while not stop.wait(every_s):
            self.sweep(audio, text)

    def sweep(self, audio: KeepTimes, text: KeepTimes) -> None:
        """Remove what is due. What fails is tried again by the next sweep; the rest does not wait for it."""
        expired = (partial(self._sweep_audio, audio), partial(self._sweep_text, text))
        parts = (self._end_lost, *expired, self._sweep_erased)
        for part in parts:
            try:
                part()
            except (StorageError, EventsUnavailable) as error:
                self._counts["failures"] += 1
                log.warning("sweep_failed", reason=str(error))

    def counters(self) -> Mapping[str, int]:
        """Since start: calls whose recordings or texts were removed, files and bytes of these recordings, recordings
        that could not be removed, calls that were ended as their node was gone, and parts of sweeps that failed."""
        audio = ("audio_expired", "audio_files", "audio_bytes", "audio_failures")
        names = (*audio, "text_expired", "lost_ended", "failures")
        return {f"retention_{name}": self._counts[name] for name in names}

    def _end_lost(self) -> None:
        self._counts["lost_ended"] += self._lost.end_lost()

    def _sweep_erased(self) -> None:
        """Last, so that the store's file is written anew once, whatever was removed from the streams."""
        # Before the look at the streams: what is settled has come there by then.
        settled = self._erased.settled()
        unswept = self._erased.unswept()
        # Who erased them may have been killed, or found the store away, before it was told.
        if unswept and self._events.erase(unswept, datetime.now(UTC)):
            self._file_is_stale = True
        if (settled or self._file_is_stale) and self._events.renew_file():
            self._file_is_stale = False
            if settled:
                self._erased.note_swept(settled)
                # A long look through all of them: once for calls that were erased together.
                self._words.forget_words()

    def _forget(self, calls: Sequence[UUID]) -> None:
        if calls and self._events.forget(calls):
            self._file_is_stale = True

    def _sweep_audio(self, kept: KeepTimes) -> None:
        expired = self._calls.expire_audio(kept)
        self._counts["audio_expired"] += expired.calls
        self._counts["audio_files"] += expired.files.files
        self._counts["audio_bytes"] += expired.files.bytes
        self._counts["audio_failures"] += expired.failed
        if expired.calls or expired.failed:
            log.info("audio_expired", calls=expired.calls, failed=expired.failed, bytes=expired.files.bytes)

    def _sweep_text(self, kept: KeepTimes) -> None:
        expired = self._calls.expire_text(kept, self._forget)
        self._counts["text_expired"] += expired.calls
        if expired.calls:
            log.info("text_expired", calls=expired.calls)
