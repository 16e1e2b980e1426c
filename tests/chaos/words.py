"""What a channel was understood to say, held against what it had said when it was cut off."""

import json
from collections.abc import Sequence
from functools import cache
from importlib.resources import files

from tests.acceptance.service import Json
from tests.acceptance.speech import RATE
from tests.wer import normalise, word_error_rate

LIMIT = 0.2
"""Word errors a word."""
AT_A_CUT = 3
"""Words that may be wrong or missing where a channel was cut off in the middle of a turn."""


@cache
def _turns() -> Sequence[Json]:
    reference = json.loads((files("callscribe.cli") / "media" / "demo-call.json").read_text())
    return tuple(reference["turns"])


def misheard(turns: int, channel: int, end: int | None, heard: Sequence[Json]) -> str:
    """What is wrong with a channel's utterances; "" where nothing is. `end`: the sample at which it was cut off."""
    ends = 0
    for said in sorted(heard, key=lambda said: int(said["start_ms"])):
        if said["start_ms"] < ends:
            return "an utterance begins before the one before it ends"
        ends = said["end_ms"]
    text = " ".join(str(said["text"]) for said in heard)
    whole, cut = _spoken(turns, channel, end)
    least = min(_errors(whole + cut[:kept], text) for kept in range(len(cut) + 1))
    early = _fewest(whole, cut, text) if cut else 0
    allowed = LIMIT * len(whole + cut) + (AT_A_CUT if end is not None else 0)
    if least > allowed or early > AT_A_CUT:
        spoken = f"{' '.join(whole)} | {' '.join(cut)}"
        return f"{least:.0f} word errors, {early} words short of the cut: {text!r} for {spoken!r}"
    return ""


def _spoken(turns: int, channel: int, end: int | None) -> tuple[list[str], list[str]]:
    """The words of turns that were spoken to their end, and of the one that was cut off those that may be heard."""
    whole: list[str] = []
    for turn in (turn for turn in _turns()[:turns] if turn["channel"] == channel):
        words = normalise(turn["text"]).split()
        if end is None or turn["end_ms"] <= 1000 * end / RATE:
            whole += words
        elif turn["start_ms"] < 1000 * end / RATE:
            share = (1000 * end / RATE - turn["start_ms"]) / (turn["end_ms"] - turn["start_ms"])
            return whole, words[: round(share * len(words)) + 1]
    return whole, []


def _errors(reference: Sequence[str], text: str) -> float:
    if not reference:
        return len(normalise(text).split())
    return word_error_rate([" ".join(reference)], [text]) * len(reference)


def _fewest(whole: Sequence[str], cut: Sequence[str], text: str) -> int:
    """How many words before the cut the text ends."""
    errors = {kept: _errors([*whole, *cut[:kept]], text) for kept in range(len(cut) + 1)}
    return len(cut) - max(kept for kept, count in errors.items() if count == min(errors.values()))
