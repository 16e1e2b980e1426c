"""Calls heard by every engine that needs no torch, through one running service with a trunk for each."""

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from math import ceil
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from asr.engine import ENGINE_RATE
from asr.engines.cloud.dictation import pcm16
from callscribe.events.schema import UtterancePartial
from tests.acceptance.heard import Heard, by_party, errors, play
from tests.acceptance.service import Json, RunningService, running, wait_for
from tests.acceptance.speech import RATE, Excerpt, excerpt
from tests.acceptance.transcripts import jobs_done
from tests.asr import qwen_packages
from tests.asr.cloud.script import understood
from tests.asr.fake_qwen import Request
from tests.prompts import prompts_or_skip
from tests.tiny_speech import utterances as recordings

pytest.importorskip("sherpa_onnx")
pytest.importorskip("google.cloud.speech_v2")

from tests.asr.cloud import fake_azure, fake_google
from tests.asr.cloud.rigs import AzureRig, GoogleRig

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(480)]

ROOT = Path(__file__).parents[2]
LIMIT = 0.2
"""Errors per word of the tiny models."""
GOOGLE_A_MINUTE, AZURE_A_MINUTE = 6.0, 3.0
"""Prices, high enough to be told from one another."""
ADDRESSES = {
    "sherpa": "127.0.0.21",
    "sherpa-misled": "127.0.0.22",
    "google": "127.0.0.23",
    "azure": "127.0.0.24",
    "qwen": "127.0.0.25",
    "google-first": "127.0.0.26",
    "azure-first": "127.0.0.27",
    "calls": "127.0.0.28",
}
"""From where each trunk's calls come."""
TRUNKS = {
    "sherpa": 'engines = ["sherpa"]\nhotwords = ["order"]',
    "sherpa-misled": 'engines = ["sherpa"]\nhotwords = ["one"]',
    "google": 'engines = ["google"]\nlanguage = "auto"\nhotwords = ["Callscribe"]',
    "azure": 'engines = ["azure"]\nlanguage = "de"\nhotwords = ["Callscribe"]',
    "qwen": 'engines = ["qwen"]\nlanguage = "auto"\nhotwords = ["Callscribe"]',
    "google-first": 'engines = ["google", "moonshine"]',
    "azure-first": 'engines = ["azure", "moonshine"]',
    # Its words have no times, so that the text of the second pass stands as it is.
    "calls": 'engines = ["qwen"]\nlanguage = "en"',
}
LINES = {
    "sherpa": ("en-00-agent", "en-05-caller", "en-06-agent", "en-01-caller"),
    "sherpa-misled": ("en-05-caller",),
    "google": ("en-02-agent", "en-03-caller", "en-08-agent"),
    "azure": ("en-04-agent", "en-09-caller"),
    "qwen": ("en-00-agent", "en-01-caller"),
}
"""What is said on each trunk; what a paid service hears is said on no other."""
UNSURE, MEANT = "call-fwd-no-ans", "forward"
"""A prompt, and the word of it that the second pass takes for another where no language model knows better."""


@dataclass(frozen=True, slots=True)
class Cloud:
    """Paid services on this machine."""

    google: GoogleRig
    azure: AzureRig


def settings_of(cloud: Cloud, model: Path, texts: Path) -> dict[str, str]:
    """As a user writes them, but for where the services are."""
    google, azure = cloud.google.server.host, cloud.azure.server.endpoint
    return {
        "sip": "lines = 2\n",
        "recognizer": 'engine = "moonshine"\nprocesses = 1\n',
        "recognizer.sherpa": f"""streaming = "{ROOT}/tests/models/sherpa-transducer"
languages = ["en"]
feature_bins = 40
hotwords_score = 3.0
""",
        "recognizer.google": f"""project = "a-project"
endpoint = "{google}"
languages = ["en-US", "de-DE"]
price_per_minute = {GOOGLE_A_MINUTE}
""",
        "recognizer.azure": f"""endpoint = "{azure}"
languages = ["de-DE", "en-US"]
price_per_minute = {AZURE_A_MINUTE}
""",
        "recognizer.qwen": f'model = "{model}"\nchunk_size_sec = 0.5\n',
        "second_pass": f'language_model = "{texts}"\nlanguage_model_weight = 3.0\n',
    }


def save_language_model(path: Path, word: str) -> Path:
    """Unigrams in ARPA's format to which every word but one is strange."""
    known = f"-0.5\t{word}\n-1.5\t</s>\n-3.0\t<unk>\n"
    path.write_text(f"\\data\\\nngram 1=3\n\n\\1-grams:\n{known}\\end\\\n")
    return path


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with closing(GoogleRig()) as google, closing(AzureRig()) as azure:
        google.server.language = "de-de"
        yield Cloud(google, azure)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of Qwen3-ASR's, with notes of what was asked of it."""
    folder = Path(tmp_path_factory.mktemp("qwen")) / "model"
    qwen_packages.save_model(folder)
    return folder


@pytest.fixture(scope="module")
def engines(open_folder: Path, cloud: Cloud, model: Path) -> Iterator[RunningService]:
    folder = open_folder / "engines"
    folder.mkdir()
    qwen_packages.save_packages(folder / "packages")
    texts = save_language_model(folder / "calls.arpa", MEANT)
    trunks = "".join(
        f'\n[[trunks]]\nname = "{name}"\nallow = ["{ADDRESSES[name]}/32"]\n{body}\n' for name, body in TRUNKS.items()
    )
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("PYTHONPATH", f"{folder / 'packages'}:{ROOT}")
        environment.setenv("SPEECH_KEY", fake_azure.KEY)
        with running(RunningService(folder, settings_of(cloud, model, texts), trunks=trunks)) as started:
            yield started


def talk(*names: str) -> Excerpt:
    """Lines said one after the other, with silence before, between and behind."""
    lines = [line for name in names for line in recordings("en") if line.name == name]
    channels: list[list[NDArray[np.int16]]] = [[np.zeros(RATE, np.int16)] for _ in range(2)]
    for line in lines:
        for party, parts in enumerate(channels):
            said = line.samples if party == line.channel else np.zeros_like(line.samples)
            parts += [said, np.zeros(RATE * 3 // 2, np.int16)]
    texts = [" ".join(line.text for line in lines if line.channel == party) for party in range(2)]
    return Excerpt(tuple(map(np.concatenate, channels)), tuple(texts), " ".join(line.text for line in lines))


def prompt(name: str) -> Excerpt:
    """A prompt that the first party says."""
    (found,) = (one for one in prompts_or_skip() if one.name == name)
    assert found.rate == RATE
    said = np.pad(found.pcm, RATE)
    return Excerpt((said, np.zeros_like(said)), (found.text, ""), found.text)


@dataclass(frozen=True, slots=True)
class Sent:
    """A sound that a model or service was given, at the calls' rate."""

    sound: NDArray[np.float64]
    words: tuple[str, ...]
    """What it makes of the sound."""
    seconds: float


@dataclass(frozen=True, slots=True)
class Played:
    """Calls, and what left this machine, or went to the imitated model, while they went on."""

    calls: dict[str, Heard]
    google: tuple[fake_google.Asked, ...]
    azure: tuple[fake_azure.Asked, ...]
    qwen: tuple[Request, ...]

    def sent(self, engine: str) -> list[Sent]:
        if engine == "qwen":
            return [_sent(pcm16(request.audio)) for request in self.qwen]
        return [_sent(one.audio) for one in (self.google if engine == "google" else self.azure)]


def _sent(pcm: bytes) -> Sent:
    # There is nothing above half of the calls' rate.
    sound = np.frombuffer(pcm, "<i2")[:: ENGINE_RATE // RATE].astype(np.float64)
    return Sent(sound, tuple(understood(pcm)), len(sound) / RATE)


@pytest.fixture(scope="module")
def played(engines: RunningService, cloud: Cloud, model: Path, tmp_path_factory: pytest.TempPathFactory) -> Played:
    """A call to each trunk that needs no trouble, at the same time."""
    # Each service heard half a second of silence when its engine was loaded, and the model was warmed up.
    assert [[any(one.audio) for one in rig.asked] for rig in (cloud.google, cloud.azure)] == [[False], [False]]
    warmed = len(tuple(qwen_packages.asked(model)))
    plans = {trunk: (talk(*names), ADDRESSES[trunk]) for trunk, names in LINES.items()}
    calls = play(engines, Path(tmp_path_factory.mktemp("calls")), plans)
    asked = tuple(qwen_packages.asked(model))[warmed:]
    return Played(calls, tuple(cloud.google.server.asked[1:]), tuple(cloud.azure.server.asked[1:]), asked)


def words(texts: Iterable[str]) -> list[str]:
    return [word.lower().rstrip(".,?!") for text in texts for word in text.split()]


def finals_of(stored: Sequence[Json], party: int) -> list[str]:
    return [str(item["final"]["text"]) for item in stored if item["channel"] == party]


def assert_shown_before_it_was_final(heard: Heard) -> None:
    shown, told = set(), []
    for event in heard.seen:
        if isinstance(event, UtterancePartial):
            assert event.utterance_id not in told
            shown.add(event.utterance_id)
        else:
            told.append(event.utterance_id)
    # An utterance may be too short, or the machine too busy.
    assert sum(one in shown for one in told) >= len(told) - 1 > 0


def likeness(sound: NDArray[np.float64], channel: NDArray[np.int16]) -> tuple[float, int]:
    """How alike a sound is to the stretch of a channel that is most alike, 0 to 1, and where that begins."""
    around = np.pad(channel.astype(np.float64), len(sound))
    size = 1 << (len(around) + len(sound)).bit_length()
    products = np.fft.irfft(np.fft.rfft(around, size) * np.fft.rfft(sound, size).conj(), size)
    energy = np.cumsum(np.pad(around**2, (1, 0)))
    local = np.maximum(energy[len(sound) :] - energy[: -len(sound)], energy[-1] / 1000 + 1)
    alike = products[: len(local)] / np.sqrt(local * (sound @ sound))
    place = int(np.argmax(alike))
    return float(alike[place]), place - len(sound)


def party_of(sent: Sent, channels: Sequence[NDArray[np.int16]]) -> tuple[int, int]:
    """Who said it, and when: it is theirs, and nothing of the other's is in it."""
    found = [likeness(sent.sound, channel) for channel in channels]
    party = int(np.argmax([alike for alike, _ in found]))
    assert found[party][0] > 0.9
    assert found[1 - party][0] < 0.5
    return party, found[party][1]


def test_a_language_model_chooses_the_word_of_a_stored_revision(
    engines: RunningService, service: RunningService, tmp_path: Path
) -> None:
    plans = {"calls": (prompt(UNSURE), ADDRESSES["calls"])}
    heard = []
    for one in (engines, service):
        folder = tmp_path / one.folder.name
        folder.mkdir()
        heard.append((one, play(one, folder, plans)["calls"]))
    with_model, without = (words([second_text(one, call)]) for one, call in heard)
    assert MEANT in with_model
    assert MEANT not in without
    assert with_model[:1] + with_model[-2:] == without[:1] + without[-2:] == ["call", "no", "answer"]


def second_text(service: RunningService, heard: Heard) -> str:
    """What the second pass made of a call's only utterance."""
    wait_for(lambda: jobs_done(service, heard.call["id"]), "the second pass", seconds=180)
    (item,) = heard.stored(service)
    assert item["revisions"][-1]["engine"] == "whisper-tiny-en"
    return str(item["text"])


def test_sherpa_hears_words_and_its_decoder_the_hotwords_of_the_trunk(engines: RunningService, played: Played) -> None:
    heard = played.calls["sherpa"]
    stored = heard.stored(engines)
    assert errors(heard.speech.texts, by_party(stored, live=True)) <= LIMIT, by_party(stored, live=True)
    assert {(item["final"]["engine"], item["language"]) for item in stored} == {("sherpa", "en")}
    assert_shown_before_it_was_final(heard)
    # One of the lines, at the same time, on a trunk with a hotword that nobody says and that sounds a little like it.
    misled = played.calls["sherpa-misled"].stored(engines)
    assert "one" not in words(finals_of(stored, 1))
    assert "one" in words(finals_of(misled, 1))
    assert not any(item["final"]["corrections"] for item in (*stored, *misled))


@pytest.mark.parametrize("engine", ["google", "azure"])
def test_a_paid_service_is_sent_the_speech_of_its_own_calls_and_nothing_else(
    engines: RunningService, played: Played, engine: str
) -> None:
    heard = played.calls[engine]
    stored = heard.stored(engines)
    assert {(item["final"]["engine"], item["language"]) for item in stored} == {(engine, "de")}
    assert_shown_before_it_was_final(heard)

    recorded, spoken = heard.recorded(engines), {0: list[tuple[int, Sent]](), 1: list[tuple[int, Sent]]()}
    for sent in played.sent(engine):
        party, place = party_of(sent, recorded)
        spoken[party].append((place, sent))
    for party, channel in enumerate(heard.speech.channels):
        in_order = [sent for _, sent in sorted(spoken[party], key=lambda one: one[0])]
        assert words(finals_of(stored, party)) == [word for sent in in_order for word in sent.words]
        said_s = np.count_nonzero(channel) / RATE
        assert 0.8 * said_s <= sum(sent.seconds for sent in in_order) <= said_s + 1.5 * len(in_order)


def test_what_a_paid_service_asks_is_recorded_of_each_final_call_and_engine(
    engines: RunningService, played: Played
) -> None:
    billed_s = {
        "google": sum(ceil(sent.seconds) for sent in played.sent("google")),
        "azure": sum(sent.seconds for sent in played.sent("azure")),
    }
    for engine, price in (("google", GOOGLE_A_MINUTE), ("azure", AZURE_A_MINUTE)):
        call = engines.get(f"/api/v1/calls/{played.calls[engine].call['id']}")
        costs = [item["final"]["cost"] for item in played.calls[engine].stored(engines)]
        assert min(costs) > 0.0
        assert call["cost"] == pytest.approx(sum(costs)) == pytest.approx(billed_s[engine] / 60 * price)
        wait_for(lambda: cost_of(engines, engine) == pytest.approx(call["cost"]), "the metric")  # noqa: B023
    for trunk in ("sherpa", "qwen"):
        assert engines.get(f"/api/v1/calls/{played.calls[trunk].call['id']}")["cost"] == 0.0


def cost_of(service: RunningService, engine: str) -> float:
    """As /metrics tell it."""
    (line,) = re.findall(rf'callscribe_recognition_cost{{.*engine="{engine}".*}} (.*)', service.text("/metrics"))
    return float(line)


def test_services_are_told_the_language_and_the_hotwords_of_the_trunk(cloud: Cloud, played: Played) -> None:
    assert {tuple(asked.config.language_codes) for asked in played.google} == {("en-US", "de-DE")}
    assert {tuple(asked.query["language"]) for asked in played.azure} == {("de-DE",)}
    for rig in (cloud.google, cloud.azure):
        assert "Callscribe" in rig.hotwords()


def test_qwen_hears_a_call_by_the_chunk_and_is_told_its_hotwords(engines: RunningService, played: Played) -> None:
    heard = played.calls["qwen"]
    stored = heard.stored(engines)
    assert {(item["final"]["engine"], item["language"]) for item in stored} == {("qwen", "de")}
    assert_shown_before_it_was_final(heard)
    recorded, heard_of = heard.recorded(engines), {0: list[tuple[str, ...]](), 1: list[tuple[str, ...]]()}
    for request, sent in zip(played.qwen, played.sent("qwen"), strict=True):
        assert "Callscribe" in request.context.split(", ")
        heard_of[party_of(sent, recorded)[0]].append(sent.words)
    for party in range(2):
        texts = [tuple(words([text])) for text in finals_of(stored, party)]
        assert texts
        assert all(text in heard_of[party] for text in texts)
        assert len(heard_of[party]) > len(texts), "nothing was heard while it was said"


def test_the_next_engine_of_the_trunk_hears_a_call_that_a_paid_service_refuses(
    engines: RunningService, cloud: Cloud, played: Played, tmp_path: Path
) -> None:
    before = engines.counter("callscribe_recognizer_fallbacks")
    for _ in range(200):
        cloud.google.refuse_credentials()
        cloud.azure.use_up_quota()
    speech = excerpt(2)
    plans = {trunk: (speech, ADDRESSES[trunk]) for trunk in ("google-first", "azure-first")}
    calls = play(engines, tmp_path, plans)
    cloud.google.server.troubles.clear()
    cloud.azure.server.troubles.clear()
    for heard in calls.values():
        stored = heard.stored(engines)
        assert errors(speech.texts, by_party(stored, live=True)) <= 0.15, by_party(stored, live=True)
        assert {item["final"]["engine"] for item in stored} == {"moonshine-tiny-en"}
        assert heard.call["cost"] == 0.0
    assert engines.counter("callscribe_recognizer_fallbacks") >= before + 4
    assert "Google takes the credentials for none; renew them" in engines.log
    assert "its quota is used up; raise it in Azure's portal" in engines.log
