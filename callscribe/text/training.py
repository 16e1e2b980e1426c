"""Transcripts that people have corrected, as the lines that training reads. Pure.

FunASR's data sets: one JSON object a line with "key", "source", "source_len" in frames of 10 ms, "target" and
"target_len" (https://modelscope.github.io/FunASR/training.html). Whisper's, as Hugging Face's AudioFolder: "file_name"
and what else is known of the file, here "transcription" and "language".
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

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
    redacted: bool
    """Whether something of it is masked: its text is not what is heard there, and the sound is covered."""

    @property
    def learnable(self) -> bool:
        """Whether the text is what is heard."""
        return bool(self.text.strip()) and not self.redacted


def examples_of(document: object) -> list[Example]:
    """The utterances of a transcript in the JSON format, with the texts that stand there now.

    Where somebody has changed an utterance's "text", that is what was said. Raises ValueError for another document.
    """
    try:
        return [_example(utterance) for utterance in _list(document, "utterances")]
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("it is no transcript in Callscribe's JSON format") from error


def example_of(correction: Mapping[str, object]) -> Example:
    """What a person wrote of an utterance, as the API's /corrections tells it. Raises KeyError and ValueError."""
    text = str(correction["text"])
    return Example(
        key=str(correction["utterance_id"]),
        channel=int(str(correction["channel"])),
        start_ms=int(str(correction["start_ms"])),
        end_ms=int(str(correction["end_ms"])),
        text=text,
        spoken=text,
        language=str(correction["language"]),
        redacted=bool(correction["redacted"]),
    )


def _list(document: object, key: str) -> list[dict[str, object]]:
    found = document[key] if isinstance(document, dict) else None
    if not isinstance(found, list):
        raise TypeError(key)
    return found


def _example(utterance: dict[str, object]) -> Example:
    text = str(utterance["text"])
    final = utterance["final"]
    if not isinstance(final, dict):
        raise TypeError("final")
    readings = [final, *_list(utterance, "revisions")]
    newest = readings[-1]
    untouched = newest["text"] == text
    return Example(
        key=str(utterance["utterance_id"]),
        channel=int(str(utterance["channel"])),
        start_ms=int(str(utterance["start_ms"])),
        end_ms=int(str(utterance["end_ms"])),
        text=text,
        spoken=str(newest["spoken"] or text) if untouched else text,
        language=str(utterance["language"]),
        # An earlier release's document does not tell.
        redacted=any(reading.get("redactions") for reading in readings),
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
    key: Callable[[Mapping[str, object]], str]
    """Of an example, from its line. Raises KeyError."""


TRAINING_FORMATS: Mapping[str, TrainingFormat] = {
    "funasr": TrainingFormat("train.jsonl", True, funasr_line, lambda entry: str(entry["key"])),
    "whisper": TrainingFormat(
        "metadata.jsonl", False, whisper_line, lambda entry: PurePosixPath(str(entry["file_name"])).stem
    ),
}


def lines_by_key(text: str, style: TrainingFormat) -> dict[str, str]:
    """The lines of a list, of a key that comes twice the last one. Raises ValueError for what is no list."""
    lines: dict[str, str] = {}
    # A text may hold what `splitlines` takes for the end of a line.
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            entry: dict[str, object] = json.loads(line)
            lines[style.key(entry)] = f"{line}\n"
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"line {number} names no sound") from error
    return lines
