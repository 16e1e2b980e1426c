"""What is Google's own: what a request says, its limits, credentials, and each refusal with its cure."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import grpc
import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from asr.engine import EMPTY, DecodingJob
from asr.engines.cloud.dictation import pcm16
from asr.engines.cloud.service import Request
from asr.engines.google import GoogleEngine, GoogleService
from asr.settings import GoogleSettings
from callscribe.config.settings import load_settings
from callscribe.domain.errors import EngineUnavailable, RecognitionError, SettingsError
from callscribe.domain.hotword import Hotword

pytest.importorskip("google.cloud.speech_v2")

from tests.asr.cloud.fake_google import MOST_BYTES, FakeGoogle, Trouble
from tests.asr.cloud.script import WORD, said
from tests.asr.cloud.test_engine import followed


@pytest.fixture
def server() -> Iterator[FakeGoogle]:
    running = FakeGoogle()
    running.start()
    yield running
    running.stop()


@pytest.fixture
def engine(server: FakeGoogle) -> Iterator[GoogleEngine]:
    loaded = GoogleEngine(GoogleSettings("a-project", location="eu", endpoint=server.host))
    server.asked.clear()
    yield loaded
    loaded.close()


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine without any of Google's credentials."""
    for name in ("GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))


def user_file(folder: Path) -> Path:
    """Credentials of a user, which name no project."""
    file = folder / "user.json"
    secret = {"type": "authorized_user", "client_id": "a", "client_secret": "secret-b", "refresh_token": "secret-c"}
    file.write_text(json.dumps(secret))
    return file


def account_file(folder: Path) -> Path:
    """Credentials of a service account."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    file = folder / "account.json"
    known = {"type": "service_account", "project_id": "of-the-file", "private_key_id": "1", "private_key": pem}
    known |= {"client_email": "callscribe@example.com", "client_id": "1", "token_uri": "https://127.0.0.1:1/token"}
    file.write_text(json.dumps(known))
    return file


def test_a_request_tells_model_language_place_and_what_is_wanted(server: FakeGoogle, engine: GoogleEngine) -> None:
    hotwords = (Hotword("Callscribe", 1.5), Hotword("Quillfeather", 5.0))
    shown = engine.decode([DecodingJob(said(1), hotwords=hotwords, language="en", final=False)])[0]
    engine.decode([DecodingJob(said(1), earlier=shown)])
    engine.decode([DecodingJob(said(1), hotwords=hotwords, language="en-GB")])
    assert [asked.method for asked in server.asked] == ["StreamingRecognize", "Recognize"]
    for asked in server.asked:
        assert asked.recognizer == "projects/a-project/locations/eu/recognizers/_"
        assert (asked.config.model, list(asked.config.language_codes)) == ("telephony", ["en-US"])
        features = asked.config.features
        assert features.enable_automatic_punctuation
        assert features.enable_word_time_offsets
        assert features.enable_word_confidence
        phrases = asked.config.adaptation.phrase_sets[0].inline_phrase_set.phrases
        # Google takes no more than 20.
        assert [(phrase.value, phrase.boost) for phrase in phrases] == [("Callscribe", 15.0), ("Quillfeather", 20.0)]


def test_google_is_told_no_hotwords_where_the_boost_is_nought(server: FakeGoogle) -> None:
    engine = GoogleEngine(GoogleSettings("a-project", endpoint=server.host, boost=0.0))
    engine.decode([DecodingJob(said(1), hotwords=(Hotword("Callscribe"),))])
    assert not server.asked[-1].config.adaptation.phrase_sets
    engine.close()


def test_audio_that_comes_at_once_is_cut_into_messages_that_google_takes(
    server: FakeGoogle, engine: GoogleEngine
) -> None:
    audio = said(*range(12))
    assert len(pcm16(audio)) > 10 * MOST_BYTES
    text = "Zero one two three four five. six seven eight nine ten eleven"
    shown = followed(engine, audio, text)
    assert engine.decode([DecodingJob(audio, earlier=shown)])[0].text == f"{text.replace('six', 'Six')}."
    assert [asked.audio for asked in server.asked] == [pcm16(audio)]


def test_a_stream_that_google_finds_too_fast_is_asked_for_as_a_whole(server: FakeGoogle, engine: GoogleEngine) -> None:
    audio = said(*range(12), *range(12))
    shown = followed(engine, audio[:WORD], "zero")
    final = engine.decode([DecodingJob(audio, earlier=shown)])[0]
    assert len(final.words) == 24
    assert (server.asked[-1].method, server.asked[-1].audio) == ("Recognize", pcm16(audio))


def test_what_is_longer_than_a_minute_is_asked_for_in_parts(server: FakeGoogle, engine: GoogleEngine) -> None:
    audio = said(*(number % 12 for number in range(250)))
    final = engine.decode([DecodingJob(audio)])[0]
    assert len(final.words) == 250
    assert [word.start for word in final.words] == [place * WORD for place in range(250)]
    pieces = [pcm16(audio[first : first + 110 * WORD]) for first in range(0, 250 * WORD, 110 * WORD)]
    assert sorted(asked.audio for asked in server.asked) == sorted(pieces)


def test_a_stream_goes_on_as_another_before_google_ends_it(server: FakeGoogle, engine: GoogleEngine) -> None:
    """Five minutes is what a stream may take; a minute is what can be asked for again."""
    server.ahead_s = 1000.0
    audio = said(*(number % 12 for number in range(130)))
    shown = EMPTY
    for count in range(10, 131, 10):
        shown = engine.decode([DecodingJob(audio[: count * WORD], earlier=shown, final=False)])[0]
    final = engine.decode([DecodingJob(audio, earlier=shown)])[0]
    assert [word.start for word in final.words] == [place * WORD for place in range(130)]
    assert [asked.method for asked in server.asked] == ["StreamingRecognize"] * 2
    assert sorted(asked.audio for asked in server.asked) == sorted(
        [pcm16(audio[: 110 * WORD]), pcm16(audio[110 * WORD :])]
    )


CODES = grpc.StatusCode
REFUSALS = [
    (CODES.PERMISSION_DENIED, "enable the Speech-to-Text API there and grant them the role Cloud Speech Client"),
    (CODES.NOT_FOUND, "correct recognizer.google.project and recognizer.google.location"),
    (CODES.INVALID_ARGUMENT, "correct recognizer.google.model, recognizer.google.languages"),
    (CODES.UNAUTHENTICATED, "renew them, or set recognizer.google.credentials"),
    (CODES.RESOURCE_EXHAUSTED, "raise it in Google's console"),
    (CODES.UNAVAILABLE, "Getting metadata from plugin failed with error: invalid_grant"),
]


@pytest.mark.parametrize(("code", "cure"), REFUSALS, ids=lambda value: getattr(value, "name", ""))
def test_each_refusal_is_one_sentence_with_its_cure(
    server: FakeGoogle, engine: GoogleEngine, code: grpc.StatusCode, cure: str
) -> None:
    said_by_google = cure if "metadata" in cure else "What Google\nsays."
    server.troubles.append(Trouble(code, said_by_google))
    with pytest.raises(EngineUnavailable) as told:
        engine.decode([DecodingJob(said(1))])
    assert cure in str(told.value)
    assert "\n" not in str(told.value)
    assert len(server.asked) == 1


@pytest.mark.parametrize("code", [CODES.UNAVAILABLE, CODES.DEADLINE_EXCEEDED, CODES.INTERNAL, CODES.ABORTED])
def test_what_may_work_the_next_time_is_tried_again(
    server: FakeGoogle, engine: GoogleEngine, code: grpc.StatusCode
) -> None:
    server.troubles += [Trouble(code, "Try again.")]
    assert engine.decode([DecodingJob(said(1, 2))])[0].text == "One two."
    server.troubles += [Trouble(code, "Try again.")] * 2
    with pytest.raises(RecognitionError, match="Try again") as told:
        engine.decode([DecodingJob(said(1))])
    assert not isinstance(told.value, EngineUnavailable)


async def test_google_is_not_waited_for_longer_than_the_settings_say(server: FakeGoogle) -> None:
    service = GoogleService(GoogleSettings("a-project", endpoint=server.host, timeout_s=0.2))
    server.slow = True
    with pytest.raises(RecognitionError, match="Deadline Exceeded"):
        await service.recognize(Request(("en-US",)), pcm16(said(1)))
    server.slow = False
    await service.close()


@pytest.mark.usefixtures("nobody")
def test_missing_credentials_are_told_with_the_cure() -> None:
    with pytest.raises(EngineUnavailable, match=r"no Google credentials at this machine; set recognizer\.google\.cred"):
        GoogleEngine(GoogleSettings("a-project"))
    with pytest.raises(EngineUnavailable, match=r"no Google credentials at recognizer\.google\.credentials \(/nowhere"):
        GoogleEngine(GoogleSettings("a-project", credentials="/nowhere/key.json"))


@pytest.mark.usefixtures("nobody")
def test_only_this_machine_is_spoken_to_without_credentials() -> None:
    for endpoint in ("203.0.113.5:443", "speech.example.com:443", "localhost.example.com:443"):
        with pytest.raises(EngineUnavailable, match="no Google credentials"):
            GoogleService(GoogleSettings("a-project", endpoint=endpoint))
    for endpoint in ("127.0.0.1:1", "localhost:1", "[::1]:1"):
        GoogleService(GoogleSettings("a-project", endpoint=endpoint))


@pytest.mark.usefixtures("nobody")
def test_a_missing_project_is_told_with_the_cure_and_the_secret_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(user_file(tmp_path)))
    with pytest.raises(EngineUnavailable, match=r"recognizer\.google\.project is not set") as told:
        GoogleService(GoogleSettings())
    assert "secret" not in str(told.value)
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "of-the-environment")
    GoogleService(GoogleSettings())


@pytest.mark.usefixtures("nobody")
def test_a_service_account_names_the_project_that_pays(tmp_path: Path) -> None:
    GoogleService(GoogleSettings(credentials=str(account_file(tmp_path))))
    (tmp_path / "broken.json").write_text("{}")
    with pytest.raises(EngineUnavailable, match="no Google credentials at"):
        GoogleService(GoogleSettings(credentials=str(tmp_path / "broken.json")))


def test_a_missing_package_is_told_with_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "google.cloud.speech_v2", None)
    with pytest.raises(EngineUnavailable, match=r"pip install 'callscribe\[google\]'"):
        GoogleEngine(GoogleSettings("a-project"))


def test_google_writes_its_own_tags_for_some_languages(server: FakeGoogle) -> None:
    settings = GoogleSettings("a-project", endpoint=server.host, languages=("cmn-Hans-CN", "en-US"))
    engine = GoogleEngine(settings)
    assert engine.capabilities.languages == ("zh", "en")
    for language, tags in (("zh-CN", ["cmn-Hans-CN"]), ("en", ["en-US"]), ("auto", ["cmn-Hans-CN", "en-US"])):
        engine.decode([DecodingJob(np.zeros(WORD, np.float32), language=language)])
        assert list(server.asked[-1].config.language_codes) == tags
    engine.close()


@pytest.mark.parametrize(
    ("wrong", "rule"),
    [
        ({"RECOGNIZER__GOOGLE__BOOST": "21"}, "boost must be 0 to 20"),
        ({"RECOGNIZER__GOOGLE__LANGUAGES": "[]"}, "languages must name one at least"),
        ({"RECOGNIZER__GOOGLE__PRICE_PER_MINUTE": "-0.1"}, "price_per_minute must not be negative"),
        ({"RECOGNIZER__GOOGLE__PRICE_PER_MINUTE": "nan"}, "price_per_minute must not be negative"),
        ({"RECOGNIZER__AZURE__TIMEOUT_S": "61"}, "timeout_s must be 0.1 to 60"),
        ({"RECOGNIZER__AZURE__REGION": "example.com/"}, "region must be the name of an Azure region"),
    ],
    ids=str,
)
def test_a_setting_that_makes_no_sense_is_refused_where_it_is_set(wrong: dict[str, str], rule: str) -> None:
    with pytest.raises(SettingsError, match=rule):
        load_settings(None, {f"CALLSCRIBE_{name}": value for name, value in wrong.items()})


def test_neither_is_a_default_and_both_are_off_without_credentials() -> None:
    settings = load_settings(None, {})
    assert {settings.recognizer.engine, settings.second_pass.engine} == {"moonshine", "whisper"}
    assert (settings.recognizer.google.project, settings.recognizer.azure.key) == ("", "")
