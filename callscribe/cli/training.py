"""`callscribe training`: corrected calls as the data that fine-tuning reads."""

import io
import json
import os
import urllib.parse
import wave
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from asr.resampling import doubled
from callscribe.cli.api import base_url, fetch
from callscribe.config.settings import Settings
from callscribe.domain.errors import CallscribeError, SettingsError
from callscribe.text.training import (
    TRAINING_FORMATS,
    Example,
    TrainingFormat,
    example_of,
    examples_of,
    lines_by_key,
)

RATE = 16_000
_MARGIN_MS = 150
"""Sound kept on either side of an utterance: its borders are not exact."""


@dataclass(frozen=True, slots=True)
class _Lesson:
    """What is learned from a call."""

    call: str
    """Its id."""
    examples: list[Example]


@dataclass(frozen=True, slots=True)
class _Folder:
    """Sounds, and the list of them with their texts."""

    path: Path
    style: TrainingFormat
    lines: dict[str, str]
    """Of the list, by key."""

    @classmethod
    def opened(cls, path: Path, style: TrainingFormat) -> "_Folder":
        """With what an earlier run left there. Raises CallscribeError."""
        known = path / style.file
        try:
            text = known.read_text("utf-8") if known.exists() else ""
            return cls(path, style, lines_by_key(text, style))
        except OSError as error:
            raise CallscribeError(f"{known} cannot be read: {error.strerror}") from error
        except ValueError as error:
            raise CallscribeError(
                f"{known} is no list that this command wrote; name another folder: {error}"
            ) from error

    def add(self, example: Example, pcm: NDArray[np.int16], rate: int) -> None:
        """In place of what the list had of the same utterance. Raises OSError."""
        path = self.path / "wav" / f"{example.key}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_wav(path, pcm if rate == RATE else _wide(pcm))
        named = str(path) if self.style.absolute else str(path.relative_to(self.path))
        self.lines[example.key] = self.style.line(example, named, len(pcm) * 1000 // rate)

    def write_list(self) -> None:
        """Whole or not at all. Raises CallscribeError."""
        path = self.path / self.style.file
        part = path.with_name(f".{path.name}.part")
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            part.write_text("".join(self.lines.values()), "utf-8", newline="")
            os.replace(part, path)
        except OSError as error:
            raise CallscribeError(f"{path} cannot be written: {error.strerror}") from error


def training_command(
    context: typer.Context,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder to write; what it has of the same utterances is replaced.")
    ],
    transcripts: Annotated[
        list[str] | None,
        typer.Argument(help="Transcripts that `callscribe export` wrote and you corrected, or ids of calls."),
    ] = None,
    corrected: Annotated[
        bool, typer.Option("--corrected", help="The utterances that people corrected, of all calls.")
    ] = False,
    trunk: Annotated[str, typer.Option("--trunk", help="With --corrected: of this trunk's calls only.")] = "",
    since: Annotated[
        str, typer.Option("--since", help="With --corrected: of calls from this time on (ISO 8601 with zone).")
    ] = "",
    style: Annotated[str, typer.Option("--format", "-f", help="funasr or whisper.")] = "funasr",
) -> None:
    """Write what fine-tuning reads: each utterance's sound as a 16 kHz WAV, and a list of them with their texts."""
    if style not in TRAINING_FORMATS:
        raise SettingsError(f"--format must be one of {', '.join(TRAINING_FORMATS)}")
    if corrected == bool(transcripts):
        raise SettingsError("name transcripts or calls, or ask for --corrected")
    settings: Settings = context.obj.settings
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    chosen = {name: value for name, value in (("trunk", trunk), ("since", since)) if value}
    lessons = _corrected(settings, chosen) if corrected else (_lesson(settings, name) for name in transcripts or ())
    folder = _Folder.opened(output.absolute(), TRAINING_FORMATS[style])
    total = None if corrected else len(transcripts or ())
    shown = track(lessons, description="writing", total=total, console=console, transient=True)
    try:
        written, masked = _write_lessons(settings, shown, folder, console if corrected else None)
    finally:
        folder.write_list()
    if masked:
        console.print(f"{masked} utterances left out: something of them is masked, so the text is not what is heard")
    console.print(f"{written} utterances in {output / folder.style.file}")


def _corrected(settings: Settings, chosen: Mapping[str, str]) -> Iterator[_Lesson]:
    """What people corrected, call by call. Raises CallscribeError."""
    examples: dict[str, list[Example]] = {}
    query = {**chosen, "limit": "1000"}
    while True:
        page = json.loads(fetch(base_url(settings.web), "/api/v1/corrections", query))
        for pair in page["corrections"]:
            examples.setdefault(pair["call_id"], []).append(example_of(pair))
        if page["cursor"] is None:
            break
        query["cursor"] = page["cursor"]
    yield from (_Lesson(call, found) for call, found in examples.items())


def _lesson(settings: Settings, name: str) -> _Lesson:
    """Raises CallscribeError."""
    document = _transcript(settings, name)
    try:
        return _Lesson(str(document["call"]["id"]), examples_of(document))
    except (ValueError, KeyError, TypeError) as error:
        raise CallscribeError(f"{name} is no transcript that `callscribe export --format json` wrote") from error


def _write_lessons(
    settings: Settings, lessons: Iterable[_Lesson], folder: _Folder, console: Console | None
) -> tuple[int, int]:
    """How many utterances were written, and how many left out because something of them is masked.

    `console`: where calls are told that cannot be read; None: such a one raises CallscribeError.
    """
    written = masked = 0
    for lesson in lessons:
        masked += sum(example.redacted for example in lesson.examples)
        try:
            written += _write_lesson(settings, lesson, folder)
        except CallscribeError as error:
            if console is None:
                raise
            console.print(f"{lesson.call} left out: {error}", markup=False)
    return written, masked


def _write_lesson(settings: Settings, lesson: _Lesson, folder: _Folder) -> int:
    """How many utterances were written. Raises CallscribeError."""
    for example in lesson.examples:
        if not example.learnable:
            folder.lines.pop(example.key, None)
    learnt = [example for example in lesson.examples if example.learnable]
    if not learnt:
        return 0
    rate, channels = _sound(fetch(base_url(settings.web), f"/api/v1/calls/{lesson.call}/audio"))
    try:
        for example, pcm in _cut(learnt, channels, rate):
            folder.add(example, pcm, rate)
    except OSError as error:
        raise CallscribeError(f"{folder.path} cannot be written: {error.strerror}") from error
    return len(learnt)


def _transcript(settings: Settings, name: str) -> dict[str, dict[str, object]]:
    """From a file where there is one of that name, else from the service. Raises CallscribeError."""
    path = Path(name)
    if path.suffix == ".json" or path.is_file():
        try:
            text = path.read_bytes()
        except OSError as error:
            raise CallscribeError(f"{path} cannot be read: {error.strerror}") from error
    else:
        key = urllib.parse.quote(name, safe="")
        text = fetch(base_url(settings.web), f"/api/v1/calls/{key}/transcript", {"format": "json"})
    try:
        document: dict[str, dict[str, object]] = json.loads(text)
    except ValueError as error:
        raise CallscribeError(f"{name} is no JSON") from error
    return document


def _sound(recording: bytes) -> tuple[int, NDArray[np.int16]]:
    """The rate in Hz, and the samples of shape (samples, channels)."""
    with wave.open(io.BytesIO(recording)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, file.getnchannels())
        return file.getframerate(), samples


def _cut(
    examples: list[Example], channels: NDArray[np.int16], rate: int
) -> Iterator[tuple[Example, NDArray[np.int16]]]:
    for example in examples:
        start = max(0, example.start_ms - _MARGIN_MS) * rate // 1000
        yield example, channels[start : (example.end_ms + _MARGIN_MS) * rate // 1000, example.channel]


def _wide(pcm: NDArray[np.int16]) -> NDArray[np.int16]:
    """As the recogniser hears it: upsampled from 8 kHz by the same filter."""
    wide: NDArray[np.int16] = np.clip(np.rint(doubled(pcm.astype(np.float64)) * 32768.0), -32768, 32767).astype(
        np.int16
    )
    return wide


def _write_wav(path: Path, pcm: NDArray[np.int16]) -> None:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, len(pcm), "NONE", ""))
        file.writeframes(pcm.astype("<i2").tobytes())
