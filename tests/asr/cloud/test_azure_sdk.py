"""The fake Azure is one: Microsoft's own client, which nobody here wrote, is understood by it and understands it."""

from collections.abc import Iterator
from threading import Event

import pytest

from asr.engines.cloud.dictation import pcm16
from asr.engines.network import Network
from tests.asr.cloud.fake_azure import KEY, FakeAzure
from tests.asr.cloud.script import said

speechsdk = pytest.importorskip("azure.cognitiveservices.speech")


@pytest.fixture
def server() -> Iterator[FakeAzure]:
    network, running = Network("fake-azure"), FakeAzure()
    network.start(running.start()).result()
    yield running
    network.start(running.stop()).result()
    network.close()


def test_microsofts_client_takes_the_fake_server_for_azure(server: FakeAzure) -> None:
    config = speechsdk.SpeechConfig(subscription=KEY, host=server.endpoint)
    config.speech_recognition_language = "en-US"
    config.output_format = speechsdk.OutputFormat.Detailed
    config.request_word_level_timestamps()
    stream = speechsdk.audio.PushAudioInputStream(speechsdk.audio.AudioStreamFormat(16_000, 16, 1))
    recognizer = speechsdk.SpeechRecognizer(config, audio_config=speechsdk.audio.AudioConfig(stream=stream))
    speechsdk.PhraseListGrammar.from_recognizer(recognizer).addPhrase("Callscribe")
    shown: list[str] = []
    finals: list[str] = []
    over = Event()
    recognizer.recognizing.connect(lambda event: shown.append(event.result.text))
    recognizer.recognized.connect(lambda event: finals.append(event.result.text))
    recognizer.session_stopped.connect(lambda event: over.set())
    audio = pcm16(said(*range(8)))
    recognizer.start_continuous_recognition_async().get()
    stream.write(audio)
    stream.close()
    assert over.wait(20)
    recognizer.stop_continuous_recognition_async().get()
    assert shown
    assert [text for text in finals if text] == ["Zero one two three four five.", "Six seven."]
    assert server.asked[0].audio == audio
    phrases = [{"Type": "Generic", "Items": [{"Text": "Callscribe"}]}]
    assert server.asked[0].context["dgi"] == {"Groups": phrases, "bias": 1.0}
    assert server.violations == []
