"""What sherpa-onnx tells of a text, as words with times and confidences. Pure."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from asr.engine import ENGINE_RATE, DecodedWord, Decoding
from asr.engines.sherpa.vocabulary import SPACE
from callscribe.domain.language import joined, units

UNKNOWN_CONFIDENCE = 0.8
"""Of a word of a model that tells nothing of it."""
_GOES_ON = "@@"
"""With which a Paraformer's piece ends when its word goes on."""
_LONGEST_TOKEN_S = 0.3
"""A token is told with where it was heard, not how long: the last of a word ends with the next, or after so much."""


@dataclass(frozen=True, slots=True)
class Transcript:
    """A text with its tokens; what is told of them is told of each, or of none."""

    text: str
    tokens: Sequence[str]
    times: Sequence[float]
    """Where each was heard, seconds from the start of the audio."""
    durations: Sequence[float] = ()
    """How long, in seconds."""
    log_probabilities: Sequence[float] = ()
    """Natural logarithms."""


def decoding_of(transcript: Transcript, samples: int, state: object = None) -> Decoding:
    """The decoding of so many samples of audio. Words only where the tokens make up the text and have times."""
    text = joined(*units(transcript.text))
    words = tuple(_words(transcript, text, samples))
    return Decoding(
        tokens=(),
        text=text,
        confidence=_confidence(transcript, 0, len(transcript.tokens), words=len(units(text))) if text else 0.0,
        words=words if len(transcript.times) == len(transcript.tokens) else (),
        state=state,
    )


def _words(transcript: Transcript, text: str, samples: int) -> Iterator[DecodedWord]:
    letters = [place for place, token in enumerate(_surfaces(transcript.tokens)) for _ in token]
    said = units(text)
    if len(letters) != sum(map(len, said)) or len(transcript.times) != len(transcript.tokens):
        return
    begin = 0
    for word in said:
        first, last = letters[begin], letters[begin + len(word) - 1]
        begin += len(word)
        start, end = (min(round(place * ENGINE_RATE), samples) for place in _span(transcript, first, last))
        yield DecodedWord(word, start, max(start, end), _confidence(transcript, first, last + 1, words=1))


def _span(transcript: Transcript, first: int, last: int) -> tuple[float, float]:
    """Where the tokens from the first to the last were heard, in seconds."""
    times = transcript.times
    long = transcript.durations[last] if len(transcript.durations) == len(times) else _LONGEST_TOKEN_S
    end = times[last] + long
    return times[first], min(end, times[last + 1]) if last + 1 < len(times) else end


def _confidence(transcript: Transcript, first: int, end: int, words: int) -> float:
    """Chance that the tokens from `first` to before `end` are right, which are so many words."""
    if len(transcript.log_probabilities) != len(transcript.tokens):
        return float(UNKNOWN_CONFIDENCE**words)
    return min(1.0, math.exp(sum(transcript.log_probabilities[first:end])))


def _surfaces(tokens: Sequence[str]) -> Iterator[str]:
    """What each token puts into the text, without blanks; of a character spelled in bytes, the last puts all of it."""
    for spelled, run in groupby(tokens, _is_byte):
        group = list(run)
        if not spelled:
            yield from ("".join(token.removesuffix(_GOES_ON).replace(SPACE, "").split()) for token in group)
            continue
        yield from ("" for _ in group[:-1])
        yield bytes(int(token[3:5], 16) for token in group).decode("utf-8", "replace")


def _is_byte(token: str) -> bool:
    return len(token) == 6 and token.startswith("<0x") and token.endswith(">")
