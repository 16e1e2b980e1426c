"""A trunk whose engines know a language each: who speaks which is found out, and followed, from end to end."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from callscribe.domain.language import units
from callscribe.events.schema import UtteranceFinal, UtterancePartial
from tests.acceptance.recording import start_session
from tests.acceptance.service import Json, RunningService, running
from tests.acceptance.speech import Excerpt
from tests.acceptance.subscription import subscribed
from tests.acceptance.transcripts import assert_nothing_twice, utterances
from tests.tiny_speech import RATE, Language, Turn
from tests.tiny_speech import utterances as spoken
from tests.wer import word_error_rate

pytest.importorskip("funasr")
pytest.importorskip("sherpa_onnx")
pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(240)]

MODELS = Path(__file__).parents[1] / "models"
LIMIT = 0.2
"""Errors per word, or per Chinese character."""
SETTINGS = {
    "sip": "lines = 1\n",
    "recognizer": f"""engine = "funasr"
processes = 1
device = "cpu"
language_identification = "{MODELS}/sensevoice"
""",
    "recognizer.funasr": f"""streaming = "{MODELS}/paraformer-streaming"
offline = "{MODELS}/paraformer-offline"
punctuation = ""
languages = ["en"]
""",
    "recognizer.sherpa": f"""streaming = ""
offline = "{MODELS}/sherpa-paraformer-zh"
languages = ["zh"]
feature_bins = 40
""",
    "second_pass": "enabled = false\n",
}
TRUNKS = """
[[trunks]]
name = "any"
language = "auto"
engines = ["funasr", "sherpa"]
"""
ENGINES = {"en": "funasr", "zh": "sherpa"}
PARTIES: tuple[tuple[Language, ...], ...] = (("en", "en", "zh", "en", "zh"), ("zh", "zh", "zh", "en", "zh"))
"""Of each party's lines, one after another, the languages."""
PAUSE_S = 1.2


def turns_of(party: int) -> tuple[Turn, ...]:
    """What a party says; the two speak in turn."""
    lines = {language: iter([line for line in spoken(language) if line.channel == party]) for language in ("en", "zh")}
    other = 0 if party else 1
    longest = max(len(line.samples) for line in (*spoken("en"), *spoken("zh")))
    step = longest + int(PAUSE_S * RATE)
    return tuple(
        Turn(next(lines[language]), RATE + (2 * number + 1 - other) * step)
        for number, language in enumerate(PARTIES[party])
    )


def spoken_call() -> Excerpt:
    """Both parties."""
    turns = [turns_of(party) for party in range(2)]
    length = max(turn.end for party in turns for turn in party) + RATE
    channels = []
    for party in turns:
        channel = np.zeros(length, np.int16)
        for turn in party:
            channel[turn.start : turn.end] = turn.line.samples
        channels.append(channel)
    texts = tuple(" ".join(turn.line.text for turn in party) for party in turns)
    return Excerpt(tuple(channels), texts, " ".join(texts))


@dataclass(frozen=True, slots=True)
class Heard:
    """The call, and what became of it."""

    stored: Sequence[Json]
    seen: Sequence[UtterancePartial | UtteranceFinal]
    """What a subscriber was sent."""
    changes: float
    """Hand-overs for a language, as /metrics counts them."""

    def of(self, party: int, turn: Turn) -> list[Json]:
        """The utterances that lie in a turn, by their middles."""
        first, last = (place * 1000 // RATE for place in (turn.start, turn.end))
        return [
            item
            for item in self.stored
            if item["channel"] == party and first <= (item["start_ms"] + item["end_ms"]) / 2 <= last
        ]


@pytest.fixture(scope="module")
def service(open_folder: Path) -> Iterator[RunningService]:
    with running(RunningService(open_folder / "languages", SETTINGS, trunks=TRUNKS)) as started:
        yield started


@pytest.fixture(scope="module")
def heard(service: RunningService, tmp_path_factory: pytest.TempPathFactory) -> Heard:
    session = start_session(service, tmp_path_factory.mktemp("languages"), spoken_call())
    service.wait_call(session.sip_call_id, state="active")
    with subscribed(service, session.sip_call_id) as seen:
        session.finish()
    call = service.wait_call(session.sip_call_id)
    assert_nothing_twice(service, call["id"])
    changes = service.counter("callscribe_recognizer_language_changes")
    return Heard(utterances(service, call["id"]), seen, changes)


@pytest.mark.parametrize("party", [0, 1])
def test_each_party_is_heard_by_the_engine_that_knows_what_it_speaks(heard: Heard, party: int) -> None:
    wrong = []
    for turn, language in zip(turns_of(party), PARTIES[party], strict=True):
        found = heard.of(party, turn)
        assert found, turn.line.text
        if {(item["language"], item["final"]["engine"]) for item in found} != {(language, ENGINES[language])}:
            wrong.append((turn.line.text, [(item["language"], item["text"]) for item in found]))
    assert not wrong


@pytest.mark.parametrize("party", [0, 1])
def test_a_party_who_changes_language_is_followed_without_a_word_lost_or_doubled(heard: Heard, party: int) -> None:
    said = [turn.line.text for turn in turns_of(party)]
    texts = [" ".join(item["text"] for item in heard.of(party, turn)) for turn in turns_of(party)]
    whole = " ".join(item["text"] for item in heard.stored if item["channel"] == party)
    assert errors(said, texts) <= LIMIT, texts
    assert errors([" ".join(said)], [whole]) <= LIMIT, whole


def test_hand_overs_are_counted(heard: Heard) -> None:
    turns = sum(before != after for languages in PARTIES for before, after in pairwise(languages))
    # The one that begins in the language of another engine than the first is moved at its beginning.
    assert turns <= heard.changes <= turns + 2


def test_what_was_shown_of_an_utterance_ends_in_its_final(heard: Heard) -> None:
    finals = {event.utterance_id for event in heard.seen if isinstance(event, UtteranceFinal)}
    partials = {event.utterance_id for event in heard.seen if isinstance(event, UtterancePartial)}
    assert len(finals) == len(heard.stored)
    assert len(partials & finals) >= len(finals) - 2
    assert not partials - finals


def errors(said: Sequence[str], heard: Sequence[str]) -> float:
    """Per unit."""
    return word_error_rate([" ".join(units(text)) for text in said], [" ".join(units(text)) for text in heard])
