"""Scorecards: the rules that quality assurance has for calls, as they are written down in JSON or TOML."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from callscribe.domain.call import Role
from callscribe.domain.language import primary
from callscribe.domain.measures import CallMeasures
from callscribe.text.tokens import tokens
from callscribe.text.visible import LINE

MAX_RULES = 100
MAX_PHRASES = 200
MAX_GAPS = 3
GAP = "*"


class Measure(StrEnum):
    """What a rule can bound."""

    TALK_RATIO = "talk-ratio"
    LONGEST_SILENCE_S = "longest-silence-s"
    OVERTALK_S = "overtalk-s"
    INTERRUPTIONS = "interruptions"
    AGENT_INTERRUPTIONS = "agent-interruptions"
    CUSTOMER_INTERRUPTIONS = "customer-interruptions"
    AGENT_WORDS_PER_MINUTE = "agent-words-per-minute"
    CUSTOMER_WORDS_PER_MINUTE = "customer-words-per-minute"
    HOLD_S = "hold-s"
    LONGEST_HOLD_S = "longest-hold-s"

    def of(self, measures: CallMeasures) -> float | None:
        """Its value; None where the call does not tell it: who interrupts whom, channels must tell apart."""
        match self:
            case Measure.TALK_RATIO:
                return measures.talk_ratio
            case Measure.LONGEST_SILENCE_S:
                return measures.longest_silence.length / 1000
            case Measure.HOLD_S:
                return None if measures.hold_ms is None else measures.hold_ms / 1000
            case Measure.LONGEST_HOLD_S:
                return None if measures.longest_hold is None else measures.longest_hold.length / 1000
            case Measure.OVERTALK_S:
                return measures.overtalk_ms / 1000 if measures.sides > 1 or measures.overtalk_ms else None
            case Measure.AGENT_WORDS_PER_MINUTE:
                return measures.words_per_minute(Role.AGENT)
            case Measure.CUSTOMER_WORDS_PER_MINUTE:
                return measures.words_per_minute(Role.CUSTOMER)
            case Measure.AGENT_INTERRUPTIONS if not measures.of(Role.AGENT):
                return None
            case Measure.CUSTOMER_INTERRUPTIONS if not measures.of(Role.CUSTOMER):
                return None
            case _:
                return len(self.interruptions(measures)) if measures.sides > 1 else None

    def interruptions(self, measures: CallMeasures) -> tuple[tuple[int, int], ...]:
        """Those that it counts as channel and place in milliseconds, in their order; empty for another measure."""
        roles = {
            Measure.INTERRUPTIONS: tuple(Role),
            Measure.AGENT_INTERRUPTIONS: (Role.AGENT,),
            Measure.CUSTOMER_INTERRUPTIONS: (Role.CUSTOMER,),
        }.get(self, ())
        found = (
            (each.channel, start) for each in measures.channels if each.role in roles for start in each.interruptions
        )
        return tuple(sorted(found, key=lambda place: place[1]))


Plain = Annotated[str, Field(pattern=LINE)]


class Written(BaseModel):
    """What all parts of a scorecard share: they are values, and know their keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def _phrase(value: object) -> object:
    return {"text": value} if isinstance(value, str) else value


class WantedPhrase(Written):
    """Words that follow each other, any case and marks; numbers may be words or figures."""

    text: Plain = Field(
        min_length=1,
        max_length=200,
        description=f"`{GAP}` stands for up to 8 words, none too.",
        examples=["thank you * calling"],
    )
    distance: int = Field(
        0, ge=0, le=3, description="Letters in which a word may differ, one for each four that it has at most."
    )

    @field_validator("text")
    @classmethod
    def _has_words(cls, text: str) -> str:
        parts = [part.strip() for part in text.split(GAP)]
        if not all(tokens(part) for part in parts):
            raise ValueError(f"write words, and {GAP} only between them")
        if len(parts) - 1 > MAX_GAPS:
            raise ValueError(f"{GAP} may stand in it {MAX_GAPS} times at most")
        return text


Phrases = Annotated[
    tuple[Annotated[WantedPhrase, BeforeValidator(_phrase, json_schema_input_type=str | WantedPhrase)], ...],
    Field(min_length=1, max_length=MAX_PHRASES, description="Any of these: texts, or objects with a `distance`."),
]
Speaker = Literal["agent", "customer", "any"]
Seconds = Annotated[float, Field(ge=0, le=86_400)]


class BaseRule(Written):
    """What all rules have."""

    name: Plain = Field(min_length=1, max_length=100, examples=["greeting"])
    weight: float = Field(1.0, gt=0, le=1000, description="Its share in the score.")
    critical: bool = Field(False, description="Whether the score is 0 where it fails.")


class PhraseRule(BaseRule):
    """A phrase must be said, or must not; a greeting is one that the agent says within the first seconds."""

    kind: Literal["said", "not-said"]
    phrases: Phrases
    speaker: Speaker = Field("agent", description="By whom.")
    within_s: Seconds | None = Field(None, description="Begun within so many seconds from the call's start.")
    after_s: Seconds | None = Field(None, description="Begun after so many seconds from the call's start.")
    last_s: Seconds | None = Field(None, description="Begun within so many seconds before the call's end.")


class OrderRule(BaseRule):
    """One phrase must be said before another; applies where the other is said."""

    kind: Literal["order"]
    first: Phrases
    then: Phrases
    speaker: Speaker = Field("agent", description="By whom both are said.")


class MeasureRule(BaseRule):
    """A measure of the call must lie within bounds."""

    kind: Literal["measure"]
    measure: Measure = Field(description="`talk-ratio` is the agent's share of the speech, 0 to 1.")
    at_least: float | None = None
    at_most: float | None = None

    @model_validator(mode="after")
    def _bounded(self) -> "MeasureRule":
        if self.at_least is None and self.at_most is None:
            raise ValueError("a rule on a measure needs at_least or at_most")
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise ValueError("at_least is above at_most, so that no call could pass")
        return self


Rule = Annotated[PhraseRule | OrderRule | MeasureRule, Field(discriminator="kind")]


class Scorecard(Written):
    """Rules, and the calls that they are for."""

    trunks: tuple[Plain, ...] = Field((), max_length=200, description="Trunks whose calls it is for; empty: all.")
    languages: tuple[Plain, ...] = Field(
        (), max_length=50, description="ISO 639-1 codes of the calls it is for; empty: all.", examples=[["en"]]
    )
    rules: tuple[Rule, ...] = Field(min_length=1, max_length=MAX_RULES)

    @field_validator("rules")
    @classmethod
    def _told_apart(cls, rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
        if len({rule.name for rule in rules}) < len(rules):
            raise ValueError("each rule needs a name of its own")
        return rules

    def is_for(self, trunk: str, language: str) -> bool:
        """Whether it is for calls of the trunk in the language (a BCP 47 tag, "" where nobody knows it)."""
        wanted = {primary(code) for code in self.languages}
        return (not self.trunks or trunk in self.trunks) and (not wanted or primary(language) in wanted)
