"""Recording sessions heard by engines of FunASR's, with the tiny models and what they know, from end to end."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest

from callscribe.events.schema import UtteranceFinal, UtterancePartial
from tests.acceptance.heard import Heard, by_party, errors, play
from tests.acceptance.recording import say, start_session
from tests.acceptance.service import Json, RunningService, running, wait_for
from tests.acceptance.speech import Excerpt
from tests.acceptance.transcripts import jobs_done, utterances
from tests.hubs import MODEL, hubs
from tests.tiny_speech import Language, Vocabulary, conversation

pytest.importorskip("funasr")
pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(240)]

MODELS = Path(__file__).parents[1] / "models"
LIMIT = 0.2
"""Errors per word, or per Chinese character."""
HOTWORD = {"en": ("cancel order", "Cansel Order"), "zh": ("订单", "定单")}
"""What is said, and what sounds like it and is to be written in its place."""
SHARED_TURNS = 4
"""Of a conversation, that are spoken on one channel."""
NAMES = {"meyer": "maier", "schmidt": "schmitt"}
"""Names as they are usually spelled, and as the hotwords of a trunk spell them; they sound the same."""
MIXED_ADDRESS, SPARE_ADDRESS, REMOTE_ADDRESS = "127.0.0.12", "127.0.0.13", "127.0.0.14"
"""Who calls from the first speaks any language; the second has an engine to spare, the third a server."""
NAMED_ADDRESS, UNNAMED_ADDRESS = "127.0.0.15", "127.0.0.16"
"""Of callers from the first the names are known."""
SHARED_ADDRESS = "127.0.0.17"
"""Calls from here have two people on their one channel."""
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

[[trunks]]
name = "remote"
allow = ["{REMOTE_ADDRESS}/32"]
engines = ["funasr-server"]

[[trunks]]
name = "named"
allow = ["{NAMED_ADDRESS}/32"]
hotwords = {list(NAMES.values())}

[[trunks]]
name = "unnamed"
allow = ["{UNNAMED_ADDRESS}/32"]
"""


def settings_of(language: Language, server: int) -> dict[str, str]:
    """Models from folders, and the one for marks from a hub; `server` is the port of FunASR's own."""
    ending, offline = ("", "seaco") if language == "en" else (f"-{language}", f"paraformer-offline-{language}")
    return {
        "sip": "lines = 2\n",
        "recognizer": f"""engine = "funasr"
processes = 1
device = "cpu"
activity = "{"silero" if language == "en" else "fsmn-vad"}"
fsmn_vad = "{MODELS}/fsmn-vad"
""",
        "recognizer.funasr": f"""streaming = "{MODELS}/paraformer-streaming{ending}"
offline = "{MODELS}/{offline}"
punctuation = "huggingface:{MODEL}"
languages = ["{language}"]
""",
        "recognizer.sensevoice": f'model = "{MODELS}/sensevoice"\n',
        "recognizer.funasr_server": f'url = "ws://127.0.0.1:{server}"\nprotocol = "realtime"\n',
        "second_pass": 'engine = "funasr"\n',
        "diarization": f'engine = "cam++"\nmodel = "{MODELS}/campplus"\ndevice = "cpu"\n',
    }


@contextmanager
def official(language: Language) -> Iterator[int]:
    """The port of FunASR's own server, which only the English service needs."""
    if language != "en":
        yield 1
        return
    program = [sys.executable, "-m", "tests.asr.funasr_server.official", "realtime", language]
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        try:
            yield next(int(line.split()[1]) for line in process.stdout if line.startswith("port "))
        finally:
            process.kill()


@pytest.fixture(scope="module", params=["en", "zh"])
def language(request: pytest.FixtureRequest) -> Language:
    found: Language = request.param
    return found


@pytest.fixture(scope="module")
def funasr(open_folder: Path, language: Language) -> Iterator[RunningService]:
    folder = open_folder / f"funasr-{language}"
    trunks = f'\n[[trunks]]\nname = "calls"\nlanguage = "{language}"\nhotwords = ["{HOTWORD[language][1]}"]\n'
    trunks += f'\n[[trunks]]\nname = "shared"\nallow = ["{SHARED_ADDRESS}/32"]\nlanguage = "{language}"\n'
    trunks += "[trunks.roles]\nmixed = true\n"
    files = {file.name: file.read_bytes() for file in (MODELS / "ct-punc").iterdir()}
    with hubs({"v1": files}) as hub, official(language) as server, pytest.MonkeyPatch.context() as environment:
        environment.setenv("HF_ENDPOINT", hub.url)
        environment.setenv("HF_HOME", str(folder / "hub"))
        trunks += TRUNKS if language == "en" else ""
        with running(RunningService(folder, settings_of(language, server), trunks=trunks)) as started:
            yield started


@pytest.fixture(scope="module")
def calls(funasr: RunningService, language: Language, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Heard]:
    """A call to each trunk, at the same time."""
    plans = {"calls": (spoken_by(language), "127.0.0.1")}
    if language == "en":
        plans |= {"mixed": (spoken_by("en", "zh"), MIXED_ADDRESS), "remote": (spoken_by("en"), REMOTE_ADDRESS)}
        plans |= {"named": (spoken_by("names"), NAMED_ADDRESS), "unnamed": (spoken_by("names"), UNNAMED_ADDRESS)}
    found = play(funasr, Path(tmp_path_factory.mktemp("calls")), plans)
    wait_for(
        lambda: all(jobs_done(funasr, heard.call["id"]) for heard in found.values()), "the second pass", seconds=120
    )
    return found


@pytest.fixture
def english(funasr: RunningService, language: Language) -> RunningService:
    """The service that has other engines beside."""
    if language != "en":
        pytest.skip("it is asked of the English one")
    return funasr


def spoken_by(*vocabularies: Vocabulary) -> Excerpt:
    """A conversation: of one vocabulary, or each party in its own."""
    talks = [conversation(vocabulary) for vocabulary in vocabularies]
    length = max(len(talk.samples) for talk in talks)
    channels, texts = [], []
    for party in range(2):
        talk = talks[party % len(talks)]
        channels.append(np.pad(talk.channel(party), (0, length - len(talk.samples))))
        texts.append(" ".join(turn.line.text for turn in talk.turns if turn.line.channel == party))
    return Excerpt(tuple(channels), tuple(texts), " ".join(texts))


def rarely(text: str) -> str:
    """With names as the hotwords spell them."""
    return " ".join(NAMES.get(word, word) for word in text.split())


def plain(texts: Sequence[str], hotword: tuple[str, str]) -> list[str]:
    """The hotword counts as the word that was said."""
    return [text.replace(hotword[1], hotword[0]) for text in texts]


def test_a_recording_session_is_heard_by_funasr_live_and_after_the_call(
    funasr: RunningService, language: Language, calls: dict[str, Heard]
) -> None:
    heard, written = calls["calls"], HOTWORD[language]
    stored = heard.stored(funasr)
    for live in (True, False):
        texts = by_party(stored, live=live)
        assert errors(heard.speech.texts, plain(texts, written)) <= LIMIT, texts
    assert {item["language"] for item in stored} == {language}
    assert {item["final"]["engine"] for item in stored} == {"funasr"}
    assert any(made["phrase"] == written[1] for item in stored for made in item["final"]["corrections"])
    assert sum(bool(item["revisions"]) for item in stored) >= len(stored) - 1

    finals = {event.utterance_id for event in heard.seen if isinstance(event, UtteranceFinal)}
    partials = {event.utterance_id for event in heard.seen if isinstance(event, UtterancePartial)}
    assert len(finals) == len(stored)
    assert len(partials & finals) >= len(finals) - 2


def test_each_party_is_heard_in_its_own_language_and_fields_beside_the_text_are_stored(
    english: RunningService, calls: dict[str, Heard]
) -> None:
    heard = calls["mixed"]
    stored = heard.stored(english)
    assert errors(heard.speech.texts, by_party(stored, live=True)) <= LIMIT, by_party(stored, live=True)
    languages = [(item["channel"], item["language"]) for item in stored]
    right = sum(language == ("en", "zh")[party] for party, language in languages)
    assert right >= len(languages) - 1, languages
    assert {item["final"]["engine"] for item in stored} == {"sensevoice"}
    assert {item["emotion"] for item in stored} <= {"neutral", "happy", "angry", "sad"}
    assert any(item["emotion"] for item in stored)
    # The second pass knows English only.
    assert not any(item["revisions"] for item in stored if item["language"] == "zh")
    assert any(item["revisions"] for item in stored if item["language"] == "en")


def test_two_people_on_one_channel_are_told_apart_by_cam_plus_plus(
    funasr: RunningService, language: Language, tmp_path: Path
) -> None:
    talk = conversation(language)
    turns = talk.turns[:SHARED_TURNS]
    both = talk.samples[: talk.turns[SHARED_TURNS].start].astype(np.int32).sum(axis=1)
    call = say(funasr, tmp_path, np.clip(both, -32768, 32767).astype(np.int16), SHARED_ADDRESS)
    wait_for(lambda: jobs_done(funasr, call["id"]), "the speakers", seconds=120)
    found = [turn for item in utterances(funasr, call["id"]) for turn in item["turns"]]
    assert [speaker for speaker, _ in groupby(found, lambda turn: turn["speaker"])] == [1, 2] * (SHARED_TURNS // 2)
    for party in range(2):
        said = " ".join(turn.line.text for turn in turns if turn.line.channel == party)
        heard = " ".join(turn["text"] for turn in found if turn["speaker"] == party + 1)
        assert errors([said], [heard]) <= LIMIT, heard


def test_hotwords_of_a_trunk_decide_how_names_are_spelled(english: RunningService, calls: dict[str, Heard]) -> None:
    """By SeACo, which hears them: nothing is corrected by its sound."""
    for trunk in ("named", "unnamed"):
        stored = calls[trunk].stored(english)
        for live in (True, False):
            texts = by_party(stored, live=live)
            said = [text if trunk == "unnamed" else rarely(text) for text in calls[trunk].speech.texts]
            assert errors(said, texts) <= LIMIT, texts
            names = [word.strip(",.?") for text in texts for word in text.lower().split()]
            for usual, rare in NAMES.items():
                assert (rare in names, usual in names) == (trunk == "named", trunk == "unnamed"), texts
        assert not any(item["final"]["corrections"] for item in stored)


def test_a_server_of_funasr_s_own_hears_a_call(english: RunningService, calls: dict[str, Heard]) -> None:
    """`funasr.bin.realtime_ws` of the package funasr, with a Paraformer in place of Fun-ASR-Nano."""
    heard = calls["remote"]
    stored = heard.stored(english)
    assert {item["final"]["engine"] for item in stored} == {"funasr-server"}
    # Its own voice activity detector cuts the speech too, and the tiny one is no good one.
    assert errors(heard.speech.texts, by_party(stored, live=True)) <= LIMIT + 0.1, by_party(stored, live=True)


def test_a_spare_engine_hears_the_call_while_the_wanted_one_is_not_there(
    english: RunningService, tmp_path: Path
) -> None:
    speech = spoken_by("en")
    session = start_session(english, tmp_path, speech, options=("-i", SPARE_ADDRESS))
    english.wait_call(session.sip_call_id, state="active")
    wait_for(lambda: utterances_of(english, session.sip_call_id), "the first final")
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
