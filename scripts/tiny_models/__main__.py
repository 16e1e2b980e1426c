"""The command line: corpus, then offline, streaming and hotwords, and score; speech on its own."""

import argparse
import time
from dataclasses import replace
from pathlib import Path

import torch

from scripts.tiny_models import architecture, scoring
from scripts.tiny_models.architecture import Folder
from scripts.tiny_models.corpus import drawn, load, save, unheard
from scripts.tiny_models.features import Normalisation, heard
from scripts.tiny_models.hotwords import train_hotwords, train_times
from scripts.tiny_models.recordings import write_recordings
from scripts.tiny_models.training import Lesson, Plan, lessons, train_offline, train_streaming
from scripts.tiny_models.vocabulary import ENGLISH, NAMES, VOCABULARIES, Vocabulary

MODELS = Path("tests/models")
CORPUS = Path("build/tiny_speech")
_VOCABULARIES = {**VOCABULARIES, NAMES.name: NAMES}
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
    elif arguments.task == "hotwords":
        make_seaco(arguments.steps)
    else:
        vocabulary = _VOCABULARIES[arguments.vocabulary]
        match arguments.task:
            case "corpus":
                make_corpus(vocabulary, arguments.count, arguments.judged)
            case "offline":
                make_offline(vocabulary, arguments.steps)
            case "streaming":
                make_streaming(vocabulary, arguments.steps)
            case "score":
                for kind in _KINDS.values():
                    score(vocabulary, kind)
    print(f"{(time.process_time() - began) / 60:.1f} minutes of CPU")


def make_corpus(vocabulary: Vocabulary, count: int, judged: int) -> None:
    """Speech to train on, and to judge by: 9000 utterances are 7 hours, and take as many minutes."""
    for name in _JUDGED:
        utterances = drawn(vocabulary, judged, f"{vocabulary.name} {name}", held_out=name == "held-out")
        save(utterances, _set(vocabulary, name))
    save(drawn(vocabulary, count, f"{vocabulary.name} training"), _set(vocabulary, "training"))


def make_offline(vocabulary: Vocabulary, steps: int) -> None:
    """The offline model: from nothing, or from the one that knows the language's other words."""
    normalisation, taught = _taught(vocabulary)
    folder = _folder(vocabulary, _KINDS["offline"])
    model = folder.begin(architecture.offline(vocabulary), vocabulary, normalisation)
    known = VOCABULARIES[vocabulary.language]
    if vocabulary != known:
        _begin_with(model, _folder(known, _KINDS["offline"]))
    train_offline(model, taught, Plan(steps, peak_rate=2.5e-3 if vocabulary == known else 1.5e-3))
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


def make_seaco(steps: int) -> None:
    """The offline model of names with hotwords and word times around it."""
    normalisation, taught = _taught(NAMES)
    folder = _folder(NAMES, _KINDS["hotwords"])
    model = folder.begin(architecture.seaco(NAMES), NAMES, normalisation)
    offline = _folder(NAMES, _KINDS["offline"]).weights()
    train_hotwords(model, offline, taught, Plan(steps, peak_rate=2e-3), NAMES)
    train_times(model, taught, Plan(steps // 10, peak_rate=2e-3))
    folder.finish(model)
    score(NAMES, _KINDS["hotwords"])


def score(vocabulary: Vocabulary, kind: str) -> None:
    """Print how well a model of tests/models hears, if it is there."""
    folder = _folder(vocabulary, kind).path
    if not (folder / "model.pt").exists():
        return
    training = load(_set(vocabulary, "training"))
    hearing = scoring.Hearing.load(folder)
    for name in _JUDGED:
        utterances = load(_set(vocabulary, name))
        new = unheard(utterances, training)
        errors = scoring.error_rate(hearing, [replace(one, tokens=vocabulary.usually(one.tokens)) for one in new])
        false = scoring.tokens_on_silence(hearing, utterances)
        print(f"{folder.name}, {name}: {100 * errors:.1f} % errors, {false:.1f} tokens a minute of silence")
        if kind == _KINDS["hotwords"]:
            rare = [replace(one, tokens=vocabulary.rarely(one.tokens)) for one in new]
            errors = scoring.error_rate(hearing, rare, " ".join(pair.rare for pair in vocabulary.homophones))
            print(f"{folder.name}, {name}, hotwords: {100 * errors:.1f} % errors")


def _taught(vocabulary: Vocabulary) -> tuple[Normalisation, list[Lesson]]:
    utterances = load(_set(vocabulary, "training"))
    features = heard(utterances)
    normalisation = Normalisation.of(features)
    return normalisation, lessons(utterances, [normalisation.applied(of_one) for of_one in features], vocabulary)


def _begin_with(model: torch.nn.Module, other: Folder) -> None:
    """Give a model the other's weights, but those whose shape goes by the vocabulary."""
    own = model.state_dict()
    model.load_state_dict(
        {name: value for name, value in other.weights().items() if value.shape == own[name].shape}, strict=False
    )


def _set(vocabulary: Vocabulary, name: str) -> Path:
    return CORPUS / vocabulary.name / f"{name}.npz"


def _folder(vocabulary: Vocabulary, kind: str) -> Folder:
    """English has the plain names; of the model with names only its end is kept."""
    if vocabulary == NAMES:
        return Folder(MODELS / kind if kind == _KINDS["hotwords"] else CORPUS / vocabulary.name / kind)
    return Folder(MODELS / (kind if vocabulary == ENGLISH else f"{kind}-{vocabulary.name}"))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m scripts.tiny_models", description=__doc__)
    tasks = parser.add_subparsers(dest="task", required=True)
    usual: dict[str, dict[str, int]] = {
        "corpus": {"--count": 9_000, "--judged": 150},
        "offline": {"--steps": 7_000},
        "streaming": {"--steps": 4_000},
        "hotwords": {"--steps": 4_500},
        "score": {},
    }
    for name, options in usual.items():
        task = tasks.add_parser(name)
        if name != "hotwords":
            task.add_argument("--vocabulary", choices=sorted(_VOCABULARIES), required=True)
        for option, value in options.items():
            task.add_argument(option, type=int, default=value)
    tasks.add_parser("speech")
    return parser.parse_args()


if __name__ == "__main__":
    main()
