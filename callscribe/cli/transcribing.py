"""`callscribe transcribe`: audio files to text on this machine, without a running service.

One channel is one party, but where a file has only one: there the speakers are told apart.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated
from uuid import UUID, uuid4

import typer
from rich.console import Console
from rich.progress import Progress, TaskID

from asr.combination import revision_of
from asr.diarization.attribution import attribute
from asr.diarization.engine import load_diarizer
from asr.diarization.turns import SpeakerCount
from asr.files import AudioFile, read_audio
from asr.offline import OfflineOptions, transcribe
from asr.passes import second_pass_of
from callscribe.config.settings import Settings
from callscribe.domain.call import Call, CallState, Channel, Dialect, Party, Role
from callscribe.domain.errors import SettingsError
from callscribe.domain.speaker import MOST_SPEAKERS
from callscribe.domain.transcript import Final, Revision, utterance_id
from callscribe.domain.utterance import Transcript, Utterance
from callscribe.text.formats import FORMATS, render

console = Console(stderr=True, highlight=False)


def transcribe_command(
    context: typer.Context,
    paths: Annotated[
        list[Path], typer.Argument(help="Audio files; each channel is one party, an only one all of them.")
    ],
    style: Annotated[str, typer.Option("--format", "-f", help="txt, json, srt, vtt or vcon.")] = "txt",
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
    second_pass: Annotated[bool, typer.Option("--second-pass", help="Decode again with the second pass.")] = False,
    language: Annotated[
        str, typer.Option("--language", "-l", help="Language that is spoken; auto: the engine finds out.")
    ] = "en",
    speakers: Annotated[
        str, typer.Option("--speakers", help="People on the only channel of a mono file; auto: they are counted.")
    ] = "auto",
) -> None:
    """Transcribe audio files."""
    settings: Settings = context.obj.settings
    count = speaker_count(speakers, settings)
    style = "json" if as_json else style
    if style not in FORMATS:
        raise SettingsError(f"--format must be one of {', '.join(FORMATS)}")
    for path in paths:
        transcript = transcribe_file(settings, path, language, second_pass=second_pass, speakers=count)
        if len(paths) > 1 and style == "txt":
            typer.echo(f"# {path}")
        typer.echo(render(transcript, style), nl=False)


def speaker_count(text: str, settings: Settings) -> SpeakerCount:
    """How many people speak, as `--speakers` tells; "auto": as the settings say. Raises SettingsError."""
    try:
        return settings.diarization.speakers if text == "auto" else SpeakerCount(int(text) or -1)
    except ValueError:
        raise SettingsError(f"--speakers must be auto or a number from 1 to {MOST_SPEAKERS}") from None


def transcribe_file(
    settings: Settings, path: Path, language: str, *, second_pass: bool, speakers: SpeakerCount
) -> Transcript:
    """Decode a file as the live recogniser would, and again if asked; tell speakers apart where it has one channel.

    Raises UnreadableAudio, EngineUnavailable, and RecognitionError for a language that the engine does not know.
    """
    audio = read_audio(path)
    call = _call_of(audio)
    with Progress(console=console, transient=True) as progress:
        finals = _first_pass(settings, audio, language, progress, path.name)
        revisions = _second_pass(settings, call.id, audio, finals, progress) if second_pass else {}
    utterances = [
        Utterance(name := utterance_id(call.id, final.channel, final.start), final, revisions.get(name, ()))
        for final in sorted(finals, key=lambda final: (final.start, final.channel))
    ]
    if len(audio.channels) == 1 and settings.diarization.enabled and speakers.bounds[1] > 1 and utterances:
        turns = load_diarizer(settings.diarization).diarize(audio.channels[0], audio.rate, speakers)
        utterances = [*attribute(utterances, turns, audio.rate)] or utterances
    ended_at = call.started_at + timedelta(seconds=audio.seconds)
    return Transcript(call, CallState.ENDED, ended_at, tuple(utterances))


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


def _first_pass(settings: Settings, audio: AudioFile, language: str, progress: Progress, name: str) -> list[Final]:
    finals: list[Final] = []
    task = progress.add_task(name, total=len(audio.channels))
    for index, pcm in enumerate(audio.channels):
        options = OfflineOptions(
            channel=index,
            language=language,
            endpoint=settings.recognizer.endpoint,
            recognizer=settings.recognizer,
        )
        finals += transcribe(pcm, audio.rate, options, _advance(progress, task, index))
    return finals


def _advance(progress: Progress, task: TaskID, channels_done: int) -> Callable[[float], None]:
    return lambda share: progress.update(task, completed=channels_done + share)


def _second_pass(
    settings: Settings, call_id: UUID, audio: AudioFile, finals: Sequence[Final], progress: Progress
) -> dict[UUID, tuple[Revision, ...]]:
    engine = second_pass_of(settings.second_pass, settings.recognizer)
    revisions: dict[UUID, tuple[Revision, ...]] = {}
    known = [final for final in finals if engine.knows(final.language)]
    heard = sorted({(final.channel, final.language) for final in known})
    for index, language in progress.track(heard, description="second pass"):
        said = [final for final in known if (final.channel, final.language) == (index, language)]
        said.sort(key=lambda final: final.confidence)
        pcm, spans = audio.channels[index], [(final.start, final.end) for final in said]
        texts = engine.weigh(pcm, audio.rate, spans, said, engine.revise(pcm, audio.rate, spans, language))
        for final, text in zip(said, texts, strict=True):
            if text is not None:
                name = utterance_id(call_id, index, final.start)
                revisions[name] = (revision_of(final, name, text, engine.engine),)
    return revisions
