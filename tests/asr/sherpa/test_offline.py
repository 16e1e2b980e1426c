from dataclasses import dataclass, field

from asr.engines.sherpa.offline import told


@dataclass
class Result:
    """As sherpa-onnx's result has it."""

    text: str
    tokens: list[str]
    timestamps: list[float] = field(default_factory=list)
    durations: list[float] = field(default_factory=list)
    ys_log_probs: list[float] = field(default_factory=list)
    lang: str = ""
    emotion: str = ""
    event: str = ""


def test_sensevoice_s_tags_are_fields_and_not_text() -> None:
    heard = told(
        Result(
            text=" thanks<|Laughter|> goodbye",
            tokens=["▁thanks", "<|Laughter|>", "▁goodbye"],
            timestamps=[0.1, 0.5, 0.8],
            lang="<|en|>",
            emotion="<|HAPPY|>",
            event="<|BGM|>",
        )
    )

    assert (heard.language, heard.emotion, heard.event) == ("en", "happy", "music")
    assert heard.transcript.text.split() == ["thanks", "goodbye"]
    assert list(heard.transcript.tokens) == ["▁thanks", "", "▁goodbye"]


def test_what_is_no_speech_has_no_text_but_a_sound() -> None:
    heard = told(Result(text="the", tokens=["▁the"], timestamps=[0.1], lang="<|nospeech|>", event="<|BGM|>"))

    assert (heard.transcript.text, heard.language, heard.event) == ("", "", "music")


def test_tags_that_say_nothing_are_nothing() -> None:
    heard = told(Result(text="yes", tokens=["yes"], lang="en", emotion="<|EMO_UNKNOWN|>", event="<|Speech|>"))

    assert (heard.language, heard.emotion, heard.event) == ("en", "", "")
