"""`callscribe transcribe`: audio files to text on this machine, without a running service. One channel is one party."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated
from uuid import uuid4

import typer
from rich.console import Console
from rich.progress import Progress

from asr.files import AudioFile, read_audio
from asr.offline import transcribe
from callscribe.config.settings import Settings
from callscribe.domain.call import Call, CallState, Channel, Dialect, Party, Role
from callscribe.domain.errors import SettingsError
from callscribe.domain.transcript import Final, Revision, utterance_id
from callscribe.domain.utterance import Transcript, Utterance
from callscribe.text.formats import FORMATS, render

progress_console = Console(stderr=True, highlight=False)


def transcribe_command(
    context: typer.Context,
    paths: Annotated[list[Path], typer.Argument(help="Audio files; each channel is one party.")],
    style: Annotated[str, typer.Option("--format", "-f", help="txt, json, srt, vtt or vcon.")] = "txt",
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
    second_pass: Annotated[
        bool, typer.Option("--second-pass", help="Decode again with the second-pass engine.")
    ] = False,
) -> None:
    """Transcribe audio files."""
    style = "json" if as_json else style
    if style not in FORMATS:
        raise SettingsError(f"--format must be one of {', '.join(FORMATS)}")
    settings: Settings = context.obj.settings
    for path in paths:
        audio = read_audio(path)
        call = _call_of(audio)
        with Progress(console=progress_console, transient=True) as progress:
            finals = _first_pass(settings, audio, progress, path.name)
            revisions = _second_pass(settings, audio, finals) if second_pass else {}
        utterances = [
            Utterance(name := utterance_id(call.id, final.channel, final.start), final, revisions.get(name, ()))
            for final in sorted(finals, key=lambda final: (final.start, final.channel))
        ]
        if len(paths) > 1 and style == "txt":
            typer.echo(f"# {path}")
        text = render(Transcript(call, CallState.ENDED, datetime.now(UTC), tuple(utterances)), style)
        typer.echo(text, nl=not text.endswith("\n"))


def _call_of(audio: AudioFile) -> Call:
    role = Role.MIXED if len(audio.channels) == 1 else Role.UNKNOWN
    return Call(
        id=uuid4(),
        trunk="file",
        dialect=Dialect.FILE,
        started_at=datetime.now(UTC),
        sample_rate=audio.rate,
        channels=tuple(Channel(index, role=role) for index in range(len(audio.channels))),
        caller=Party(""),
        callee=Party(""),
    )


def _first_pass(settings: Settings, audio: AudioFile, progress: Progress, name: str) -> list[Final]:
    finals: list[Final] = []
    task = progress.add_task(name, total=audio.samples * len(audio.channels))
    for index, pcm in enumerate(audio.channels):
        done = index * audio.samples
        finals += transcribe(
            pcm,
            audio.rate,
            settings.recognizer,
            channel=index,
            on_progress=lambda samples, done=done: progress.update(task, completed=done + samples),
        )
    return finals


def _second_pass(settings: Settings, audio: AudioFile, finals: Sequence[Final]) -> dict[UUID, tuple[Revision, ...]]:
    return {}
