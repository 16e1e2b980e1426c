"""Moonshine tiny (English), on the weights that the package moonshine-voice 0.1.0 carries."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from asr.confidence import beginning, utterance_confidence, word_confidences
from asr.engine import EMPTY, ENGINE_RATE, Capabilities, Decoding, DecodingJob, Waveform
from asr.engines.moonshine.alignment import aligned
from asr.engines.moonshine.cache import Cache
from asr.engines.moonshine.graph import ALIGNING, Precision, decoder_graph, encoder_graph
from asr.engines.moonshine.search import Hypothesis, Plan, Search
from asr.engines.moonshine.weights import read_weights
from asr.hotwords import HotwordTrie
from asr.runtime import Model, device_for, package_folder
from asr.settings import Device
from asr.tokenizer import END, Tokenizer
from callscribe.domain.errors import EngineUnavailable
from callscribe.domain.hotword import Hotword

_TOKENS_PER_SECOND = 6.5
"""More than anybody says; the authors' own bound against loops."""
_SPARE_TOKENS = 4
_SHORTEST = ENGINE_RATE // 4
"""Audio below this is padded: the encoder's convolutions need some frames."""
_LONGEST = 24 * ENGINE_RATE
"""Audio beyond this is not decoded: the model loses its way, and memory grows with the square of the length."""
_WIDTH, _MARGIN = 4, 4.0
"""Of the beam for finals."""
_HOLD = 4.0
"""How much likelier (natural logarithm) another text must be than one that begins with the words that are held."""
_HOTWORD_BEGIN_BONUS, _HOTWORD_BONUS = 1.0, 2.0
"""Added to the logit of a token that begins a hotword, or goes on with one."""
_NOTE_SIGNS = str.maketrans("", "", "♩♪♫♬�")
"""What the model writes for music."""
_DOUBLED_MARK = re.compile(r"([,;:?!])\1+")


@dataclass(slots=True)
class _Row:
    """One utterance on its way through the decoder."""

    index: int
    """Place of its job."""
    search: Search
    cache: Cache


class MoonshineEngine:
    """Beam search for finals, a greedy one for partials, both over several utterances at once."""

    name = "moonshine-tiny-en"
    capabilities = Capabilities(languages=("en",), hotwords=True, word_times=True)
    max_batch = 8

    def __init__(
        self,
        folder: Path | None = None,
        *,
        device: Device = "auto",
        precision: Precision | None = None,
        preferred: tuple[Hotword, ...] = (),
    ) -> None:
        """Load the model from `folder`, by default from the package moonshine-voice.

        The precision is int8 on a CPU and fp32 on a GPU unless told. `preferred` are hotwords of every job. Raises
        EngineUnavailable.
        """
        place = device_for(device)
        precision = precision or ("int8" if place == "cpu" else "fp32")
        folder = folder or package_folder("moonshine_voice") / "assets" / "tiny-en"
        encoder = read_weights(folder / "encoder_model.ort")
        decoder = read_weights(folder / "decoder_model_merged.ort")
        try:
            self._tokenizer = Tokenizer((folder / "tokenizer.bin").read_bytes())
            graphs = encoder_graph(encoder, decoder, precision), decoder_graph(decoder, precision)
        except OSError as error:
            raise EngineUnavailable(f"the tokenizer in {folder} cannot be read: {error.strerror}") from error
        except KeyError as error:
            raise EngineUnavailable(f"the model in {folder} has no weights named {error}") from error
        self._encoder, self._decoder = (Model(graph, place) for graph in graphs)
        self._preferred = preferred
        self._trie_of = lru_cache(maxsize=64)(self._build_trie)

    def decode(self, jobs: Sequence[DecodingJob]) -> tuple[Decoding, ...]:
        """One decoding a job. What a job says does not depend on the others, nor, beyond `held`, on earlier ones."""
        results = [EMPTY] * len(jobs)
        for first in range(0, len(jobs), self.max_batch):
            batch = jobs[first : first + self.max_batch]
            rows = [self._begin(first + place, job) for place, job in enumerate(batch) if len(job.audio)]
            self._search(rows)
            for row in rows:
                results[row.index] = self._decoding(row.search.result, row.cache, jobs[row.index])
        return tuple(results)

    def log_probabilities(self, audio: Waveform, texts: Sequence[str]) -> tuple[float, ...]:
        """The natural logarithm of each text's probability, its end included, given an utterance's audio. What hotwords
        would add is not in it."""
        heard = self._encode(audio)
        return tuple(self._log_probability(heard, self._tokenizer.encode(text)) for text in texts)

    def _log_probability(self, heard: NDArray[np.float32], tokens: tuple[int, ...]) -> float:
        path = Search(Plan(limit=len(tokens) + 1, draft=tokens)).wanted
        Cache.of(heard).evaluate(self._decoder, [path])
        outlooks = [node.outlook for node in path if node.outlook is not None]
        following = zip(outlooks, (*tokens, END), strict=True)
        return sum(float(outlook.logits[token]) - outlook.norm for outlook, token in following)

    def _begin(self, index: int, job: DecodingJob) -> _Row:
        """Encode the audio, and evaluate the earlier text."""
        plan = Plan(
            limit=int(len(job.audio) / ENGINE_RATE * _TOKENS_PER_SECOND) + _SPARE_TOKENS,
            width=_WIDTH if job.final else 1,
            margin=_MARGIN,
            trie=self._trie_of(job.hotwords) or None,
            draft=job.earlier.tokens,
            held=() if job.final else self._held(job),
            hold=_HOLD,
        )
        row = _Row(index, Search(plan), Cache.of(self._encode(job.audio)))
        row.cache.evaluate(self._decoder, [row.search.wanted])
        row.search.advance()
        return row

    def _held(self, job: DecodingJob) -> tuple[int, ...]:
        """The tokens of the words that are to be kept."""
        pieces = self._tokenizer.pieces(job.earlier.tokens)
        return job.earlier.tokens[: beginning(pieces, job.held)]

    def _search(self, rows: Sequence[_Row]) -> None:
        """Step until no row wants anything. Those that are done are left out when they are half of all."""
        going = [row for row in rows if row.search.wanted]
        while going:
            cache = Cache.stacked([row.cache for row in going])
            while 2 * sum(bool(row.search.wanted) for row in going) > len(going):
                cache.evaluate(self._decoder, [row.search.wanted for row in going])
                for row in going:
                    row.search.advance()
            for place, row in enumerate(going):
                row.cache.said = cache.said_in(place)
            going = [row for row in going if row.search.wanted]

    def _encode(self, audio: Waveform) -> NDArray[np.float32]:
        """What the decoder attends to, of shape (2 * LAYERS, 1, HEADS, frames, HEAD_SIZE)."""
        if len(audio) < _SHORTEST:
            audio = np.pad(audio, (0, _SHORTEST - len(audio)))
        return self._encoder.run({"audio": np.ascontiguousarray(audio[None, :_LONGEST], np.float32)})[0]

    def _decoding(self, best: Hypothesis, cache: Cache, job: DecodingJob) -> Decoding:
        text = " ".join(self._tokenizer.decode(best.tokens).translate(_NOTE_SIGNS).split())
        text = _DOUBLED_MARK.sub(r"\1", text)
        if not any(character.isalnum() for character in text):
            return Decoding(best.tokens, "", 0.0)
        words = word_confidences(self._tokenizer.pieces(best.tokens), best.log_probabilities)
        keys, samples = cache.heard[2 * ALIGNING][0], min(len(job.audio), _LONGEST)
        return Decoding(best.tokens, text, utterance_confidence(words), aligned(words, best.queries, keys, samples))

    def _build_trie(self, hotwords: tuple[Hotword, ...]) -> HotwordTrie:
        every = self._preferred + hotwords
        return HotwordTrie(every, self._tokenizer.encode, begin_bonus=_HOTWORD_BEGIN_BONUS, bonus=_HOTWORD_BONUS)
