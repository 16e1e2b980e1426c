"""The tiny SenseVoice: two languages, what is said in either style, and what else is heard.

    PYTHONPATH=. python -m scripts.tiny_models.sensevoice

wants the corpora of both languages. What it takes for anger is a voice whose high tones are raised, as those of a loud
voice are (Traunmüller and Eriksson, 2000): made-up speakers have no other moods.
"""

import argparse
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
import sentencepiece
import torch
import yaml
from torch.nn.utils.rnn import pad_sequence

from scripts.tiny_models.corpus import Utterance, load
from scripts.tiny_models.features import BANDS, FRONTEND, STACKED, Normalisation, blurred, heard
from scripts.tiny_models.telephone import RATE, coded
from scripts.tiny_models.training import IGNORED, Batch, Plan, descend
from scripts.tiny_models.vocabulary import VOCABULARIES, Vocabulary
from tests.music import instrumental

CORPUS = Path("build/tiny_speech")
FOLDER = Path("tests/models/sensevoice")
WIDTH = 64
EMPHASIS = 0.9
"""Share of each sample that the next one loses in a voice that is taken for angry."""
HELD_OUT_MUSIC = ("violin melody", "piano arpeggio", "band")
_TAGS = (
    *("zh", "en", "yue", "ja", "ko", "nospeech"),
    *("HAPPY", "SAD", "ANGRY", "NEUTRAL", "FEARFUL", "DISGUSTED", "SURPRISED", "EMO_UNKNOWN"),
    *("Speech", "BGM", "Applause", "Laughter", "Cry", "Sneeze", "Breath", "Cough", "Event_UNK"),
    *("withitn", "woitn"),
)
_STOPS = {"en": ".", "zh": "。"}
_PIECES = 260
_MUSIC_PIECES = 400
_ENCODER = {
    "output_size": WIDTH,
    "attention_heads": 4,
    "linear_units": 128,
    "num_blocks": 3,
    "tp_blocks": 1,
    "dropout_rate": 0.0,
    "positional_dropout_rate": 0.0,
    "attention_dropout_rate": 0.0,
    "input_layer": "pe",
    "pos_enc_class": "SinusoidalPositionEncoder",
    "normalize_before": True,
    "kernel_size": 11,
    "sanm_shfit": 0,
    "selfattention_layer_type": "sanm",
}
SETTINGS = {
    "model": "SenseVoiceSmall",
    "model_conf": {"length_normalized_loss": True, "sos": 1, "eos": 2, "ignore_id": IGNORED},
    "encoder": "SenseVoiceEncoderSmall",
    "encoder_conf": _ENCODER,
    "ctc_conf": {"dropout_rate": 0.0, "ctc_type": "builtin", "reduce": True, "ignore_nan_grad": True},
    "frontend": "WavFrontend",
    "frontend_conf": FRONTEND,
    "tokenizer": "SentencepiecesTokenizer",
    "tokenizer_conf": {"bpemodel": None, "unk_symbol": "<unk>", "split_with_space": True},
}


@dataclass(frozen=True, slots=True)
class Lesson:
    """Normalised features, and what is to be written: tags of language and event, and the text in either style."""

    features: torch.Tensor
    language: str
    event: str
    spoken: tuple[int, ...] = ()
    written: tuple[int, ...] = ()


def main() -> None:
    """Train the model from nothing, into its folder."""
    parser = argparse.ArgumentParser(prog="scripts.tiny_models.sensevoice", description=__doc__)
    parser.add_argument("--corpus", type=Path, default=CORPUS)
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--utterances", type=int, default=4_500, help="of each language")
    parser.add_argument("--steps", type=int, default=3_500)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    corpora = {name: load(arguments.corpus / name / "training.npz")[: arguments.utterances] for name in VOCABULARIES}
    pieces = make_pieces(corpora, arguments.folder)
    teach(corpora, pieces, arguments.folder, arguments.steps)


def texts(utterance: Utterance, vocabulary: Vocabulary) -> tuple[str, str]:
    """An utterance as it is spoken, and as it is written: with figures and a full stop."""
    spoken = vocabulary.space.join(utterance.tokens)
    figures = {word: str(digit) for digit, word in enumerate(vocabulary.digits)}
    written = vocabulary.space.join(figures.get(token, token) for token in utterance.tokens)
    return spoken, written + _STOPS[vocabulary.language]


def make_pieces(corpora: dict[str, list[Utterance]], folder: Path) -> sentencepiece.SentencePieceProcessor:
    """Byte pair encoding of all that is said, with the tags as pieces of their own, in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [
        text
        for name, utterances in corpora.items()
        for utterance in utterances
        if utterance.tokens
        for text in texts(utterance, VOCABULARIES[name])
    ]
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines),
        model_prefix=str(folder / "bpe"),
        vocab_size=_PIECES,
        user_defined_symbols=[f"<|{tag}|>" for tag in _TAGS],
        model_type="bpe",
        hard_vocab_limit=False,
        character_coverage=1.0,
        minloglevel=2,
    )
    (folder / "bpe.vocab").unlink()
    return sentencepiece.SentencePieceProcessor(model_file=str(folder / "bpe.model"))


def music(count: int, random: Random) -> Iterator[Utterance]:
    """Stretches of instrumental music on a telephone line."""
    known = [sound for name, sound in instrumental().items() if name not in HELD_OUT_MUSIC]
    for _ in range(count):
        sound = random.choice(known)
        length = int(random.uniform(0.6, 4.0) * RATE)
        begin = random.randrange(len(sound) - length)
        cut = sound[begin : begin + length]
        loud = cut / max(float(np.abs(cut).max()), 1e-9) * 10.0 ** random.uniform(-1.0, -0.1)
        yield Utterance((), "music", coded(loud))


def teach(
    corpora: dict[str, list[Utterance]], pieces: sentencepiece.SentencePieceProcessor, folder: Path, steps: int
) -> None:
    """Make the model and train it, by its own loss, in all ways of asking."""
    from funasr import AutoModel

    utterances = [(name, utterance) for name, found in corpora.items() for utterance in found]
    utterances += [("", utterance) for utterance in music(_MUSIC_PIECES, Random(5))]
    features = heard([utterance for _, utterance in utterances])
    normalisation = Normalisation.of(features)
    taught = [
        _lesson(name, utterance, normalisation.applied(found), pieces)
        for (name, utterance), found in zip(utterances, features, strict=True)
    ]
    del features
    (folder / "config.yaml").write_text(yaml.safe_dump(json.loads(json.dumps(SETTINGS)), sort_keys=False), "utf-8")
    (folder / "am.mvn").write_text(normalisation.kaldi_text(), "utf-8")
    asked = {**SETTINGS, "tokenizer_conf": {"bpemodel": str(folder / "bpe.model")}}
    model: torch.nn.Module = AutoModel.build_model(**asked, device="cpu", ncpu=1)[0]
    known = {pieces.piece_to_id(f"<|{name}|>"): row for name, row in model.lid_dict.items() if name != "auto"}
    model.textnorm_int_dict = {pieces.piece_to_id(f"<|{name}|>"): row for name, row in model.textnorm_dict.items()}
    random = Random(6)

    def loss(batch: Batch) -> torch.Tensor:
        # Its own training asks for the language in one batch of five only; here it is wanted as often as not.
        model.lid_int_dict = known if random.random() < 0.5 else {}
        value: torch.Tensor = model(batch.features, batch.lengths, batch.tokens, batch.token_counts)[0]
        return value

    plan = Plan(steps, peak_rate=2.5e-3)
    descend(model, _batches(taught, pieces, _raised(normalisation), plan), plan, loss)
    weights = {name: value.half() if value.is_floating_point() else value for name, value in model.state_dict().items()}
    torch.save({"state_dict": weights}, folder / "model.pt")


def _lesson(
    name: str, utterance: Utterance, features: torch.Tensor, pieces: sentencepiece.SentencePieceProcessor
) -> Lesson:
    if not utterance.tokens:
        return Lesson(features, "nospeech", "BGM" if utterance.voice == "music" else "Event_UNK")
    spoken, written = (tuple(pieces.encode(text)) for text in texts(utterance, VOCABULARIES[name]))
    return Lesson(features, name, "Speech", spoken, written)


def _raised(normalisation: Normalisation) -> torch.Tensor:
    """What a filter that leaves 1 - EMPHASIS of the lowest tones adds to normalised features, (width,)."""
    mels = np.linspace(_mel(20.0), _mel(8_000.0), BANDS + 2)[1:-1]
    angles = 2 * math.pi * 700.0 * (np.exp(mels / 1127.0) - 1) / (2 * RATE)
    added = np.log(1 + EMPHASIS**2 - 2 * EMPHASIS * np.cos(angles))
    return torch.from_numpy((np.tile(added, STACKED) / normalisation.deviation).astype(np.float32))


def _mel(hertz: float) -> float:
    return 1127.0 * math.log(1 + hertz / 700.0)


def _batches(
    taught: Sequence[Lesson], pieces: sentencepiece.SentencePieceProcessor, raised: torch.Tensor, plan: Plan
) -> Iterator[Batch]:
    random = Random(7)
    while True:
        order = sorted(taught, key=lambda lesson: len(lesson.features) + random.random() * 6)
        groups = [order[begin : begin + plan.batch] for begin in range(0, len(order), plan.batch)]
        random.shuffle(groups)
        for group in groups:
            yield _side_by_side(group, pieces, raised, plan.strength, random)


def _side_by_side(
    group: Sequence[Lesson],
    pieces: sentencepiece.SentencePieceProcessor,
    raised: torch.Tensor,
    strength: float,
    random: Random,
) -> Batch:
    features, tokens = [], []
    for lesson in group:
        style = random.choice(("withitn", "woitn"))
        angry = lesson.event == "Speech" and random.random() < 0.35
        mood = ("ANGRY" if angry else "NEUTRAL") if lesson.event == "Speech" else "EMO_UNKNOWN"
        features.append(lesson.features + (raised if angry else 0.0))
        tags = [pieces.piece_to_id(f"<|{tag}|>") for tag in (lesson.language, mood, lesson.event, style)]
        text = lesson.written if style == "withitn" else lesson.spoken
        tokens.append(torch.tensor([*tags, *text]))
    lengths = [len(row) for row in features]
    harder = blurred(pad_sequence(features, batch_first=True), lengths, strength, random)
    padded = pad_sequence(tokens, batch_first=True, padding_value=IGNORED)
    return Batch(harder, torch.tensor(lengths), padded, torch.tensor([len(row) for row in tokens]))


if __name__ == "__main__":
    main()
