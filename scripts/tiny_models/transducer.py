"""A streaming transducer of sherpa-onnx's kind, and a head for CTC on its encoder: in plain torch, words as tokens.

Graves, "Sequence transduction with recurrent neural networks", arXiv 1211.3711; a decoder without state as in Ghodsi et
al., ICASSP 2020. The encoder is what sherpa-onnx calls "lstm": a chunk of features and two states in, frames and two
states out.
"""

from collections.abc import Iterator, Sequence
from random import Random

import kaldi_native_fbank as knf
import numpy as np
import torch
from torch.nn.utils.rnn import pad_sequence

from scripts.tiny_models.corpus import Utterance
from scripts.tiny_models.telephone import Sound, wide
from scripts.tiny_models.training import Batch, Lesson, Plan, descend
from scripts.tiny_models.vocabulary import Vocabulary

BANDS = 40
STRIDE = 4
"""Features of 10 ms to a frame of the encoder, as sherpa-onnx takes it when it tells times."""
KERNEL = 9
CHUNK_FEATURES = 32
"""Features from one chunk to the next: 320 ms."""
CHUNK_AND_AHEAD_FEATURES = CHUNK_FEATURES + KERNEL - STRIDE
WIDTH = 160
LAYERS = 2
JOINED = 128
CONTEXT = 2
BLANK = 0
_RESAMPLERS = 3
_LONGEST_TAIL_S = 0.7
"""A recogniser puts silence behind an utterance, to get its last word out."""
_CTC_SHARE = 0.8
_NEVER = -1e9
"""Logarithm of no likelihood; infinities have no gradient."""


class Encoder(torch.nn.Module):
    """Features (batch, features, BANDS) and states (LAYERS, batch, WIDTH) to frames (batch, frames, JOINED)."""

    def __init__(self, mean: torch.Tensor, deviation: torch.Tensor) -> None:
        """Mean and deviation of each band over the training speech."""
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("deviation", deviation)
        self.front = torch.nn.Conv1d(BANDS, WIDTH, KERNEL, STRIDE)
        self.memory = torch.nn.LSTM(WIDTH, WIDTH, LAYERS, batch_first=True)
        self.joined = torch.nn.Linear(WIDTH, JOINED)

    def forward(
        self, features: torch.Tensor, hidden: torch.Tensor, cell: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        normal = (features - self.mean) / self.deviation
        frames = torch.relu(self.front(normal.transpose(1, 2))).transpose(1, 2)
        remembered, (hidden, cell) = self.memory(frames, (hidden, cell))
        return self.joined(remembered), hidden, cell


class Decoder(torch.nn.Module):
    """The last CONTEXT tokens (batch, CONTEXT) to what they let expect (batch, JOINED); below 0 is as blank."""

    def __init__(self, tokens: int) -> None:
        super().__init__()
        self.embedding = torch.nn.Embedding(tokens, 64)
        self.joined = torch.nn.Linear(64 * CONTEXT, JOINED)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        expected: torch.Tensor = self.joined(self.embedding(tokens.clamp(min=BLANK)).flatten(-2))
        return expected


class Joiner(torch.nn.Module):
    """What was heard and what is expected, (…, JOINED) each, to scores of the next token (…, tokens)."""

    def __init__(self, tokens: int) -> None:
        super().__init__()
        self.output = torch.nn.Linear(JOINED, tokens)

    def forward(self, heard: torch.Tensor, expected: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self.output(torch.tanh(heard + expected))
        return scores


class Transducer(torch.nn.Module):
    """The three parts of a transducer, and a head for CTC."""

    def __init__(self, encoder: Encoder, tokens: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = Decoder(tokens)
        self.joiner = Joiner(tokens)
        self.ctc = torch.nn.Linear(JOINED, tokens)

    def loss(self, batch: Batch) -> torch.Tensor:
        """Mean negative logarithm of the texts' likelihoods, of the transducer and a share of CTC's."""
        states = torch.zeros(LAYERS, len(batch.features), WIDTH)
        heard, _, _ = self.encoder(batch.features, states, states)
        frames = (batch.lengths - KERNEL) // STRIDE + 1
        tokens = batch.tokens.clamp(min=BLANK)
        before = torch.nn.functional.pad(tokens, (CONTEXT, 0), value=BLANK)
        expected = self.decoder(before.unfold(1, CONTEXT, 1))
        scores = self.joiner(heard[:, :, None], expected[:, None]).log_softmax(-1)
        transduced = transducer_loss(scores, tokens, frames, batch.token_counts)
        said = self.ctc(heard).log_softmax(-1).transpose(0, 1)
        classified = torch.nn.functional.ctc_loss(
            said, tokens, frames, batch.token_counts, reduction="none", zero_infinity=True
        )
        return (transduced + _CTC_SHARE * classified).mean()


def transducer_loss(
    scores: torch.Tensor, tokens: torch.Tensor, frames: torch.Tensor, counts: torch.Tensor
) -> torch.Tensor:
    """Negative logarithm of each text's likelihood over all ways to say it, (batch,).

    `scores` are logarithms of likelihoods (batch, frames, tokens said + 1, tokens), `tokens` (batch, longest), of which
    `counts` are said in `frames` frames. All places at which as many frames and tokens together have passed are
    reckoned at once (Graves' equation 16 along its diagonals).
    """
    length, places = scores.shape[1:3]
    blank = scores[..., BLANK]
    said = scores[:, :, :-1].gather(-1, tokens[:, None, :, None].expand(-1, length, -1, -1)).squeeze(-1)
    said = torch.nn.functional.pad(said, (0, 1), value=_NEVER)
    blank, said = _diagonals(blank), _diagonals(said)
    reached = torch.full((len(scores), places), _NEVER)
    reached[:, 0] = 0.0
    passed = [reached]
    for diagonal in range(length + places - 2):
        stayed = reached + blank[:, diagonal]
        moved = torch.nn.functional.pad((reached + said[:, diagonal])[:, :-1], (1, 0), value=_NEVER)
        reached = torch.logaddexp(stayed, moved)
        passed.append(reached)
    every = torch.stack(passed, 1)
    row, last = torch.arange(len(scores)), frames - 1 + counts
    return -(every[row, last, counts] + blank[row, last, counts])


def _diagonals(scores: torch.Tensor) -> torch.Tensor:
    """Scores (batch, frames, places) by frame + place: (batch, frames + places - 1, places)."""
    batch, length, places = scores.shape
    padded = torch.nn.functional.pad(scores, (0, 0, 0, places), value=_NEVER)
    columns = padded.transpose(1, 2).reshape(batch, -1)[:, : places * (length + places - 1)]
    return columns.reshape(batch, places, length + places - 1).transpose(1, 2)


def features_of(sound: Sound) -> torch.Tensor:
    """Features of sound at 16 kHz as sherpa-onnx computes them, (features, BANDS)."""
    options = knf.FbankOptions()
    options.frame_opts.dither = 0.0
    options.frame_opts.snip_edges = False
    options.mel_opts.num_bins = BANDS
    options.mel_opts.high_freq = -400.0
    bank = knf.OnlineFbank(options)
    bank.accept_waveform(16_000, sound.tolist())
    bank.input_finished()
    return torch.from_numpy(np.stack([bank.get_frame(place) for place in range(bank.num_frames_ready)]))


def tokens_of(vocabulary: Vocabulary) -> tuple[str, ...]:
    """Those of the transducer in the order of their numbers, as sherpa-onnx has them: first CTC's blank."""
    words = dict.fromkeys((*vocabulary.digits, *(token for phrase in vocabulary.phrases for token in phrase)))
    return ("<blk>", "<sos/eos>", "<unk>", *(f"\u2581{word}" if vocabulary.space else word for word in words))


def lessons(utterances: Sequence[Utterance], vocabulary: Vocabulary) -> list[Lesson]:
    """One of each utterance; the resamplers take turns, and behind each is another length of silence."""
    numbers = {token.removeprefix("\u2581"): number for number, token in enumerate(tokens_of(vocabulary))}
    random = Random(3)
    taught = []
    for index, utterance in enumerate(utterances):
        tail = np.zeros(int(random.uniform(0.0, _LONGEST_TAIL_S) * 16_000), np.float32)
        heard = features_of(np.concatenate([wide(utterance.codes, index % _RESAMPLERS), tail]))
        taught.append(Lesson(heard, torch.tensor([numbers[token] for token in utterance.tokens], dtype=torch.long)))
    return taught


def taught_transducer(taught: Sequence[Lesson], vocabulary: Vocabulary, plan: Plan) -> Transducer:
    """A transducer that was taught these lessons."""
    heard = torch.cat([lesson.features for lesson in taught])
    model = Transducer(Encoder(heard.mean(0), heard.std(0)), len(tokens_of(vocabulary)))
    descend(model, _batches(taught, plan, Random(4)), plan, model.loss)
    return model


def _batches(taught: Sequence[Lesson], plan: Plan, random: Random) -> Iterator[Batch]:
    """Without end: each epoch in another order, lessons of about one length together."""
    while True:
        order = sorted(taught, key=lambda lesson: len(lesson.features) * random.uniform(0.9, 1.1))
        groups = [order[begin : begin + plan.batch] for begin in range(0, len(order), plan.batch)]
        random.shuffle(groups)
        for group in groups:
            yield _side_by_side(group, random)


def _side_by_side(group: Sequence[Lesson], random: Random) -> Batch:
    return Batch(
        features=pad_sequence([_harder(lesson.features, random) for lesson in group], batch_first=True),
        lengths=torch.tensor([len(lesson.features) for lesson in group]),
        tokens=pad_sequence([lesson.tokens for lesson in group], batch_first=True),
        token_counts=torch.tensor([len(lesson.tokens) for lesson in group]),
    )


def _harder(features: torch.Tensor, random: Random) -> torch.Tensor:
    """Louder or softer, through another line, with bands and moments that cannot be heard (Park et al., 2019)."""
    harder = features + random.gauss(0, 0.7) + torch.linspace(-1, 1, BANDS) * random.gauss(0, 0.5)
    harder += torch.randn_like(harder) * 0.2
    middle = float(features.mean())
    height, duration = random.randint(0, 7), random.randint(0, 12)
    low, begin = random.randint(0, BANDS - height), random.randint(0, max(0, len(features) - duration))
    harder[:, low : low + height] = middle
    harder[begin : begin + duration] = middle
    return harder
