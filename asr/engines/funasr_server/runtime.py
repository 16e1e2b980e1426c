"""The protocol of FunASR's runtime servers: funasr-wss-server-2pass and funasr-wss-server (C++), funasr_wss_server.py.

FunASR, runtime/docs/websocket_protocol.md, and the servers' sources, which do more, less and other than it tells. The
sources of three ages of the Python server were read and two of them tried; of the C++ ones only the source was read.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from asr.engines.funasr_server.dialogue import (
    Message,
    Request,
    Stage,
    TimedWord,
    Transcript,
    followed,
    parsed,
    text_field,
)
from asr.engines.funasr_server.pcm import BLOCK_BYTES, SILENT_BLOCK
from asr.settings import FunasrServerSettings
from callscribe.domain.errors import RecognitionError
from callscribe.domain.hotword import Hotword
from callscribe.domain.language import primary, units

_FIRST, _LAST = "callscribe", "callscribe-last"
"""Names for the audio. A server repeats the name that it knows when it answers: what bears the second was said by one
that has heard the end. `is_final` does not tell that: the oldest Python server sets it on all messages but the last,
newer ones on every segment, C++ on the last alone."""
_USUAL_WEIGHT = 20
"""A hotword's weight in FunASR's examples."""
_SVS_LANGUAGES = ("zh", "en", "yue", "ja", "ko")
_TAG = re.compile(r"<\|[^|]*\|>")
"""What SenseVoice writes before its text; not every server takes it out."""
_FOREIGN_STOP = re.compile(r"(?<=[a-zA-Z0-9])。$")
"""The C++ server ends all that is said with a Chinese full stop, English too."""
_FETCHED = re.compile(r"^\s*http|\.txt\s*$")
"""A list of words that looks so is taken for an address to load, or a file to read, by the Python server."""


@dataclass(frozen=True, slots=True)
class _Answer:
    """A message of the server, read."""

    mode: str
    name: str
    text: str
    times: tuple[tuple[int, int], ...]
    """Start and end of each unit of the text, in milliseconds from the connection's first sample; empty: not told."""
    is_final: bool
    is_end: bool
    """It says that all has been said."""
    error: str

    @property
    def is_addition(self) -> bool:
        """True for what the streaming model says more; anything else replaces what it said since the last segment."""
        return self.mode.endswith("online")


class RuntimeDialogue:
    """A `Dialogue`. A live one asks for the streaming model alone, a whole one for the offline model alone: together
    they cost a server what its mode "2pass" does."""

    subprotocol = "binary"
    block_bytes = BLOCK_BYTES

    def __init__(self, settings: FunasrServerSettings, request: Request) -> None:
        self.stage = Stage.GOING
        self.python = False
        """Whether it is the Python server that answers."""
        self._settings = settings
        self._request = request
        self._ended = False
        self._segments: list[tuple[str, tuple[tuple[int, int], ...]]] = []
        self._open = ""

    @property
    def transcript(self) -> Transcript:
        text = ""
        words: list[TimedWord] = []
        for segment, times in self._segments:
            text = followed(text, segment)
            words += [TimedWord(unit, *span) for unit, span in zip(units(segment), times, strict=False)]
        text = followed(text, self._open)
        return Transcript(text, tuple(words) if len(words) == len(units(text)) else ())

    def begin(self, *, accepted: bool) -> list[Message]:
        # Only the Python server takes the subprotocol; the C++ ones know none.
        self.python = accepted
        request, settings = self._request, self._settings
        language = primary(request.language)
        configuration: dict[str, object] = {
            "mode": "online" if request.live else "offline",
            "wav_name": _FIRST,
            "wav_format": "pcm",
            "audio_fs": 16000,
            "is_speaking": True,
            "chunk_size": list(settings.chunk_size),
            # Messages in a chunk: the Python server counts them, not their bytes.
            "chunk_interval": settings.chunk_size[1],
            "encoder_chunk_look_back": 4,
            "decoder_chunk_look_back": 1,
            "itn": settings.figures,
            "svs_lang": language if language in _SVS_LANGUAGES else "auto",
            "svs_itn": settings.figures,
        }
        # C++ reads hotwords from the first text message only.
        configuration |= _hotword_fields(request.hotwords, settings.hotwords)
        return [json.dumps(configuration, ensure_ascii=False)]

    def end(self) -> list[Message]:
        self._ended = True
        last = json.dumps({"is_speaking": False, "is_end": True, "wav_name": _LAST})
        # Python servers of the first half of 2026 do not act on it before the next audio, and those before say nothing
        # where their recogniser found no text, but to the next audio.
        return [last, SILENT_BLOCK] if self.python else [last]

    def hear(self, message: str) -> None:
        answer = _answer(message)
        if answer.error:
            raise RecognitionError("the FunASR server says that it failed")
        if answer.is_addition:
            self._open = followed(self._open, answer.text)
        elif answer.text or answer.mode.endswith("offline"):
            self._open = ""
            if answer.text:
                self._segments.append((answer.text, answer.times))
        if self._ended:
            self.stage = self._stage_after(answer)

    def _stage_after(self, answer: _Answer) -> Stage:
        """How far it has come, once the end was sent."""
        if answer.is_end:
            return Stage.OVER
        if answer.is_addition:
            return self.stage
        if answer.name == _LAST:
            # The C++ server may cut a segment just before the one that is its last.
            known = self.python or answer.is_final or answer.mode == "offline"
            return Stage.OVER if known else Stage.GOING
        # Something that repeats no name, or the first one always.
        return Stage.MAY_BE_OVER if answer.is_final else self.stage


def _hotword_fields(hotwords: Sequence[Hotword], form: str) -> dict[str, object]:
    if not hotwords or form == "none":
        return {}
    if form == "json":
        weights = {hotword.text: max(1, round(_USUAL_WEIGHT * hotword.weight)) for hotword in hotwords}
        return {"hotwords": json.dumps(weights, ensure_ascii=False)}
    words = " ".join(hotword.text for hotword in hotwords if not _FETCHED.search(hotword.text))
    # One age of the Python server takes "hotwords" only where there is "hotword" too, another "hotword" alone.
    return {"hotwords": words, "hotword": words} if words else {}


def _answer(message: str) -> _Answer:
    """Read a message. Raises WireViolation."""
    tree = parsed(message)
    return _Answer(
        mode=text_field(tree, "mode"),
        name=text_field(tree, "wav_name"),
        text=_FOREIGN_STOP.sub(".", _TAG.sub("", text_field(tree, "text")).strip()),
        times=_times(tree.get("timestamp")),
        is_final=tree.get("is_final") is True,
        is_end=tree.get("is_end") is True,
        error=text_field(tree, "error"),
    )


def _times(stamp: object) -> tuple[tuple[int, int], ...]:
    """The times of a message's `timestamp`.

    C++ writes them as a text, or the time of day where it has none. The Python server's are a list, and of no use: they
    count from where its own voice activity detector began the segment, which it does not tell.
    """
    if not isinstance(stamp, str):
        return ()
    try:
        spans = json.loads(stamp)
        times = tuple((int(start), int(end)) for start, end in spans)
    except (ValueError, TypeError):
        return ()
    return times if all(0 <= start <= end for start, end in times) else ()
