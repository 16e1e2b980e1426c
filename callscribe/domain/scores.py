"""What scorecards find in a call."""

from dataclasses import dataclass
from uuid import UUID

from callscribe.domain.measures import CallMeasures


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where in the call it can be heard."""

    start_ms: int
    """From the call's start."""
    utterance_id: UUID | None = None
    """None where it is in no one utterance, as a silence is."""
    quote: str = ""
    """What was said there, as its newest text has it."""


@dataclass(frozen=True, slots=True)
class RuleResult:
    """What became of one rule."""

    rule: str
    """Its name."""
    weight: float
    critical: bool
    passed: bool | None
    """None where the rule does not apply to the call."""
    reason: str
    """A sentence without what was said."""
    evidence: Evidence | None = None


@dataclass(frozen=True, slots=True)
class CardScore:
    """How a call did by one version of a scorecard."""

    scorecard: str
    """Its name."""
    version: int
    results: tuple[RuleResult, ...]

    @property
    def score(self) -> float | None:
        """The share of the weights that passed, 0 to 100, without rules that do not apply; None where none does.

        0 where a critical rule failed.
        """
        applied = [result for result in self.results if result.passed is not None]
        if not applied:
            return None
        if any(result.critical and not result.passed for result in applied):
            return 0.0
        passed = sum(result.weight for result in applied if result.passed)
        return round(100 * passed / sum(result.weight for result in applied), 2)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What was measured of a call, and how it did by each scorecard that is for it."""

    measures: CallMeasures
    scores: tuple[CardScore, ...] = ()

    @property
    def score(self) -> float | None:
        """The lowest: what quality assurance must see. None where there is none."""
        return min((card.score for card in self.scores if card.score is not None), default=None)

    @property
    def failed_rules(self) -> tuple[str, ...]:
        """Names, each once."""
        failed = (result.rule for card in self.scores for result in card.results if result.passed is False)
        return tuple(dict.fromkeys(failed))
