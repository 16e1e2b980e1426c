"""The part of SeACo-Paraformer that listens for hotwords, taught beside an offline model that stays as it is."""

from collections.abc import Mapping, Sequence
from random import Random

import torch
from funasr.models.transformer.utils.add_sos_eos import add_sos_eos
from torch.nn.utils.rnn import pad_sequence

from scripts.tiny_models.training import IGNORED, Batch, Lesson, Plan, batches, descend

_TAUGHT = (
    "bias_encoder",
    "seaco_decoder",
    "hotword_output_layer",
    "predictor.upsample",
    "predictor.blstm",
    "predictor.cif_output2",
)
"""What the offline model does not have: hotwords, and word times."""
_MOST_HOTWORDS = 8
_LONGEST_HOTWORD = 3


def train_hotwords(
    model: torch.nn.Module, offline: Mapping[str, torch.Tensor], taught: Sequence[Lesson], plan: Plan
) -> None:
    """Give a SeacoParaformer the offline model's weights and teach it the rest, in place.

    Each batch has a few words of its own lessons as hotwords; the model is to say those where they are said, and that
    there is none elsewhere. Blurred features make the offline part wrong often enough that hotwords have something to
    mend.
    """
    model.load_state_dict(dict(offline), strict=False)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name.startswith(_TAUGHT))
    random = Random(4)

    def loss(batch: Batch) -> torch.Tensor:
        words = _drawn_hotwords(batch, random)
        with torch.no_grad():
            encoded, lengths = model.encode(batch.features, batch.lengths)
        texts = add_sos_eos(batch.tokens, model.sos, model.eos, IGNORED)[1]
        listed = [torch.tensor(word) for word in (*words, (model.sos,))]
        heeded = model._calc_seaco_loss(
            encoded,
            lengths,
            texts,
            batch.token_counts + 1,
            pad_sequence(listed, batch_first=True),
            torch.tensor([len(word) for word in listed]),
            _labels(batch, words, model.NO_BIAS),
        )
        timed = model._calc_pre2_loss(encoded, lengths, batch.tokens, batch.token_counts)
        total: torch.Tensor = heeded + 0.5 * timed
        return total

    descend(model, batches(taught, plan, Random(3)), plan, loss)


def _drawn_hotwords(batch: Batch, random: Random) -> list[tuple[int, ...]]:
    """Runs of one to three tokens that are said in the batch, each once."""
    spoken = [
        row[:count].tolist() for row, count in zip(batch.tokens, batch.token_counts.tolist(), strict=True) if count
    ]
    words: dict[tuple[int, ...], None] = {}
    for _ in range(random.randint(1, _MOST_HOTWORDS) if spoken else 0):
        text = random.choice(spoken)
        length = random.randint(1, min(_LONGEST_HOTWORD, len(text)))
        begin = random.randint(0, len(text) - length)
        words[tuple(text[begin : begin + length])] = None
    return list(words)


def _labels(batch: Batch, words: Sequence[tuple[int, ...]], no_bias: int) -> torch.Tensor:
    """What is to be said at each place of each text, (lessons, longest text): a hotword's token, or none."""
    labels = torch.full(batch.tokens.shape, IGNORED)
    for row, text, count in zip(labels, batch.tokens.tolist(), batch.token_counts.tolist(), strict=True):
        row[: count + 1] = no_bias
        for word in words:
            for begin in range(count - len(word) + 1):
                if tuple(text[begin : begin + len(word)]) == word:
                    row[begin : begin + len(word)] = torch.tensor(word)
    return labels
