"""What is said between this engine and a FunASR server about one utterance, without a socket. Pure."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol

from callscribe.domain.errors import WireViolation
from callscribe.domain.hotword import Hotword
from callscribe.domain.language import joined

Message = str | bytes
"""A text message, or audio."""

_LEADING_MARKS = ",.;:?!"


@dataclass(frozen=True, slots=True)
class Request:
    """What is wanted of a server for one utterance."""

    live: bool
    """True for text while audio comes, as far as it goes; False for the best text of an utterance that is whole."""
    hotwords: Sequence[Hotword] = ()
    language: str = "en"
    """BCP 47 tag."""


@dataclass(frozen=True, slots=True)
class TimedWord:
    """A word, or a character of a script without blanks."""

    text: str
    start_ms: int
    """From the first sample of the utterance's audio."""
    end_ms: int


@dataclass(frozen=True, slots=True)
class Transcript:
    """What a server has said of an utterance."""

    text: str = ""
    words: tuple[TimedWord, ...] = ()
    """Empty unless the server told the times of all."""


class Stage(Enum):
    """How far a dialogue has come."""

    GOING = auto()
    MAY_BE_OVER = auto()
    """The server may have said its last; only time tells."""
    OVER = auto()


class Dialogue(Protocol):
    """One utterance in a server's protocol."""

    subprotocol: str
    """The WebSocket subprotocol to offer; "": none."""
    block_bytes: int
    """Size of the audio messages."""

    @property
    def stage(self) -> Stage: ...

    @property
    def transcript(self) -> Transcript:
        """All that the server has said so far."""
        ...

    def begin(self, *, accepted: bool) -> list[Message]:
        """What is sent before the audio; `accepted` where the server took the subprotocol."""
        ...

    def end(self) -> list[Message]:
        """What is sent after the audio."""
        ...

    def hear(self, message: str) -> None:
        """A message of the server. Raises WireViolation when it is none of this protocol, and RecognitionError when
        the server says that it failed."""
        ...


def parsed(message: str) -> dict[str, object]:
    """The JSON object of a message. Raises WireViolation."""
    try:
        tree = json.loads(message)
    except (ValueError, RecursionError) as error:
        raise WireViolation("a FunASR server's message is a JSON object") from error
    if not isinstance(tree, dict):
        raise WireViolation("a FunASR server's message is a JSON object")
    return tree


def text_field(tree: dict[str, object], key: str) -> str:
    """A text of a message, "" where it is missing. Raises WireViolation when it is something else."""
    value = tree.get(key)
    if value is not None and not isinstance(value, str):
        raise WireViolation(f"a FunASR server's {key} is a text")
    return value or ""


def followed(text: str, part: str) -> str:
    """A text and what comes after it. FunASR's realtime marks come late: with the beginning of what follows."""
    part = part.strip()
    return text + part if text and part.startswith(tuple(_LEADING_MARKS)) else joined(text, part)
