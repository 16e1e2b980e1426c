"""The command line: corpus, then offline, streaming and hotwords, and score; speech on its own."""

import argparse
import time
from pathlib import Path

import torch

from scripts.tiny_models import architecture, scoring
from scripts.tiny_models.architecture import Folder
from scripts.tiny_models.corpus import drawn, load, save, unheard
from scripts.tiny_models.features import Normalisation, heard
from scripts.tiny_models.hotwords import train_hotwords
from scripts.tiny_models.recordings import write_recordings
from scripts.tiny_models.training import Lesson, Plan, lessons, train_offline, train_streaming
from scripts.tiny_models.vocabulary import VOCABULARIES, Vocabulary

MODELS = Path("tests/models")
CORPUS = Path("build/tiny_speech")
_KINDS = {"offline": "paraformer-offline", "streaming": "paraformer-streaming", "hotwords": "seaco"}
_JUDGED = ("known", "held-out")
"""Sets to judge by: new sentences of known voices, and of voices of which nothing was heard in training."""


def main() -> None:
    """Do what the arguments ask."""
    arguments = _arguments()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    began = time.process_time()
    if arguments.task == "speech":
        write_recordings(MODELS / "speech")
    else:
        vocabulary = VOCABULARIES[arguments.language]
        match arguments.task:
            case "corpus":
                make_corpus(vocabulary, arguments.count, arguments.judged)
            case "offline":
                make_offline(vocabulary, arguments.steps)
            case "streaming":
                make_streaming(vocabulary, arguments.steps)
            case "hotwords":
                make_seaco(vocabulary, arguments.steps)
            case "score":
                for kind in _KINDS.values():
                    score(vocabulary, kind)
    print(f"{(time.process_time() - began) / 60:.1f} minutes of CPU")


def make_corpus(vocabulary: Vocabulary, count: int, judged: int) -> None:
    """Speech to train on, and to judge by: 9000 utterances are 7 hours, and take as many minutes."""
    for name in _JUDGED:
        utterances = drawn(vocabulary, judged, f"{vocabulary.language} {name}", held_out=name == "held-out")
        save(utterances, _set(vocabulary, name))
    save(drawn(vocabulary, count, f"{vocabulary.language} training"), _set(vocabulary, "training"))


def make_offline(vocabulary: Vocabulary, steps: int) -> None:
    """The offline model, from nothing."""
    normalisation, taught = _taught(vocabulary)
    folder = _folder(vocabulary, _KINDS["offline"])
    model = folder.begin(architecture.offline(vocabulary), vocabulary, normalisation)
    train_offline(model, taught, Plan(steps, peak_rate=2.5e-3))
    folder.finish(model)
    score(vocabulary, _KINDS["offline"])


def make_streaming(vocabulary: Vocabulary, steps: int) -> None:
    """Its streaming sibling, from the offline one's weights."""
    normalisation, taught = _taught(vocabulary)
    folder = _folder(vocabulary, _KINDS["streaming"])
    model = folder.begin(architecture.streaming(vocabulary), vocabulary, normalisation)
    model.load_state_dict(_folder(vocabulary, _KINDS["offline"]).weights())
    train_streaming(model, taught, Plan(steps, peak_rate=1.5e-3))
    folder.finish(model)
    score(vocabulary, _KINDS["streaming"])


def make_seaco(vocabulary: Vocabulary, steps: int) -> None:
    """The offline model with hotwords and word times around it."""
    normalisation, taught = _taught(vocabulary)
    folder = _folder(vocabulary, _KINDS["hotwords"])
    model = folder.begin(architecture.seaco(vocabulary), vocabulary, normalisation)
    offline = _folder(vocabulary, _KINDS["offline"]).weights()
    train_hotwords(model, offline, taught, Plan(steps, peak_rate=2e-3, strength=2.5))
    folder.finish(model)
    score(vocabulary, _KINDS["hotwords"])


def score(vocabulary: Vocabulary, kind: str) -> None:
    """Print how well a model of tests/models hears, if it is there."""
    folder = _folder(vocabulary, kind).path
    if not (folder / "model.pt").exists():
        return
    training = load(_set(vocabulary, "training"))
    hearing = scoring.Hearing.load(folder)
    for name in _JUDGED:
        utterances = load(_set(vocabulary, name))
        errors = scoring.error_rate(hearing, unheard(utterances, training))
        false = scoring.tokens_on_silence(hearing, utterances)
        print(f"{folder.name}, {name}: {100 * errors:.1f} % errors, {false:.1f} tokens a minute of silence")


def _taught(vocabulary: Vocabulary) -> tuple[Normalisation, list[Lesson]]:
    utterances = load(_set(vocabulary, "training"))
    features = heard(utterances)
    normalisation = Normalisation.of(features)
    return normalisation, lessons(utterances, [normalisation.applied(of_one) for of_one in features], vocabulary)


def _set(vocabulary: Vocabulary, name: str) -> Path:
    return CORPUS / vocabulary.language / f"{name}.npz"


def _folder(vocabulary: Vocabulary, kind: str) -> Folder:
    """English has the plain names."""
    return Folder(MODELS / (kind if vocabulary.language == "en" else f"{kind}-{vocabulary.language}"))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m scripts.tiny_models", description=__doc__)
    tasks = parser.add_subparsers(dest="task", required=True)
    usual: dict[str, dict[str, int]] = {
        "corpus": {"--count": 9_000, "--judged": 150},
        "offline": {"--steps": 7_000},
        "streaming": {"--steps": 4_000},
        "hotwords": {"--steps": 2_000},
        "score": {},
    }
    for name, options in usual.items():
        task = tasks.add_parser(name)
        task.add_argument("--language", choices=sorted(VOCABULARIES), required=True)
        for option, value in options.items():
            task.add_argument(option, type=int, default=value)
    tasks.add_parser("speech")
    return parser.parse_args()


if __name__ == "__main__":
    main()
