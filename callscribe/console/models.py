"""What the API answers. Times of day are UTC, times within a call are milliseconds from its start."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from callscribe.console.answer import Answer
from callscribe.console.history import has_open_jobs
from callscribe.console.measured import MeasuresAnswer
from callscribe.domain.audio import samples_to_ms
from callscribe.domain.call import Call, CallEnd, CallState, Channel, ChannelMedia, Dialect, Party, Role
from callscribe.domain.hotword import MAX_HOTWORD_CHARACTERS, MAX_HOTWORDS, MAX_WEIGHT, Hotword
from callscribe.domain.hotword_lists import HotwordList
from callscribe.events.parts import EventChannel, EventPause
from callscribe.events.schema import Described
from storage.records import CallPage, CallRecord, CallSummary, JobRecord, RecordingFile


class PartyAnswer(Answer):
    """A person or device on a call, as the signalling names it."""

    name: str = Field(description='Display name, "" when the signalling gave none.', examples=["Anna Weber"])
    address: str = Field(description='SIP or tel URI, "" when it is not known.', examples=["sip:1001@pbx.example.com"])

    @classmethod
    def of(cls, party: Party) -> "PartyAnswer":
        return cls(name=party.name, address=party.address)


class ChannelMediaAnswer(Answer):
    """What a channel received as RTP, in packets."""

    packets: int = Field(description="That came.")
    lost: int = Field(description="That never came.")
    reordered: int = Field(description="That came after a later one.")
    duplicated: int = Field(description="That came twice in a row.")
    discarded: int = Field(description="That were no RTP, or none of the channel's stream.")
    late: int = Field(description="That came too late to be heard.")
    jitter_ms: float = Field(description="Mean interarrival jitter in milliseconds (RFC 3550 section 6.4.1).")
    mos: float | None = Field(
        description="Mean opinion score, 1 (bad) to 4.5, estimated from loss and the jitter buffer's delay by the "
        "E-model (ITU-T G.107, of G.722 G.107.1: the two scales do not compare); null where nothing came or the codec "
        "has no planning values.",
        examples=[4.41],
    )

    @classmethod
    def of(cls, media: ChannelMedia) -> "ChannelMediaAnswer":
        return cls(
            packets=media.packets,
            lost=media.lost,
            reordered=media.reordered,
            duplicated=media.duplicated,
            discarded=media.discarded,
            late=media.late,
            jitter_ms=media.jitter_ms,
            mos=media.mos,
        )


class ChannelAnswer(Answer):
    """One party's audio within a call."""

    index: int = Field(description="0-based; the channel of the recording and of every utterance.")
    label: str = Field(description='SDP stream label (RFC 4574), "" when there was none.')
    role: Role = Field(description="Which side speaks here, by the trunk's role rule.")
    codec: str = Field(description="RTP encoding name.", examples=["PCMU"])
    party: PartyAnswer | None = Field(description="Who speaks here, null when it is not known.")
    media: ChannelMediaAnswer | None = Field(
        description="What came as RTP; null while the call goes on, and where that is not known."
    )

    @classmethod
    def of(cls, channel: Channel, end: CallEnd | None = None) -> "ChannelAnswer":
        party = PartyAnswer.of(channel.party) if channel.party else None
        heard = [ChannelMediaAnswer.of(media) for media in end.media if media.channel == channel.index] if end else []
        return cls(
            index=channel.index,
            label=channel.label,
            role=channel.role,
            codec=channel.codec,
            party=party,
            media=heard[0] if heard else None,
        )


class OutsideIdAnswer(Answer):
    """A name that another system has for the call."""

    kind: str = Field(description="What kind of id it is.", examples=["sip-call-id", "siprec-session", "ucid"])
    value: str


class PauseAnswer(Answer):
    """A stretch of a channel of which nothing is kept, because somebody wanted it so."""

    channel: int = Field(description="Index of the channel.")
    start_ms: int
    end_ms: int | None = Field(description="null while it goes on, and where it went on to the end of the call.")
    by: str = Field(description="Who wanted it: the API, or the signalling of the peer.", examples=["api", "sip"])
    reason: str = Field(description='What for, as the request told; "" where it did not.')

    @classmethod
    def of(cls, pause: EventPause) -> "PauseAnswer":
        return cls(
            channel=pause.channel, start_ms=pause.start_ms, end_ms=pause.end_ms, by=pause.by, reason=pause.reason
        )


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
    quirks: list[str] = Field(description="Codes of deviations in the signalling that were repaired or gone round.")
    pauses: list[PauseAnswer] = Field(description="Stretches that are silent because they were to be, by their starts.")


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
        "channels": [ChannelAnswer.of(channel, end) for channel in call.channels],
        "outside_ids": [OutsideIdAnswer(kind=kind, value=value) for kind, value in call.outside_ids.pairs()],
        "quirks": list(call.quirks),
        "pauses": [PauseAnswer.of(EventPause.of(pause, call.sample_rate)) for pause in call.pauses],
    }


class StoredCall(CallBase):
    """What every answer about a stored call has."""

    conversation: UUID = Field(
        description="Calls that record one conversation share it: the id of the first of them, mostly the call's own."
    )
    duplicate_of: UUID | None = Field(description="The call that brings the same audio to another recorder, or null.")
    score: float | None = Field(description="The lowest of its scorecards' scores, 0 to 100; null where it has none.")
    measures: MeasuresAnswer | None = Field(description="null until the call has ended and was evaluated.")


class CallSummaryAnswer(StoredCall):
    """A call in a list."""

    utterances: int = Field(description="How many utterances are stored.")
    failed_jobs: int = Field(description="How many jobs of the call were given up.")
    recorded: bool = Field(description="Whether its audio can be fetched.")

    @classmethod
    def of(cls, summary: CallSummary) -> "CallSummaryAnswer":
        return cls.model_validate(
            _base(summary.call, summary.state, summary.end)
            | {
                "conversation": summary.conversation,
                "duplicate_of": summary.duplicate_of,
                "score": summary.score,
                "measures": MeasuresAnswer.of(summary.measures) if summary.measures else None,
                "utterances": summary.utterances,
                "failed_jobs": summary.failed_jobs,
                "recorded": summary.recorded,
            }
        )


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


class CallAnswer(StoredCall):
    """Everything about a call but what was said."""

    linked: list[UUID] = Field(description="The other calls that record the same conversation, oldest first.")
    node: str = Field(description="Name of the node that took the call.")
    parties: list[PartyAnswer] = Field(description="Everyone who was ever named on the call.")
    recording: RecordingAnswer | None = Field(description="null while the call goes on, or when no audio is kept.")
    audible: bool = Field(
        description="Whether audio and waveform are given out now, where there are any: on a trunk with redaction "
        "only once what is masked is bleeped."
    )
    jobs: list[JobAnswer] = Field(description="Oldest first.")
    processing: bool = Field(description="Whether jobs are left to do: revisions may follow.")
    cost: float = Field(
        description="What paid recognition services ask for it, estimated by the settings' price and in its money."
    )
    held: bool = Field(description="Whether a legal hold is on its conversation.")
    audio_expired_at: datetime | None = Field(description="When retention removed its recording, UTC, or null.")
    text_expired_at: datetime | None = Field(description="When retention removed what was said and by whom, or null.")

    @classmethod
    def of(cls, record: CallRecord, *, audible: bool) -> "CallAnswer":
        return cls.model_validate(
            _base(record.call, record.state, record.end)
            | {
                "conversation": record.conversation,
                "duplicate_of": record.duplicate_of,
                "score": record.score,
                "measures": MeasuresAnswer.of(record.measures) if record.measures else None,
                "linked": list(record.linked),
                "node": record.node,
                "parties": [PartyAnswer.of(party) for party in record.parties],
                "recording": RecordingAnswer.of(record.recording) if record.recording else None,
                "audible": audible,
                "jobs": [JobAnswer.of(job) for job in record.jobs],
                "processing": has_open_jobs(record),
                "cost": record.cost,
                "held": record.held,
                "audio_expired_at": record.audio_expired_at,
                "text_expired_at": record.text_expired_at,
            }
        )


class LiveCallAnswer(CallBase):
    """A call that goes on now."""

    @classmethod
    def of(cls, call: Call) -> "LiveCallAnswer":
        return cls.model_validate(_base(call, CallState.ACTIVE, None))

    @classmethod
    def of_event(cls, event: Described) -> "LiveCallAnswer":
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
            pauses=[],
        )


def _channel_of(channel: EventChannel) -> ChannelAnswer:
    party = PartyAnswer(name=channel.party.name, address=channel.party.address) if channel.party else None
    return ChannelAnswer(
        index=channel.index, label=channel.label, role=channel.role, codec=channel.codec, party=party, media=None
    )


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
    version: int = Field(description="Grows with every change; texts tell with which they were made.")
    words: list[HotwordAnswer]
    languages: list[str] = Field(description="Languages of the calls it is for; empty: all.")
    agents: list[str] = Field(description="Patterns of the agents whose calls it is for; empty: all.")

    @classmethod
    def of(cls, found: HotwordList) -> "HotwordListAnswer":
        words = [HotwordAnswer.of(word) for word in found.words]
        whom = {"languages": list(found.languages), "agents": list(found.agents)}
        return cls(id=found.id, name=found.name, version=found.version, words=words, **whom)


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
