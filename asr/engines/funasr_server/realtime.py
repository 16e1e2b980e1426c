"""The protocol of FunASR's newer server, `funasr.bin.realtime_ws` (Fun-ASR-Nano).

Commands are plain text, each answer is JSON and tells all: sentences are for good, `partial` follows them for now.
"""

from asr.engines.funasr_server.dialogue import (
    Message,
    Request,
    Stage,
    Transcript,
    followed,
    parsed,
    text_field,
)
from asr.engines.funasr_server.pcm import BLOCK_BYTES
from asr.settings import FunasrServerSettings
from callscribe.domain.errors import RecognitionError, WireViolation

_WHOLE_BLOCKS = 16
"""Blocks of a message where the utterance is whole: the server computes once or twice for each message."""


class RealtimeDialogue:
    """A `Dialogue`. Which language is spoken is the server's setting: what this protocol takes is put into the model's
    prompt as it stands."""

    subprotocol = ""

    def __init__(self, settings: FunasrServerSettings, request: Request) -> None:
        self.stage = Stage.GOING
        self.transcript = Transcript()
        self.block_bytes = BLOCK_BYTES if request.live else _WHOLE_BLOCKS * BLOCK_BYTES
        self._hotwords = () if settings.hotwords == "none" else tuple(request.hotwords)

    def begin(self, *, accepted: bool) -> list[Message]:
        words = ",".join(hotword.text.replace(",", " ") for hotword in self._hotwords)
        return [f"HOTWORDS:{words}", "START"] if words else ["START"]

    def end(self) -> list[Message]:
        return ["STOP"]

    def hear(self, message: str) -> None:
        tree = parsed(message)
        event = tree.get("event")
        if event == "error":
            raise RecognitionError("the FunASR server says that it failed")
        if event == "stopped":
            self.stage = Stage.OVER
        elif event is None:
            self.transcript = Transcript(_text(tree))


def _text(tree: dict[str, object]) -> str:
    sentences = tree.get("sentences")
    if not isinstance(sentences, list):
        raise WireViolation("a FunASR server's message has sentences")
    text = ""
    for sentence in sentences:
        if not isinstance(sentence, dict):
            raise WireViolation("a FunASR server's sentence is an object")
        text = followed(text, text_field(sentence, "text"))
    return followed(text, text_field(tree, "partial"))
