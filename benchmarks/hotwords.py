"""What hotwords gain and cost: python -m benchmarks.hotwords

Odd-numbered telephone prompts with their rare words as a list, and made sentences of calls with names that no engine
knows. Both with and without the list, with names that nobody says, in noise at 5 dB and in silence; by the decoder's
bias alone, and with the correction by sound after it; the words that are preferred on all telephones are left out, so
that a list is measured alone. Prints a table and writes build/bench/hotwords.json.
"""

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jiwer
import numpy as np
from rich.console import Console
from rich.table import Table

from asr.offline import OfflineOptions, transcribe
from asr.settings import RecognizerSettings
from benchmarks.acoustics import by_telephone, in_white_noise
from benchmarks.corpus import RATE, Channel, Clip, Pcm, channels, odd_prompts, to_pcm
from benchmarks.names import NAMES, conversation, rare_words, unsaid_names
from callscribe.domain.hotword import Hotword
from callscribe.text.word_errors import normalise
from telephony.settings import TrunkSettings

OUTPUT = Path("build/bench/hotwords.json")
NOISE_DB = 5.0
UNSAID = (100, 1000)
CORRECTION = TrunkSettings("").hotword_correction
BARE = RecognizerSettings(telephone_words=False)
_SILENCE_S = 120
_IDLE_LINE = 8.0
"""Root mean square of an idle line's noise, in 16-bit steps."""


@dataclass(frozen=True, slots=True)
class Score:
    """What was understood of some texts, with a list's phrases told from other words."""

    said: int
    """Times that a phrase was said."""
    found: int
    false: int
    """Times that a phrase was written and not said."""
    wer: float
    u_wer: float
    """Errors on other words, over other words; an insertion counts where it is no word of the list."""
    minutes: float

    @property
    def recall(self) -> float:
        return self.found / max(self.said, 1)

    @property
    def false_a_minute(self) -> float:
        return round(self.false / self.minutes, 2)

    @property
    def figures(self) -> dict[str, float]:
        return {
            "said": self.said,
            "found": self.found,
            "recall": round(self.recall, 4),
            "false_a_minute": self.false_a_minute,
            "wer": round(self.wer, 4),
            "u_wer": round(self.u_wer, 4),
        }


def clean(channel: Channel) -> Pcm:
    return channel.pcm


def in_noise(channel: Channel) -> Pcm:
    return in_white_noise(channel, NOISE_DB)


@dataclass(frozen=True, slots=True)
class Material:
    """Channels, as they are heard, and a list of what is said in them."""

    name: str
    sent: Sequence[Channel]
    phrases: Sequence[str]
    sound: Callable[[Channel], Pcm] = clean

    def heard(self, listed: Sequence[str], correction: float) -> list[str]:
        """The text of each channel."""
        options = OfflineOptions(hotwords=tuple(map(Hotword, listed)), correction=correction, recognizer=BARE)
        sounds = [by_telephone(self.sound(channel)) for channel in self.sent]
        return [" ".join(final.text for final in transcribe(sound, RATE, options)) for sound in sounds]

    def score(self, heard: Sequence[str], phrases: Sequence[str]) -> Score:
        """Against what was said."""
        said = [channel.text for channel in self.sent]
        return score(said, heard, phrases, sum(channel.seconds for channel in self.sent) / 60)


def score(said: Sequence[str], heard: Sequence[str], phrases: Sequence[str], minutes: float) -> Score:
    """Compare texts one by one."""
    references, hypotheses = [normalise(text) for text in said], [normalise(text) for text in heard]
    folded = [f" {normalise(phrase)} " for phrase in phrases]
    counts = [
        (f" {reference} ".count(phrase), f" {hypothesis} ".count(phrase))
        for reference, hypothesis in zip(references, hypotheses, strict=True)
        for phrase in folded
    ]
    listed = {word for phrase in folded for word in phrase.split()}
    compared = jiwer.process_words(references, hypotheses)
    others = errors = 0
    for reference, hypothesis, chunks in zip(
        compared.references, compared.hypotheses, compared.alignments, strict=True
    ):
        for chunk in chunks:
            there = reference[chunk.ref_start_idx : chunk.ref_end_idx]
            come = hypothesis[chunk.hyp_start_idx : chunk.hyp_end_idx] if chunk.type == "insert" else []
            others += sum(word not in listed for word in there)
            errors += sum(word not in listed for word in (*(there if chunk.type != "equal" else ()), *come))
    return Score(
        said=sum(there for there, _ in counts),
        found=sum(min(pair) for pair in counts),
        false=sum(max(0, come - there) for there, come in counts),
        wer=float(compared.wer),
        u_wer=errors / max(others, 1),
        minutes=minutes,
    )


def main() -> None:
    """Run all conditions."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=int, default=1, help="take every n-th odd prompt")
    every = parser.parse_args().every
    console = Console()
    clips = odd_prompts(every)
    materials = [Material("prompts", channels(clips), rare_words([clip.text for clip in clips]))]
    made = conversation()
    if made:
        materials.append(Material("conversation", channels(made), NAMES))
    else:
        console.print("sentences with names left out: install flite")
    figures = measure(materials, clips, console)
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    console.print(_table(figures))


def measure(materials: Sequence[Material], clips: Sequence[Clip], console: Console) -> dict[str, Any]:
    """All conditions of all materials, and over all of them the gain and the cost."""
    sheet = Sheet(console)
    for material in materials:
        sheet.note(material, "no list", (), material.phrases)
        sheet.note(material, "list, bias only", material.phrases, material.phrases, correction=0.0)
        sheet.note(material, "list", material.phrases, material.phrases)
    prompts = materials[0]
    unsaid = {count: unsaid_names([clip.text for clip in clips], count) for count in UNSAID}
    for count, names in unsaid.items():
        sheet.note(prompts, f"{count} never said", names, names)
    noisy = Material(f"prompts at {NOISE_DB:.0f} dB", prompts.sent, prompts.phrases, in_noise)
    sheet.note(noisy, "no list", (), prompts.phrases)
    sheet.note(noisy, "list", prompts.phrases, prompts.phrases)
    sheet.note(noisy, "100 never said", unsaid[100], unsaid[100])
    false = {condition: sheet.scores[noisy.name, condition].false_a_minute for condition in ("no list", "list")}
    return {
        "recall_gain": sheet.gain(materials, "list"),
        "recall_gain_bias_only": sheet.gain(materials, "list, bias only"),
        **{f"recall_gain_{material.name}": sheet.gain([material], "list") for material in materials},
        "u_wer_delta": max(sheet.cost(material, "list", material.phrases) for material in materials),
        **{f"u_wer_delta_{n}_unsaid": sheet.cost(prompts, f"{n} never said", names) for n, names in unsaid.items()},
        "false_a_minute_noise": false["list"],
        "false_a_minute_noise_without_list": false["no list"],
        "false_a_minute_noise_unsaid": sheet.scores[noisy.name, "100 never said"].false_a_minute,
        "texts_in_silence": _texts_in_silence(materials),
        "conditions": sheet.rows,
    }


class Sheet:
    """What was heard, and how it scored, by material and condition."""

    def __init__(self, console: Console) -> None:
        self.rows: list[dict[str, Any]] = []
        self.scores: dict[tuple[str, str], Score] = {}
        self._heard: dict[tuple[str, str], list[str]] = {}
        self._console = console

    def note(
        self,
        material: Material,
        condition: str,
        listed: Sequence[str],
        phrases: Sequence[str],
        correction: float = CORRECTION,
    ) -> None:
        """Hear the material with a list, and score it by phrases."""
        key = material.name, condition
        self._heard[key] = material.heard(listed, correction)
        self.scores[key] = material.score(self._heard[key], phrases)
        self.rows.append({"material": key[0], "condition": key[1], **self.scores[key].figures})
        self._console.print(f"{material.name}, {condition}: {self.scores[key].figures}")

    def gain(self, materials: Sequence[Material], condition: str) -> float:
        """Recall with the list over that without, over all that was said of all lists."""
        found = {name: sum(self.scores[one.name, name].found for one in materials) for name in (condition, "no list")}
        said = sum(self.scores[one.name, "no list"].said for one in materials)
        return round((found[condition] - found["no list"]) / said, 4)

    def cost(self, material: Material, condition: str, phrases: Sequence[str]) -> float:
        """How much higher the error rate is of words that are not of these phrases than without a list."""
        base = material.score(self._heard[material.name, "no list"], phrases)
        return round(self.scores[material.name, condition].u_wer - base.u_wer, 4)


def _texts_in_silence(materials: Sequence[Material]) -> int:
    """Finals of an idle line with every phrase listed."""
    random = np.random.default_rng(4)
    noise = to_pcm(random.normal(0.0, _IDLE_LINE, _SILENCE_S * RATE))
    listed = [phrase for material in materials for phrase in material.phrases]
    options = OfflineOptions(hotwords=tuple(map(Hotword, listed)), correction=CORRECTION, recognizer=BARE)
    return sum(len(transcribe(by_telephone(sound), RATE, options)) for sound in (np.zeros_like(noise), noise))


def _table(figures: dict[str, Any]) -> Table:
    table = Table("material", "condition", "recall", "false a minute", "WER", "U-WER", title=f"See {OUTPUT}")
    for row in figures["conditions"]:
        found = f"{row['recall']:.1%} ({row['found']} of {row['said']})"
        rates = (f"{row['wer']:.1%}", f"{row['u_wer']:.2%}")
        table.add_row(row["material"], row["condition"], found, str(row["false_a_minute"]), *rates)
    for name, value in figures.items():
        if name != "conditions":
            table.add_row(name.replace("_", " "), str(value))
    return table


if __name__ == "__main__":
    main()
