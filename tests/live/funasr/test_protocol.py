"""Text messages of FunASR's clients, official and otherwise, and those that answer them."""

import json

import pytest

from callscribe.domain.hotword import Hotword
from callscribe.live.funasr.protocol import Config, Instruction, Mode, Reply, StampedSentence, encode, parse

NOTHING = Config()


def told(before: Config = NOTHING, /, **fields: object) -> Instruction:
    return parse(json.dumps(fields), before)


def test_the_browser_page_s_first_message() -> None:
    said = told(
        chunk_size=[5, 10, 5], wav_name="h5", is_speaking=True, chunk_interval=10, itn=False, mode="2pass",
        hotwords='{"阿里巴巴":20}',
    )  # fmt: skip
    hotwords = (Hotword("阿里巴巴"),)
    assert said == Instruction(Config(Mode.TWO_PASS, "h5", "pcm", 16_000, False, hotwords))


def test_the_python_client_s_messages() -> None:
    said = told(
        mode="offline", chunk_size=[5, 10, 5], chunk_interval=10, encoder_chunk_look_back=4, decoder_chunk_look_back=0,
        audio_fs=8000, wav_name="demo", wav_format="pcm", is_speaking=True, hotwords="one,two", itn=True,
    )  # fmt: skip
    assert said.config == Config(Mode.OFFLINE, "demo", "pcm", 8000, True, (Hotword("one"), Hotword("two")))
    assert told(said.config, is_speaking=False, is_end=True) == Instruction(said.config, ends=True, wants_ack=True)


def test_the_java_client_s_weights_are_strings() -> None:
    assert told(hotwords='{"抢手":"100"}').config.hotwords == (Hotword("抢手", 5.0),)


def test_the_c_sharp_client_s_mode_and_chunk_size_are_not_what_they_should_be() -> None:
    assert told(mode="office", chunk_size="5,10,5", is_speaking=True).config.mode is Mode.TWO_PASS


@pytest.mark.parametrize("rate", [16000.0, "16000", "16000.0", 16000])
def test_a_rate_may_be_written_as_any_number(rate: object) -> None:
    config = told(Config(rate=8000), audio_fs=rate).config
    assert (config.rate, config.objection) == (16000, "")


@pytest.mark.parametrize(
    ("fields", "part"),
    [
        ({"audio_fs": 44100}, "audio_fs is 44100: send audio of 8000 or 16000 Hz"),
        ({"audio_fs": 0}, "audio_fs is 0"),
        ({"wav_format": "mp3"}, "wav_format is 'mp3': send 16-bit PCM"),
        ({"wav_format": "others"}, "wav_format is 'others'"),
    ],
)
def test_audio_that_cannot_be_understood_is_objected_to_in_a_sentence(fields: dict[str, object], part: str) -> None:
    assert part in told(**fields).config.objection


@pytest.mark.parametrize("name", ["pcm", "PCM", "wav", ""])
def test_audio_without_a_codec_is_taken(name: str) -> None:
    assert told(wav_format=name, audio_fs=8000).config.objection == ""


@pytest.mark.parametrize(
    "fields",
    [{"is_speaking": False}, {"is_speaking": "false"}, {"is_speaking": 0}, {"is_finished": True}, {"is_end": True}],
)
def test_the_end_is_told_in_several_ways(fields: dict[str, object]) -> None:
    assert told(**fields).ends


@pytest.mark.parametrize("fields", [{}, {"is_speaking": True}, {"is_speaking": None}, {"is_finished": False}])
def test_all_else_is_no_end(fields: dict[str, object]) -> None:
    assert not told(**fields).ends


def test_what_a_later_message_leaves_out_stands() -> None:
    first = told(mode="online", wav_name="a", audio_fs=8000, hotwords="one two", itn=False).config
    assert told(first, is_speaking=True).config == first
    later = told(first, hotwords="", mode=None, wav_name=7, audio_fs="much", wav_format=[], itn="perhaps").config
    assert later == Config(Mode.ONLINE, "a", "pcm", 8000, False, ())


def test_a_name_is_kept_printable_and_short() -> None:
    assert told(wav_name="a\n\x00b\ud800" + "c" * 500).config.wav_name == "ab" + "c" * 198


@pytest.mark.parametrize("text", ["", "{", "[]", "7", '"START"', "null", "[" * 100_000])
def test_what_is_no_json_object_raises_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse(text, NOTHING)


def test_a_message_always_has_mode_text_and_is_final() -> None:
    assert json.loads(encode(Reply("2pass-online", "你好", "h5"))) == {
        "mode": "2pass-online",
        "text": "你好",
        "wav_name": "h5",
        "is_final": False,
    }


def test_times_are_a_string_that_holds_json() -> None:
    sentence = StampedSentence("good morning", ".", 100, 900, ((100, 400), (400, 900)))
    fields = json.loads(
        encode(Reply("2pass-offline", "Good morning.", "h5", True, ((100, 400), (400, 900)), (sentence,)))
    )
    assert fields["timestamp"] == "[[100,400],[400,900]]"
    assert fields["stamp_sents"] == [
        {"text_seg": "good morning", "punc": ".", "start": 100, "end": 900, "ts_list": [[100, 400], [400, 900]]}
    ]


def test_an_acknowledgement_tells_what_went_wrong() -> None:
    fields = json.loads(encode(Reply("2pass", "", "h5", is_end=True, error="300 ms were not understood")))
    assert (fields["is_end"], fields["is_final"], fields["error"]) == (True, False, "300 ms were not understood")
