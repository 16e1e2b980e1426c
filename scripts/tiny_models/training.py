"""Training of the offline model from nothing, and of its streaming sibling from the offline one."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import TypeVar

import numpy as np
import torch
from torch.nn.utils.rnn import pad_sequence

from scripts.tiny_models.architecture import AHEAD_FRAMES
from scripts.tiny_models.corpus import Utterance
from scripts.tiny_models.features import blurred
from scripts.tiny_models.vocabulary import Vocabulary

Lot = TypeVar("Lot")
"""What one step learns from."""

IGNORED = -1
"""FunASR's mark for what lies behind the end of a text."""
_WARM_UP_STEPS = 200
_REPORT_STEPS = 100


@dataclass(frozen=True, slots=True)
class Lesson:
    """Normalised features (frames, features) and the numbers of the tokens that they say."""

    features: torch.Tensor
    tokens: torch.Tensor


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and how fast. The rate rises to its peak at once and falls as a half cosine."""

    steps: int
    peak_rate: float
    batch: int = 32
    strength: float = 1.0
    """Of what `blurred` does."""

    def rate(self, step: int) -> float:
        """Learning rate of a step."""
        cooling = 0.5 * (1 + np.cos(np.pi * step / self.steps)) + 0.01
        return float(self.peak_rate * min(1.0, (step + 1) / _WARM_UP_STEPS) * cooling)


@dataclass(frozen=True, slots=True)
class Batch:
    """Lessons side by side: (lessons, frames, features) and (lessons, tokens), padded."""

    features: torch.Tensor
    lengths: torch.Tensor
    tokens: torch.Tensor
    token_counts: torch.Tensor


def lessons(utterances: Sequence[Utterance], features: Sequence[torch.Tensor], vocabulary: Vocabulary) -> list[Lesson]:
    """One of each utterance, its features normalised already."""
    numbers = {token: number for number, token in enumerate(vocabulary.tokens)}
    return [
        Lesson(heard, torch.tensor([numbers[token] for token in utterance.tokens], dtype=torch.long))
        for utterance, heard in zip(utterances, features, strict=True)
    ]


def batches(taught: Sequence[Lesson], plan: Plan, random: Random) -> Iterator[Batch]:
    """Without end: each epoch in another order, lessons of about one length together, those without words anywhere."""
    lengths = [len(lesson.features) for lesson in taught if len(lesson.tokens)]

    def place(lesson: Lesson) -> float:
        return (len(lesson.features) if len(lesson.tokens) else random.choice(lengths)) + random.random() * 6

    while True:
        order = sorted(taught, key=place)
        groups = [order[begin : begin + plan.batch] for begin in range(0, len(order), plan.batch)]
        random.shuffle(groups)
        for group in groups:
            yield _side_by_side(group, plan.strength, random)


def train_offline(model: torch.nn.Module, taught: Sequence[Lesson], plan: Plan) -> None:
    """Teach a Paraformer in place, by its own loss."""

    def loss(batch: Batch) -> torch.Tensor:
        value: torch.Tensor = model(batch.features, batch.lengths, batch.tokens, batch.token_counts)[0]
        return value

    descend(model, batches(taught, plan, Random(1)), plan, loss)


def train_streaming(model: torch.nn.Module, taught: Sequence[Lesson], plan: Plan) -> None:
    """Teach a ParaformerStreaming in place, by its own loss, with the frames as its decoding will see them.

    Decoding starts with AHEAD_FRAMES of zeros behind the position encoding, so that the first chunk is one of 10
    frames and 5 ahead as all others; training does the same.
    """
    embedding = model.encoder.embed
    model.encoder.embed = _LateStart(embedding)

    def loss(batch: Batch) -> torch.Tensor:
        late = torch.nn.functional.pad(batch.features, (0, 0, AHEAD_FRAMES, 0))
        value: torch.Tensor = model(late, batch.lengths + AHEAD_FRAMES, batch.tokens, batch.token_counts)[0]
        return value

    try:
        descend(model, batches(taught, plan, Random(2)), plan, loss)
    finally:
        model.encoder.embed = embedding


def descend(model: torch.nn.Module, lots: Iterator[Lot], plan: Plan, loss: Callable[[Lot], torch.Tensor]) -> None:
    """Follow the loss down for the plan's steps over the parameters that want it; the model is left ready for use."""
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimiser = torch.optim.AdamW(parameters, lr=plan.peak_rate, weight_decay=1e-2, betas=(0.9, 0.98))
    model.train()
    losses: list[float] = []
    for step in range(plan.steps):
        for group in optimiser.param_groups:
            group["lr"] = plan.rate(step)
        value = loss(next(lots))
        optimiser.zero_grad()
        value.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 5.0)
        optimiser.step()
        losses.append(float(value.detach()))
        if (step + 1) % _REPORT_STEPS == 0:
            print(f"step {step + 1}: loss {np.mean(losses[-_REPORT_STEPS:]):.3f}", flush=True)
    model.eval()


class _LateStart(torch.nn.Module):
    """The position encoding of all frames but the first AHEAD_FRAMES, which stay zero."""

    def __init__(self, embedding: torch.nn.Module) -> None:
        super().__init__()
        self.embedding = embedding

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        encoded = self.embedding(frames[:, AHEAD_FRAMES:].contiguous())
        return torch.nn.functional.pad(encoded, (0, 0, AHEAD_FRAMES, 0))


def _side_by_side(taught: Sequence[Lesson], strength: float, random: Random) -> Batch:
    # FunASR's integrate-and-fire fails on a batch whose last utterance fires nothing, as one without words may do.
    taught = sorted(taught, key=lambda lesson: len(lesson.tokens))
    lengths = [len(lesson.features) for lesson in taught]
    features = pad_sequence([lesson.features for lesson in taught], batch_first=True)
    tokens = pad_sequence([lesson.tokens for lesson in taught], batch_first=True, padding_value=IGNORED)
    counts = torch.tensor([len(lesson.tokens) for lesson in taught])
    return Batch(blurred(features, lengths, strength, random), torch.tensor(lengths), tokens, counts)
