import json

import pytest

from asr.engines.funasr_server.dialogue import Request, Stage
from asr.engines.funasr_server.pcm import BLOCK_BYTES
from asr.engines.funasr_server.realtime import RealtimeDialogue
from asr.settings import FunasrServerSettings
from callscribe.domain.errors import RecognitionError, WireViolation
from callscribe.domain.hotword import Hotword

SETTINGS = FunasrServerSettings(url="ws://127.0.0.1:10095", protocol="realtime")


def dialogue(*hotwords: str, live: bool = False) -> RealtimeDialogue:
    return RealtimeDialogue(SETTINGS, Request(live=live, hotwords=tuple(map(Hotword, hotwords))))


def stage_of(found: RealtimeDialogue) -> Stage:
    return found.stage


def test_hotwords_come_before_the_start_each_without_commas() -> None:
    assert dialogue().begin(accepted=False) == ["START"]
    assert dialogue("阿里巴巴", "San Marino, old").begin(accepted=False) == [
        "HOTWORDS:阿里巴巴,San Marino  old",
        "START",
    ]
    off = FunasrServerSettings(url=SETTINGS.url, protocol="realtime", hotwords="none")
    assert RealtimeDialogue(off, Request(live=True, hotwords=(Hotword("x"),))).begin(accepted=False) == ["START"]


def test_live_audio_goes_in_short_messages_and_whole_utterances_in_long_ones() -> None:
    assert dialogue(live=True).block_bytes == BLOCK_BYTES
    assert dialogue().block_bytes == 16 * BLOCK_BYTES


def test_each_answer_is_all_that_is_known() -> None:
    live = dialogue(live=True)
    live.hear('{"event": "started"}')
    live.hear(json.dumps({"sentences": [], "partial": "he", "is_final": False}))
    assert live.transcript.text == "he"
    live.hear(
        json.dumps({"sentences": [{"text": "Hello.", "start": 0, "end": 900}], "partial": "你", "is_final": False})
    )
    assert live.transcript.text == "Hello. 你"
    assert stage_of(live) is Stage.GOING


def test_it_is_over_when_the_server_says_that_it_has_stopped() -> None:
    whole = dialogue()
    assert whole.end() == ["STOP"]
    whole.hear(json.dumps({"sentences": [{"text": "你好。"}, {"text": "再见。"}], "partial": "", "is_final": True}))
    assert stage_of(whole) is Stage.GOING
    whole.hear('{"event": "stopped"}')
    assert stage_of(whole) is Stage.OVER
    assert whole.transcript.text == "你好。再见。"


def test_an_error_is_one() -> None:
    with pytest.raises(RecognitionError, match="says that it failed"):
        dialogue().hear('{"event": "error", "error": "Session is not active"}')


@pytest.mark.parametrize(
    "message", ["{}", '{"sentences": [7]}', '{"sentences": [{"text": 7}]}', '{"sentences": [], "partial": 1}']
)
def test_what_is_no_answer_is_told(message: str) -> None:
    whole = dialogue()
    with pytest.raises(WireViolation):
        whole.hear(message)
    assert whole.transcript.text == ""
