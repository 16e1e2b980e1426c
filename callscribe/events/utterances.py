"""Events of what is said: partials, finals, revisions, and whose the words are."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, Self
from uuid import UUID

from callscribe.domain.audio import samples_to_ms
from callscribe.domain.call import Call, Role
from callscribe.domain.language import joined
from callscribe.domain.transcript import Final, Partial, Revision, utterance_id
from callscribe.domain.utterance import Utterance
from callscribe.events.parts import (
    EventCorrection,
    EventHotwordList,
    EventRedaction,
    EventTurn,
    EventWord,
    Stamped,
    speaker_of,
)
from callscribe.text.speakers import pieces


@dataclass(frozen=True, slots=True, kw_only=True)
class _Spoken(Stamped):
    """What every utterance event has."""

    channel: int
    """0-based."""
    role: Role
    party: str
    """Name of who speaks, "" when it is not known."""
    utterance_id: UUID
    """The same in all partials, the final and the revisions of one utterance."""
    start_ms: int
    end_ms: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UtterancePartial(_Spoken):
    """An utterance that is still being spoken; each partial replaces the one before."""

    type: Literal["utterance.partial"] = "utterance.partial"
    committed: str
    """The part of `text` that changes seldom."""
    tentative: str
    """The rest of `text`."""
    revision: int
    """1 for the first, growing."""

    @classmethod
    def of(cls, call: Call, partial: Partial, at: datetime) -> Self:
        role, party = speaker_of(call, partial.channel)
        return cls(
            call_id=call.id,
            at=at,
            channel=partial.channel,
            role=role,
            party=party,
            utterance_id=utterance_id(call.id, partial.channel, partial.start),
            start_ms=samples_to_ms(partial.start, call.sample_rate),
            end_ms=samples_to_ms(partial.end, call.sample_rate),
            text=joined(partial.committed, partial.tentative),
            committed=partial.committed,
            tentative=partial.tentative,
            revision=partial.revision,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class UtteranceFinal(_Spoken):
    """A whole utterance as the live engine understood it."""

    type: Literal["utterance.final"] = "utterance.final"
    confidence: float
    """0 to 1."""
    words: tuple[EventWord, ...]
    """As they were spoken; empty where the engine gives no word times."""
    language: str
    engine: str
    spoken: str = ""
    """The text as it was spoken, where `text` writes it otherwise; "": the same."""
    corrections: tuple[EventCorrection, ...] = ()
    """What was replaced in the text after decoding, in its order."""
    emotion: str = ""
    """How the speaker sounded ("happy", "angry"); "" where the engine does not tell."""
    audio_events: tuple[str, ...] = ()
    """What was heard beside speech ("laughter", "music")."""
    cost: float = 0.0
    """What a paid service asks for it, about; in the money of the settings' price."""
    hotword_lists: tuple[EventHotwordList, ...] = ()
    """Those that the engine had been told."""
    redactions: tuple[EventRedaction, ...] = ()
    """Stretches that are masked in all of it, in order of time."""

    @classmethod
    def of(cls, call: Call, final: Final, at: datetime) -> Self:
        role, party = speaker_of(call, final.channel)
        return cls(
            call_id=call.id,
            at=at,
            channel=final.channel,
            role=role,
            party=party,
            utterance_id=utterance_id(call.id, final.channel, final.start),
            start_ms=samples_to_ms(final.start, call.sample_rate),
            end_ms=samples_to_ms(final.end, call.sample_rate),
            text=final.text,
            confidence=final.confidence,
            words=tuple(EventWord.of(word, call.sample_rate) for word in final.words),
            language=final.language,
            engine=final.engine,
            spoken=final.spoken,
            corrections=tuple(EventCorrection.of(made) for made in final.corrections),
            emotion=final.emotion,
            audio_events=final.audio_events,
            cost=final.cost,
            hotword_lists=tuple(map(EventHotwordList.of, final.hotword_lists)),
            redactions=tuple(EventRedaction.of(masked, call.sample_rate) for masked in final.redactions),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class UtteranceRevised(_Spoken):
    """A later, better text of an utterance whose final was published before."""

    type: Literal["utterance.revised"] = "utterance.revised"
    confidence: float
    """0 to 1."""
    words: tuple[EventWord, ...]
    engine: str
    reason: str
    """Why it was made: "second-pass"; "person" and "undone" where `by` tells who wrote it or took that back."""
    replaces: Literal["final"] | int
    """What was the newest text before: the final, or the revision of that number (1 for the first)."""
    spoken: str = ""
    """As a final's."""
    corrections: tuple[EventCorrection, ...] = ()
    """As a final's."""
    cost: float = 0.0
    """As a final's."""
    hotword_lists: tuple[EventHotwordList, ...] = ()
    """As a final's."""
    redactions: tuple[EventRedaction, ...] = ()
    """As a final's."""
    by: str = ""
    """Who wrote it, or took a person's text back; "" where an engine made it."""
    turns: tuple[EventTurn, ...] = ()
    """As those of utterance.speakers, where that was told before."""

    @classmethod
    def of(cls, call: Call, utterance: Utterance, revision: Revision, at: datetime) -> Self:
        """`utterance`: as it was before `revision`."""
        final = utterance.final
        revised = replace(utterance, revisions=(*utterance.revisions, revision))
        role, party = speaker_of(call, final.channel)
        return cls(
            call_id=call.id,
            at=at,
            channel=final.channel,
            role=role,
            party=party,
            utterance_id=utterance.id,
            start_ms=samples_to_ms(final.start, call.sample_rate),
            end_ms=samples_to_ms(final.end, call.sample_rate),
            text=revision.text,
            confidence=revision.confidence,
            words=tuple(EventWord.of(word, call.sample_rate) for word in revision.words),
            engine=revision.engine,
            reason=revision.reason,
            replaces=len(utterance.revisions) or "final",
            spoken=revision.spoken,
            corrections=tuple(EventCorrection.of(made) for made in revision.corrections),
            cost=revision.cost,
            hotword_lists=tuple(map(EventHotwordList.of, revision.hotword_lists)),
            redactions=tuple(EventRedaction.of(masked, call.sample_rate) for masked in revision.redactions),
            by=revision.by,
            turns=_turns(call, revised),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class UtteranceSpeakers(_Spoken):
    """Who speaks in an utterance of a channel that carries several people. It replaces what was told of it before."""

    type: Literal["utterance.speakers"] = "utterance.speakers"
    turns: tuple[EventTurn, ...]
    """The text by its speakers, in order: one where nobody else speaks."""

    @classmethod
    def of(cls, call: Call, utterance: Utterance, at: datetime) -> Self:
        final = utterance.final
        role, party = speaker_of(call, final.channel)
        return cls(
            call_id=call.id,
            at=at,
            channel=final.channel,
            role=role,
            party=party,
            utterance_id=utterance.id,
            start_ms=samples_to_ms(final.start, call.sample_rate),
            end_ms=samples_to_ms(final.end, call.sample_rate),
            text=utterance.text,
            turns=_turns(call, utterance),
        )


def _turns(call: Call, utterance: Utterance) -> tuple[EventTurn, ...]:
    return tuple(EventTurn.of(piece, call.sample_rate) for piece in pieces(utterance))
