"""Assist rules as they are written down in JSON or TOML: when a card is shown, and what stands on it."""

from dataclasses import dataclass
from itertools import permutations
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from callscribe.domain.assist import Severity
from callscribe.domain.language import UNKNOWN, primary
from callscribe.text.assist_patterns import LONGEST, bounded
from callscribe.text.phrases import GAP_WORDS, Form, forms_of
from callscribe.text.scorecard import GAP, Phrases, Plain, Speaker, Written
from callscribe.text.tokens import tokens
from callscribe.text.visible import LINES

MAX_RULES = 200
"""That stand at once: each is held against each word of each call."""
MAX_PHRASES = 50
MAX_NEAR = 4
"""Words that shall stand near each other."""

CardLine = Annotated[str, Field(pattern=LINES)]


class PhraseCondition(Written):
    """One of the phrases is said."""

    kind: Literal["phrase"]
    phrases: Annotated[Phrases, Field(max_length=MAX_PHRASES)]

    def forms(self) -> tuple[Form, ...]:
        """How they may have been written."""
        each = (forms_of(tuple(phrase.text.split(GAP)), phrase.distance, GAP_WORDS) for phrase in self.phrases)
        return tuple(form for forms in each for form in forms)


class NearCondition(Written):
    """Words are said near each other."""

    kind: Literal["near"]
    words: tuple[Plain, ...] = Field(
        min_length=2, max_length=MAX_NEAR, description="Words or phrases.", examples=[["cancel", "contract"]]
    )
    apart: int = Field(3, ge=0, le=20, description="So many other words stand between one and the next at most.")
    in_order: bool = Field(False, description="Whether they must be said in this order.")
    distance: int = Field(
        0, ge=0, le=3, description="Letters in which a word may differ, one for each four that it has at most."
    )

    @field_validator("words")
    @classmethod
    def _are_words(cls, words: tuple[str, ...]) -> tuple[str, ...]:
        if not all(tokens(word) for word in words):
            raise ValueError("each must have a letter or a figure")
        return words

    def forms(self) -> tuple[Form, ...]:
        """Every order that counts."""
        orders = (self.words,) if self.in_order else tuple(permutations(self.words))
        return tuple(form for order in orders for form in forms_of(order, self.distance, self.apart))


class PatternCondition(Written):
    """A regular expression matches within one utterance, whatever the case of letters."""

    kind: Literal["pattern"]
    pattern: Plain = Field(
        min_length=1,
        max_length=LONGEST,
        description="As RE2 has them: without look-around and back references; \\b, \\w and \\d know ASCII only.",
        examples=[r"\border (number|no) \d{6}\b"],
    )

    @field_validator("pattern")
    @classmethod
    def _is_bounded(cls, pattern: str) -> str:
        bounded(pattern)
        return pattern


class SilenceCondition(Written):
    """Nobody says anything for so long."""

    kind: Literal["silence"]
    seconds: float = Field(ge=2, le=3600)


class TalkOverCondition(Written):
    """Agent and customer speak at once for so long."""

    kind: Literal["talk-over"]
    seconds: float = Field(ge=1, le=60)


class EmotionCondition(Written):
    """Somebody sounds so, where the engine tells."""

    kind: Literal["emotion"]
    emotions: tuple[Plain, ...] = Field(
        min_length=1, max_length=20, description="In small letters, as the engine names them.", examples=[["angry"]]
    )


Phrased = PhraseCondition | NearCondition
"""What is looked for word by word."""
Condition = Annotated[
    PhraseCondition | NearCondition | PatternCondition | SilenceCondition | TalkOverCondition | EmotionCondition,
    Field(discriminator="kind"),
]


class AssistRule(Written):
    """When a card is shown, and what stands on it."""

    trunks: tuple[Plain, ...] = Field((), max_length=200, description="Trunks whose calls it is for; empty: all.")
    languages: tuple[Plain, ...] = Field(
        (), max_length=50, description="ISO 639-1 codes of the calls it is for; empty: all.", examples=[["en"]]
    )
    when: Condition
    speaker: Speaker = Field("any", description="By whom it is said.")
    title: Plain = Field(min_length=1, max_length=100, examples=["Offer the keep-me discount"])
    text: CardLine = Field("", max_length=1000, description="Plain text; line ends stay.")
    link: str = Field(
        "", max_length=500, pattern=r"^(https?://[^\s\x00-\x1f\x7f-\x9f]+)?$", description="An http or https URL."
    )
    severity: Severity = Severity.INFO
    cool_down_s: float = Field(
        30, ge=0, le=86_400, description="For so long after a card the rule shows no other on the call."
    )
    once: bool = Field(False, description="Whether it shows one card on a call at most.")

    @model_validator(mode="after")
    def _somebody_speaks(self) -> "AssistRule":
        if isinstance(self.when, SilenceCondition | TalkOverCondition) and self.speaker != "any":
            raise ValueError("a silence and a talk-over are no one speaker's: leave speaker out")
        return self

    def is_for(self, trunk: str, language: str) -> bool:
        """Whether it is for calls of the trunk in the language (a BCP 47 tag, or UNKNOWN: any)."""
        spoken = (UNKNOWN, *map(primary, self.languages))
        return (not self.trunks or trunk in self.trunks) and (not self.languages or primary(language) in spoken)


@dataclass(frozen=True, slots=True)
class NamedRule:
    """A version of a rule."""

    name: str
    version: int
    rule: AssistRule
