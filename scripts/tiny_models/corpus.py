"""The speech that models are trained and judged on, drawn from fixed seeds and kept in one file."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np

from scripts.tiny_models.telephone import RATE, Codes, Line, Sound, nobody_speaking
from scripts.tiny_models.vocabulary import Sentence, Vocabulary
from scripts.tiny_models.voices import drawn_voice

_EMPTY_SHARE = 0.04
"""Lines without speech: a model that has heard none says a word on silence."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """One line's sound and what was said on it; no tokens: nothing."""

    tokens: tuple[str, ...]
    voice: str
    codes: Codes


def drawn(vocabulary: Vocabulary, count: int, seed: str, held_out: bool = False) -> list[Utterance]:
    """So many utterances, the same for the same seed. A seed's name belongs to a set: training, known, held out."""
    with ThreadPoolExecutor(2) as workers:
        return list(workers.map(lambda index: _one(vocabulary, f"{seed} {index}", held_out), range(count)))


def unheard(utterances: Sequence[Utterance], training: Sequence[Utterance]) -> list[Utterance]:
    """Those with words, whose sentences are not in training."""
    known = {utterance.tokens for utterance in training}
    return [utterance for utterance in utterances if utterance.tokens and utterance.tokens not in known]


def recorded(sentence: Sentence, language: str, seed: str, held_out: bool = False) -> Utterance:
    """A sentence said by a random voice on a random line, with 0.05 to 0.6 s of silence on either side."""
    random, generator = Random(seed), np.random.default_rng(list(seed.encode()))
    voice = drawn_voice(language, random, held_out)
    sound = np.concatenate([_pause(random), voice.say(sentence.spoken), _pause(random)])
    return Utterance(sentence.tokens, f"{voice.engine} {voice.name}", Line.drawn(generator).carried(sound, generator))


def save(utterances: Sequence[Utterance], path: Path) -> None:
    """Keep them in one file of numpy's."""
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(
        path,
        codes=np.concatenate([utterance.codes for utterance in utterances]),
        ends=np.cumsum([len(utterance.codes) for utterance in utterances]),
        tokens=np.array([" ".join(utterance.tokens) for utterance in utterances]),
        voices=np.array([utterance.voice for utterance in utterances]),
    )


def load(path: Path) -> list[Utterance]:
    """What `save` kept."""
    with np.load(path) as file:
        sounds = np.split(file["codes"], file["ends"][:-1])
        lines = zip(file["tokens"], file["voices"], sounds, strict=True)
        return [Utterance(tuple(str(tokens).split()), str(voice), codes) for tokens, voice, codes in lines]


def _one(vocabulary: Vocabulary, seed: str, held_out: bool) -> Utterance:
    random = Random(seed)
    if random.random() < _EMPTY_SHARE:
        generator = np.random.default_rng(list(seed.encode()))
        return Utterance((), "nobody", nobody_speaking(random.uniform(0.3, 4.0), generator))
    return recorded(vocabulary.sentence(random), vocabulary.language, seed, held_out)


def _pause(random: Random) -> Sound:
    return np.zeros(int(random.uniform(0.05, 0.6) * RATE), np.float32)
