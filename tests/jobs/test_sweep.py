"""A sweep goes on over what fails, and counts what it removed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID, uuid4

from callscribe.domain.errors import DatabaseUnavailable, EventsUnavailable
from callscribe.jobs.sweep import Sweep
from storage.removal import RemovedFiles
from storage.retention import Expired, KeepTimes

AUDIO, TEXT = KeepTimes(others=1.0), KeepTimes(others=2.0)


@dataclass(slots=True)
class Calls:
    """Calls of which one's text and three's audio are due, unless the database is away."""

    away: bool = False
    forgotten: list[UUID] = field(default_factory=list)

    def expire_audio(self, kept: KeepTimes) -> Expired:
        if self.away:
            raise DatabaseUnavailable
        assert kept is AUDIO
        return Expired(3, RemovedFiles(4, 500), 1)

    def expire_text(self, kept: KeepTimes, forget: Callable[[Sequence[UUID]], object]) -> Expired:
        assert kept is TEXT
        forget([uuid4()])
        return Expired(1)


@dataclass(slots=True)
class Erased:
    """Erased calls, and those of them that were swept."""

    calls: list[UUID] = field(default_factory=list)
    swept: list[UUID] = field(default_factory=list)
    late: bool = False
    """Nothing of them is underway any more."""

    def unswept(self) -> Sequence[UUID]:
        return self.calls

    def settled(self) -> Sequence[UUID]:
        return self.calls if self.late else []

    def note_swept(self, calls: Sequence[UUID]) -> None:
        self.swept += calls


@dataclass(slots=True)
class Words:
    """How often words were forgotten."""

    forgotten: int = 0

    def forget_words(self) -> int:
        self.forgotten += 1
        return 1


@dataclass(slots=True)
class Events:
    """Streams that have something of every call, and a file that is asked for."""

    busy: bool = False
    away: bool = False
    asked: int = 0
    forgotten: list[UUID] = field(default_factory=list)
    told: list[UUID] = field(default_factory=list)
    """Those that were erased."""

    def forget(self, calls: Sequence[UUID]) -> int:
        if self.away:
            raise EventsUnavailable
        self.forgotten += calls
        return len(calls)

    def erase(self, calls: Sequence[UUID], at: datetime) -> int:
        assert at <= datetime.now(UTC)
        self.told += calls
        return self.forget(calls)

    def renew_file(self) -> bool:
        self.asked += 1
        return not self.busy


@dataclass(slots=True)
class Lost:
    """Two calls of a node that is gone, unless nobody knows which nodes run."""

    away: bool = False

    def end_lost(self) -> int:
        if self.away:
            raise EventsUnavailable
        return 2


def test_what_is_removed_is_counted() -> None:
    sweep = Sweep(Calls(), Erased(), Words(), Events(), Lost())
    sweep.sweep(AUDIO, TEXT)
    sweep.sweep(AUDIO, TEXT)
    assert sweep.counters() == {
        "retention_audio_expired": 6,
        "retention_audio_files": 8,
        "retention_audio_bytes": 1000,
        "retention_audio_failures": 2,
        "retention_text_expired": 2,
        "retention_lost_ended": 4,
        "retention_failures": 0,
    }


def test_one_part_that_fails_stops_no_other() -> None:
    sweep = Sweep(Calls(away=True), Erased(), Words(), Events(), Lost(away=True))
    sweep.sweep(AUDIO, TEXT)
    assert (sweep.counters()["retention_failures"], sweep.counters()["retention_text_expired"]) == (2, 1)


def test_erased_calls_are_noted_as_swept_once_their_events_are_gone() -> None:
    erased, events = Erased([uuid4()], late=True), Events()
    Sweep(Calls(), erased, Words(), events, Lost()).sweep(AUDIO, TEXT)
    assert erased.calls[0] in events.forgotten
    # Whoever erased them may not have told it; texts that expired are no erased calls.
    assert events.told == erased.calls
    assert erased.swept == erased.calls


def test_they_stay_to_be_swept_while_the_event_store_is_away() -> None:
    erased = Erased([uuid4()], late=True)
    Sweep(Calls(), erased, Words(), Events(away=True), Lost()).sweep(AUDIO, TEXT)
    assert erased.swept == []


def test_they_stay_to_be_swept_until_the_stores_file_is_written_anew_since() -> None:
    erased, events = Erased([uuid4()], late=True), Events(busy=True)
    sweep = Sweep(Calls(), erased, Words(), events, Lost())
    sweep.sweep(AUDIO, TEXT)
    assert (erased.swept, events.asked) == ([], 1)
    events.busy = False
    sweep.sweep(AUDIO, TEXT)
    assert (erased.swept, events.asked) == (erased.calls, 2)


def test_words_that_only_erased_calls_had_are_forgotten_once_all_is_swept() -> None:
    words = Words()
    Sweep(Calls(), Erased([uuid4()]), words, Events(), Lost()).sweep(AUDIO, TEXT)
    assert words.forgotten == 0
    Sweep(Calls(), Erased([uuid4()], late=True), words, Events(), Lost()).sweep(AUDIO, TEXT)
    assert words.forgotten == 1
