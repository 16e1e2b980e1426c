"""How much of what must be masked is found, and what else is masked: `python -m benchmarks.redaction`.

Made calls (benchmarks/secrets.py) of a seed and templates that nothing was tuned on, and as harmless ones made
utterances with numbers, the telephone prompts' own texts and the demo call's. Prints a table and writes
build/bench/redaction.json.
"""

import argparse
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.blind_secrets import blind_harmless, blind_secrets
from benchmarks.secrets import Secret, harmless, secrets
from callscribe.domain.redaction import RedactionKind
from callscribe.domain.transcript import Final, Word
from callscribe.text.redaction.conversation import redacted
from callscribe.text.redaction.masking import RedactionPolicy
from callscribe.text.redaction.symbols import Line, runs, tokens_of
from tests.prompts import load_prompts

OUTPUT = Path("build/bench/redaction.json")
RATE = 8000
WORD_S, PAUSE_S = 0.35, 1.0
"""How fast the made calls are spoken."""
TUNING, HELD_OUT = 1, 20_261_122
"""Seeds."""
BLIND = "written a second time"
"""Seed of the set that is only ever looked at in sum."""
POLICY = RedactionPolicy(frozenset(RedactionKind))


@dataclass(frozen=True, slots=True)
class Recall:
    """How many of a kind, told in a style, left nothing unmasked."""

    kind: str
    style: str
    masked: int
    made: int

    @property
    def share(self) -> float:
        return self.masked / self.made


@dataclass(frozen=True, slots=True)
class FalseHits:
    """Utterances of which something was masked though there was no need."""

    source: str
    hit: int
    utterances: int


def finals_of(turns: Iterable[tuple[int, str]]) -> list[Final]:
    """What a recogniser would tell, one after another."""
    finals, at = [], 0.0
    for channel, text in turns:
        said = text.split() or [text]
        words = tuple(_word(word, at + number * WORD_S) for number, word in enumerate(said))
        finals.append(Final(channel, words[0].start, words[-1].end, text, 0.9, "made", words=words))
        at += len(said) * WORD_S + PAUSE_S
    return finals


def _word(text: str, at_s: float) -> Word:
    return Word(text, int(at_s * RATE), int((at_s + WORD_S * 0.9) * RATE), 0.9)


def is_masked(secret: Secret) -> bool:
    """Whether nothing is left of it in any text or word."""
    told = redacted(finals_of(secret.turns), POLICY, RATE)
    for text in [*(final.text for final in told), *(" ".join(w.text for w in final.words) for final in told)]:
        if secret.kind is RedactionKind.EMAIL:
            parts = re.findall(r"[a-z]{3,}", secret.value.partition("@")[0] + " " + secret.value.partition("@")[2][:-4])
            if any(re.search(rf"\b{part}\b", text) for part in parts):
                return False
        elif _digits_left(text) >= min(3, len(secret.value) - 1):
            return False
    return any(final.redactions for final in told)


def _digits_left(text: str) -> int:
    line = Line(0, 0.0, 1.0, text)
    return max((sum(len(item.characters) for item in run) for run in runs(tokens_of([line], 0))), default=0)


def recalls(made: Iterable[Secret]) -> tuple[Recall, ...]:
    """Of each kind and style."""
    counted: dict[tuple[str, str], list[bool]] = {}
    for secret in made:
        counted.setdefault((secret.kind.value, secret.style), []).append(is_masked(secret))
    return tuple(Recall(kind, style, sum(found), len(found)) for (kind, style), found in counted.items())


def false_hits(source: str, texts: Sequence[str]) -> FalseHits:
    """Each by itself, as another call."""
    hit = [text for text in texts if redacted(finals_of([(0, text)]), POLICY, RATE)[0].redactions]
    return FalseHits(source, len(hit), len(texts))


def demo_texts() -> list[str]:
    """What the demo call's parties say: numbers of cases, times and a telephone number among it."""
    turns = json.loads((files("callscribe.cli") / "media" / "demo-call.json").read_text())["turns"]
    return [turn["text"] for turn in turns]


def _made(count: int, *, tuning: bool, blind: bool) -> tuple[Iterable[Secret], Iterable[str]]:
    if blind:
        return blind_secrets(count, BLIND), blind_harmless(count * 10, BLIND)
    seed = TUNING if tuning else HELD_OUT
    return secrets(count, seed, held_out=not tuning), harmless(count * 10, seed, held_out=not tuning)


def main() -> None:
    """Measure the held-out part, or with --tuning or --blind another."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tuning", action="store_true", help="the templates that the rules were made with")
    parser.add_argument("--blind", action="store_true", help="a set that no rule was corrected by")
    parser.add_argument("--count", type=int, default=300, help="made calls of each kind and style")
    arguments = parser.parse_args()
    made, others = _made(arguments.count, tuning=arguments.tuning, blind=arguments.blind)
    found = recalls(made)
    hits = (
        false_hits("made", list(others)),
        false_hits("prompts", [prompt.text for prompt in load_prompts()]),
        false_hits("demo call", demo_texts()),
    )
    table = Table("kind", "style", "recall", "made")
    for one in found:
        table.add_row(one.kind, one.style, f"{one.share:.3f}", str(one.made))
    for other in hits:
        table.add_row(
            "none",
            other.source,
            f"{1000 * other.hit / max(other.utterances, 1):.1f} of 1,000 hit",
            str(other.utterances),
        )
    Console().print(table)
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    name = "blind" if arguments.blind else "tuning" if arguments.tuning else "held-out"
    figures = {"set": name, "recall": [asdict(one) for one in found], "false_hits": [asdict(h) for h in hits]}
    OUTPUT.write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
