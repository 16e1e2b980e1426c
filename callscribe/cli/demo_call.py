"""The call of `callscribe demo`: its sound, and what is said in it."""

from collections import defaultdict
from importlib.resources import as_file, files

from pydantic import BaseModel

from asr.files import AudioFile, read_audio

LANGUAGE = "en"


class _Turn(BaseModel):
    """A stretch of the reference text."""

    channel: int
    text: str


class _Reference(BaseModel):
    """What is said."""

    turns: list[_Turn]


def sound() -> AudioFile:
    """The agent's channel and the customer's, at 8 kHz."""
    with as_file(files("callscribe.cli") / "media" / "demo-call.wav") as path:
        return read_audio(path)


def said_by_channel() -> dict[int, str]:
    """The words of each channel."""
    reference = _Reference.model_validate_json((files("callscribe.cli") / "media" / "demo-call.json").read_bytes())
    turns: dict[int, list[str]] = defaultdict(list)
    for turn in reference.turns:
        turns[turn.channel].append(turn.text)
    return {channel: " ".join(texts) for channel, texts in turns.items()}
