"""`callscribe training`: corrected calls as the data that fine-tuning reads."""

import io
import json
import urllib.parse
import wave
from collections.abc import Iterator
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
from callscribe.text.training import TRAINING_FORMATS, Example, TrainingFormat, examples_of

RATE = 16_000
_MARGIN_MS = 150
"""Sound kept on either side of an utterance: its borders are not exact."""


def training_command(
    context: typer.Context,
    transcripts: Annotated[
        list[str], typer.Argument(help="Transcripts that `callscribe export` wrote and you corrected, or ids of calls.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write; it is added to.")],
    style: Annotated[str, typer.Option("--format", "-f", help="funasr or whisper.")] = "funasr",
) -> None:
    """Write what fine-tuning reads: each utterance's sound as a 16 kHz WAV, and a list of them with their texts."""
    if style not in TRAINING_FORMATS:
        raise SettingsError(f"--format must be one of {', '.join(TRAINING_FORMATS)}")
    console = Console(stderr=True, highlight=False)
    written = 0
    for name in track(transcripts, description="writing", console=console, transient=True):
        written += _write_call(context.obj.settings, name, output.absolute(), TRAINING_FORMATS[style])
    console.print(f"{written} utterances in {output / TRAINING_FORMATS[style].file}")


def _write_call(settings: Settings, name: str, folder: Path, style: TrainingFormat) -> int:
    """Raises CallscribeError."""
    document = _transcript(settings, name)
    try:
        examples = examples_of(document)
        call = str(document["call"]["id"])
    except (ValueError, KeyError, TypeError) as error:
        raise CallscribeError(f"{name} is no transcript that `callscribe export --format json` wrote") from error
    if not examples:
        return 0
    rate, channels = _sound(fetch(base_url(settings.web), f"/api/v1/calls/{call}/audio"))
    try:
        (folder / "wav").mkdir(parents=True, exist_ok=True)
        with (folder / style.file).open("a", encoding="utf-8") as lines:
            for example, pcm in _cut(examples, channels, rate):
                path = folder / "wav" / f"{example.key}.wav"
                _write_wav(path, pcm if rate == RATE else _wide(pcm))
                named = str(path) if style.absolute else str(path.relative_to(folder))
                lines.write(style.line(example, named, len(pcm) * 1000 // rate))
    except OSError as error:
        raise CallscribeError(f"{folder} cannot be written: {error.strerror}") from error
    return len(examples)


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
