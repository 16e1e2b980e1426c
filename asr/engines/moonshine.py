"""Moonshine tiny (English) in onnxruntime, on the weights that the package moonshine-voice 0.1.0 carries.

Model: Jeffries et al., "Moonshine: Speech Recognition for Live Transcription and Voice Commands", arXiv 2410.15608. Its
encoder is run for one utterance at a time (padding changes what it says). Its decoder takes several utterances at once;
it has no mask for its own past, so only those that stand at the same token can share a step.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from asr.engine import EMPTY, ENGINE_RATE, Capabilities, Decoding, DecodingJob, Waveform
from asr.hotwords import ROOT, HotwordTrie
from asr.repetition import loop_length
from asr.runtime import Arrays, Model, package_folder
from asr.tokenizer import BEGIN, END, Tokenizer
from callscribe.domain.errors import EngineUnavailable
from callscribe.domain.hotword import Hotword

_HEADS, _HEAD_SIZE = 8, 36
_HIDDEN_SIZE = 288
_MASK_STRIDE = 384
"""The decoder reads every 384th value of its attention mask, one for each encoder frame."""
_TOKENS_PER_SECOND = 6.5
"""More than anybody says; the authors' own bound against loops."""
_SPARE_TOKENS = 4
_SHORTEST = ENGINE_RATE // 4
"""Audio below this is padded: the encoder's convolutions need some frames."""
_LONGEST = 24 * ENGINE_RATE
"""Audio beyond this is not decoded: the model loses its way, and memory grows with the square of the length."""
_HOTWORD_BEGIN_BONUS, _HOTWORD_BONUS = 1.0, 2.0
"""Added to the logit of a token that begins a hotword, or goes on with one. Of 54 hotwords in 88 prompts this finds 51
for 48 (in noise at 10 dB 37 for 30) and invents none; 2.0 to begin with finds 51 (40), and a wrong word more."""
_CONFIDENCE_OFFSET, _CONFIDENCE_SLOPE = 2.66, 4.76
"""Logistic fit of "no word is wrong" over 88 telephone prompts, clean and in white noise at 10 and 5 dB; AUC 0.92."""
_NOTE_SIGNS = str.maketrans("", "", "♩♪♫♬�")
"""What the model writes for music."""

_DOUBLED_MARK = re.compile(r"([,;:?!])\1+")

Logits = NDArray[np.float32]
Caches = dict[str, NDArray[np.float32]]


@dataclass(slots=True)
class _Row:
    """One utterance on its way through the decoder."""

    index: int
    """Place of its job."""
    limit: int
    """Most tokens it may have."""
    trie: HotwordTrie | None
    """Never an empty one."""
    mask: NDArray[np.int64]
    """Shape (1, encoder frames * 384)."""
    caches: Caches
    """Attention keys and values, each of shape (1, heads, places, head size)."""
    tokens: list[int] = field(default_factory=list)
    log_probabilities: list[float] = field(default_factory=list)
    node: int = ROOT
    ended: bool = False

    def choose(self, logits: Logits) -> int:
        """The best next token given logits of shape (vocabulary,), hotwords preferred."""
        best = int(logits.argmax())
        if self.trie is None or (best == END and self.node == ROOT):
            return best
        tokens, bonuses = self.trie.preferred(self.node)
        drawn = logits[tokens] + bonuses
        rival = int(drawn.argmax())
        return tokens[rival] if drawn[rival] > logits[best] else best

    def accept(self, token: int, logits: Logits) -> None:
        """Take `token` as the next one; the row ends with the end token, at its limit, or in a loop."""
        peak = float(logits.max())
        self.log_probabilities.append(float(logits[token]) - peak - math.log(float(np.exp(logits - peak).sum())))
        if token == END:
            self.ended = True
            return
        self.tokens.append(token)
        self.node = self.trie.after(self.node, token) if self.trie else ROOT
        loop = loop_length(self.tokens)
        if loop:
            del self.tokens[-loop:]
        self.ended = bool(loop) or len(self.tokens) >= self.limit


@dataclass(slots=True)
class _Stack:
    """Rows that have the same number of tokens, their caches stacked."""

    rows: list[_Row]
    mask: NDArray[np.int64]
    caches: Caches

    @classmethod
    def of(cls, rows: list[_Row]) -> "_Stack":
        """Stack rows; encoder places that a row does not have are masked."""
        if len(rows) == 1:
            return cls(rows, rows[0].mask, rows[0].caches)
        width = max(row.mask.shape[1] for row in rows)
        mask = np.concatenate([np.pad(row.mask, ((0, 0), (0, width - row.mask.shape[1]))) for row in rows])
        caches = {name: _stacked([row.caches[name] for row in rows]) for name in rows[0].caches}
        return cls(rows, mask, caches)

    def unstacked(self) -> list[_Row]:
        """The rows that go on, each with its own caches."""
        for place, row in enumerate(self.rows):
            frames = row.mask.shape[1] // _MASK_STRIDE
            for name, cache in self.caches.items():
                own = cache[place : place + 1]
                row.caches[name] = own[:, :, :frames] if ".encoder." in name else own
        return [row for row in self.rows if not row.ended]


def _stacked(caches: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    places = max(cache.shape[2] for cache in caches)
    stack = np.zeros((len(caches), _HEADS, places, _HEAD_SIZE), np.float32)
    for row, cache in enumerate(caches):
        stack[row, :, : cache.shape[2]] = cache[0]
    return stack


class MoonshineEngine:
    """Greedy decoding with a draft: an earlier text of the same utterance is verified at one go, then carried on."""

    name = "moonshine-tiny-en"
    capabilities = Capabilities(languages=("en",), hotwords=True)
    max_batch = 8

    def __init__(self, folder: Path | None = None) -> None:
        """Load the model from `folder`, by default from the package moonshine-voice. Raises EngineUnavailable."""
        folder = folder or package_folder("moonshine_voice") / "assets" / "tiny-en"
        self._encoder = Model(folder / "encoder_model.ort")
        self._decoder = Model(folder / "decoder_model_merged.ort")
        try:
            self._tokenizer = Tokenizer((folder / "tokenizer.bin").read_bytes())
        except OSError as error:
            raise EngineUnavailable(f"the tokenizer in {folder} cannot be read: {error.strerror}") from error
        self._cache_names = tuple(name.replace("present", "past_key_values") for name in self._decoder.outputs[1:])
        self._trie_of = lru_cache(maxsize=64)(self._build_trie)

    def decode(self, jobs: Sequence[DecodingJob]) -> tuple[Decoding, ...]:
        """One decoding a job. Rows of a batch share the scales of the quantised model, so that log-probabilities differ
        by up to some tenths from those of a job alone: batches of 8 changed 2 of 58 texts, by a word each."""
        rows: list[_Row] = []
        for first in range(0, len(jobs), self.max_batch):
            rows += self._decode_batch(jobs[first : first + self.max_batch], first)
        results = [EMPTY] * len(jobs)
        for row in rows:
            results[row.index] = self._decoding(row)
        return tuple(results)

    def _decode_batch(self, jobs: Sequence[DecodingJob], first: int) -> list[_Row]:
        """Rows that meet at the same token go on together; none waits for another."""
        rows = [self._prefill(first + place, job) for place, job in enumerate(jobs) if len(job.audio)]
        waiting = [row for row in rows if not row.ended]
        while waiting:
            place = min(len(row.tokens) for row in waiting)
            ahead = [row for row in waiting if len(row.tokens) > place]
            group = [row for row in waiting if len(row.tokens) == place]
            stack = _Stack.of(group)
            self._run(stack, min((len(row.tokens) for row in ahead), default=None))
            waiting = ahead + stack.unstacked()
        return rows

    def _prefill(self, index: int, job: DecodingJob) -> _Row:
        """Encode the audio and take over as much of the draft as the model would have said itself."""
        hidden = self._encode(job.audio)
        limit = int(len(job.audio) / ENGINE_RATE * _TOKENS_PER_SECOND) + _SPARE_TOKENS
        mask = np.ones((1, hidden.shape[1] * _MASK_STRIDE), np.int64)
        row = _Row(index, limit, self._trie_of(job.hotwords) or None, mask, {})
        row.caches = {name: np.zeros((1, _HEADS, 0, _HEAD_SIZE), np.float32) for name in self._cache_names}
        draft = job.draft[: limit - 1]
        logits = self._step(row.mask, hidden, np.array([[BEGIN, *draft]], np.int64), row.caches, cached=False)[0]
        for place, expected in enumerate((*draft, None)):
            token = row.choose(logits[place])
            row.accept(token, logits[place])
            if row.ended or token != expected:
                break
        heard = len(row.tokens)
        row.caches = {name: cache if ".encoder." in name else cache[:, :, :heard] for name, cache in row.caches.items()}
        return row

    def _encode(self, audio: Waveform) -> NDArray[np.float32]:
        """Audio of any length as hidden states of shape (1, frames, 288)."""
        if len(audio) < _SHORTEST:
            audio = np.pad(audio, (0, _SHORTEST - len(audio)))
        batch = np.ascontiguousarray(audio[None, :_LONGEST], np.float32)
        inputs: Arrays = {"input_values": batch, "attention_mask": np.ones(batch.shape, np.int64)}
        return self._encoder.run(inputs)[0]

    def _run(self, stack: _Stack, stop: int | None) -> None:
        """Step until the rows have `stop` tokens, or half of them have ended: then it pays to stack anew."""
        nothing = np.zeros((len(stack.rows), stack.mask.shape[1] // _MASK_STRIDE, _HIDDEN_SIZE), np.float32)
        place = len(stack.rows[0].tokens)
        while place != stop and 2 * sum(row.ended for row in stack.rows) < len(stack.rows):
            ids = np.array([[END if row.ended else row.tokens[-1]] for row in stack.rows], np.int64)
            logits = self._step(stack.mask, nothing, ids, stack.caches, cached=True)[:, -1]
            for row, of_row in zip(stack.rows, logits, strict=True):
                if not row.ended:
                    row.accept(row.choose(of_row), of_row)
            place += 1

    def _step(
        self,
        mask: NDArray[np.int64],
        hidden: NDArray[np.float32],
        ids: NDArray[np.int64],
        caches: Caches,
        *,
        cached: bool,
    ) -> Logits:
        """Run the decoder over `ids` of shape (rows, places) and bring `caches` up to date.

        Returns logits of shape (rows, places, vocabulary).
        """
        inputs: Arrays = {"encoder_attention_mask": mask, "input_ids": ids, "encoder_hidden_states": hidden}
        logits, *present = self._decoder.run({**inputs, "use_cache_branch": np.array([cached]), **caches})
        for name, cache in zip(self._cache_names, present, strict=True):
            # With a cache the model gives back an empty one for the encoder, which does not change.
            if not (cached and ".encoder." in name):
                caches[name] = cache
        return logits

    def _decoding(self, row: _Row) -> Decoding:
        text = " ".join(self._tokenizer.decode(row.tokens).translate(_NOTE_SIGNS).split())
        text = _DOUBLED_MARK.sub(r"\1", text)
        if not any(character.isalnum() for character in text):
            text = ""
        return Decoding(tuple(row.tokens), text, _confidence(row.log_probabilities) if text else 0.0)

    def _build_trie(self, hotwords: tuple[Hotword, ...]) -> HotwordTrie:
        return HotwordTrie(hotwords, self._tokenizer.encode, begin_bonus=_HOTWORD_BEGIN_BONUS, bonus=_HOTWORD_BONUS)


def _confidence(log_probabilities: Sequence[float]) -> float:
    """Chance that a text is right word for word, from its three least likely tokens."""
    lowest = sorted(log_probabilities)[:3]
    return 1.0 / (1.0 + math.exp(-(_CONFIDENCE_OFFSET + _CONFIDENCE_SLOPE * sum(lowest) / len(lowest))))
