"""The part of SeACo-Paraformer that listens for hotwords, taught beside an offline model that stays as it is."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random

import torch
from funasr.models.transformer.utils.add_sos_eos import add_sos_eos
from funasr.models.transformer.utils.nets_utils import make_pad_mask
from torch.nn.utils.rnn import pad_sequence

from scripts.tiny_models.training import IGNORED, Batch, Lesson, Plan, batches, descend
from scripts.tiny_models.vocabulary import Vocabulary

_HEEDING = ("bias_encoder", "seaco_decoder", "hotword_output_layer")
_TIMING = ("predictor.upsample", "predictor.blstm", "predictor.cif_output2")
_FEW, _MANY = 4, 24
"""Hotwords that are listed at most, while the model learns to heed them, and then."""
_LENGTHS = (1, 1, 1, 2, 3)
"""Tokens of a hotword, one as likely as the other."""
_BOLDNESS = 4.0
_ROUNDS = 4
"""How often each lesson is heard, blurred otherwise each time."""

Spelling = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Heard:
    """What the offline model makes of a batch, all that the hotword part sees of it: (lessons, tokens + 1, width)."""

    acoustics: torch.Tensor
    hidden: torch.Tensor
    texts: tuple[Spelling, ...]


def train_hotwords(
    model: torch.nn.Module,
    offline: Mapping[str, torch.Tensor],
    taught: Sequence[Lesson],
    plan: Plan,
    vocabulary: Vocabulary,
) -> None:
    """Give a SeacoParaformer the offline model's weights and teach it hotwords, in place.

    Each step draws words of a batch as hotwords; the model is to say those where they are said, and that there is none
    elsewhere. Of two spellings of one sound each step means one: the sound does not tell which, only the hotword does.
    Without such words there is nothing to learn from hotwords that the offline model does not know already.

    At first hotwords are few, and places with one count as much as all others together: SeACo's own loss rewards
    a model most that says of every place that there is none. The last third is taught by that loss, with long lists.
    """
    model.load_state_dict(dict(offline), strict=False)
    numbers = {token: number for number, token in enumerate(vocabulary.tokens)}
    pairs = [(numbers[pair.usual], numbers[pair.rare]) for pair in vocabulary.homophones]
    lots = batches(taught, plan, Random(3))
    model.eval()
    known = [_heard(model, next(lots)) for _ in range(_ROUNDS * len(taught) // plan.batch)]
    random = Random(4)
    _bolder(model.bias_encoder)
    _learn_only(model, _HEEDING)

    def drawn(heard: Heard, most: int) -> tuple[torch.Tensor, torch.Tensor]:
        meant = [(pair, random.choice(pair)) for pair in pairs]
        spelled = {number: chosen for pair, chosen in meant for number in pair}
        texts = [tuple(spelled.get(number, number) for number in text) for text in heard.texts]
        words = _drawn_hotwords(texts, most, random)
        return _scores(model, heard, words), _labels(texts, words, model.NO_BIAS)

    def balanced(heard: Heard) -> torch.Tensor:
        scores, labels = drawn(heard, _FEW)
        listed = (labels != model.NO_BIAS) & (labels != IGNORED)
        parts = [labels.masked_fill(of_one, IGNORED) for of_one in (listed, ~listed)]
        value: torch.Tensor = sum(model.criterion_seaco(scores, part) for part in parts if (part != IGNORED).any())
        return value

    def own(heard: Heard) -> torch.Tensor:
        value: torch.Tensor = model.criterion_seaco(*drawn(heard, _MANY))
        return value

    last = plan.steps // 3
    descend(model, _shuffled(known, random), replace(plan, steps=plan.steps - last), balanced)
    descend(model, _shuffled(known, random), replace(plan, steps=last, peak_rate=plan.peak_rate / 2), own)


def _bolder(encoder: torch.nn.Module) -> None:
    """An LSTM as torch makes it says so little at first that the decoder would not listen."""
    with torch.no_grad():
        for name, parameter in encoder.named_parameters():
            if name.startswith("weight"):
                parameter.mul_(_BOLDNESS)


def train_times(model: torch.nn.Module, taught: Sequence[Lesson], plan: Plan) -> None:
    """Teach a model whose encoder knows speech when its tokens are said, in place."""

    def loss(batch: Batch) -> torch.Tensor:
        with torch.no_grad():
            encoded, lengths = model.encode(batch.features, batch.lengths)
        value: torch.Tensor = model._calc_pre2_loss(encoded, lengths, batch.tokens, batch.token_counts)
        return value

    _learn_only(model, _TIMING)
    descend(model, batches(taught, plan, Random(5)), plan, loss)


def _learn_only(model: torch.nn.Module, parts: tuple[str, ...]) -> None:
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name.startswith(parts))


def _heard(model: torch.nn.Module, batch: Batch) -> Heard:
    with torch.no_grad():
        encoded, lengths = model.encode(batch.features, batch.lengths)
        texts = add_sos_eos(batch.tokens, model.sos, model.eos, IGNORED)[1]
        mask = (~make_pad_mask(lengths, maxlen=encoded.shape[1]))[:, None]
        acoustics = model.predictor(encoded, texts, mask, ignore_id=IGNORED)[0]
        hidden = model.decoder(encoded, lengths, acoustics, batch.token_counts + 1, return_hidden=True)[0]
    counted = zip(batch.tokens.tolist(), batch.token_counts.tolist(), strict=True)
    return Heard(acoustics, hidden, tuple(tuple(row[:count]) for row, count in counted))


def _scores(model: torch.nn.Module, heard: Heard, words: Sequence[Spelling]) -> torch.Tensor:
    """Of each token at each place, (lessons, longest text, tokens), as SeacoParaformer reckons them in its training."""
    listed = [torch.tensor(word) for word in (*words, (model.sos,))]
    embedded = model._hotword_representation(
        pad_sequence(listed, batch_first=True), torch.tensor([len(word) for word in listed])
    )
    rows = len(heard.texts)
    context, known = embedded.expand(rows, -1, -1), torch.full((rows,), len(listed))
    counts = torch.tensor([len(text) + 1 for text in heard.texts])
    by_sound = model.seaco_decoder(context, known, heard.acoustics, counts)[0]
    by_text = model.seaco_decoder(context, known, heard.hidden, counts)[0]
    scores: torch.Tensor = model.hotword_output_layer((by_sound + by_text)[:, :-1])
    return scores


def _shuffled(known: list[Heard], random: Random) -> Iterator[Heard]:
    while True:
        yield from random.sample(known, len(known))


def _drawn_hotwords(texts: Sequence[Spelling], most: int, random: Random) -> list[Spelling]:
    """Runs of one to three tokens that are said in the texts, each once, `most` at most."""
    spoken = [text for text in texts if text]
    words: dict[Spelling, None] = {}
    for _ in range(random.randint(1, most) if spoken else 0):
        text = random.choice(spoken)
        length = min(random.choice(_LENGTHS), len(text))
        begin = random.randint(0, len(text) - length)
        words[text[begin : begin + length]] = None
    return list(words)


def _labels(texts: Sequence[Spelling], words: Sequence[Spelling], no_bias: int) -> torch.Tensor:
    """What is to be said at each place of each text, (texts, longest): a hotword's token, or none."""
    labels = torch.full((len(texts), max(map(len, texts))), IGNORED)
    for row, text in zip(labels, texts, strict=True):
        # The end of a text is a place of its own, which says nothing.
        row[: len(text) + 1] = no_bias
        for word in words:
            for begin in range(len(text) - len(word) + 1):
                if text[begin : begin + len(word)] == word:
                    row[begin : begin + len(word)] = torch.tensor(word)
    return labels
