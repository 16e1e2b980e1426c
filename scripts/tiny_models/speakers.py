"""The tiny CAM++: a model of voices that knows made-up speakers.

PYTHONPATH=. python -m scripts.tiny_models.speakers
"""

import argparse
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations
from pathlib import Path
from random import Random

import numpy as np
import torch
import yaml
from funasr.models.campplus.model import CAMPPlus
from funasr.utils.fbank import fbank

from scripts.tiny_models.architecture import Folder
from scripts.tiny_models.telephone import RATE, Line, wide
from scripts.tiny_models.training import Plan, descend
from scripts.tiny_models.vocabulary import VOCABULARIES
from scripts.tiny_models.voices import HELD_OUT_VARIANTS, KNOWN_VARIANTS, Voice

FOLDER = Path("tests/models/campplus")
BANDS = 80
SETTINGS = {
    "model": "CAMPPlus",
    "model_conf": {
        "feat_dim": BANDS,
        "embedding_size": 64,
        "growth_rate": 8,
        "bn_size": 2,
        "init_channels": 32,
        "memory_efficient": False,
        "output_level": "segment",
    },
    "frontend": "WavFrontend",
    "frontend_conf": {"fs": 2 * RATE, "n_mels": BANDS},
}
_SECONDS = (0.7, 1.3)
"""Of speech in a lesson: as long as a diariser's cuts."""
_BATCH = 16
_SCALE, _MARGIN = 20.0, 0.2
"""Of the cosines in the loss (H. Wang et al., "CosFace", CVPR 2018)."""
_FLITE = (("kal16", 105), ("awb", 120), ("slt", 170))

Speaker = tuple[str, Voice]
"""A language and who speaks it."""


def main() -> None:
    """Train the model from nothing, into its folder, and tell how like voices of which it heard nothing are."""
    parser = argparse.ArgumentParser(prog="scripts.tiny_models.speakers", description=__doc__)
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--utterances", type=int, default=20, help="of each speaker")
    parser.add_argument("--steps", type=int, default=400)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    known = [("en", Voice("flite", name, 1.0, pitch)) for name, pitch in _FLITE]
    known += [(language, made_up(language, variant)) for language in VOCABULARIES for variant in KNOWN_VARIANTS]
    model = CAMPPlus(**SETTINGS["model_conf"])
    teach(model, [heard(speaker, arguments.utterances) for speaker in known], arguments.steps)
    arguments.folder.mkdir(parents=True, exist_ok=True)
    (arguments.folder / "config.yaml").write_text(yaml.safe_dump(SETTINGS, sort_keys=False), "utf-8")
    Folder(arguments.folder).finish(model)
    held_out = [("en", Voice("flite", "rms", 1.0, 100))]
    held_out += [(language, made_up(language, variant)) for language in VOCABULARIES for variant in HELD_OUT_VARIANTS]
    score(model, [heard(speaker, 8) for speaker in held_out])


def made_up(language: str, variant: str) -> Voice:
    """A voice of espeak-ng."""
    return Voice("espeak", {"en": "en-us", "zh": "cmn-latn-pinyin"}[language] + variant, 150, 50)


def heard(speaker: Speaker, count: int) -> list[torch.Tensor]:
    """Filter banks of so many sentences over a line each, of shape (frames, BANDS)."""
    language, voice = speaker

    def one(number: int) -> torch.Tensor:
        seed = f"{language} {voice.engine} {voice.name} {number}"
        generator = np.random.default_rng(list(seed.encode()))
        sentence = VOCABULARIES[language].sentence(Random(seed))
        codes = Line.drawn(generator).carried(voice.say(sentence.spoken), generator)
        banks: torch.Tensor = fbank(torch.from_numpy(wide(codes, number % 3))[None], num_mel_bins=BANDS)
        return banks

    with ThreadPoolExecutor(2) as workers:
        return list(workers.map(one, range(count)))


def teach(model: torch.nn.Module, speakers: Sequence[Sequence[torch.Tensor]], steps: int) -> None:
    """Bring what is heard of one speaker together and of others apart."""
    places = torch.nn.Linear(SETTINGS["model_conf"]["embedding_size"], len(speakers), bias=False)

    def loss(lot: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        banks, who = lot
        towards = torch.nn.functional.normalize(places.weight)
        cosines = torch.nn.functional.normalize(model(banks)) @ towards.T
        margins = _MARGIN * torch.nn.functional.one_hot(who, len(speakers))
        return torch.nn.functional.cross_entropy(_SCALE * (cosines - margins), who)

    both = torch.nn.ModuleList([model, places])
    descend(both, _lots(speakers), Plan(steps, peak_rate=3e-3), loss)


def score(model: torch.nn.Module, speakers: Sequence[Sequence[torch.Tensor]]) -> None:
    """Print the cosines of two halves of a voice, and of two voices."""
    with torch.inference_mode():
        rows = [torch.cat([model(_cut(banks, 100, Random(1))[None]) for banks in spoken]) for spoken in speakers]
    units = [torch.nn.functional.normalize(row) for row in rows]
    halves = [torch.nn.functional.normalize(torch.stack([unit[::2].mean(0), unit[1::2].mean(0)])) for unit in units]
    own = sorted(float(one @ other) for one, other in halves)
    others = sorted(float(one[0] @ other[1]) for one, other in combinations(halves, 2))
    print(f"halves of a voice {own[0]:.2f} to {own[-1]:.2f}; two voices {others[0]:.2f} to {others[-1]:.2f}")


def _lots(speakers: Sequence[Sequence[torch.Tensor]]) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    random = Random(3)
    while True:
        frames = int(100 * random.uniform(*_SECONDS))
        who = random.sample(range(len(speakers)), _BATCH)
        yield torch.stack([_cut(random.choice(speakers[one]), frames, random) for one in who]), torch.tensor(who)


def _cut(banks: torch.Tensor, frames: int, random: Random) -> torch.Tensor:
    """So many frames, repeated where there are fewer, without their mean."""
    while len(banks) < frames:
        banks = torch.cat([banks, banks])
    begin = random.randint(0, len(banks) - frames)
    cut = banks[begin : begin + frames]
    return cut - cut.mean(0, keepdim=True)


if __name__ == "__main__":
    main()
