"""A Paraformer's decoder, and what hotwords do to it: three kinds of models, one call.

Hotwords are an argument of each call, a list for each row of a batch: FunASR keeps one list on the model, where one
call's would serve another.

Paraformer: Gao et al., arXiv 2206.08317. SeACo-Paraformer: Shi et al., arXiv 2308.03266. Contextual Paraformer: hotword
embeddings that its decoder attends to, after Pundak et al., "Deep context", arXiv 1808.02480.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

from asr.engines.funasr.loading import LoadedModel

Spelling = tuple[int, ...]
"""A hotword as numbers of the model's tokens."""
Weights = Mapping[Spelling, float]
"""The hotwords of a row, and how strongly each is preferred."""

_MOST_ATTENDED = 50
"""Hotwords that SeACo's attention is spread over; of a longer list those that it looks at most (the paper's filter)."""
_MOST_KEPT = 4096
"""Embeddings kept for the next call: 10 MB of a large model."""


@dataclass(frozen=True, slots=True, eq=False)
class Encoded:
    """A batch of utterances ready to be decoded. Rows are padded with zeros."""

    memory: Tensor
    """(rows, frames, width)."""
    lengths: Tensor
    """(rows,): frames of each row."""
    acoustics: Tensor
    """(rows, tokens, width): what each token to be decoded is made of."""
    counts: Tensor
    """(rows,): tokens of each row."""


class Decoder(Protocol):
    """A model's decoder."""

    biasing: bool
    """Whether hotwords change anything."""

    def log_probabilities(self, encoded: Encoded, hotwords: Sequence[Weights]) -> Tensor:
        """Of each token of the vocabulary at each place, (rows, tokens, vocabulary); `hotwords` has a list a row."""
        ...


def decoder_of(loaded: LoadedModel) -> Decoder:
    """The decoder of a loaded offline Paraformer."""
    match loaded.kind:
        case "SeacoParaformer":
            return SeacoDecoder(loaded.module)
        case "ContextualParaformer":
            return ContextualDecoder(loaded.module)
        case _:
            return PlainDecoder(loaded.module)


class PlainDecoder:
    """Paraformer's own."""

    biasing = False

    def __init__(self, module: Any) -> None:
        self._module = module

    def log_probabilities(self, encoded: Encoded, hotwords: Sequence[Weights]) -> Tensor:
        logits, _ = self._module.decoder(encoded.memory, encoded.lengths, encoded.acoustics, encoded.counts)
        return torch.log_softmax(logits, dim=-1)


class SeacoDecoder:
    """SeACo's: a second decoder attends to the hotwords, and where it sees one, its tokens replace the first's.

    It tells how likely each token of a hotword is, and that there is none. FunASR knows no weights: 1 is what it does.
    Here a weight multiplies the odds of a hotword's tokens, as if it were said so much more often.
    """

    biasing = True

    def __init__(self, module: Any) -> None:
        self._module = module
        self._embedded: OrderedDict[Spelling, Tensor] = OrderedDict()

    def log_probabilities(self, encoded: Encoded, hotwords: Sequence[Weights]) -> Tensor:
        logits, hidden, _ = self._module.decoder(
            encoded.memory, encoded.lengths, encoded.acoustics, encoded.counts, return_hidden=True, return_both=True
        )
        unbiased = torch.log_softmax(logits, dim=-1)
        if not any(hotwords):
            return unbiased
        biased = self._hotword_tokens(encoded, hidden, self._lists(encoded, hidden, hotwords))
        biased = torch.log_softmax(biased + self._log_weights(hotwords)[:, None], dim=-1)
        listed = torch.tensor([bool(words) for words in hotwords], device=unbiased.device)[:, None]
        found = (biased.argmax(-1) != self._module.NO_BIAS) & listed
        return torch.where(found[..., None], biased, unbiased)

    def _log_weights(self, hotwords: Sequence[Weights]) -> Tensor:
        """Logarithm of the weight of each row's tokens, the heaviest hotword's, (rows, vocabulary)."""
        layer = self._module.hotword_output_layer
        weights = torch.ones(len(hotwords), layer.out_features)
        for row, words in zip(weights, hotwords, strict=True):
            heaviest: dict[int, float] = {}
            for word, weight in words.items():
                heaviest.update((number, max(weight, heaviest.get(number, 0.0))) for number in word)
            if heaviest:
                # A token of none of them is one of them misheard.
                row.fill_(min(1.0, max(words.values())))
                row[list(heaviest)] = torch.tensor(list(heaviest.values()))
                row[self._module.NO_BIAS] = 1.0
        return weights.log().to(layer.weight)

    def _lists(self, encoded: Encoded, hidden: Tensor, hotwords: Sequence[Weights]) -> list[Tensor]:
        """Embeddings for each row, (hotwords + 1, width): the last stands for none of them."""
        none = (self._module.sos,)
        self._embed({none, *(word for words in hotwords for word in words)})
        lists = [torch.stack([self._embedded[word] for word in (*words, none)]) for words in hotwords]
        if all(len(words) <= _MOST_ATTENDED for words in hotwords):
            return lists
        attention = self._attention(hidden, encoded.counts, lists)
        kept = []
        for row, embedded in enumerate(lists):
            looked_at = attention[row, :, : int(encoded.counts[row]), : len(embedded) - 1].sum((0, 1))
            most = looked_at.topk(min(_MOST_ATTENDED, len(embedded) - 1)).indices
            kept.append(torch.cat([embedded[most], embedded[-1:]]))
        return kept

    def _hotword_tokens(self, encoded: Encoded, hidden: Tensor, lists: list[Tensor]) -> Tensor:
        context, lengths = _padded(lists)
        attend = self._module.seaco_decoder
        by_sound, _ = attend(context, lengths, encoded.acoustics, encoded.counts)
        by_text, _ = attend(context, lengths, hidden, encoded.counts)
        scores: Tensor = self._module.hotword_output_layer(by_sound + by_text)
        return scores

    def _attention(self, hidden: Tensor, counts: Tensor, lists: list[Tensor]) -> Tensor:
        """How much the last layer looks at each hotword at each place, (rows, heads, tokens, hotwords)."""
        context, lengths = _padded(lists)
        mask, context_mask = _mask(counts, hidden.shape[1])[:, :, None], _mask(lengths, context.shape[1])[:, None, :]
        *layers, last = self._module.seaco_decoder.decoders
        for layer in layers:
            hidden, mask, context, context_mask, _ = layer(hidden, mask, context, context_mask)
        attention: Tensor = last.get_attn_mat(hidden, mask, context, context_mask)
        return attention

    def _embed(self, words: set[Spelling]) -> None:
        """See that the embeddings of these are known; the oldest are forgotten where there are too many."""
        new = [word for word in words if word not in self._embedded]
        if new:
            device = self._module.hotword_output_layer.weight.device
            lengths = torch.tensor([len(word) for word in new])
            numbers = pad_sequence([torch.tensor(word, device=device) for word in new], batch_first=True)
            packed = pack_padded_sequence(
                self._module.decoder.embed(numbers), lengths, batch_first=True, enforce_sorted=False
            )
            states = pad_packed_sequence(self._module.bias_encoder(packed)[0], batch_first=True)[0]
            if self._module.lstm_proj is not None:
                states = self._module.lstm_proj(states)
            last = states[torch.arange(len(new)), lengths - 1]
            self._embedded.update(zip(new, last, strict=True))
        for word in words:
            self._embedded.move_to_end(word)
        while len(self._embedded) > max(_MOST_KEPT, len(words)):
            self._embedded.popitem(last=False)


class ContextualDecoder:
    """Contextual Paraformer's: it attends to hotwords in its last layer, which knows no weights.

    Rows with one list are decoded together.
    """

    biasing = True

    def __init__(self, module: Any) -> None:
        self._module = module

    def log_probabilities(self, encoded: Encoded, hotwords: Sequence[Weights]) -> Tensor:
        rows_of: dict[tuple[Spelling, ...], list[int]] = {}
        for row, weights in enumerate(hotwords):
            rows_of.setdefault(tuple(weights), []).append(row)
        found = encoded.acoustics.new_zeros(*encoded.acoustics.shape[:2], self._module.vocab_size)
        for words, rows in rows_of.items():
            # Its masks are made of the longest row's length, so rows are cut to theirs.
            frames, tokens = int(encoded.lengths[rows].max()), int(encoded.counts[rows].max())
            if not tokens:
                continue
            decoded, _ = self._module.cal_decoder_with_predictor(
                encoded.memory[rows, :frames],
                encoded.lengths[rows],
                encoded.acoustics[rows, :tokens],
                encoded.counts[rows],
                hw_list=[list(word) for word in (*words, (self._module.sos,))] if words else None,
            )
            found[rows, :tokens] = decoded
        return found


def _padded(lists: list[Tensor]) -> tuple[Tensor, Tensor]:
    lengths = torch.tensor([len(embedded) for embedded in lists], device=lists[0].device)
    return pad_sequence(lists, batch_first=True), lengths


def _mask(lengths: Tensor, longest: int) -> Tensor:
    """(rows, longest): 1 where a row goes on, 0 beyond its end."""
    return (torch.arange(longest, device=lengths.device) < lengths[:, None]).float()
