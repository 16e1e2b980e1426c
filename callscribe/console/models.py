"""What the API answers. Times of day are UTC, times within a call are milliseconds from its start."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from callscribe.console.history import has_open_jobs
from callscribe.domain.audio import samples_to_ms
from callscribe.domain.call import Call, CallEnd, CallState, Channel, Dialect, Party, Role
from callscribe.domain.hotword import MAX_HOTWORD_CHARACTERS, MAX_HOTWORDS, MAX_WEIGHT, Hotword, HotwordList
from callscribe.events.schema import CallStarted, CallUpdated, EventChannel, UtteranceFinal, UtterancePartial
from storage.records import CallPage, CallRecord, CallSummary, JobRecord, RecordingFile


class Answer(BaseModel):
    """What all answers share: they are values."""

    model_config = ConfigDict(frozen=True)


class PartyAnswer(Answer):
    """A person or device on a call, as the signalling names it."""

    name: str = Field(description='Display name, "" when the signalling gave none.', examples=["Anna Weber"])
    address: str = Field(description='SIP or tel URI, "" when it is not known.', examples=["sip:1001@pbx.example.com"])

    @classmethod
    def of(cls, party: Party) -> "PartyAnswer":
        return cls(name=party.name, address=party.address)


class ChannelAnswer(Answer):
    """One party's audio within a call."""

    index: int = Field(description="0-based; the channel of the recording and of every utterance.")
    label: str = Field(description='SDP stream label (RFC 4574), "" when there was none.')
    role: Role = Field(description="Which side speaks here, by the trunk's role rule.")
    codec: str = Field(description="RTP encoding name.", examples=["PCMU"])
    party: PartyAnswer | None = Field(description="Who speaks here, null when it is not known.")

    @classmethod
    def of(cls, channel: Channel) -> "ChannelAnswer":
        party = PartyAnswer.of(channel.party) if channel.party else None
        return cls(index=channel.index, label=channel.label, role=channel.role, codec=channel.codec, party=party)


class OutsideIdAnswer(Answer):
    """A name that another system has for the call."""

    kind: str = Field(description="What kind of id it is.", examples=["sip-call-id", "siprec-session", "ucid"])
    value: str


class CallBase(Answer):
    """What every answer about a call has."""

    id: UUID = Field(description="Callscribe's id of the call.")
    state: CallState
    trunk: str = Field(description="Name of the trunk that the call came over.")
    dialect: Dialect = Field(description="How the call reached Callscribe.")
    started_at: datetime = Field(description="When it was answered, UTC.")
    ended_at: datetime | None = Field(description="When it ended, UTC; null while it goes on.")
    duration_ms: int | None = Field(description="Length in milliseconds; null while it goes on.")
    end_reason: str | None = Field(description="Why it ended; null while it goes on.", examples=["bye", "no-media"])
    caller: PartyAnswer
    callee: PartyAnswer
    channels: list[ChannelAnswer]
    outside_ids: list[OutsideIdAnswer]
    quirks: list[str] = Field(description="Codes of deviations in the signalling that were repaired.")


def _base(call: Call, state: CallState, end: CallEnd | None) -> dict[str, object]:
    return {
        "id": call.id,
        "state": state,
        "trunk": call.trunk,
        "dialect": call.dialect,
        "started_at": call.started_at,
        "ended_at": end.ended_at if end else None,
        "duration_ms": samples_to_ms(end.samples, call.sample_rate) if end else None,
        "end_reason": end.reason if end else None,
        "caller": PartyAnswer.of(call.caller),
        "callee": PartyAnswer.of(call.callee),
        "channels": [ChannelAnswer.of(channel) for channel in call.channels],
        "outside_ids": [OutsideIdAnswer(kind=kind, value=value) for kind, value in call.outside_ids.pairs()],
        "quirks": list(call.quirks),
    }


class CallSummaryAnswer(CallBase):
    """A call in a list."""

    utterances: int = Field(description="How many utterances are stored.")
    failed_jobs: int = Field(description="How many jobs of the call were given up.")
    recorded: bool = Field(description="Whether its audio can be fetched.")

    @classmethod
    def of(cls, summary: CallSummary) -> "CallSummaryAnswer":
        counts = {"utterances": summary.utterances, "failed_jobs": summary.failed_jobs, "recorded": summary.recorded}
        return cls.model_validate(_base(summary.call, summary.state, summary.end) | counts)


class CallPageAnswer(Answer):
    """A stretch of the list of calls, newest first."""

    calls: list[CallSummaryAnswer]
    cursor: str | None = Field(description="Pass it as `cursor` for the next stretch; null when this is the last.")

    @classmethod
    def of(cls, page: CallPage) -> "CallPageAnswer":
        return cls(calls=[CallSummaryAnswer.of(summary) for summary in page.calls], cursor=page.cursor)


class JobAnswer(Answer):
    """Work on an ended call."""

    id: UUID
    kind: str = Field(description="What is done.", examples=["second-pass", "recover"])
    state: str = Field(description="queued, running, done, or failed when it was given up.")
    attempts: int = Field(description="How often it was begun.")
    error: str = Field(description='Why the last attempt failed, "" when none did.')
    due_at: datetime = Field(description="When it may be begun (again), UTC.")
    finished_at: datetime | None = Field(description="When it was done or given up, UTC.")

    @classmethod
    def of(cls, job: JobRecord) -> "JobAnswer":
        return cls(
            id=job.id,
            kind=job.kind,
            state=job.state,
            attempts=job.attempts,
            error=job.error,
            due_at=job.due_at,
            finished_at=job.finished_at,
        )


class RecordingAnswer(Answer):
    """The audio of a call: one WAV of 16-bit PCM with a channel for each party."""

    rate_hz: int
    channels: int
    duration_ms: int
    bytes: int

    @classmethod
    def of(cls, recording: RecordingFile) -> "RecordingAnswer":
        return cls(
            rate_hz=recording.rate,
            channels=recording.channels,
            duration_ms=samples_to_ms(recording.samples, recording.rate),
            bytes=recording.bytes,
        )


class CallAnswer(CallBase):
    """Everything about a call but what was said."""

    node: str = Field(description="Name of the node that took the call.")
    parties: list[PartyAnswer] = Field(description="Everyone who was ever named on the call.")
    recording: RecordingAnswer | None = Field(description="null while the call goes on, or when no audio is kept.")
    jobs: list[JobAnswer] = Field(description="Oldest first.")
    processing: bool = Field(description="Whether jobs are left to do: revisions may follow.")
    cost: float = Field(
        description="What paid recognition services ask for it, estimated by the settings' price and in its money."
    )

    @classmethod
    def of(cls, record: CallRecord) -> "CallAnswer":
        return cls.model_validate(
            _base(record.call, record.state, record.end)
            | {
                "node": record.node,
                "parties": [PartyAnswer.of(party) for party in record.parties],
                "recording": RecordingAnswer.of(record.recording) if record.recording else None,
                "jobs": [JobAnswer.of(job) for job in record.jobs],
                "processing": has_open_jobs(record),
                "cost": record.cost,
            }
        )


class LiveCallAnswer(CallBase):
    """A call that goes on now."""

    @classmethod
    def of(cls, call: Call) -> "LiveCallAnswer":
        return cls.model_validate(_base(call, CallState.ACTIVE, None))

    @classmethod
    def of_event(cls, event: CallStarted | CallUpdated) -> "LiveCallAnswer":
        """A call that is in the event streams already and not yet in the database."""
        return cls(
            id=event.call_id,
            state=CallState.ACTIVE,
            trunk=event.trunk,
            dialect=event.dialect,
            started_at=event.started_at,
            ended_at=None,
            duration_ms=None,
            end_reason=None,
            caller=PartyAnswer(name=event.caller.name, address=event.caller.address),
            callee=PartyAnswer(name=event.callee.name, address=event.callee.address),
            channels=[_channel_of(channel) for channel in event.channels],
            outside_ids=[OutsideIdAnswer(kind=kind, value=value) for kind, value in event.outside_ids.items()],
            quirks=[],
        )


def _channel_of(channel: EventChannel) -> ChannelAnswer:
    party = PartyAnswer(name=channel.party.name, address=channel.party.address) if channel.party else None
    return ChannelAnswer(index=channel.index, label=channel.label, role=channel.role, codec=channel.codec, party=party)


Spoken = Annotated[UtteranceFinal | UtterancePartial, Field(discriminator="type")]


class LiveAnswer(Answer):
    """A call that goes on now, with what was said last."""

    call: LiveCallAnswer
    latest: list[Spoken] = Field(
        description="The newest finals, and for each channel that speaks the newest partial, in order of their starts."
    )


class FloorAnswer(Answer):
    """All calls that go on now."""

    at: datetime = Field(description="The server's time, UTC.")
    cursor: str = Field(description="Pass it as `last_event_id` to /live/events: what happens after this answer.")
    calls: list[LiveAnswer] = Field(description="Oldest first.")


class HotwordAnswer(Answer):
    """A word or phrase that a recogniser should prefer."""

    text: str = Field(
        min_length=1, max_length=MAX_HOTWORD_CHARACTERS, description="As it is spoken and should be written."
    )
    weight: float = Field(
        1.0, gt=0, le=MAX_WEIGHT, description="How strongly it is preferred; 1 is the engine's own strength."
    )

    @classmethod
    def of(cls, word: Hotword) -> "HotwordAnswer":
        return cls(text=word.text, weight=word.weight)


class HotwordListAnswer(Answer):
    """A named list of hotwords."""

    id: UUID
    name: str
    words: list[HotwordAnswer]
    languages: list[str] = Field(description="Languages of the calls it is for; empty: all.")
    agents: list[str] = Field(description="Patterns of the agents whose calls it is for; empty: all.")

    @classmethod
    def of(cls, found: HotwordList) -> "HotwordListAnswer":
        words = [HotwordAnswer.of(word) for word in found.words]
        whom = {"languages": list(found.languages), "agents": list(found.agents)}
        return cls(id=found.id, name=found.name, words=words, **whom)


class HotwordListRequest(BaseModel):
    """The words that a list shall have, and the calls it shall be for, in place of those it has."""

    model_config = ConfigDict(extra="forbid")

    words: list[HotwordAnswer] = Field(max_length=MAX_HOTWORDS)
    languages: list[Annotated[str, Field(min_length=2, max_length=3, pattern="^[A-Za-z]+$")]] = Field(
        [], max_length=50, description="ISO 639-1 codes of the calls it is for; empty: all."
    )
    agents: list[Annotated[str, Field(min_length=1, max_length=200)]] = Field(
        [],
        max_length=200,
        description='Shell patterns over the agent\'s address or its user part, such as "1???"; empty: all.',
    )
