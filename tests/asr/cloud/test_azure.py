"""What is Azure's own: its messages, connections and refusals, and texts with and without figures."""

import asyncio
import logging
from collections.abc import Iterator
from http import HTTPStatus

import pytest

from asr.engine import EMPTY, DecodingJob
from asr.engines.azure import AzureEngine
from asr.engines.azure.messages import Message, parse
from asr.engines.azure.service import AzureService, paced
from asr.engines.azure.turn import Turn, in_figures, spoken
from asr.engines.cloud.service import HeardWord
from asr.engines.network import Network
from asr.settings import AzureSettings
from callscribe.domain.errors import EngineUnavailable, RecognitionError, WireViolation
from callscribe.domain.hotword import Hotword
from tests.asr.cloud.fake_azure import KEY, PATH, FakeAzure, Trouble
from tests.asr.cloud.script import said


@pytest.fixture
def server() -> Iterator[FakeAzure]:
    network, running = Network("fake-azure"), FakeAzure()
    network.start(running.start()).result()
    yield running
    network.start(running.stop()).result()
    network.close()
    assert running.violations == []


@pytest.fixture
def engine(server: FakeAzure) -> Iterator[AzureEngine]:
    loaded = AzureEngine(AzureSettings(KEY, endpoint=server.endpoint))
    server.asked.clear()
    yield loaded
    loaded.close()


def decoded(engine: AzureEngine, *numbers: int) -> str:
    return engine.decode([DecodingJob(said(*numbers))])[0].text


def words(*texts: str) -> list[HeardWord]:
    """Each takes 100 samples."""
    return [HeardWord(text, 100 * place, 100 * (place + 1), 0.9) for place, text in enumerate(texts)]


def placed(found: tuple[HeardWord, ...]) -> list[tuple[str, int, int]]:
    return [(word.text, word.start, word.end) for word in found]


def test_a_turn_tells_language_words_and_that_nothing_is_masked(server: FakeAzure, engine: AzureEngine) -> None:
    engine.decode([DecodingJob(said(1), hotwords=(Hotword("seldom", 0.5), Hotword("often", 2.0)))])
    (asked,) = server.asked
    assert asked.query["language"] == ["en-US"]
    assert asked.query["format"] == ["detailed"]
    assert asked.query["profanity"] == ["raw"]
    assert asked.context == {
        "phraseDetection": {"language": "en-US", "enrichment": {"profanity": "raw"}},
        "phraseOutput": {"format": "Detailed", "detailed": {"options": ["WordTimings", "WordConfidence"]}},
        "audio": {"streams": {"1": None}},
        "dgi": {"Groups": [{"Type": "Generic", "Items": [{"Text": "often"}, {"Text": "seldom"}]}], "bias": 1.0},
    }
    assert (asked.header[:4], asked.header[8:16], len(asked.header)) == (b"RIFF", b"WAVEfmt ", 44)


def test_a_list_of_hotwords_is_no_longer_than_azure_likes(server: FakeAzure, engine: AzureEngine) -> None:
    engine.decode([DecodingJob(said(1), hotwords=tuple(Hotword(f"word{number}") for number in range(1000)))])
    assert len(str(server.asked[-1].context["dgi"]).split("'Text'")) == 501


def test_languages_to_choose_from_are_told_as_microsofts_own_client_does(server: FakeAzure) -> None:
    engine = AzureEngine(AzureSettings(KEY, endpoint=server.endpoint, languages=("en-US", "de-DE")))
    engine.decode([DecodingJob(said(1), language="auto")])
    asked = server.asked[-1]
    assert (asked.query["language"], asked.query["lidEnabled"]) == (["en-US"], ["en-US,de-DE"])
    assert asked.context["languageId"] == {
        "languages": ["en-US", "de-DE"],
        "onSuccess": {"action": "Recognize"},
        "onUnknown": {"action": "None"},
        "mode": "DetectAtAudioStart",
        "Priority": "PrioritizeLatency",
    }
    engine.decode([DecodingJob(said(1), language="de")])
    assert server.asked[-1].query["language"] == ["de-DE"]
    assert "languageId" not in server.asked[-1].context
    engine.close()


def test_a_connection_is_used_again_and_told_what_was_received(server: FakeAzure, engine: AzureEngine) -> None:
    for number in range(5):
        decoded(engine, number)
    assert server.connections == 1
    for asked in server.asked[:-1]:
        assert asked.telemetry is not None
        paths = [path for entry in asked.telemetry["ReceivedMessages"] for path in entry]  # type: ignore[attr-defined]
        assert paths[0] == "turn.start"
        assert paths[-1] == "turn.end"
        assert "speech.phrase" in paths


def test_a_connection_that_was_lost_meanwhile_is_made_again(server: FakeAzure, engine: AzureEngine) -> None:
    decoded(engine, 1)
    server.troubles.append(Trouble(1000, "idle"))
    assert decoded(engine, 2) == "Two."
    assert server.connections == 2


def test_numbers_are_written_as_they_are_spoken_unless_figures_are_wanted(server: FakeAzure) -> None:
    server.figures = {"four": "4", "five": "5"}
    for figures, text in ((False, "One four five two."), (True, "One 4 5 two.")):
        engine = AzureEngine(AzureSettings(KEY, endpoint=server.endpoint, figures=figures))
        final = engine.decode([DecodingJob(said(1, 4, 5, 2))])[0]
        assert final.text == text
        assert [word.text for word in final.words] == text.split()
        assert [word.start for word in final.words] == [0, 8000, 16000, 24000]
        engine.close()


def test_spoken_words_keep_capitals_and_marks_of_what_is_written() -> None:
    found = spoken("Hello, it's 25 dollars, thanks.", words("hello", "it's", "twenty", "five", "dollars", "thanks"))
    assert found.text == "Hello, it's twenty five dollars, thanks."
    assert placed(found.words) == [
        ("Hello,", 0, 100),
        ("it's", 100, 200),
        ("twenty", 200, 300),
        ("five", 300, 400),
        ("dollars,", 400, 500),
        ("thanks.", 500, 600),
    ]
    assert spoken("Costs $25.", words("costs", "twenty", "five", "dollars")).text == "Costs twenty five dollars."
    assert spoken("你好，世界。", words("你", "好", "世", "界")).text == "你好，世界。"
    assert spoken("Only text.", []) == in_figures("Only text.", [])


def test_figures_share_the_time_of_the_words_that_they_stand_for() -> None:
    found = in_figures("Costs $25 at 10:30.", words("costs", "twenty", "five", "dollars", "at", "ten", "thirty"))
    assert found.text == "Costs $25 at 10:30."
    assert placed(found.words) == [("Costs", 0, 100), ("$25", 100, 400), ("at", 400, 500), ("10:30.", 500, 700)]
    doubled = in_figures("Call 1 2.", words("call", "twelve"))
    assert placed(doubled.words) == [("Call", 0, 100), ("1", 100, 150), ("2.", 150, 200)]


@pytest.mark.parametrize(
    ("status", "cure"),
    [
        (HTTPStatus.UNAUTHORIZED, "set recognizer.azure.key, or SPEECH_KEY"),
        (HTTPStatus.FORBIDDEN, "see to the Speech resource in Azure's portal"),
        (HTTPStatus.NOT_FOUND, "correct recognizer.azure.region or recognizer.azure.endpoint"),
        (HTTPStatus.TOO_MANY_REQUESTS, "quota is used up; raise it"),
    ],
)
def test_each_refusal_is_one_sentence_with_its_cure(server: FakeAzure, status: HTTPStatus, cure: str) -> None:
    server.refusals.append(status)
    with pytest.raises(EngineUnavailable) as told:
        AzureEngine(AzureSettings(KEY, endpoint=server.endpoint))
    assert cure in str(told.value)
    assert "\n" not in str(told.value)
    assert KEY not in str(told.value)


@pytest.mark.parametrize(
    ("trouble", "cure"),
    [
        (Trouble(4429, "Too many requests"), "quota is used up"),
        (Trouble(1007, "Unsupported language xx"), r"correct recognizer\.azure\.languages \(Unsupported language xx\)"),
        (Trouble(status="TooManyRequests"), "quota of the Speech resource is used up"),
        (Trouble(status="Forbidden"), "Azure's portal"),
        (Trouble(status="BadRequest"), r"correct recognizer\.azure\.languages"),
    ],
)
def test_what_azure_will_not_do_is_not_asked_for_again(
    server: FakeAzure, engine: AzureEngine, trouble: Trouble, cure: str
) -> None:
    server.troubles.append(trouble)
    with pytest.raises(EngineUnavailable, match=cure):
        decoded(engine, 1)
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    "trouble", [Trouble(1011, "internal"), Trouble(status="ServiceUnavailable"), Trouble(1000, "")]
)
def test_what_may_work_the_next_time_is_tried_again(server: FakeAzure, engine: AzureEngine, trouble: Trouble) -> None:
    server.troubles.append(trouble)
    assert decoded(engine, 1, 2) == "One two."
    server.troubles += [trouble] * 2
    with pytest.raises(RecognitionError) as told:
        decoded(engine, 1)
    assert not isinstance(told.value, EngineUnavailable)


def test_a_server_that_is_busy_is_tried_again(server: FakeAzure, engine: AzureEngine) -> None:
    decoded(engine, 1)
    server.troubles.append(Trouble(1011, "internal"))
    server.refusals.append(HTTPStatus.SERVICE_UNAVAILABLE)
    with pytest.raises(RecognitionError, match="answers HTTP 503"):
        decoded(engine, 1)
    assert decoded(engine, 1) == "One."


def test_a_turn_that_azure_ends_before_the_audio_does_is_heard_again(server: FakeAzure, engine: AzureEngine) -> None:
    server.troubles.append(Trouble(status="EndOfDictation", after_words=1))
    shown = EMPTY
    while len(server.asked) < 2:
        shown = engine.decode([DecodingJob(said(1, 2), earlier=shown, final=False)])[0]
    assert engine.decode([DecodingJob(said(1, 2, 3), earlier=shown)])[0].text == "One two three."


@pytest.mark.parametrize(
    ("missing", "cure"),
    [
        (AzureSettings(region="westeurope"), r"set recognizer\.azure\.key, or the variable SPEECH_KEY"),
        (AzureSettings(key=KEY), r"set recognizer\.azure\.region, or the variable SPEECH_REGION"),
    ],
)
def test_missing_credentials_are_told_with_the_cure(
    missing: AzureSettings, cure: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SPEECH_KEY", raising=False)
    monkeypatch.delenv("SPEECH_REGION", raising=False)
    with pytest.raises(EngineUnavailable, match=cure):
        AzureService(missing)


def test_key_and_region_may_come_from_microsofts_variables(server: FakeAzure, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPEECH_KEY", KEY)
    monkeypatch.setenv("SPEECH_REGION", "westeurope")
    engine = AzureEngine(AzureSettings(endpoint=server.endpoint))
    assert decoded(engine, 1) == "One."
    engine.close()


def test_the_key_is_not_logged_however_much_is(server: FakeAzure, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        engine = AzureEngine(AzureSettings(KEY, endpoint=server.endpoint))
        assert decoded(engine, 1) == "One."
        engine.close()
    ours = [record.getMessage() for record in caplog.records if record.name != "websockets.server"]
    assert not [message for message in ours if KEY in message]


def test_the_key_does_not_follow_to_another_place(server: FakeAzure) -> None:
    server.elsewhere = f"{server.endpoint.replace('127.0.0.1', 'localhost')}{PATH}"
    with pytest.raises(EngineUnavailable, match="answers HTTP 302"):
        AzureEngine(AzureSettings(KEY, endpoint=server.endpoint))


async def test_audio_is_sent_at_most_twice_as_fast_as_it_was_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """But for its first five seconds."""
    loop = asyncio.get_running_loop()
    now, sent = 100.0, []
    monkeypatch.setattr(loop, "time", lambda: now)

    async def sleep(delay_s: float) -> None:
        nonlocal now
        now += delay_s

    monkeypatch.setattr("asr.engines.azure.service.asyncio.sleep", sleep)
    async for pcm in paced(bytes(32_000 * 12)):
        sent.append((now - 100.0, len(pcm)))
    assert sum(size for _, size in sent) == 32_000 * 12
    assert [at for at, _ in sent[:51]] == [0.0] * 51
    assert sent[-1][0] == pytest.approx((11.9 - 5.0) / 2)
    assert AzureService(AzureSettings(KEY, "westeurope")).allowed_s(12.0) == 3.5


def test_a_key_is_not_shown_with_the_settings() -> None:
    assert KEY not in repr(AzureSettings(KEY, "westeurope"))


@pytest.mark.parametrize("endpoint", ["ws://10.0.0.1:5000", "http://127.0.0.1", "ws://localhost.example.com", "wss://"])
def test_audio_and_key_leave_this_machine_by_tls_only(endpoint: str) -> None:
    with pytest.raises(ValueError, match=r"wss://"):
        AzureSettings(KEY, endpoint=endpoint)


@pytest.mark.parametrize(
    "message", [b"Path:turn.end\r\n\r\n{}", "", "Path:turn.end\r\n\r\n[", "Path:x\r\n\r\n[]", "A:b\r\n\r\n{}"]
)
def test_a_message_that_is_none_is_refused(message: str | bytes) -> None:
    with pytest.raises(WireViolation):
        parse(message)


@pytest.mark.parametrize(
    "body",
    [
        {"RecognitionStatus": 1},
        {"RecognitionStatus": "Success", "NBest": ["hello"]},
        {"RecognitionStatus": "Success", "NBest": [{"Display": ["hello"]}]},
        {"RecognitionStatus": "Success", "NBest": [{"Display": "Hello.", "Words": ["hello"]}]},
        {"RecognitionStatus": "Success", "NBest": [{"Display": "Hello.", "Words": [{"Word": "hello"}]}]},
        {"RecognitionStatus": "Success", "NBest": [{"Display": "Hi.", "Words": [{"Word": "hi", "Offset": -1}]}]},
    ],
)
def test_a_phrase_of_another_form_is_refused(body: dict[str, object]) -> None:
    with pytest.raises(WireViolation):
        Turn("a", figures=False).take(Message("speech.phrase", "a", body))


def test_a_message_of_another_turn_is_nothing() -> None:
    turn = Turn("a", figures=False)
    turn.take(Message("speech.hypothesis", "b", {"Text": "hello"}))
    turn.take(Message("turn.end", "b", {}))
    assert (turn.heard.text, turn.over) == ("", False)
    turn.take(Message("speech.phrase", "A", {"RecognitionStatus": "Success", "DisplayText": "Hello."}))
    assert turn.heard.text == "Hello."
