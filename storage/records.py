"""What storage takes and gives beyond the domain's values: call records, jobs and recordings."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from uuid import UUID, uuid5

from callscribe.domain.call import Call, CallEnd, CallState, Party
from callscribe.domain.measures import CallMeasures


class JobKind(StrEnum):
    """What a job does with an ended call."""

    SECOND_PASS = "second-pass"
    """Decodes the recording again and writes revisions."""
    RECOVER = "recover"
    """Decodes the stretches that were recorded but not transcribed, and writes finals."""
    DIARIZE = "diarize"
    """Tells the speakers of a channel apart, and cuts its utterances where the speaker changes."""
    BLEEP = "bleep"
    """Puts a tone into the recording over what is redacted in the text."""
    EVALUATE = "evaluate"
    """Measures the call, and scores it."""

    @staticmethod
    def of_recordings() -> "frozenset[JobKind]":
        """Those that need the call's recording."""
        return frozenset(JobKind) - {JobKind.EVALUATE}


class JobState(StrEnum):
    """Where a job is in its life."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class DeliveryState(StrEnum):
    """Where a delivery to a webhook is in its life."""

    QUEUED = "queued"
    DONE = "done"
    DEAD = "dead"
    """Given up."""


@dataclass(frozen=True, slots=True)
class ChannelRange:
    """A stretch of one channel."""

    channel: int
    start: int
    """Samples from the start of the call."""
    end: int
    """Samples from the start of the call, exclusive."""

    def __post_init__(self) -> None:
        if self.channel < 0 or not 0 <= self.start <= self.end:
            raise ValueError("a channel range needs channel >= 0 and 0 <= start <= end")


@dataclass(frozen=True, slots=True)
class JobIntent:
    """A job that shall exist. Writing the same id again changes nothing."""

    id: UUID
    kind: JobKind
    ranges: tuple[ChannelRange, ...] = ()
    """For JobKind.RECOVER: what to decode."""
    priority: int = 0
    """Of due jobs the lowest go first: above 0 what is done again for many old calls: new ones need not wait for it."""

    @staticmethod
    def of(call_id: UUID, kind: JobKind, ranges: tuple[ChannelRange, ...] = ()) -> "JobIntent":
        """The one job of this kind that a call has: its id is made of both, so a replay makes no second one."""
        return JobIntent(uuid5(call_id, kind), kind, ranges)


@dataclass(frozen=True, slots=True)
class RecordingFile:
    """A call's WAV: 16-bit PCM, all channels interleaved."""

    path: Path
    """As the writer was given it; in the database relative to the recordings folder."""
    rate: int
    """Hz."""
    channels: int
    samples: int
    """Samples of each channel."""
    bytes: int
    """Size of the file, header included."""

    def relative_to(self, folder: Path) -> "RecordingFile":
        """The same file named relative to the recordings folder. Raises ValueError when it lies elsewhere."""
        return replace(self, path=self.path.relative_to(folder))

    def under(self, folder: Path) -> "RecordingFile":
        """The same file, its path joined to the recordings folder."""
        return replace(self, path=folder / self.path)


@dataclass(frozen=True, slots=True)
class JobWork:
    """A job that the caller has begun and must complete or fail."""

    id: UUID
    kind: JobKind
    call: Call
    node: str
    recording: RecordingFile | None
    """Its path relative to the recordings folder; None when the call has no recording."""
    ranges: tuple[ChannelRange, ...]
    attempt: int
    """1 for the first."""
    spent: bool = False
    """Whether its worker was lost at the last attempt: it must be given up."""


@dataclass(frozen=True, slots=True)
class JobRecord:
    """A job as a reader sees it. Times are aware UTC."""

    id: UUID
    call_id: UUID
    kind: JobKind
    state: JobState
    attempts: int
    error: str
    """Why the last attempt failed, one sentence; "" when none did."""
    due_at: datetime
    created_at: datetime
    started_at: datetime | None
    """When the last attempt began."""
    finished_at: datetime | None
    """When it was done or given up."""


@dataclass(frozen=True, slots=True)
class CallFilter:
    """Which calls to list. Every condition that is given must hold."""

    state: CallState | None = None
    trunk: str | None = None
    since: datetime | None = None
    """Calls that started at or after this aware time."""
    until: datetime | None = None
    """Calls that started before this aware time."""
    outside_id: str | None = None
    """Value of an outside id of any kind."""
    conversation: UUID | None = None
    """Conversation that the calls record."""
    score_from: float | None = None
    """Least score, 0 to 100."""
    score_to: float | None = None
    """Greatest score."""
    failed_rule: str | None = None
    """Name of a scorecard's rule that the call failed."""


@dataclass(frozen=True, slots=True)
class CallSummary:
    """One line of a list of calls."""

    call: Call
    state: CallState
    end: CallEnd | None
    """None while the call goes on."""
    utterances: int
    failed_jobs: int
    recorded: bool
    conversation: UUID
    """The id of the first call that records the conversation; the call's own where it is alone."""
    duplicate_of: UUID | None = None
    """The call that brings the same audio."""
    measures: CallMeasures | None = None
    """None where it has not been evaluated."""
    score: float | None = None
    """callscribe.domain.scores.Evaluation.score."""


@dataclass(frozen=True, slots=True)
class CallPage:
    """A stretch of a list of calls, newest first."""

    calls: tuple[CallSummary, ...]
    cursor: str | None
    """What to pass for the next page; None when this is the last."""


@dataclass(frozen=True, slots=True)
class CallRecord:
    """Everything about a call but its utterances."""

    call: Call
    node: str
    state: CallState
    end: CallEnd | None
    """None while the call goes on."""
    parties: tuple[Party, ...]
    """Everyone who was ever named on the call: the caller, the callee, then the others."""
    recording: RecordingFile | None
    """Its path relative to the recordings folder."""
    jobs: tuple[JobRecord, ...]
    """Oldest first."""
    conversation: UUID
    """As in CallSummary."""
    duplicate_of: UUID | None = None
    """As in CallSummary."""
    linked: tuple[UUID, ...] = ()
    """The other calls that record the conversation, oldest first."""
    cost: float = 0.0
    """What paid services ask for its finals and revisions, about; in the money of the settings' price."""
    held: bool = False
    """A legal hold is on it, or on another that records the conversation."""
    audio_expired_at: datetime | None = None
    """When retention removed its recording, aware UTC."""
    text_expired_at: datetime | None = None
    """When retention removed what was said and by whom, aware UTC."""
    measures: CallMeasures | None = None
    """As in CallSummary."""
    score: float | None = None
    """As in CallSummary."""
