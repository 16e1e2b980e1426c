"""Transcripts that people have corrected, as the lines that training reads. Pure.

FunASR's data sets: one JSON object a line with "key", "source", "source_len" in frames of 10 ms, "target" and
"target_len" (https://modelscope.github.io/FunASR/training.html). Whisper's, as Hugging Face's AudioFolder: "file_name"
and what else is known of the file, here "transcription" and "language".
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from callscribe.domain.language import joined, units

_FRAME_MS = 10
_MARKS = re.compile(r"(?!(?<=\w)['’](?=\w))[^\w\s]|_")
"""All but what stands inside a word, as in "don't"."""


@dataclass(frozen=True, slots=True)
class Example:
    """An utterance to learn from."""

    key: str
    channel: int
    start_ms: int
    end_ms: int
    text: str
    """As it is to be written."""
    spoken: str
    """As it was said: numbers in words."""
    language: str


def examples_of(document: object) -> list[Example]:
    """The utterances of a transcript in the JSON format, with the texts that stand there now.

    Where somebody has changed an utterance's "text", that is what was said. Raises ValueError for another document.
    """
    try:
        return [_example(utterance) for utterance in _list(document, "utterances") if str(utterance["text"]).strip()]
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("it is no transcript in Callscribe's JSON format") from error


def _list(document: object, key: str) -> list[dict[str, object]]:
    found = document[key] if isinstance(document, dict) else None
    if not isinstance(found, list):
        raise TypeError(key)
    return found


def _example(utterance: dict[str, object]) -> Example:
    text = str(utterance["text"])
    readings = [utterance["final"], *_list(utterance, "revisions")]
    newest = readings[-1]
    if not isinstance(newest, dict):
        raise TypeError("final")
    untouched = newest["text"] == text
    return Example(
        key=str(utterance["utterance_id"]),
        channel=int(str(utterance["channel"])),
        start_ms=int(str(utterance["start_ms"])),
        end_ms=int(str(utterance["end_ms"])),
        text=text,
        spoken=str(newest["spoken"] or text) if untouched else text,
        language=str(utterance["language"]),
    )


def funasr_line(example: Example, file: str, length_ms: int) -> str:
    """For Paraformer and SenseVoice: small letters, no marks. `file` is the sound, `length_ms` how long it is."""
    tokens = units(_MARKS.sub(" ", example.spoken.lower()))
    return _line(
        {
            "key": example.key,
            "source": file,
            "source_len": length_ms // _FRAME_MS,
            "target": joined(*tokens),
            "target_len": len(tokens),
            "text_language": example.language,
        }
    )


def whisper_line(example: Example, file: str, _length_ms: int) -> str:
    """For Whisper: the text as it is to be written."""
    return _line({"file_name": file, "transcription": example.text, "language": example.language})


def _line(entry: dict[str, object]) -> str:
    return json.dumps(entry, ensure_ascii=False) + "\n"


@dataclass(frozen=True, slots=True)
class TrainingFormat:
    """What one kind of training reads."""

    file: str
    """Name of the list."""
    absolute: bool
    """Whether it names sounds by their whole paths."""
    line: Callable[[Example, str, int], str]


TRAINING_FORMATS: Mapping[str, TrainingFormat] = {
    "funasr": TrainingFormat("train.jsonl", True, funasr_line),
    "whisper": TrainingFormat("metadata.jsonl", False, whisper_line),
}
