"""A search of transcripts: what was said, and where to look."""

from dataclasses import dataclass
from datetime import datetime

from callscribe.domain.access import CallScope
from callscribe.domain.call import Role


@dataclass(frozen=True, slots=True)
class Word:
    """A word as it was typed, any case. If callscribe.text.tokens cuts it into several ("e-mail"), a phrase of them."""

    text: str
    prefix: bool = False
    """True for any word that begins so; of several tokens, the last."""
    fuzzy: bool = False
    """True for words that are spelled alike, too."""


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words that follow each other."""

    words: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class Near:
    """Both within `distance` words of each other, in either order."""

    first: "Word | Phrase"
    second: "Word | Phrase"
    distance: int


@dataclass(frozen=True, slots=True)
class Not:
    """What an utterance must not hold."""

    term: "Term"


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every one of them, in the same utterance."""

    terms: tuple["Term", ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one of them."""

    terms: tuple["Term", ...]


Term = Word | Phrase | Near | Not | AllOf | AnyOf


@dataclass(frozen=True, slots=True)
class SearchFilter:
    """Which utterances of which calls to look at. Every condition that is given must hold, of several values one."""

    roles: tuple[Role, ...] = ()
    """Of who said it; empty: anyone."""
    party: str = ""
    """Part of the name or address of who said it, any case."""
    since: datetime | None = None
    """Said at or after this aware time."""
    until: datetime | None = None
    """Said before this aware time."""
    trunks: tuple[str, ...] = ()
    outside_id: str = ""
    """Value of an outside id of the call, of any kind."""
    languages: tuple[str, ...] = ()
    """ISO 639-1 codes."""
    emotions: tuple[str, ...] = ()
    audio_events: tuple[str, ...] = ()
    longer_than_s: float | None = None
    """Least length of the call."""
    shorter_than_s: float | None = None
    silence_over_s: float | None = None
    """The call has a silence of all channels of at least so long."""
    overtalk_over_s: float | None = None
    """Agent and customer speak at once for at least so long, all in all."""
    score_from: float | None = None
    """Least score of the call, 0 to 100."""
    score_below: float | None = None
    """The call's score is less than this."""
    rules: tuple[str, ...] = ()
    """Names of scorecard rules that the call failed, and of assist rules that gave a card on it (its alerts)."""
    scope: CallScope | None = None
    """Only calls that somebody sees; None: all."""
    older: bool = False
    """Also texts that a later one has replaced; else only the newest of each utterance."""
