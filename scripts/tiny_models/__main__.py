"""The command line: corpus, then train, hotwords, and score; speech on its own."""

import argparse
import time
from pathlib import Path

import torch

from scripts.tiny_models import architecture, scoring
from scripts.tiny_models.architecture import Folder
from scripts.tiny_models.corpus import Utterance, drawn, load, save, unheard
from scripts.tiny_models.features import Normalisation, heard
from scripts.tiny_models.hotwords import train_hotwords
from scripts.tiny_models.recordings import write_recordings
from scripts.tiny_models.training import Lesson, Plan, lessons, train_offline, train_streaming
from scripts.tiny_models.vocabulary import VOCABULARIES, Vocabulary

MODELS = Path("tests/models")
CORPUS = Path("build/tiny_speech")
_JUDGED = ("known", "held-out")
"""Sets to judge by: new sentences of known voices, and of voices of which nothing was heard in training."""


def main() -> None:
    """Do what the arguments ask."""
    arguments = _arguments()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    began = time.process_time()
    match arguments.task:
        case "corpus":
            make_corpus(VOCABULARIES[arguments.language], arguments.count, arguments.judged)
        case "train":
            train(VOCABULARIES[arguments.language], arguments.offline_steps, arguments.streaming_steps)
        case "hotwords":
            add_hotwords(VOCABULARIES[arguments.language], arguments.steps)
        case "score":
            score(VOCABULARIES[arguments.language])
        case "speech":
            write_recordings(MODELS / "speech")
    print(f"{(time.process_time() - began) / 60:.1f} minutes of CPU")


def make_corpus(vocabulary: Vocabulary, count: int, judged: int) -> None:
    """Speech to train on, and to judge by: about 2.6 s an utterance, 40 utterances a second."""
    for name in _JUDGED:
        utterances = drawn(vocabulary, judged, f"{vocabulary.language} {name}", held_out=name == "held-out")
        save(utterances, _set(vocabulary, name))
    save(drawn(vocabulary, count, f"{vocabulary.language} training"), _set(vocabulary, "training"))


def train(vocabulary: Vocabulary, offline_steps: int, streaming_steps: int) -> None:
    """The offline model and its streaming sibling, in tests/models."""
    normalisation, taught = _taught(vocabulary)
    folder = _folder(vocabulary, "paraformer-offline")
    offline = folder.begin(architecture.offline(vocabulary), vocabulary, normalisation)
    train_offline(offline, taught, Plan(offline_steps, peak_rate=2.5e-3))
    folder.finish(offline)
    folder = _folder(vocabulary, "paraformer-streaming")
    streaming = folder.begin(architecture.streaming(vocabulary), vocabulary, normalisation)
    streaming.load_state_dict(offline.state_dict())
    train_streaming(streaming, taught, Plan(streaming_steps, peak_rate=1.5e-3))
    folder.finish(streaming)
    score(vocabulary)


def add_hotwords(vocabulary: Vocabulary, steps: int) -> None:
    """The SeACo model around the offline one."""
    normalisation, taught = _taught(vocabulary)
    folder = _folder(vocabulary, "seaco")
    model = folder.begin(architecture.seaco(vocabulary), vocabulary, normalisation)
    offline = _folder(vocabulary, "paraformer-offline").weights()
    train_hotwords(model, offline, taught, Plan(steps, peak_rate=2e-3, strength=2.5))
    folder.finish(model)


def score(vocabulary: Vocabulary) -> None:
    """Print how well the models of tests/models hear."""
    training = load(_set(vocabulary, "training"))
    for kind in ("paraformer-offline", "paraformer-streaming", "seaco"):
        folder = _folder(vocabulary, kind).path
        if not folder.exists():
            continue
        hearing = scoring.Hearing.load(folder)
        for name in _JUDGED:
            utterances = load(_set(vocabulary, name))
            errors = scoring.error_rate(hearing, unheard(utterances, training))
            false = scoring.words_on_silence(hearing, utterances)
            print(f"{folder.name}, {name}: {100 * errors:.1f} % errors, {false:.1f} tokens a minute of silence")


def _taught(vocabulary: Vocabulary) -> tuple[Normalisation, list[Lesson]]:
    utterances: list[Utterance] = load(_set(vocabulary, "training"))
    features = heard(utterances)
    normalisation = Normalisation.of(features)
    return normalisation, lessons(utterances, [normalisation.applied(of_one) for of_one in features], vocabulary)


def _set(vocabulary: Vocabulary, name: str) -> Path:
    return CORPUS / vocabulary.language / f"{name}.npz"


def _folder(vocabulary: Vocabulary, kind: str) -> Folder:
    """English has the plain names."""
    return Folder(MODELS / (kind if vocabulary.language == "en" else f"{kind}-{vocabulary.language}"))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts.tiny_models", description=__doc__)
    tasks = parser.add_subparsers(dest="task", required=True)
    for name, steps in (
        ("corpus", {"--count": 9_000, "--judged": 150}),
        ("train", {"--offline-steps": 5_000, "--streaming-steps": 3_000}),
        ("hotwords", {"--steps": 2_000}),
        ("score", {}),
    ):
        task = tasks.add_parser(name)
        task.add_argument("--language", choices=sorted(VOCABULARIES), required=True)
        for option, usual in steps.items():
            task.add_argument(option, type=int, default=usual)
    tasks.add_parser("speech")
    return parser.parse_args()


if __name__ == "__main__":
    main()
