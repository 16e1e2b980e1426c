"""Recording sessions heard by engines of FunASR's, with the tiny models and what they know, from end to end."""

import os
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from callscribe.domain.language import units
from callscribe.events.schema import UtteranceFinal, UtterancePartial
from tests.acceptance.recording import start_session
from tests.acceptance.service import Json, RunningService, running, wait_for
from tests.acceptance.speech import Excerpt
from tests.acceptance.subscription import subscribed
from tests.acceptance.transcripts import jobs_done, utterances
from tests.hubs import MODEL, hubs
from tests.tiny_speech import Language, conversation
from tests.wer import word_error_rate

pytest.importorskip("funasr")
pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(240)]

MODELS = Path(__file__).parents[1] / "models"
LIMIT = 0.2
"""Errors per word, or per Chinese character."""
HOTWORD = {"en": ("cancel order", "Cansel Order"), "zh": ("订单", "定单")}
"""What is said, and what sounds like it and is to be written in its place."""
MIXED_ADDRESS, SPARE_ADDRESS = "127.0.0.12", "127.0.0.13"
"""Who calls from the first speaks any language; calls from the second have an engine to spare."""
TRUNKS = f"""
[[trunks]]
name = "mixed"
allow = ["{MIXED_ADDRESS}/32"]
language = "auto"
engines = ["sensevoice"]

[[trunks]]
name = "spare"
allow = ["{SPARE_ADDRESS}/32"]
engines = ["funasr", "moonshine"]
"""


def settings_of(language: Language) -> dict[str, str]:
    """Models from folders, and the one for marks from a hub."""
    ending = "" if language == "en" else f"-{language}"
    return {
        "sip": "lines = 1\nrtp_port_min = 26000\nrtp_port_max = 26499\n",
        "recognizer": f"""engine = "funasr"
processes = 1
device = "cpu"
activity = "{"silero" if language == "en" else "fsmn-vad"}"
fsmn_vad = "{MODELS}/fsmn-vad"
""",
        "recognizer.funasr": f"""streaming = "{MODELS}/paraformer-streaming{ending}"
offline = "{MODELS}/paraformer-offline{ending}"
punctuation = "huggingface:{MODEL}"
languages = ["{language}"]
""",
        "recognizer.sensevoice": f'model = "{MODELS}/sensevoice"\n',
        "second_pass": 'engine = "funasr"\n',
    }


@pytest.fixture(scope="module", params=["en", "zh"])
def language(request: pytest.FixtureRequest) -> Language:
    found: Language = request.param
    return found


@pytest.fixture(scope="module")
def funasr(open_folder: Path, language: Language) -> Iterator[RunningService]:
    folder = open_folder / f"funasr-{language}"
    trunks = f'\n[[trunks]]\nname = "calls"\nlanguage = "{language}"\nhotwords = ["{HOTWORD[language][1]}"]\n'
    files = {file.name: file.read_bytes() for file in (MODELS / "ct-punc").iterdir()}
    with hubs({"v1": files}) as hub, pytest.MonkeyPatch.context() as environment:
        environment.setenv("HF_ENDPOINT", hub.url)
        environment.setenv("HF_HOME", str(folder / "hub"))
        trunks += TRUNKS if language == "en" else ""
        with running(RunningService(folder, settings_of(language), trunks=trunks)) as started:
            yield started


@pytest.fixture
def english(funasr: RunningService, language: Language) -> RunningService:
    """The service that has other engines beside."""
    if language != "en":
        pytest.skip("it is asked of the English one")
    return funasr


def spoken_by(*languages: Language) -> Excerpt:
    """A conversation: of one language, or each party in its own."""
    talks = [conversation(language) for language in languages]
    length = max(len(talk.samples) for talk in talks)
    channels, texts = [], []
    for party in range(2):
        talk = talks[party % len(talks)]
        channels.append(np.pad(talk.channel(party), (0, length - len(talk.samples))))
        texts.append(" ".join(turn.line.text for turn in talk.turns if turn.line.channel == party))
    return Excerpt(tuple(channels), tuple(texts), " ".join(texts))


def errors(said: Sequence[str], heard: Sequence[str], hotword: tuple[str, str] = ("", "")) -> float:
    """Per unit; the hotword counts as the word that was said."""
    plain = (text.replace(hotword[1], hotword[0]) if hotword[1] else text for text in heard)
    return word_error_rate([" ".join(units(text)) for text in said], [" ".join(units(text)) for text in plain])


def by_party(stored: Sequence[Json], *, live: bool) -> list[str]:
    return [
        " ".join(str(item["final"]["text"] if live else item["text"]) for item in stored if item["channel"] == party)
        for party in range(2)
    ]


def test_a_recording_session_is_heard_by_funasr_live_and_after_the_call(
    funasr: RunningService, language: Language, tmp_path: Path
) -> None:
    speech, written = spoken_by(language), HOTWORD[language]
    session = start_session(funasr, tmp_path, speech)
    funasr.wait_call(session.sip_call_id, state="active")
    with subscribed(funasr, session.sip_call_id) as seen:
        session.finish()
        call = funasr.wait_call(session.sip_call_id)
    wait_for(lambda: jobs_done(funasr, call["id"]), 120, "the second pass")
    stored = utterances(funasr, call["id"])
    for live in (True, False):
        assert errors(speech.texts, by_party(stored, live=live), written) <= LIMIT, by_party(stored, live=live)
    assert {item["language"] for item in stored} == {language}
    assert {item["final"]["engine"] for item in stored} == {"funasr"}
    assert any(made["phrase"] == written[1] for item in stored for made in item["final"]["corrections"])
    assert sum(bool(item["revisions"]) for item in stored) >= len(stored) - 1

    finals = [event for event in seen if isinstance(event, UtteranceFinal)]
    partials = [event for event in seen if isinstance(event, UtterancePartial)]
    assert len(finals) == len(stored)
    told = {event.utterance_id for event in partials}
    assert len(told & {event.utterance_id for event in finals}) >= len(finals) - 2


def test_each_party_is_heard_in_its_own_language_and_fields_beside_the_text_are_stored(
    english: RunningService, tmp_path: Path
) -> None:
    speech = spoken_by("en", "zh")
    session = start_session(english, tmp_path, speech, options=("-i", MIXED_ADDRESS))
    session.finish()
    call = english.wait_call(session.sip_call_id)
    assert call["trunk"] == "mixed"
    wait_for(lambda: jobs_done(english, call["id"]), 120, "the second pass")
    stored = utterances(english, call["id"])
    assert errors(speech.texts, by_party(stored, live=True)) <= LIMIT, by_party(stored, live=True)
    heard = [(item["channel"], item["language"]) for item in stored]
    right = sum(language == ("en", "zh")[party] for party, language in heard)
    assert right >= len(heard) - 1, heard
    assert {item["final"]["engine"] for item in stored} == {"sensevoice"}
    assert {item["emotion"] for item in stored} <= {"neutral", "happy", "angry", "sad"}
    assert any(item["emotion"] for item in stored)
    # The second pass knows English only.
    assert not any(item["revisions"] for item in stored if item["language"] == "zh")
    assert any(item["revisions"] for item in stored if item["language"] == "en")


def test_a_spare_engine_hears_the_call_while_the_wanted_one_is_not_there(
    english: RunningService, tmp_path: Path
) -> None:
    speech = spoken_by("en")
    session = start_session(english, tmp_path, speech, options=("-i", SPARE_ADDRESS))
    english.wait_call(session.sip_call_id, state="active")
    wait_for(lambda: utterances_of(english, session.sip_call_id), 20, "the first final")
    (wanted,) = (pid for pid in english.pids("recognizer") if engine_of(pid) == "funasr")
    os.kill(wanted, signal.SIGKILL)
    session.finish()
    call = english.wait_call(session.sip_call_id)
    stored = utterances(english, call["id"])
    assert english.counter("callscribe_recognizer_fallbacks") >= 1
    assert {item["final"]["engine"] for item in stored} == {"funasr", "moonshine-tiny-en"}
    for party in range(2):
        said = [turn for turn in conversation("en").turns if turn.line.channel == party]
        for turn in said:
            middle = (turn.start + turn.end) / 16
            spans = [(item["start_ms"], item["end_ms"]) for item in stored if item["channel"] == party]
            assert any(start <= middle <= end for start, end in spans), (party, middle, spans)


def utterances_of(service: RunningService, sip_call_id: str) -> list[Json]:
    call = service.find_call(sip_call_id)
    return utterances(service, call["id"]) if call else []


def engine_of(pid: int) -> str:
    """Which engine a recogniser process was started with."""
    environment = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
    return dict(entry.partition("=")[::2] for entry in environment).get("CALLSCRIBE_RECOGNIZER__ENGINE", "")
