"""How well a folder's model hears, through FunASR's own AutoModel: error rate over words (en) or characters (zh)."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import jiwer
from funasr import AutoModel

from scripts.tiny_models.corpus import Utterance
from scripts.tiny_models.telephone import Sound, wide

CHUNK_SAMPLES = 9_600
"""600 ms at 16 kHz."""
_STREAM: dict[str, list[int] | int] = {
    "chunk_size": [0, 10, 5],
    "encoder_chunk_look_back": 4,
    "decoder_chunk_look_back": 1,
}


@dataclass(frozen=True, slots=True)
class Hearing:
    """A loaded model that writes down utterances."""

    model: AutoModel
    streaming: bool

    @classmethod
    def load(cls, folder: Path) -> "Hearing":
        """The model of a folder, streaming or offline as its settings say."""
        model = AutoModel(
            model=str(folder), disable_update=True, device="cpu", ncpu=1, disable_pbar=True, log_level="ERROR"
        )
        return cls(model, streaming="Streaming" in type(model.model).__name__)

    def tokens(self, sound: Sound, hotwords: str = "") -> list[str]:
        """Words or characters of sound at 16 kHz; hotwords stand between spaces, and only SeACo heeds them."""
        texts = self._streamed(sound) if self.streaming else self._whole(sound, hotwords)
        return " ".join(texts).split() if self._spaced(texts) else list("".join(texts).replace(" ", ""))

    def _streamed(self, sound: Sound) -> list[str]:
        cache: dict[str, object] = {}
        texts: list[str] = []
        for begin in range(0, len(sound), CHUNK_SAMPLES):
            last = begin + CHUNK_SAMPLES >= len(sound)
            chunk = sound[begin : begin + CHUNK_SAMPLES]
            texts.append(self.model.generate(input=chunk, cache=cache, is_final=last, **_STREAM)[0]["text"])
        return texts

    def _whole(self, sound: Sound, hotwords: str) -> list[str]:
        options = {"hotword": hotwords} if hotwords else {}
        return [result["text"] for result in self.model.generate(input=sound, **options)]

    @staticmethod
    def _spaced(texts: Sequence[str]) -> bool:
        return "".join(texts).isascii()


def error_rate(hearing: Hearing, utterances: Sequence[Utterance], hotwords: str = "") -> float:
    """Substituted, deleted and inserted tokens over the tokens said, of utterances that say something."""
    said = [" ".join(utterance.tokens) for utterance in utterances]
    heard = [" ".join(hearing.tokens(wide(utterance.codes), hotwords)) for utterance in utterances]
    return float(jiwer.wer(said, heard))


def tokens_on_silence(hearing: Hearing, utterances: Sequence[Utterance]) -> float:
    """Tokens heard a minute on lines where nobody speaks."""
    empty = [wide(utterance.codes) for utterance in utterances if not utterance.tokens]
    minutes = sum(len(sound) for sound in empty) / 16_000 / 60
    return sum(len(hearing.tokens(sound)) for sound in empty) / max(minutes, 1e-9)
