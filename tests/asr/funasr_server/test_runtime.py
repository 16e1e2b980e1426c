import json
from typing import Any

import pytest

from asr.engines.funasr_server.dialogue import Request, Stage, TimedWord
from asr.engines.funasr_server.pcm import BLOCK_BYTES
from asr.engines.funasr_server.runtime import RuntimeDialogue
from asr.settings import FunasrServerSettings
from callscribe.domain.errors import RecognitionError, WireViolation
from callscribe.domain.hotword import Hotword

URL = "ws://127.0.0.1:10095"
WORDS = (Hotword("阿里巴巴", 1.5), Hotword("San Marino"), Hotword("http://10.0.0.1/list"), Hotword("/tmp/words.txt"))


def dialogue(*, live: bool = False, python: bool = False) -> RuntimeDialogue:
    """One that has begun."""
    found = RuntimeDialogue(FunasrServerSettings(url=URL), Request(live=live))
    found.begin(accepted=python)
    return found


def ended(*, python: bool = False) -> tuple[RuntimeDialogue, str]:
    """One whose end was sent, and the name that a server repeats from then on."""
    found = dialogue(python=python)
    return found, json.loads(found.end()[0])["wav_name"]


def first(request: Request, **settings: Any) -> dict[str, object]:
    """The first message of a dialogue."""
    [message] = RuntimeDialogue(FunasrServerSettings(url=URL, **settings), request).begin(accepted=False)
    fields: dict[str, object] = json.loads(message)
    return fields


def stage_of(found: RuntimeDialogue) -> Stage:
    return found.stage


def say(to: RuntimeDialogue, **fields: object) -> None:
    to.hear(json.dumps(fields))


def test_it_begins_with_all_that_a_server_may_ask_for() -> None:
    assert first(Request(live=True, language="zh-CN"), chunk_size=(0, 8, 4)) == {
        "mode": "online",
        "wav_name": "callscribe",
        "wav_format": "pcm",
        "audio_fs": 16_000,
        "is_speaking": True,
        "chunk_size": [0, 8, 4],
        "chunk_interval": 8,
        "encoder_chunk_look_back": 4,
        "decoder_chunk_look_back": 1,
        "itn": False,
        "svs_lang": "zh",
        "svs_itn": False,
    }


def test_what_is_whole_is_asked_of_the_offline_model_with_figures_where_they_are_wanted() -> None:
    fields = first(Request(live=False, language="fr"), figures=True)
    assert (fields["mode"], fields["itn"], fields["svs_itn"], fields["svs_lang"]) == ("offline", True, True, "auto")


def test_hotwords_have_whole_weights_in_a_json_object_in_a_text() -> None:
    fields = first(Request(live=False, hotwords=WORDS[:2]))
    assert json.loads(str(fields["hotwords"])) == {"阿里巴巴": 30, "San Marino": 20}
    assert "hotword" not in fields


def test_as_words_they_have_blanks_between_and_none_is_an_address_or_a_file() -> None:
    fields = first(Request(live=False, hotwords=WORDS), hotwords="words")
    assert fields["hotwords"] == fields["hotword"] == "阿里巴巴 San Marino"


@pytest.mark.parametrize(
    ("form", "hotwords"), [("none", WORDS), ("json", ()), ("words", WORDS[2:])], ids=["off", "no words", "no good word"]
)
def test_without_hotwords_the_server_s_own_stay(form: str, hotwords: tuple[Hotword, ...]) -> None:
    assert not {"hotword", "hotwords"} & set(first(Request(live=False, hotwords=hotwords), hotwords=form))


def test_the_end_has_another_name_and_the_python_server_gets_audio_behind_it() -> None:
    [end] = dialogue().end()
    assert json.loads(end) == {"is_speaking": False, "is_end": True, "wav_name": "callscribe-last"}
    same, audio = dialogue(python=True).end()
    assert same == end
    assert len(audio) == BLOCK_BYTES


def test_additions_add_up_and_a_segment_takes_their_place() -> None:
    live = dialogue(live=True)
    for text in ("你", "好", " can ", "you"):
        say(live, mode="2pass-online", text=text, is_final=False)
    assert live.transcript.text == "你好 can you"
    say(live, mode="2pass-offline", text="你好，can you", is_final=True)
    say(live, mode="online", text="hear", is_final=True)
    assert live.transcript.text == "你好，can you hear"
    assert stage_of(live) is Stage.GOING


def test_a_segment_without_text_takes_additions_back() -> None:
    live = dialogue(live=True)
    say(live, mode="2pass-online", text="嗯")
    say(live, mode="2pass-offline", text="")
    assert live.transcript.text == ""


def test_segments_are_joined_without_blanks_in_chinese_and_late_marks_go_to_the_word_before() -> None:
    whole = dialogue()
    for text in ("大家好", "，今天", "we meet", ", at noon"):
        say(whole, mode="2pass-offline", text=text)
    assert whole.transcript.text == "大家好，今天 we meet, at noon"


def test_sensevoice_s_tags_are_no_text() -> None:
    whole = dialogue()
    say(whole, mode="2pass-offline", text="<|zh|><|HAPPY|><|Speech|><|woitn|>你好")
    assert whole.transcript.text == "你好"


@pytest.mark.parametrize(("text", "read"), [("hello。", "hello."), ("你好。", "你好。"), ("room 7。", "room 7.")])
def test_the_cpp_server_s_full_stop_is_that_of_the_language(text: str, read: str) -> None:
    whole = dialogue()
    say(whole, mode="2pass-offline", text=text)
    assert whole.transcript.text == read


def test_the_times_of_the_cpp_server_are_those_of_the_words() -> None:
    whole = dialogue()
    say(whole, mode="2pass-offline", text="你好，world.", timestamp="[[10,200],[200,400],[500,900]]")
    say(whole, mode="2pass-offline", text="吗", timestamp="[[1000,1200]]")
    assert whole.transcript.words == (
        TimedWord("你", 10, 200),
        TimedWord("好，", 200, 400),
        TimedWord("world.", 500, 900),
        TimedWord("吗", 1000, 1200),
    )


@pytest.mark.parametrize(
    "stamp",
    ["[[10,200]]", [[10, 200], [200, 400]], 1_790_000_000_000, "", "soon", "[[10,200],[400]]", "[[10,200],[400,300]]"],
    ids=["too few", "of a segment", "time of day", "empty", "no json", "no span", "backwards"],
)
def test_without_the_times_of_all_words_none_has_any(stamp: object) -> None:
    whole = dialogue()
    say(whole, mode="2pass-offline", text="你好", timestamp=stamp)
    assert whole.transcript.text == "你好"
    assert whole.transcript.words == ()


def test_the_cpp_server_is_done_with_its_final_message_even_if_that_has_no_mode() -> None:
    whole, last = ended()
    say(whole, mode="2pass-offline", text="一", wav_name=last, is_final=False)
    assert stage_of(whole) is Stage.GOING
    say(whole, text="", wav_name=last, is_final=True)
    assert stage_of(whole) is Stage.OVER
    assert whole.transcript.text == "一"


def test_the_cpp_offline_server_is_done_with_its_only_message_which_is_not_final() -> None:
    whole, last = ended()
    say(whole, mode="offline", text="一二", wav_name=last, is_final=False)
    assert stage_of(whole) is Stage.OVER


@pytest.mark.parametrize("is_final", [True, False])
def test_the_python_server_is_done_with_what_it_says_after_the_end(is_final: bool) -> None:
    whole, last = ended(python=True)
    say(whole, mode="offline", text="one", wav_name="callscribe", is_final=True)
    assert stage_of(whole) is not Stage.OVER
    say(whole, mode="offline", text="two", wav_name=last, is_final=is_final)
    assert stage_of(whole) is Stage.OVER
    assert whole.transcript.text == "one two"


def test_an_acknowledgement_is_the_last_word() -> None:
    whole, _ = ended(python=True)
    say(whole, mode="offline", wav_name="callscribe", is_final=True, is_end=True)
    assert stage_of(whole) is Stage.OVER


def test_an_acknowledged_failure_is_one() -> None:
    whole, _ = ended(python=True)
    with pytest.raises(RecognitionError, match="says that it failed"):
        say(whole, mode="offline", is_final=False, is_end=True, error="bad chunk_size")


def test_a_server_that_repeats_no_name_may_be_done_with_a_final_message() -> None:
    whole, _ = ended()
    say(whole, mode="2pass-online", text="o", is_final=False)
    assert stage_of(whole) is Stage.GOING
    say(whole, mode="2pass-offline", text="one", is_final=True)
    assert stage_of(whole) is Stage.MAY_BE_OVER


@pytest.mark.parametrize("message", ["", "[]", "{", '{"text": 7}', '{"mode": []}', "1" * 5_000, "[" * 100_000])
def test_what_is_no_answer_is_told(message: str) -> None:
    whole = dialogue()
    with pytest.raises(WireViolation):
        whole.hear(message)
    assert whole.transcript.text == ""
