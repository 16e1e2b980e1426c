"""faster-whisper whose decoder gives several texts, of which a language model helps to choose."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from faster_whisper import WhisperModel
from faster_whisper.transcribe import get_compression_ratio

from asr.rescoring import Hypothesis, Rescorer


@dataclass(frozen=True, slots=True)
class _Chosen:
    """What faster-whisper reads of a result of CTranslate2's, with one text only."""

    sequences_ids: tuple[list[int]]
    scores: tuple[float]
    no_speech_prob: float


class RescoringWhisper(WhisperModel):  # type: ignore[misc]  # it has no types
    """faster-whisper which, where it is given an earlier text, looks for a better one."""

    def __init__(self, folder: Path, device: str, compute_type: str, threads: int, rescorer: Rescorer | None) -> None:
        """As faster-whisper's; without a rescorer, or an earlier text, it decodes as that does."""
        super().__init__(str(folder), device=device, compute_type=compute_type, cpu_threads=threads)
        self._rescorer = rescorer
        self.earlier = ""
        """What the audio was taken for before; "": it is decoded for the first time."""
        self.kept = False
        """Whether no text of the last audio was better than the earlier one."""

    def generate_with_fallback(
        self, encoder_output: Any, prompt: list[int], tokenizer: Any, options: Any
    ) -> tuple[Any, float, float, float]:
        """As faster-whisper's, at temperature 0: (result, mean log probability, temperature, compression ratio)."""
        if self._rescorer is None or not self.earlier:
            generated: tuple[Any, float, float, float] = super().generate_with_fallback(
                encoder_output, prompt, tokenizer, options
            )
            return generated
        (found,) = self.model.generate(
            encoder_output,
            [prompt],
            beam_size=options.beam_size,
            patience=options.patience,
            num_hypotheses=self._rescorer.hypotheses,
            length_penalty=options.length_penalty,
            repetition_penalty=options.repetition_penalty,
            no_repeat_ngram_size=options.no_repeat_ngram_size,
            max_length=min(self.max_length, len(prompt) + options.max_new_tokens),
            return_scores=True,
            return_no_speech_prob=True,
            suppress_blank=options.suppress_blank,
            suppress_tokens=options.suppress_tokens,
        )
        texts = [tokenizer.decode(tokens).strip() for tokens in found.sequences_ids]
        # It was heard among its neighbours, and so better than alone: to the ear it is as good as any.
        earlier = Hypothesis(self.earlier, found.scores[0], len(tokenizer.encode(f" {self.earlier}")))
        best = self._rescorer.best([earlier, *_hypotheses(texts, found.sequences_ids, found.scores)])
        self.kept = best == 0
        chosen = max(0, best - 1)
        tokens, score = found.sequences_ids[chosen], found.scores[chosen]
        mean = score * len(tokens) ** options.length_penalty / (len(tokens) + 1)
        # Without a mark at its end, faster-whisper would take what follows the last word for speech that is left.
        ended = [*tokens, _last_mark(tokenizer, self)]
        return _Chosen((ended,), (score,), found.no_speech_prob), mean, 0.0, get_compression_ratio(texts[chosen])


def _hypotheses(texts: Sequence[str], tokens: Sequence[Sequence[int]], scores: Sequence[float]) -> list[Hypothesis]:
    return [Hypothesis(text, score, len(ids)) for text, ids, score in zip(texts, tokens, scores, strict=True)]


def _last_mark(tokenizer: Any, model: WhisperModel) -> int:
    """The token of the latest time: the end of what the encoder hears at once."""
    mark: int = tokenizer.timestamp_begin + round(model.feature_extractor.chunk_length / model.time_precision)
    return mark
