"""What Azure has said of one request. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from asr.engines.azure.messages import Message, samples, timestamp
from asr.engines.cloud.service import USUAL_CONFIDENCE, Heard, HeardWord, bared, placed, together
from callscribe.domain.errors import EngineUnavailable, RecognitionError, WireViolation
from callscribe.domain.language import joined, units

_NO_SPEECH = ("nomatch", "initialsilencetimeout", "babbletimeout", "endofdictation")
_REFUSALS = {
    "badrequest": "Azure refuses the request; correct recognizer.azure.languages",
    "forbidden": "Azure does not let this key recognise speech; see to the Speech resource in Azure's portal",
    "toomanyrequests": "the quota of the Speech resource is used up; raise it in Azure's portal, or carry fewer calls",
}


class Turn:
    """One request, and the answers to it."""

    def __init__(self, id: str, *, figures: bool) -> None:
        """`figures`: numbers are to be written in figures."""
        self.id = id
        self.ended = False
        """True when all audio was sent."""
        self.over = False
        """True when the service has said all."""
        self.received: list[tuple[str, str]] = []
        """What came, and when."""
        self._figures = figures
        self._phrases: list[Heard] = []
        self._hypothesis = ""

    @property
    def heard(self) -> Heard:
        """What is understood so far."""
        going_on = [Heard(self._hypothesis, USUAL_CONFIDENCE)] if self._hypothesis else []
        return together([(0, heard) for heard in (*self._phrases, *going_on)], "")

    def take(self, message: Message) -> None:
        """Take a message in; one of another turn is nothing.

        Raises WireViolation when it cannot be read, RecognitionError when the service says that it failed, and
        EngineUnavailable when it will again.
        """
        if message.turn.lower() != self.id:
            return
        self.received.append((message.path, timestamp()))
        match message.path.lower():
            case "speech.hypothesis" | "speech.fragment":
                self._hypothesis = _text(message.body, "Text")
            case "speech.phrase":
                self._hypothesis = ""
                if heard := _phrase(message.body, figures=self._figures):
                    self._phrases.append(heard)
            case "turn.end":
                self.over = True


@dataclass(frozen=True, slots=True)
class _Written:
    """A text, with its words where their times are known."""

    text: str
    words: tuple[HeardWord, ...]


def _phrase(body: dict[str, object], *, figures: bool) -> Heard | None:
    status = _text(body, "RecognitionStatus").lower()
    if status in _NO_SPEECH:
        return None
    if refusal := _REFUSALS.get(status):
        raise EngineUnavailable(refusal)
    if status != "success":
        raise RecognitionError(f"Azure's recogniser failed: {status}")
    rivals = body.get("NBest")
    best = rivals[0] if isinstance(rivals, list) and rivals else {}
    if not isinstance(best, dict):
        raise WireViolation("a text of Azure's recogniser is an object")
    display = _text(best, "Display") or _text(body, "DisplayText")
    if not units(display):
        return None
    confidence = _number(best, "Confidence")
    words = _words(best.get("Words"), confidence)
    written = in_figures(display, words) if figures else spoken(display, words)
    language = body.get("PrimaryLanguage")
    tag = _text(language, "Language") if isinstance(language, dict) else ""
    return Heard(written.text, confidence, written.words, tag)


def spoken(display: str, words: Sequence[HeardWord]) -> _Written:
    """The text as it was spoken: with the capitals and marks of how Azure writes it, and the words where it writes
    figures. Without words there is only what it writes."""
    if not words:
        return _Written(display, ())
    shown = units(display)
    found: list[HeardWord] = []
    for kind, first, last, begin, end in _differences(words, shown):
        for number in range(first, last):
            word = words[number]
            text = shown[begin + number - first] if kind == "equal" else word.text
            found.append(HeardWord(text, word.start, word.end, word.confidence))
        if kind != "equal" and first < last and begin < end:
            mark = _mark(shown[end - 1])
            found[-1] = HeardWord(found[-1].text + mark, found[-1].start, found[-1].end, found[-1].confidence)
    return _Written(joined(*(word.text for word in found)), tuple(found))


def in_figures(display: str, words: Sequence[HeardWord]) -> _Written:
    """The text as Azure writes it; what is written otherwise than spoken shares the time of those words."""
    if not words:
        return _Written(display, ())
    shown = units(display)
    found: list[HeardWord] = []
    for _, first, last, begin, end in _differences(words, shown):
        group = words[first:last]
        previous = found[-1].end if found else 0
        start, stop = (group[0].start, group[-1].end) if group else (previous, previous)
        confidence = min((word.confidence for word in group), default=USUAL_CONFIDENCE)
        for number in range(begin, end):
            one = words[first + number - begin] if last - first == end - begin else None
            edges = [start + (stop - start) * (number + more - begin) // (end - begin) for more in (0, 1)]
            span = (one.start, one.end, one.confidence) if one else (*edges, confidence)
            found.append(HeardWord(shown[number], *span))
    return _Written(joined(*shown), tuple(found))


def _differences(words: Sequence[HeardWord], shown: Sequence[str]) -> Sequence[tuple[str, int, int, int, int]]:
    """How the words become what is shown (difflib's opcodes): "equal" but for capitals and marks, or otherwise."""
    return SequenceMatcher(None, [bared(word.text) for word in words], list(map(bared, shown)), False).get_opcodes()


def _mark(unit: str) -> str:
    """The marks at the end of a unit."""
    return unit[len(unit.rstrip(".,;:?!…。，、；：？！")) :]


def _words(listed: object, confidence: float) -> tuple[HeardWord, ...]:
    """The words as they were spoken, one a unit; empty where any has no time."""
    if not isinstance(listed, list):
        return ()
    found: list[HeardWord] = []
    for entry in listed:
        if not isinstance(entry, dict):
            raise WireViolation("a word of Azure's recogniser is an object")
        text, start = _text(entry, "Word"), samples(entry.get("Offset"))
        sure = _number(entry, "Confidence", confidence)
        word = HeardWord(text, start, start + samples(entry.get("Duration")), sure)
        found += placed(text, [word])
    return tuple(found)


def _text(tree: dict[str, object], key: str) -> str:
    value = tree.get(key, "")
    if not isinstance(value, str):
        raise WireViolation(f"{key} of Azure's recogniser is a text")
    return value.strip()


def _number(tree: dict[str, object], key: str, usual: float = USUAL_CONFIDENCE) -> float:
    value = tree.get(key)
    return min(max(float(value), 0.0), 1.0) if isinstance(value, int | float) else usual
