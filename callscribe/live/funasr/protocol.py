"""FunASR's WebSocket protocol: what a client tells, and what it is told. Pure: no I/O.

A client's text message is one JSON object, its fields all optional, which may come again at any time; a binary message
is signed 16-bit little-endian mono PCM without a header, of any length. What official clients differ in (strings for
numbers, modes that do not exist, hotwords in five forms) is taken as it is meant.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from callscribe.domain.hotword import Hotword
from callscribe.live.funasr.hotwords import told_hotwords

MAX_MESSAGE_BYTES = 1 << 20
"""No message of a client is longer: what FunASR's own Python server takes."""
SUBPROTOCOL = "binary"
"""The WebSocket subprotocol (RFC 6455 section 1.9) that some clients offer. A browser that offers none must be given
none."""
RATES = (8_000, 16_000)
"""Hz."""
MAX_NAME_CHARACTERS = 200
_RAW_FORMATS = ("", "pcm", "wav")
"""Names of what is sent without a codec; a WAV header is heard as 22 samples of noise."""


class Mode(StrEnum):
    """What a client wants to be told."""

    TWO_PASS = "2pass"
    """Committed words as they come, then each utterance as a whole, in their place."""
    ONLINE = "online"
    """Words as they come, each once."""
    OFFLINE = "offline"
    """Everything in one message, at the end."""


@dataclass(frozen=True, slots=True)
class Config:
    """What a client has told of its audio and its wishes."""

    mode: Mode = Mode.TWO_PASS
    wav_name: str = ""
    wav_format: str = "pcm"
    rate: int = 16_000
    """Hz."""
    figures: bool = True
    """Whether numbers may be written in figures where the trunk does so (`itn`)."""
    hotwords: tuple[Hotword, ...] = ()

    @property
    def objection(self) -> str:
        """Why audio of this kind cannot be understood, as a sentence; "" where it can."""
        if self.wav_format.lower() not in _RAW_FORMATS:
            return f"wav_format is {self.wav_format[:20]!r}: send 16-bit PCM without a codec, wav_format pcm"
        if self.rate not in RATES:
            return f"audio_fs is {self.rate}: send audio of 8000 or 16000 Hz"
        return ""


@dataclass(frozen=True, slots=True)
class Instruction:
    """A client's text message."""

    config: Config
    """As it stands from this message on."""
    ends: bool = False
    """What was said so far is all (`is_speaking` false, or `is_finished` true)."""
    wants_ack: bool = False
    """The client waits for a message with `is_end` when all is told."""


@dataclass(frozen=True, slots=True)
class StampedSentence:
    """A stretch of a text up to a mark, with its times in milliseconds from the start of the audio."""

    text: str
    """Its words, bare, with blanks between."""
    mark: str
    start: int
    end: int
    times: tuple[tuple[int, int], ...]
    """Start and end of each word."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A message to a client."""

    mode: str
    text: str
    wav_name: str
    is_final: bool = False
    """True on the last message of an utterance of the client's only: some hang up when they see it."""
    timestamp: tuple[tuple[int, int], ...] = ()
    """Start and end of each word, in milliseconds from the start of the audio."""
    sentences: tuple[StampedSentence, ...] = ()
    is_end: bool = False
    error: str = ""


def parse(text: str, before: Config) -> Instruction:
    """A client's text message, where `before` is what it told so far. Raises ValueError when it is no JSON object.

    A field that cannot be what its name says is taken as not told.
    """
    try:
        fields = json.loads(text)
    except RecursionError as error:
        raise ValueError("the message is nested too deep") from error
    if not isinstance(fields, dict):
        raise ValueError("the message is no JSON object")
    config = replace(
        before,
        mode=_mode(fields, before.mode),
        wav_name=_name(fields, before.wav_name),
        wav_format=_text(fields, "wav_format", before.wav_format),
        rate=_number(fields, "audio_fs", before.rate),
        figures=_flag(fields, "itn", before.figures),
        hotwords=told_hotwords(fields["hotwords"]) if "hotwords" in fields else before.hotwords,
    )
    wants_ack = _flag(fields, "is_end", False)
    ends = wants_ack or not _flag(fields, "is_speaking", True) or _flag(fields, "is_finished", False)
    return Instruction(config, ends, wants_ack)


def encode(reply: Reply) -> str:
    """The message as JSON. `mode`, `text` and `is_final` always stand in it: a client fails without them.

    `timestamp` is a string that holds JSON, or is left out: the browser page reads it with JSON.parse.
    """
    fields: dict[str, object] = {
        "mode": reply.mode,
        "text": reply.text,
        "wav_name": reply.wav_name,
        "is_final": reply.is_final,
    }
    if reply.timestamp:
        fields["timestamp"] = json.dumps(reply.timestamp, separators=(",", ":"))
    if reply.sentences:
        fields["stamp_sents"] = [_sentence_fields(sentence) for sentence in reply.sentences]
    if reply.is_end:
        fields["is_end"] = True
    if reply.error:
        fields["error"] = reply.error
    return json.dumps(fields, ensure_ascii=False)


def _sentence_fields(sentence: StampedSentence) -> dict[str, object]:
    return {
        "text_seg": sentence.text,
        "punc": sentence.mark,
        "start": sentence.start,
        "end": sentence.end,
        "ts_list": sentence.times,
    }


def _mode(fields: Mapping[str, object], before: Mode) -> Mode:
    """An unknown mode is 2pass, as FunASR's C++ server has it: its C# client sends "office"."""
    told = fields.get("mode")
    if told is None:
        return before
    return next((mode for mode in Mode if mode == told), Mode.TWO_PASS)


def _text(fields: Mapping[str, object], name: str, before: str) -> str:
    told = fields.get(name)
    return told if isinstance(told, str) else before


def _name(fields: Mapping[str, object], before: str) -> str:
    told = _text(fields, "wav_name", before)
    return "".join(character for character in told if character.isprintable())[:MAX_NAME_CHARACTERS]


def _number(fields: Mapping[str, object], name: str, before: int) -> int:
    """A whole number, also where it is written 16000.0 or "16000"."""
    told = fields.get(name)
    if told is None or isinstance(told, bool) or not isinstance(told, int | float | str):
        return before
    try:
        return int(float(told))
    except (ValueError, OverflowError):
        return before


def _flag(fields: Mapping[str, object], name: str, before: bool) -> bool:
    """True or false, also where it is written 1 or "true"."""
    told = fields.get(name)
    if isinstance(told, str):
        return {"true": True, "1": True, "false": False, "0": False}.get(told.lower(), before)
    return bool(told) if isinstance(told, bool | int) else before
